//! Who else has subscribers of a publication, and what each needs of it and was told.

use sfu_model::PublicationId;

use crate::export::{Description, ExportItem, ExportTarget, Exports};
use crate::layers::Layers;
use crate::moves::Moves;

/// Everybody else who has subscribers of a publication.
#[derive(Debug, Default)]
pub(crate) struct Recipients {
    all: Vec<Recipient>,
}

#[derive(Clone, Copy, Debug)]
struct Recipient {
    target: ExportTarget,
    /// The encodings that its subscribers need.
    needed: Layers,
    /// The encodings that send, as it was told, if it was.
    told: Option<Layers>,
}

impl Recipients {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The subscribers of `target` need these encodings. Returns whether it is to be told how the publication is
    /// received.
    pub(crate) fn note_need(&mut self, target: ExportTarget, needed: Layers) -> bool {
        let known = self.all.iter_mut().find(|known| known.target == target);
        let Some(known) = known else {
            self.all.push(Recipient {
                target,
                needed,
                told: None,
            });
            return true;
        };
        let needs_more = !needed.is_within(known.needed);
        known.needed = needed;
        needs_more
    }

    /// `target` has no subscribers any more.
    pub(crate) fn remove(&mut self, target: ExportTarget) {
        self.all.retain(|known| known.target != target);
    }

    /// Encodings are listed otherwise: what is needed of them moves along.
    pub(crate) fn follow(&mut self, moves: Moves) {
        for known in &mut self.all {
            known.needed = known.needed.moved(moves);
        }
    }

    /// Reports whether all were told that exactly these encodings send.
    #[inline]
    pub(crate) fn know(&self, live: Layers) -> bool {
        self.all.iter().all(|known| known.told == Some(live))
    }

    /// Iterates over those who need an encoding.
    #[inline]
    pub(crate) fn of(&self, encoding: u8) -> impl Iterator<Item = ExportTarget> {
        let all = self.all.iter();
        let needing = all.filter(move |known| known.needed.contains(encoding));
        needing.map(|known| known.target)
    }

    /// Iterates over everybody.
    pub(crate) fn all(&self) -> impl Iterator<Item = ExportTarget> {
        self.all.iter().map(|known| known.target)
    }

    /// Tells those whom `select` names how the publication is received.
    pub(crate) fn tell(
        &mut self,
        id: PublicationId,
        description: &Description,
        exports: &mut Exports,
        select: impl Fn(ExportTarget) -> bool,
    ) {
        let all = self.all.iter_mut();
        for known in all.filter(|known| select(known.target)) {
            known.told = Some(description.live());
            let description = Box::new(description.clone());
            exports.push(known.target, ExportItem::Description(id, description));
        }
    }

    /// Tells all that the publication has ended.
    pub(crate) fn end(self, id: PublicationId, exports: &mut Exports) {
        for known in self.all {
            exports.push(known.target, ExportItem::Ended(id));
        }
    }
}
