//! Reads the dependency descriptors of one stream, once for all who get its packets.

use sfu_model::{SpatialLayer, TemporalLayer};
use sfu_rtp::{
    DependencyDescriptor, ExtendedSeqNo, FrameLayer, LimitedDescriptor, References, SeqNo,
    TemplateStructure,
};

use crate::steps::Steps;
use sfu_model::Step;

/// What a dependency descriptor says of a packet's frame, in terms of what may be wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    /// Number of the frame. It does not wrap, and rises over key frames.
    pub(crate) number: u64,
    /// Layer of the frame.
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    /// Whether the packet begins the frame, and whether it ends it.
    pub(crate) start: bool,
    pub(crate) end: bool,
    /// Whether the frame is the first of its picture: spatial layers follow each other.
    pub(crate) begins_picture: bool,
    /// Whether the frame is the first of a coded video sequence.
    pub(crate) is_key: bool,
    /// Who gets the frame, by what they get.
    pub(crate) belongs: Steps,
    /// What one can go on with from here, if one can decode the frame.
    pub(crate) switch: Steps,
    /// The frames that it needs.
    pub(crate) references: References,
    /// Whether the stream has several spatial layers.
    pub(crate) is_layered: bool,
}

/// Reads the dependency descriptors of one stream.
#[derive(Debug, Default)]
pub(crate) struct DescriptorReader {
    /// What frames follow since the latest key frame.
    known: Option<Box<Known>>,
}

/// A structure, and what is known of the frames that follow it.
#[derive(Debug)]
struct Known {
    structure: TemplateStructure,
    /// The packet that brought it.
    since: ExtendedSeqNo,
    /// Highest number of a frame, and the spatial layer of that.
    newest: ExtendedSeqNo,
    newest_spatial: u8,
    /// The decode targets that the publisher sends, one bit each.
    active: u32,
    /// The decode target of each step.
    targets: [u8; Steps::COUNT],
    is_layered: bool,
}

impl DescriptorReader {
    /// Reads the descriptor of a packet. `None` if it is none, or follows a structure that has not come.
    #[inline]
    pub(crate) fn read(&mut self, seq: ExtendedSeqNo, bytes: &[u8]) -> Option<Described> {
        if DependencyDescriptor::is_structure_attached(bytes) {
            return self.begin(seq, bytes);
        }
        let known = self.known.as_deref_mut()?;
        let descriptor = DependencyDescriptor::parse(bytes, Some(&known.structure)).ok()?;
        let number = known.newest.nearest(SeqNo(descriptor.frame_number));
        let begins_picture = known.note(number, descriptor.dependencies.layer);
        if let Some(active) = descriptor.active_decode_targets
            && number == known.newest
        {
            known.set_active(active);
        }
        let described = known.describe(&descriptor, number);
        Some(Described {
            begins_picture,
            ..described
        })
    }

    /// Reads a descriptor that has a structure attached. One that comes late says nothing of what came after it.
    #[cold]
    fn begin(&mut self, seq: ExtendedSeqNo, bytes: &[u8]) -> Option<Described> {
        let descriptor = DependencyDescriptor::parse(bytes, None).ok()?;
        let structure = TemplateStructure::parse(bytes).ok()?;
        let frame = SeqNo(descriptor.frame_number);
        let latest = self
            .known
            .as_deref()
            .map(|known| (known.newest, known.since));
        let (number, is_late) = match latest {
            None => (ExtendedSeqNo::first(frame), false),
            Some((newest, since)) if seq < since => (newest.nearest(frame), true),
            Some((newest, _)) => (after(newest, frame), false),
        };
        let known = Known::new(structure, seq, number, &descriptor);
        let described = known.describe(&descriptor, number);
        if !is_late {
            self.known = Some(Box::new(known));
        }
        Some(described)
    }

    /// Reports whether its spatial layers are decoded each for itself.
    pub(crate) fn has_independent_layers(&self) -> bool {
        let known = self.known.as_deref();
        known.is_some_and(|known| known.structure.has_independent_layers())
    }

    /// Returns a descriptor for who gets everything up to `step`, where that is less than the publisher sends.
    pub(crate) fn limit(&self, bytes: &[u8], step: Step) -> Option<LimitedDescriptor> {
        let known = self.known.as_deref()?;
        let limit = FrameLayer {
            spatial: step.spatial,
            temporal: step.temporal,
        };
        let within = known.structure.targets_within(limit, known.active);
        if within == known.active || within == 0 {
            return None;
        }
        LimitedDescriptor::new(bytes, &known.structure, within).ok()
    }
}

/// Returns the number of a key frame: where its number is none that goes on from the newest, the publisher has begun
/// to count anew, and nothing before it counts.
fn after(newest: ExtendedSeqNo, frame: SeqNo) -> ExtendedSeqNo {
    let nearest = newest.nearest(frame);
    match nearest > newest {
        true => nearest,
        false => nearest.plus(1 << 16),
    }
}

impl Known {
    fn new(
        structure: TemplateStructure,
        since: ExtendedSeqNo,
        newest: ExtendedSeqNo,
        descriptor: &DependencyDescriptor,
    ) -> Self {
        let mut known = Self {
            structure,
            since,
            newest,
            newest_spatial: descriptor.dependencies.layer.spatial.0,
            active: 0,
            targets: [0; Steps::COUNT],
            is_layered: false,
        };
        let all = structure.all_decode_targets();
        known.set_active(descriptor.active_decode_targets.unwrap_or(all));
        let best = FrameLayer {
            spatial: SpatialLayer::MAX,
            temporal: TemporalLayer::MAX,
        };
        let best = structure.best_target(best, all);
        let best = best.and_then(|target| structure.decode_target(usize::from(target)));
        known.is_layered = best.is_some_and(|layer| layer.spatial.0 > 0);
        known
    }

    /// Takes the number and layer of a frame. Returns whether it is newer than all before and of another picture.
    #[inline]
    fn note(&mut self, number: ExtendedSeqNo, layer: FrameLayer) -> bool {
        if number <= self.newest {
            return false;
        }
        self.newest = number;
        let before = std::mem::replace(&mut self.newest_spatial, layer.spatial.0);
        layer.spatial.0 <= before
    }

    /// Takes which decode targets the publisher sends, which are some.
    fn set_active(&mut self, active: u32) {
        if active == 0 || active == self.active {
            return;
        }
        self.active = active;
        for (step, slot) in Steps::all().zip(&mut self.targets) {
            let limit = FrameLayer {
                spatial: step.spatial,
                temporal: step.temporal,
            };
            *slot = self.structure.best_target(limit, active).unwrap_or(0);
        }
    }

    #[inline]
    fn describe(&self, descriptor: &DependencyDescriptor, number: ExtendedSeqNo) -> Described {
        let dependencies = &descriptor.dependencies;
        Described {
            number: number.0,
            spatial: dependencies.layer.spatial.0,
            temporal: dependencies.layer.temporal.0,
            start: descriptor.start_of_frame,
            end: descriptor.end_of_frame,
            begins_picture: true,
            is_key: descriptor.has_structure && dependencies.references.is_empty(),
            belongs: Steps::of_targets(dependencies.present, &self.targets),
            switch: Steps::of_targets(dependencies.switch, &self.targets),
            references: dependencies.references,
            is_layered: self.is_layered,
        }
    }
}

#[cfg(test)]
mod tests;
