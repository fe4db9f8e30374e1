//! Tracks that come and go in one session.

use sfu_model::{Command, MediaKind, Rid, Ssrc};

use crate::media::{CAMERA, Source, VP8_RTX, call, mid, send, vp8_payload, with_rid};
use crate::simulcast::simulcast;
use crate::world::{World, publication_id, subscription_id};

/// SSRCs of a simulcast camera: three encodings and their retransmissions.
const SSRCS_OF_TRACK: u32 = 6;

fn rids() -> [Rid; 3] {
    ["q", "h", "f"].map(crate::media::rid)
}

/// Sends a key frame in each encoding of track `number`, and repeats it as a retransmission.
fn send_pictures(world: &mut World, number: u32) {
    let first = 1_000_000 + number * SSRCS_OF_TRACK;
    for (ssrc, rid) in (first..).step_by(2).zip(rids()) {
        let mut source = Source::video(Ssrc(ssrc));
        source.mid = Some(mid("0"));
        let original = source.seq;
        world.send_rtp(0, &with_rid(&source.next(true), 10, rid));
        let mut repeated = Source::video(Ssrc(ssrc + 1));
        repeated.mid = Some(mid("0"));
        repeated.payload_type = VP8_RTX;
        let payload = [&original.0.to_be_bytes()[..], &vp8_payload(true, 1)].concat();
        world.send_rtp(0, &with_rid(&repeated.packet(&payload), 11, rid));
    }
}

#[test]
fn of_many_simulcast_tracks_one_after_the_other_each_reaches_its_subscriber() {
    let mut world = World::with(2);
    for number in 0..400 {
        let publication = publication_id(number);
        world.command(Command::Publish {
            publication,
            peer: world.participants[0].id,
            media: simulcast(),
        });
        world.command(Command::Subscribe {
            subscription: subscription_id(number),
            publication,
            peer: world.participants[1].id,
            media: send(MediaKind::Video, "0", 50_000 + 2 * number),
        });
        send_pictures(&mut world, number);
        let came = world.participants[1].take_headers();
        let reached = came
            .iter()
            .any(|header| header.ssrc.0 == 50_000 + 2 * number);
        assert!(reached, "track {number}");
        world.command(Command::Unpublish { publication });
    }
}

#[test]
fn packets_that_lead_nowhere_cost_a_later_track_nothing() {
    let mut world = call(2);
    for ssrc in 0..3_000 {
        let packet = Source::video(Ssrc(100_000 + ssrc)).next(true);
        world.handle_rtp(0, &packet);
    }
    world.send_rtp(0, &Source::video(CAMERA).next(true));
    assert_eq!(world.participants[1].take_headers().len(), 1);
}

#[test]
fn any_number_of_subscriptions_in_one_session_is_served() {
    let mut world = call(2);
    let mut source = Source::video(CAMERA);
    for number in 0..17_000 {
        world.command(Command::Subscribe {
            subscription: subscription_id(9),
            publication: publication_id(0),
            peer: world.participants[1].id,
            media: send(MediaKind::Video, "0", 60_000 + 2 * number),
        });
        world.send_rtp(0, &source.next(true));
        world.command(Command::Unsubscribe {
            subscription: subscription_id(9),
        });
        let came = world.participants[1].take_headers();
        let reached = came
            .iter()
            .any(|header| header.ssrc.0 == 60_000 + 2 * number);
        assert!(reached, "subscription {number}");
    }
}
