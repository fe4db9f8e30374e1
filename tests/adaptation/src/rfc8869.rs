//! RFC 8869, as far as a link of changing rate, jitter and loss stands for a radio network: the cell and the access
//! point themselves are not simulated.

use std::fmt::Write as _;

use sfu_sim::{Random, Seed};

use crate::case::{Case, Transfers, Viewer};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        varying_network_load(),
        bad_radio_coverage(),
        wireless_downlink(),
        wireless_beside_bursts(),
        wireless_beside_transfers(),
    ]
}

/// A way down whose rate is drawn anew each `step` milliseconds, between these kilobits per second.
fn restless(script: &mut String, seconds: u64, step: u64, rates: [u64; 2]) {
    let mut random = Random::new(Seed(8_869), 0);
    let [lowest, highest] = rates;
    for at in (0..seconds * 1_000).step_by(usize::try_from(step).unwrap_or(1)) {
        let drawn = u64::from(u32::from_be_bytes(random.bytes()));
        let rate = lowest + drawn % (highest - lowest);
        writeln!(script, "{at}ms down rate={rate}kbit").expect("text can be added to");
    }
}

/// Section 3.1: others in the cell come and go, so that the rate changes all the time.
fn varying_network_load() -> Case {
    let mut script = "0s both delay=40ms queue=300ms\n0s down jitter=10ms\n".to_owned();
    restless(&mut script, 90, 500, [1_000, 3_000]);
    Case::new("8869 3.1 cell with varying load", 90, &script).seen_by([Viewer::default(); 2])
}

/// Section 3.2: little of a poor signal, which goes now and then.
fn bad_radio_coverage() -> Case {
    let mut script =
        "0s both delay=60ms queue=500ms\n0s down jitter=20ms burst=0.2%:20%\n".to_owned();
    restless(&mut script, 90, 500, [250, 900]);
    Case::new("8869 3.2 bad radio coverage", 90, &script)
}

/// What an access point does to packets beside its rate.
const WIRELESS: &str = "0s both delay=10ms queue=200ms jitter=15ms loss=0.5%\n";

/// Section 4.2, several flows on the wireless way down.
fn wireless_downlink() -> Case {
    let script = format!("{WIRELESS}0s down rate=6Mbit\n");
    Case::new("8869 4.2 three viewers behind an access point", 90, &script)
        .seen_by([0, 15, 30].map(Viewer::joining))
}

/// Section 4.2 with a constant flow that comes and goes: what it takes is missing meanwhile.
fn wireless_beside_bursts() -> Case {
    let script = format!(
        "{WIRELESS}0s down rate=4Mbit\n10s down rate=2Mbit\n20s down rate=4Mbit\n30s loop\n"
    );
    Case::new("8869 4.2 beside a flow that comes and goes", 90, &script)
        .seen_by([Viewer::default(); 2])
}

/// Section 4.2 with TCP.
fn wireless_beside_transfers() -> Case {
    let script = format!("{WIRELESS}0s down rate=6Mbit\n");
    let transfers = Transfers {
        begins: std::time::Duration::from_secs(10),
        each: Some((2_000, std::time::Duration::from_secs(10))),
    };
    Case::new("8869 4.2 beside TCP", 90, &script)
        .seen_by([Viewer::default(); 2])
        .beside([transfers])
}
