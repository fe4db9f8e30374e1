//! What one client publishes comes out at others.

use std::time::Duration;

use sfu_model::MediaKind;
use sfu_sim::{Call, ClientId, LinkProfile, PerMille, Reception, Repair, Seed};

use crate::support::{assert_complete, assert_no_faults, call, packets_of, replay};

const KINDS: [MediaKind; 2] = [MediaKind::Audio, MediaKind::Video];

#[test]
fn audio_and_video_arrive_complete_and_in_order() {
    replay(|seed| {
        let (mut call, clients) = call(seed, ["alice", "bob", "carol"], LinkProfile::CLEAN);
        let [alice, bob, carol] = clients;
        let mut heard = Vec::new();
        for (publisher, subscribers) in [(alice, [bob, carol]), (bob, [alice, carol])] {
            for kind in KINDS {
                let track = call.publish(publisher, kind);
                heard.extend(subscribers.map(|id| (call.subscribe(id, track), kind)));
            }
        }
        call.world.run_for(Duration::from_secs(10));
        for (heard, kind) in heard {
            assert_complete(&call, heard, packets_of(kind, 10));
            let reception = call.reception(heard);
            assert!(reception.longest_pause <= Duration::from_millis(40));
            assert_eq!((reception.recovered, reception.superfluous), (0, 0));
            assert_eq!(reception.key_frames > 0, kind == MediaKind::Video);
        }
        assert_no_faults(&call, &clients);
        call.world.into_trace()
    });
}

#[test]
fn a_late_subscriber_gets_a_key_frame_and_earlier_ones_no_gap() {
    replay(|seed| {
        let (mut call, clients) = call(seed, ["alice", "bob"], LinkProfile::CLEAN);
        let camera = call.publish(clients[0], MediaKind::Video);
        let early = call.subscribe(clients[1], camera);
        call.world.run_for(Duration::from_secs(3));
        let carol = call.join("carol", LinkProfile::CLEAN);
        let late = call.subscribe(carol, camera);
        call.world.run_for(Duration::from_secs(3));
        assert_complete(&call, late, packets_of(MediaKind::Video, 2));
        assert_complete(&call, early, packets_of(MediaKind::Video, 6));
        assert!(call.reception(late).key_frames > 0);
        assert_no_faults(&call, &[clients[0], clients[1], carol]);
        call.world.into_trace()
    });
}

#[test]
fn overtaken_and_doubled_packets_come_out_once_and_in_order() {
    replay(|seed| {
        let profile = LinkProfile {
            jitter: Duration::from_millis(15),
            duplication: PerMille(50),
            reordering: PerMille(50),
            ..LinkProfile::CLEAN
        };
        let (mut call, [alice, bob]) = call(seed, ["alice", "bob"], profile);
        for kind in KINDS {
            let track = call.publish(alice, kind);
            let heard = call.subscribe(bob, track);
            call.world.run_for(Duration::from_secs(10));
            assert_complete(&call, heard, packets_of(kind, 10));
        }
        assert_no_faults(&call, &[alice, bob]);
        call.world.into_trace()
    });
}

/// A call of ten seconds over links that lose a twentieth, each way and at each end. Returns what
/// came of audio and of video.
fn lossy_call(seed: Seed, repair: Repair) -> (Call, [ClientId; 2], [Reception; 2]) {
    let (mut call, [alice, bob]) = call(seed, ["alice", "bob"], LinkProfile::CLEAN);
    call.repair = repair;
    for id in [alice, bob] {
        call.world.set_links(id, LinkProfile::losing(PerMille(50)));
    }
    let heard = KINDS.map(|kind| {
        let track = call.publish(alice, kind);
        call.subscribe(bob, track)
    });
    call.world.run_for(Duration::from_secs(10));
    call.world.client_mut(alice).stop_publishing();
    call.world.run_for(Duration::from_secs(1));
    let receptions = heard.map(|heard| call.reception(heard).clone());
    (call, [alice, bob], receptions)
}

#[test]
fn what_a_twentieth_of_loss_takes_comes_again() {
    replay(|seed| {
        let (call, clients, receptions) = lossy_call(seed, Repair::Retransmit);
        for (kind, reception) in KINDS.into_iter().zip(receptions) {
            assert!(reception.delivered >= packets_of(kind, 10) * 99 / 100);
            assert!(reception.recovered > 10, "{reception:?}");
            // A packet is sent again three times at most, so one in 160,000 stays lost; the
            // receiver waits for it for 0.8 s.
            assert!(reception.lost <= 1, "{reception:?}");
            assert!(
                reception.longest_pause < Duration::from_millis(900),
                "{reception:?}"
            );
        }
        let counters = call.world.shard().counters();
        assert!(counters.nacks_out > 10 && counters.retransmissions_out > 10);
        assert_no_faults(&call, &clients);
        call.world.into_trace()
    });
}

#[test]
fn without_retransmission_what_is_lost_stays_lost_and_the_rest_is_whole() {
    replay(|seed| {
        let (call, clients, receptions) = lossy_call(seed, Repair::Forgo);
        for (kind, reception) in KINDS.into_iter().zip(receptions) {
            // A tenth over both links, give or take.
            let sent = packets_of(kind, 10);
            assert!(reception.lost > sent / 20, "{reception:?}");
            assert!(reception.lost < sent / 5, "{reception:?}");
            assert_eq!(reception.recovered, 0);
        }
        let counters = call.world.shard().counters();
        assert_eq!((counters.nacks_out, counters.retransmissions_out), (0, 0));
        assert_no_faults(&call, &clients);
        call.world.into_trace()
    });
}
