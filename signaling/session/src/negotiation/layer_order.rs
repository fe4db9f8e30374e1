//! Which of a section's rids is which layer.
//!
//! Goal: the lowest layer first. A rid is a name without meaning (RFC 8851); what says more comes first: the size that the
//! description restricts each to, then the names that clients are known to use. Where nothing does, they stay as they are
//! listed until it is known how large each is.

use sfu_model::{LayerOrder, Rid};

use super::description::EncodingSize;

/// Names that clients use, lowest layer first: LiveKit's SDKs, WHIP clients, and words.
const SCHEMES: [&[&str]; 8] = [
    &["q", "h", "f"],
    &["2", "1", "0"],
    &["r0", "r1", "r2"],
    &["lo", "mid", "hi"],
    &["low", "mid", "high"],
    &["low", "medium", "high"],
    &["small", "medium", "large"],
    &["quarter", "half", "full"],
];

/// Returns `rids` with the lowest layer first, and whether anything says that they are.
pub(super) fn lowest_first(rids: &[Rid], sizes: &[(Rid, EncodingSize)]) -> (Vec<Rid>, LayerOrder) {
    let size = |rid: &Rid| {
        let mut sizes = sizes.iter();
        let (_, size) = sizes.find(|(of, _)| of == rid)?;
        Some(*size)
    };
    let ordered = by(rids, |rid| size(rid)?.pixels)
        .or_else(|| by(rids, |rid| size(rid)?.bitrate))
        .or_else(|| {
            SCHEMES
                .iter()
                .find_map(|scheme| by(rids, |rid| place(scheme, *rid)))
        });
    match ordered {
        Some(ordered) => (ordered, LayerOrder::Known),
        None if rids.len() < 2 => (rids.to_vec(), LayerOrder::Known),
        None => (rids.to_vec(), LayerOrder::Unknown),
    }
}

/// Sorts by a measure that all have, and that tells them apart.
fn by(rids: &[Rid], measure: impl Fn(&Rid) -> Option<u64>) -> Option<Vec<Rid>> {
    let measured: Option<Vec<(u64, Rid)>> =
        rids.iter().map(|rid| Some((measure(rid)?, *rid))).collect();
    let mut measured = measured?;
    measured.sort_by_key(|(measure, _)| *measure);
    let apart = measured.is_sorted_by(|a, b| a.0 < b.0);
    apart.then(|| measured.into_iter().map(|(_, rid)| rid).collect())
}

fn place(scheme: &[&str], rid: Rid) -> Option<u64> {
    let is_it = |name: &&str| name.eq_ignore_ascii_case(rid.0.as_str());
    let place = scheme.iter().position(is_it)?;
    u64::try_from(place).ok()
}

#[cfg(test)]
mod tests {
    use sfu_model::Token;

    use super::*;

    fn rid(name: &str) -> Rid {
        Rid(Token::new(name.as_bytes()).unwrap())
    }

    fn ordered(names: &str, sizes: &[(&str, EncodingSize)]) -> String {
        let rids: Vec<Rid> = names.split(';').map(rid).collect();
        let sizes: Vec<_> = sizes
            .iter()
            .map(|(name, size)| (rid(name), *size))
            .collect();
        let (ordered, _) = lowest_first(&rids, &sizes);
        let names: Vec<&str> = ordered.iter().map(|rid| rid.0.as_str()).collect();
        names.join(";")
    }

    fn pixels(pixels: u64) -> EncodingSize {
        EncodingSize {
            pixels: Some(pixels),
            bitrate: None,
        }
    }

    #[test]
    fn known_names_tell_the_layer_in_whatever_order_they_are_listed() {
        for (listed, lowest_first) in [
            ("f;q;h", "q;h;f"),
            ("f;h", "h;f"),
            ("0;1;2", "2;1;0"),
            ("hi;mid;lo", "lo;mid;hi"),
            ("High;LOW", "LOW;High"),
            ("full;quarter", "quarter;full"),
        ] {
            assert_eq!(ordered(listed, &[]), lowest_first);
        }
    }

    #[test]
    fn unknown_names_stay_as_they_are_listed() {
        assert_eq!(ordered("b;a;c", &[]), "b;a;c");
        assert_eq!(ordered("q;h;x", &[]), "q;h;x");
        let order = |names: [&str; 2]| lowest_first(&names.map(rid), &[]).1;
        assert_eq!(order(["b", "a"]), LayerOrder::Unknown);
        assert_eq!(order(["h", "f"]), LayerOrder::Known);
    }

    #[test]
    fn a_restriction_says_more_than_a_name() {
        let sizes = [("q", pixels(921_600)), ("f", pixels(57_600))];
        assert_eq!(ordered("q;f", &sizes), "f;q");
        assert_eq!(ordered("a;b", &[("a", pixels(9)), ("b", pixels(4))]), "b;a");
    }

    #[test]
    fn a_restriction_that_does_not_tell_all_apart_says_nothing() {
        let bitrate = |bitrate| EncodingSize {
            pixels: Some(100),
            bitrate: Some(bitrate),
        };
        assert_eq!(ordered("f;q", &[("f", pixels(9))]), "q;f");
        let sizes = [("a", bitrate(2)), ("b", bitrate(1))];
        assert_eq!(ordered("a;b", &sizes), "b;a", "the bitrate does");
    }
}
