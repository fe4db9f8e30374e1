//! Links that carry less than what is sent over them, for a time.

use std::time::Duration;

use sfu_model::{Bitrate, Codec, MediaKind};
use sfu_sim::{Call, ClientId, Encoder, Heard, LinkProfile, Script, Seed};

use crate::support::{assert_no_faults, call, packets_of, replay};

#[test]
fn what_a_link_does_not_carry_is_lost_and_the_call_goes_on_when_it_does() {
    replay(|seed| {
        let (mut call, [alice, bob]) = call(seed, ["alice", "bob"], LinkProfile::CLEAN);
        let heard = {
            let microphone = call.publish(alice, MediaKind::Audio);
            call.subscribe(bob, microphone)
        };
        let script = "0s both delay=20ms\n1s down rate=8kbit queue=200ms\n4s down rate=none";
        let script = Script::read(script).expect("a script");
        call.world.run_script(bob, &script);
        call.world.run_for(Duration::from_secs(8));

        assert_no_faults(&call, &[alice, bob]);
        let reception = call.reception(heard);
        // The ring still has what was lost in the last of the three seconds.
        assert!(
            reception.delivered >= packets_of(MediaKind::Audio, 5),
            "{reception:?}"
        );
        let trace = call.world.into_trace();
        let without_room = trace.count_endings("shard", "for which there is no room");
        assert!(without_room > 20, "{without_room}");
        trace
    });
}

/// Bytes of a packet of each encoding: with headers some 90, 320 and 700 kbit/s.
const BODIES: [usize; 3] = [100, 500, 1_100];

/// Which encoding came out in the last second of some, whole and nothing else.
fn in_last_second<const N: usize>(
    call: &mut Call,
    seconds: u64,
    heard: [Heard; N],
) -> [Option<usize>; N] {
    let last = Duration::from_secs(1);
    let packets = |call: &Call| heard.map(|heard| call.reception(heard).by_encoding);
    call.world.run_for(Duration::from_secs(seconds) - last);
    let mut before = packets(call).into_iter();
    call.world.run_for(last);
    packets(call).map(|after| only_encoding(before.next().unwrap_or_default(), after))
}

fn only_encoding(before: [u64; 3], after: [u64; 3]) -> Option<usize> {
    let counts = before.into_iter().zip(after);
    let counts = counts.map(|(before, after)| after - before).enumerate();
    let mut came = counts.filter(|(_, count)| *count > 0);
    let (encoding, count) = came.next()?;
    let is_only = came.next().is_none() && count >= packets_of(MediaKind::Video, 1);
    is_only.then_some(encoding)
}

/// A camera of three encodings, who shows it, and two who see it: the second has a link of its own.
fn camera_for_two(seed: Seed, script: &str) -> (Call, [ClientId; 3], [Heard; 2]) {
    let (mut call, clients) = call(seed, ["alice", "bob", "carol"], LinkProfile::CLEAN);
    let [alice, bob, carol] = clients;
    let script = Script::read(script).expect("a script");
    call.world.run_script(carol, &script);
    let camera = call.publish_simulcast(alice, &BODIES);
    let heard = [bob, carol].map(|id| call.subscribe(id, camera));
    (call, clients, heard)
}

#[test]
fn a_subscriber_with_a_slow_link_gets_the_encoding_that_fits_and_a_fast_one_the_best() {
    replay(|seed| {
        let script = "0s both delay=20ms\n0s down rate=500kbit queue=300ms\n20s down rate=none";
        let (mut call, clients, heard) = camera_for_two(seed, script);

        let each = in_last_second(&mut call, 15, heard);
        assert_eq!(each, [Some(2), Some(1)]);
        let each = in_last_second(&mut call, 35, heard);
        assert_eq!(each, [Some(2), Some(2)]);

        assert_no_faults(&call, &clients);
        assert_eq!(call.reception(heard[0]).lost, 0);
        call.world.into_trace()
    });
}

