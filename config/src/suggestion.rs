/// Finds the known key that was most likely meant: the same name in another group, or the name
/// with the fewest letters to change in the same group, or anywhere.
pub(crate) fn nearest<'a>(key: &str, known: &'a [String]) -> Option<&'a str> {
    let (group, name) = split(key);
    known
        .iter()
        .filter_map(|candidate| {
            let (its_group, its_name) = split(candidate);
            let distance = distance(name, its_name);
            let elsewhere = group != its_group;
            let allowed = if elsewhere { 1 } else { allowed_changes(name) };
            (distance <= allowed).then_some((distance, elsewhere, candidate))
        })
        .min()
        .map(|(_, _, candidate)| candidate.as_str())
}

fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

/// A third of the letters may be wrong, and one in the shortest names.
fn allowed_changes(name: &str) -> usize {
    (name.chars().count() / 3).max(1)
}

/// Counts the letters to insert, remove, change or swap with the next (the optimal string alignment
/// distance).
fn distance(from: &str, to: &str) -> usize {
    const MAX_LETTERS: usize = 64;

    let from: Vec<char> = from.chars().take(MAX_LETTERS).collect();
    let to: Vec<char> = to.chars().take(MAX_LETTERS).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for (row, &letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, &wanted) in to.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX);
            let changed = at(&above, column) + usize::from(letter != wanted);
            let mut best = changed
                .min(at(&above, column + 1) + 1)
                .min(at(&current, column) + 1);
            let swapped = row > 0
                && column > 0
                && from.get(row - 1) == Some(&wanted)
                && to.get(column - 1) == Some(&letter);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_word_that_means_something_else_suggests_nothing() {
        assert_eq!(nearest("foo", &["room".to_owned()]), None);
    }

    fn meant(key: &str) -> Option<String> {
        let known = ["port", "rtc.tcp_port", "rtc.udp_port", "room.auto_create"]
            .map(str::to_owned)
            .to_vec();
        nearest(key, &known).map(str::to_owned)
    }

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        assert_eq!(meant("rtc.tpc_port").as_deref(), Some("rtc.tcp_port"));
        assert_eq!(
            meant("room.autocreate").as_deref(),
            Some("room.auto_create")
        );
        assert_eq!(meant("prot").as_deref(), Some("port"));
    }

    #[test]
    fn a_key_in_the_wrong_group_is_recognised() {
        assert_eq!(meant("udp_port").as_deref(), Some("rtc.udp_port"));
    }

    #[test]
    fn a_word_that_resembles_nothing_suggests_nothing() {
        assert_eq!(meant("rtc.hologram"), None);
        assert_eq!(meant(""), None);
    }

    #[test]
    fn distances_count_letters() {
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("abc", "acb"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
