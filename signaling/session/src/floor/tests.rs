use super::*;

const ALICE: ParticipantKey = ParticipantKey(1);
const BOB: ParticipantKey = ParticipantKey(2);
const NOBODY: [u32; 0] = [];

#[expect(clippy::disallowed_methods, reason = "the beginning of virtual time")]
fn start() -> Instant {
    Instant::now()
}

/// A floor, and time that passes.
struct Talk {
    floor: Floor,
    now: Instant,
}

impl Talk {
    fn new() -> Self {
        Self {
            floor: Floor::default(),
            now: start(),
        }
    }

    /// These speak for so long; who has the floor then?
    fn speak<const N: usize>(&mut self, speaking: [ParticipantKey; N], millis: u64) -> Vec<u32> {
        self.floor.note(self.now, &BTreeSet::from(speaking));
        self.floor.settle(self.now);
        let end = self.now + Duration::from_millis(millis);
        while let Some(at) = self.floor.next().filter(|at| *at <= end) {
            self.floor.settle(at);
        }
        self.now = end;
        self.floor.settle(end);
        self.floor.holders().map(|key| key.0).collect()
    }
}

#[test]
fn who_speaks_gets_the_floor_and_keeps_it_through_a_pause() {
    let mut talk = Talk::new();
    assert_eq!(talk.speak([ALICE], 700), NOBODY);
    assert_eq!(talk.speak([ALICE], 200), [1]);
    assert_eq!(talk.speak([], 4_900), [1]);
    assert_eq!(talk.speak([ALICE], 100), [1]);
    assert_eq!(talk.speak([], 5_100), NOBODY);
    assert_eq!(talk.floor.next(), None);
}

#[test]
fn a_remark_changes_nothing() {
    let mut talk = Talk::new();
    talk.speak([ALICE], 1_000);
    for _ in 0..10 {
        assert_eq!(talk.speak([ALICE, BOB], 500), [1]);
        assert_eq!(talk.speak([ALICE], 500), [1]);
    }
    assert_eq!(talk.speak([ALICE, BOB], 1_000), [1, 2]);
}

#[test]
fn few_have_it_at_a_time_and_the_next_waits_for_one_to_be_silent() {
    let mut talk = Talk::new();
    let all = [1, 2, 3, 4, 5].map(ParticipantKey);
    assert_eq!(talk.speak(all, 10_000).len(), Floor::MOST);
    assert_eq!(talk.floor.next(), None, "nobody wakes the room for nothing");
    let [first, rest @ ..] = all;
    assert!(talk.speak(rest, 4_000).contains(&first.0));
    let after = talk.speak(rest, 2_000);
    assert_eq!(after.len(), Floor::MOST);
    assert!(!after.contains(&first.0));
}

#[test]
fn who_leaves_has_it_no_more() {
    let mut talk = Talk::new();
    talk.speak([ALICE], 1_000);
    talk.floor.forget(ALICE);
    assert_eq!(talk.speak([], 0), NOBODY);
}
