//! Sound over links that lose a fifth of it, with redundancy (RED) and without, in all four directions.

use std::time::Duration;

use sfu_model::MediaKind;
use sfu_sim::{Call, LinkProfile, Reception, Repair, Script, Seed, Sound, Trace};

use crate::support::{assert_no_faults, call, packets_of, replay};

/// Has one client hear another over links that follow scripts, for 25 seconds. Returns what came in the last twenty.
fn hear(
    seed: Seed,
    (microphone, ear): (Sound, Sound),
    repair: Repair,
    [alice_link, bob_link]: [&str; 2],
) -> (Call, Reception) {
    let (mut call, [alice, bob]) = call(seed, ["alice", "bob"], LinkProfile::CLEAN);
    (call.microphones, call.ears, call.repair) = (microphone, ear, repair);
    let track = call.publish(alice, MediaKind::Audio);
    let heard = call.subscribe(bob, track);
    for (client, script) in [(alice, alice_link), (bob, bob_link)] {
        let script = Script::read(script).expect("a script");
        call.world.run_script(client, &script);
    }
    call.world.run_for(Duration::from_secs(5));
    let before = call.reception(heard).clone();
    call.world.run_for(Duration::from_secs(20));
    call.world.client_mut(alice).stop_publishing();
    call.world.run_for(Duration::from_secs(2));
    assert_no_faults(&call, &[alice, bob]);
    let after = call.reception(heard);
    let reception = Reception {
        delivered: after.delivered - before.delivered,
        lost: after.lost - before.lost,
        ..after.clone()
    };
    assert!(reception.delivered + reception.lost >= packets_of(MediaKind::Audio, 20));
    (call, reception)
}

fn trace(call: Call) -> Trace {
    call.world.into_trace()
}

const GOOD: &str = "0s both delay=20ms";
const LOSSY_DOWN: &str = "0s both delay=20ms\n0s down loss=20%";
const LOSSY_UP: &str = "0s both delay=20ms\n0s up loss=20%";

#[test]
fn who_loses_a_fifth_hears_nearly_all_by_redundancy_alone_whether_it_was_sent_with_any_or_not() {
    for microphone in [Sound::Plain, Sound::Redundant] {
        replay(|seed| {
            let kinds = (microphone, Sound::Redundant);
            let (call, reception) = hear(seed, kinds, Repair::Forgo, [GOOD, LOSSY_DOWN]);
            // Three in a row are lost once in 125 packets.
            assert!(reception.lost * 50 < reception.delivered, "{reception:?}");
            assert!(reception.redundant > 100, "{reception:?}");
            trace(call)
        });
    }
}

#[test]
fn who_may_ask_again_as_well_hears_all() {
    for microphone in [Sound::Plain, Sound::Redundant] {
        replay(|seed| {
            let kinds = (microphone, Sound::Redundant);
            let (call, reception) = hear(seed, kinds, Repair::Retransmit, [GOOD, LOSSY_DOWN]);
            assert!(reception.lost <= 1, "{reception:?}");
            assert!(reception.redundant > 100, "{reception:?}");
            trace(call)
        });
    }
}

#[test]
fn who_takes_no_redundancy_hears_what_was_lost_on_the_way_up_out_of_it() {
    replay(|seed| {
        let kinds = (Sound::Redundant, Sound::Plain);
        let (call, reception) = hear(seed, kinds, Repair::Forgo, [LOSSY_UP, GOOD]);
        // Two in a row are lost once in 25 packets.
        assert!(reception.lost * 16 < reception.delivered, "{reception:?}");
        let counters = call.world.shard().counters();
        assert!(counters.recovered_out > 100, "{counters:?}");
        trace(call)
    });
}

#[test]
fn who_loses_nothing_is_sent_no_redundancy_that_was_not_there() {
    replay(|seed| {
        let kinds = (Sound::Plain, Sound::Redundant);
        let (call, reception) = hear(seed, kinds, Repair::Retransmit, [LOSSY_UP, GOOD]);
        assert!(reception.lost <= 1, "{reception:?}");
        // What is late may be taken for lost.
        let made = call.world.shard().counters().redundancy_out;
        assert!(made < 100, "{made}");
        trace(call)
    });
}

#[test]
fn redundancy_ends_when_nothing_is_lost_any_more() {
    replay(|seed| {
        let kinds = (Sound::Plain, Sound::Redundant);
        let script = "0s both delay=20ms\n0s down loss=20%\n5s down loss=0%";
        let (call, _) = hear(seed, kinds, Repair::Retransmit, [GOOD, script]);
        let made = call.world.shard().counters().redundancy_out;
        // From soon after the loss began until ten seconds after it ended.
        assert!((500..900).contains(&made), "{made}");
        trace(call)
    });
}

#[test]
fn a_link_that_loses_packets_and_has_room_carries_sound_and_pictures() {
    replay(|seed| {
        let (mut call, [alice, bob]) = call(seed, ["alice", "bob"], LinkProfile::CLEAN);
        (call.microphones, call.ears) = (Sound::Redundant, Sound::Redundant);
        let heard = [MediaKind::Audio, MediaKind::Video].map(|kind| {
            let track = call.publish(alice, kind);
            call.subscribe(bob, track)
        });
        call.world.run_for(Duration::from_secs(5));
        let script = Script::read("0s both delay=20ms\n0s down loss=20%").expect("a script");
        call.world.run_script(bob, &script);
        let before = heard.map(|heard| call.reception(heard).delivered);
        call.world.run_for(Duration::from_secs(20));
        assert_no_faults(&call, &[alice, bob]);
        for ((heard, before), kind) in heard
            .into_iter()
            .zip(before)
            .zip([MediaKind::Audio, MediaKind::Video])
        {
            let came = call.reception(heard).delivered - before;
            let sent = packets_of(kind, 20);
            assert!(came * 10 > sent * 9, "{kind:?}: {came} of {sent}");
        }
        trace(call)
    });
}