#[test]
fn on_a_link_for_one_better_picture_who_speaks_has_it_within_seconds() {
    replay(|seed| {
        let (mut call, clients) = call(seed, ["alice", "bob", "carol"], LinkProfile::CLEAN);
        let [alice, bob, carol] = clients;
        let script = "0s both delay=20ms\n0s down rate=600kbit queue=300ms";
        let script = Script::read(script).expect("a script");
        call.world.run_script(carol, &script);
        let cameras = [alice, bob].map(|id| call.publish_simulcast(id, &BODIES));
        let heard = cameras.map(|camera| call.subscribe(carol, camera));
        call.world.run_for(Duration::from_secs(12));

        for speaker in [0, 1, 0] {
            call.set_speakers(&cameras[speaker..=speaker]);
            let each = in_last_second(&mut call, 4, heard);
            let [other, best] = match speaker {
                0 => [each[1], each[0]],
                _ => each,
            };
            assert_eq!((best, other), (Some(1), Some(0)), "{speaker} speaks");
        }
        assert_no_faults(&call, &clients);
        call.world.into_trace()
    });
}

#[test]
fn a_subscriber_who_asks_for_less_gets_the_encoding_that_fits() {
    replay(|seed| {
        let (mut call, clients, heard) = camera_for_two(seed, "0s both delay=20ms");
        let each = in_last_second(&mut call, 3, heard);
        assert_eq!(each, [Some(2), Some(2)]);
        let carol = call.world.client_mut(clients[2]);
        carol.ask_for_at_most(Bitrate(400_000));
        let each = in_last_second(&mut call, 3, heard);
        assert_eq!(each, [Some(2), Some(1)]);
        assert_no_faults(&call, &clients);
        call.world.into_trace()
    });
}

#[test]
fn a_large_key_frame_fits_the_queue_of_a_link_that_is_known() {
    replay(|seed| {
        let (mut call, clients) = call(seed, ["alice", "bob", "carol"], LinkProfile::CLEAN);
        let [alice, bob, carol] = clients;
        // Half a megabit shows that the link has a bound; then it carries more.
        let script = "0s both delay=20ms\n0s down rate=500kbit queue=150ms\n10s down rate=5Mbit";
        let script = Script::read(script).expect("a script");
        call.world.run_script(carol, &script);
        let encoders = BODIES.map(|body| Encoder::with_key_frames(body, 175));
        let camera = call.publish_encodings(alice, Codec::Vp8, &encoders);
        let heard = call.subscribe(carol, camera);
        let each = in_last_second(&mut call, 30, [heard]);
        assert_eq!(each, [Some(2)]);

        let before = call.reception(heard).clone();
        // Who comes has the publisher send key frames of 200 kB.
        let newcomer = call.subscribe(bob, camera);
        call.world.run_for(Duration::from_secs(5));

        assert_no_faults(&call, &clients);
        let after = call.reception(heard);
        assert!(after.key_frames > before.key_frames, "{after:?}");
        assert_eq!(
            (after.lost, after.recovered),
            (before.lost, before.recovered)
        );
        assert!(call.reception(newcomer).key_frames > 0);
        call.world.into_trace()
    });
}

#[test]
fn who_has_next_to_no_link_hears_all_the_same_and_the_others_notice_nothing() {
    replay(|seed| {
        let (mut call, clients) = call(seed, ["alice", "bob", "carol"], LinkProfile::CLEAN);
        let [alice, bob, carol] = clients;
        let script = "0s both delay=20ms\n0s down rate=80kbit queue=300ms";
        let script = Script::read(script).expect("a script");
        call.world.run_script(carol, &script);
        let tracks = [
            call.publish(alice, MediaKind::Audio),
            call.publish_simulcast(alice, &BODIES[1..2]),
        ];
        let [heard, seen] = tracks.map(|track| call.subscribe(bob, track));
        let [slow, slow_seen] = tracks.map(|track| call.subscribe(carol, track));
        call.world.run_for(Duration::from_secs(10));
        let before = call.reception(slow).clone();
        let key_frames = call.reception(seen).key_frames;
        call.world.run_for(Duration::from_secs(60));

        assert_no_faults(&call, &clients);
        let after = call.reception(slow);
        let sound = after.delivered - before.delivered;
        assert!(sound >= packets_of(MediaKind::Audio, 60), "{sound}");
        assert_eq!(after.lost, before.lost);
        for quick in [heard, seen] {
            assert_eq!(call.reception(quick).lost, 0);
        }
        // Those that the slow one asks for too.
        let key_frames = call.reception(seen).key_frames - key_frames;
        assert!(key_frames <= 15, "{key_frames} in a minute");
        assert!(call.reception(slow_seen).key_frames > 0);
        call.world.into_trace()
    });
}
