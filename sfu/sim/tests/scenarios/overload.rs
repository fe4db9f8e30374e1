//! One session that does the same over and over: what is left of each time would add up. See `docs/overload.md`.

use std::time::Duration;

use sfu_model::{Command, MediaKind};
use sfu_sim::LinkProfile;

use crate::support::{assert_no_faults, call, replay};

/// More than the streams whose state a transport keeps at a time.
const CYCLES: u32 = 1_200;
/// Two packets and their way.
const LIFE: Duration = Duration::from_millis(60);

#[test]
fn each_of_a_thousand_publications_one_after_the_other_is_heard() {
    replay(|seed| {
        let (mut call, [alice, bob]) = call(seed, ["alice", "bob"], LinkProfile::CLEAN);
        for number in 0..CYCLES {
            let microphone = call.publish(alice, MediaKind::Audio);
            let heard = call.subscribe(bob, microphone);
            call.world.run_for(LIFE);
            assert!(call.reception(heard).delivered > 0, "number {number}");
            call.world.client_mut(alice).stop_publishing();
            let publication = microphone.publication;
            call.world.command(&Command::Unpublish { publication });
        }
        assert_no_faults(&call, &[alice, bob]);
        call.world.into_trace()
    });
}

#[test]
fn each_of_a_thousand_subscriptions_one_after_the_other_is_served() {
    replay(|seed| {
        let (mut call, [alice, bob]) = call(seed, ["alice", "bob"], LinkProfile::CLEAN);
        let microphone = call.publish(alice, MediaKind::Audio);
        for number in 0..CYCLES {
            let heard = call.subscribe(bob, microphone);
            call.world.run_for(LIFE);
            assert!(call.reception(heard).delivered > 0, "number {number}");
            let subscription = heard.subscription;
            call.world.command(&Command::Unsubscribe { subscription });
        }
        assert_no_faults(&call, &[alice, bob]);
        call.world.into_trace()
    });
}
