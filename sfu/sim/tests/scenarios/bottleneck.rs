//! Links that carry less than what is sent over them, for a time.

use std::time::Duration;

use sfu_model::MediaKind;
use sfu_sim::{LinkProfile, Script};

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
