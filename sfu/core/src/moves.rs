//! Where the encodings of a publication go when another description lists them in another order.

use sfu_model::{ReceiveEncoding, SpatialLayer};

/// The place of each encoding after a description that lists the same rids in another order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moves([u8; SpatialLayer::COUNT]);

impl Moves {
    /// Everything stays where it is.
    pub(crate) const NONE: Self = Self([0, 1, 2]);

    /// Compares two descriptions. Encodings of other rids than before do not move: they begin.
    pub(crate) fn between(old: &[ReceiveEncoding], new: &[ReceiveEncoding]) -> Self {
        let place = |encoding: &ReceiveEncoding| {
            let rid = encoding.rid?;
            let place = new.iter().position(|other| other.rid == Some(rid))?;
            u8::try_from(place).ok()
        };
        let mut moves = Self::NONE;
        for (to, encoding) in moves.0.iter_mut().zip(old) {
            match place(encoding) {
                Some(place) => *to = place,
                None => return Self::NONE,
            }
        }
        match old.len() == new.len() {
            true => moves,
            false => Self::NONE,
        }
    }

    /// Returns where an encoding goes.
    pub(crate) fn of(self, encoding: u8) -> u8 {
        let to = self.0.get(usize::from(encoding));
        to.copied().unwrap_or(encoding)
    }

    /// Moves what is kept of each encoding.
    pub(crate) fn apply<T: Default>(self, kept: &mut [T; SpatialLayer::COUNT]) {
        let before = std::mem::take(kept);
        for (to, item) in self.0.into_iter().zip(before) {
            if let Some(place) = kept.get_mut(usize::from(to)) {
                *place = item;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use sfu_model::{Rid, Token};

    use super::*;

    fn listed(rids: &str) -> Vec<ReceiveEncoding> {
        let rid = |name: &str| ReceiveEncoding {
            rid: Some(Rid(Token::new(name.as_bytes()).unwrap())),
            ..ReceiveEncoding::default()
        };
        rids.split(';').map(rid).collect()
    }

    #[test]
    fn encodings_move_with_their_rids() {
        let moves = Moves::between(&listed("a;b;c"), &listed("c;a;b"));
        assert_eq!([0, 1, 2].map(|encoding| moves.of(encoding)), [1, 2, 0]);
        let mut kept = ["a", "b", "c"];
        moves.apply(&mut kept);
        assert_eq!(kept, ["c", "a", "b"]);
    }

    #[test]
    fn where_others_come_or_go_nothing_moves() {
        for (old, new) in [("a;b", "b;c"), ("a;b;c", "b;a"), ("a;b", "c;b;a")] {
            assert_eq!(Moves::between(&listed(old), &listed(new)), Moves::NONE);
        }
        let unnamed = [ReceiveEncoding::default(); 2];
        assert_eq!(Moves::between(&unnamed, &unnamed), Moves::NONE);
    }
}
