//! What scenarios share.

use std::time::Duration;

use sfu_model::MediaKind;
use sfu_sim::{Call, ClientId, Heard, LinkProfile, Seed, Trace};

/// How long a client may take to connect on any link here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Runs a scenario twice, with the seed of the environment or else the first.
#[track_caller]
pub(crate) fn replay(scenario: impl Fn(Seed) -> Trace) {
    #[expect(clippy::disallowed_methods, reason = "tests are a shell of their own")]
    let seed = std::env::var("SLUICE_SIM_SEED").ok();
    let seed = Seed(seed.map_or(1, |text| text.parse().expect("SLUICE_SIM_SEED is a number")));
    #[expect(clippy::print_stdout, reason = "a failure is repeated by its seed")]
    {
        println!("SLUICE_SIM_SEED={}", seed.0);
    }
    sfu_sim::replay(seed, scenario);
}

/// A call with connected clients.
pub(crate) fn call<const N: usize>(
    seed: Seed,
    names: [&str; N],
    profile: LinkProfile,
) -> (Call, [ClientId; N]) {
    let mut call = Call::new(seed);
    let clients = names.map(|name| call.join(name, profile));
    call.world.run_until(PATIENCE, |world| {
        clients.iter().all(|id| world.client(*id).is_connected())
    });
    (call, clients)
}

/// Asserts that no client saw the server do what no honest server does.
#[track_caller]
pub(crate) fn assert_no_faults(call: &Call, clients: &[ClientId]) {
    for id in clients {
        let client = call.world.client(*id);
        assert_eq!(client.faults(), [""; 0], "{}", client.name());
        for receiver in client.receivers() {
            assert_eq!(receiver.reception().faults, [""; 0], "{}", client.name());
        }
    }
}

/// Asserts that every packet of a track came out, in order, and none was lost.
#[track_caller]
pub(crate) fn assert_complete(call: &Call, heard: Heard, at_least: u64) {
    let reception = call.reception(heard);
    assert_eq!((reception.lost, &reception.faults), (0, &Vec::new()));
    assert!(reception.delivered >= at_least, "{reception:?}");
}

/// How many packets a track has in so many seconds: those that are on the way not counted.
pub(crate) fn packets_of(kind: MediaKind, seconds: u64) -> u64 {
    let per_second = match kind {
        MediaKind::Audio => 50,
        MediaKind::Video => 3 * 25,
    };
    seconds * per_second - per_second / 2
}
