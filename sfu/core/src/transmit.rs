//! The queue of datagrams that wait for the driver, in runs that leave as one message.

use std::collections::VecDeque;

use sfu_model::{MediaKind, Path};
use sfu_transport::layout::{Layout, headroom};

use crate::limits::{
    BUFFER_BYTES, MAX_DATA_DATAGRAMS, MAX_DATAGRAMS, MAX_RUN_BYTES, MAX_RUN_DATAGRAMS,
    MAX_SPARE_BYTES,
};

/// What [`Shard::poll_transmit`](crate::Shard::poll_transmit) wrote: datagrams for one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where they go.
    pub path: Path,
    /// How the datagrams lie in the buffer: with as much room before each as their link needs.
    pub layout: Layout,
}

/// Who gives way when the queue fills up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Data channels: they leave when nothing else waits, and stay in their transports while there is no
    /// room.
    Data,
    /// Pictures: a lost one is asked for again.
    Video,
    /// Sound.
    Audio,
    /// Connectivity checks, DTLS, RTCP.
    Control,
}

impl Priority {
    /// Reports whether datagrams of one destination leave together.
    fn gathers(self) -> bool {
        match self {
            Self::Data | Self::Video => true,
            Self::Audio | Self::Control => false,
        }
    }
}

impl From<MediaKind> for Priority {
    fn from(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Audio => Self::Audio,
            MediaKind::Video => Self::Video,
        }
    }
}

/// Names a run of the queue, also after it has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunId(u64);

/// Datagrams for one path that leave as one message to the kernel: all of the same length, but for
/// a shorter last one.
#[derive(Debug)]
struct Run {
    path: Path,
    bytes: Vec<u8>,
    layout: Layout,
    /// Whether more may follow.
    open: bool,
}

/// A place to write one datagram into: behind those of the run that it may join, and behind the room that its link
/// needs before it. What sealing adds goes behind the datagram.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) bytes: Vec<u8>,
    /// Where the datagram begins.
    start: usize,
    joins: Option<RunId>,
    priority: Priority,
}

impl Slot {
    /// Returns where the datagram begins in the buffer.
    #[inline]
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// Reports whether nothing was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() <= self.start
    }
}

/// Datagrams that wait for the driver. Packets are written and sealed in the buffer that leaves:
/// the driver's buffer is exchanged for it, so nothing is copied, and buffers circulate.
///
/// Video of one destination gathers in runs while datagrams are handled, as does data. It may so
/// overtake sound and reports to the same destination, but nothing of its own kind. Data leaves after
/// everything else.
#[derive(Debug, Default)]
pub(crate) struct TransmitQueue {
    media: Runs,
    data: Runs,
    spare: Vec<Vec<u8>>,
    spare_bytes: usize,
}

/// Runs in the order in which they leave.
#[derive(Debug, Default)]
struct Runs {
    runs: VecDeque<Run>,
    /// How many runs have left.
    left: u64,
    datagrams: usize,
}

impl Runs {
    fn push(&mut self, run: Run) -> RunId {
        self.runs.push_back(run);
        RunId(self.left + self.runs.len() as u64 - 1)
    }

    fn pop(&mut self) -> Option<Run> {
        let run = self.runs.pop_front()?;
        self.left += 1;
        let datagrams = run.layout.count(run.bytes.len());
        self.datagrams -= datagrams.min(self.datagrams);
        Some(run)
    }

    /// Returns a run that has not left.
    fn get_mut(&mut self, id: RunId) -> Option<&mut Run> {
        let place = id.0.checked_sub(self.left)?;
        self.runs.get_mut(usize::try_from(place).ok()?)
    }

    /// Gives a run its buffer back, which now ends at `end`.
    fn put_back(&mut self, id: RunId, mut bytes: Vec<u8>, end: usize, open: bool) {
        bytes.truncate(end);
        if let Some(run) = self.get_mut(id) {
            run.bytes = bytes;
            run.open &= open;
        }
    }
}

impl TransmitQueue {
    /// Returns room to write a datagram into, or nothing when those of `priority` must give way:
    /// video from three quarters on, audio from seven eighths on. Video joins the `latest` run of
    /// its destination if that takes more.
    #[inline]
    pub(crate) fn begin(&mut self, priority: Priority, path: Path, latest: RunId) -> Option<Slot> {
        let limit = match priority {
            Priority::Data => MAX_DATA_DATAGRAMS,
            Priority::Video => MAX_DATAGRAMS / 4 * 3,
            Priority::Audio => MAX_DATAGRAMS / 8 * 7,
            Priority::Control => MAX_DATAGRAMS,
        };
        let runs = self.runs_mut(priority);
        if runs.datagrams >= limit {
            return None;
        }
        let run = runs.get_mut(latest);
        let run = run.filter(|run| priority.gathers() && run.open && run.path == path);
        let joined = run.map(|run| std::mem::take(&mut run.bytes));
        let joins = joined.is_some().then_some(latest);
        let mut bytes = joined.unwrap_or_else(|| self.buffer());
        let start = bytes.len() + headroom(path.protocol);
        if start > bytes.len() {
            bytes.resize(start, 0);
        }
        Some(Slot {
            bytes,
            start,
            joins,
            priority,
        })
    }

    /// Queues the datagram that was written into `slot`. Returns the run that it is in.
    #[inline]
    pub(crate) fn push(&mut self, path: Path, priority: Priority, slot: Slot) -> RunId {
        let Slot {
            bytes,
            start,
            joins,
            ..
        } = slot;
        let room_before = headroom(path.protocol);
        let begin = start - room_before;
        let layout = Layout::new(room_before, bytes.len() - start);
        let runs = self.runs_mut(priority);
        runs.datagrams += 1;
        let Some(id) = joins else {
            return self.begin_run(path, bytes, layout, priority);
        };
        let (len, stride) = match runs.get_mut(id) {
            Some(run) => (layout.stride(), run.layout.stride()),
            None => (layout.stride(), 0),
        };
        if len > stride {
            // It fits no run that has begun with shorter ones.
            let mut alone = self.buffer();
            alone.extend_from_slice(bytes.get(begin..).unwrap_or_default());
            self.runs_mut(priority).put_back(id, bytes, begin, false);
            return self.begin_run(path, alone, layout, priority);
        }
        let end = bytes.len();
        let room = MAX_RUN_BYTES.min(MAX_RUN_DATAGRAMS * stride);
        let more = len == stride && end + stride <= room;
        self.runs_mut(priority).put_back(id, bytes, end, more);
        id
    }

    /// Takes back a slot for `path` whose datagram is not to be sent.
    pub(crate) fn cancel(&mut self, path: Path, slot: Slot) {
        match slot.joins {
            Some(id) => {
                let runs = self.runs_mut(slot.priority);
                let begin = slot.start - headroom(path.protocol);
                runs.put_back(id, slot.bytes, begin, true);
            }
            None => self.keep(slot.bytes),
        }
    }

    /// Exchanges `buf` for the next datagrams.
    pub(crate) fn pop(&mut self, buf: &mut Vec<u8>) -> Option<Transmit> {
        let run = self.media.pop().or_else(|| self.data.pop())?;
        self.keep(std::mem::replace(buf, run.bytes));
        Some(Transmit {
            path: run.path,
            layout: run.layout,
        })
    }

    pub(crate) fn is_half_full(&self) -> bool {
        self.media.datagrams >= MAX_DATAGRAMS / 2
    }

    /// Reports whether data may be queued.
    pub(crate) fn has_room_for_data(&self) -> bool {
        self.data.datagrams < MAX_DATA_DATAGRAMS
    }

    fn runs_mut(&mut self, priority: Priority) -> &mut Runs {
        match priority {
            Priority::Data => &mut self.data,
            Priority::Video | Priority::Audio | Priority::Control => &mut self.media,
        }
    }

    fn begin_run(
        &mut self,
        path: Path,
        bytes: Vec<u8>,
        layout: Layout,
        priority: Priority,
    ) -> RunId {
        self.runs_mut(priority).push(Run {
            path,
            layout,
            bytes,
            open: priority.gathers(),
        })
    }

    fn buffer(&mut self) -> Vec<u8> {
        let Some(buffer) = self.spare.pop() else {
            return Vec::with_capacity(BUFFER_BYTES);
        };
        self.spare_bytes -= buffer.capacity().min(self.spare_bytes);
        buffer
    }

    fn keep(&mut self, mut buffer: Vec<u8>) {
        let size = buffer.capacity();
        if size > 0 && self.spare_bytes + size <= MAX_SPARE_BYTES {
            buffer.clear();
            self.spare_bytes += size;
            self.spare.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use sfu_model::LinkProtocol;

    use super::*;

    fn path(port: u16) -> Path {
        Path {
            local: ([127, 0, 0, 1], 1).into(),
            remote: ([127, 0, 0, 1], port).into(),
            protocol: LinkProtocol::Udp,
        }
    }

    /// Queues a datagram of `len` bytes of value `fill`.
    fn push(queue: &mut TransmitQueue, priority: Priority, fill: u8, len: usize, run: &mut RunId) {
        let mut slot = queue.begin(priority, path(2), *run).unwrap();
        slot.bytes.resize(slot.start() + len, fill);
        *run = queue.push(path(2), priority, slot);
    }

    fn drain(queue: &mut TransmitQueue) -> Vec<(Vec<u8>, Option<usize>)> {
        let mut buf = Vec::new();
        let next = || {
            let layout = queue.pop(&mut buf)?.layout;
            let stride = (layout.count(buf.len()) > 1).then_some(layout.stride());
            Some((buf.clone(), stride))
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn video_gives_way_to_audio_and_audio_to_control() {
        let mut queue = TransmitQueue::default();
        let counts = [Priority::Video, Priority::Audio, Priority::Control].map(|priority| {
            let mut count = 0;
            while let Some(mut slot) = queue.begin(priority, path(2), RunId::default()) {
                slot.bytes.push(0);
                queue.push(path(2), Priority::Control, slot);
                count += 1;
            }
            count
        });
        assert_eq!(counts, [12_288, 2_048, 2_048]);
        assert!(queue.is_half_full());
        drain(&mut queue);
        assert_eq!(queue.media.datagrams, 0);
    }

    #[test]
    fn data_leaves_after_everything_else_and_stays_out_when_its_own_room_is_full() {
        let mut queue = TransmitQueue::default();
        let mut run = RunId::default();
        for _ in 0..MAX_DATA_DATAGRAMS {
            assert!(queue.has_room_for_data());
            push(&mut queue, Priority::Data, 1, 1, &mut run);
        }
        assert!(!queue.has_room_for_data());
        assert!(queue.begin(Priority::Data, path(2), run).is_none());
        push(&mut queue, Priority::Video, 2, 1, &mut RunId::default());
        let sent = drain(&mut queue);
        assert_eq!(sent[0], (vec![2], None));
        let data: usize = sent[1..].iter().map(|(bytes, _)| bytes.len()).sum();
        assert_eq!(data, MAX_DATA_DATAGRAMS);
        assert!(queue.has_room_for_data());
    }

    #[test]
    fn buffers_circulate_between_queue_and_driver() {
        let mut queue = TransmitQueue::default();
        let mut buf = Vec::with_capacity(BUFFER_BYTES);
        let ours = buf.as_ptr();
        push(&mut queue, Priority::Control, 1, 1, &mut RunId::default());
        assert!(queue.pop(&mut buf).is_some());
        assert_eq!(buf, [1]);
        let next = queue.buffer();
        assert_eq!(next.as_ptr(), ours);
        assert_eq!(queue.pop(&mut buf), None);
    }

    #[test]
    fn few_empty_buffers_are_kept() {
        let mut queue = TransmitQueue::default();
        for _ in 0..8 {
            queue.keep(Vec::with_capacity(MAX_SPARE_BYTES / 4));
        }
        assert_eq!(queue.spare.len(), 4);
    }

    #[test]
    fn video_datagrams_of_one_length_leave_together_with_a_shorter_last_one() {
        let (mut queue, mut run) = (TransmitQueue::default(), RunId::default());
        for (fill, len) in [(1, 4), (2, 4), (3, 3), (4, 3)] {
            push(&mut queue, Priority::Video, fill, len, &mut run);
        }
        let together = vec![1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3];
        let expected = [(together, Some(4)), (vec![4, 4, 4], None)];
        assert_eq!(drain(&mut queue), expected);
        assert_eq!(queue.media.datagrams, 0);
    }

    #[test]
    fn a_longer_datagram_begins_a_run() {
        let (mut queue, mut run) = (TransmitQueue::default(), RunId::default());
        for (fill, len) in [(1, 2), (2, 3), (3, 3)] {
            push(&mut queue, Priority::Video, fill, len, &mut run);
        }
        let expected = [(vec![1, 1], None), (vec![2, 2, 2, 3, 3, 3], Some(3))];
        assert_eq!(drain(&mut queue), expected);
    }

    #[test]
    fn a_run_of_another_destination_or_one_that_left_is_not_joined() {
        let (mut queue, mut run) = (TransmitQueue::default(), RunId::default());
        push(&mut queue, Priority::Video, 1, 2, &mut run);
        let other = queue.begin(Priority::Video, path(3), run).unwrap();
        assert_eq!(other.start(), 0);
        assert_eq!(drain(&mut queue).len(), 1);
        let late = queue.begin(Priority::Video, path(2), run).unwrap();
        assert_eq!(late.start(), 0);
    }

    #[test]
    fn a_cancelled_datagram_leaves_its_run_as_it_was() {
        let (mut queue, mut run) = (TransmitQueue::default(), RunId::default());
        push(&mut queue, Priority::Video, 1, 2, &mut run);
        let mut slot = queue.begin(Priority::Video, path(2), run).unwrap();
        slot.bytes.extend_from_slice(&[9; 50]);
        queue.cancel(path(2), slot);
        push(&mut queue, Priority::Video, 2, 2, &mut run);
        assert_eq!(drain(&mut queue), [(vec![1, 1, 2, 2], Some(2))]);
    }

    #[test]
    fn datagrams_of_a_connection_leave_with_room_for_their_lengths() {
        let connection = Path {
            protocol: LinkProtocol::Tcp,
            ..path(2)
        };
        let (mut queue, mut run) = (TransmitQueue::default(), RunId::default());
        let mut cancelled = queue.begin(Priority::Video, connection, run).unwrap();
        cancelled.bytes.push(9);
        queue.cancel(connection, cancelled);
        for (fill, len) in [(1, 3), (2, 3), (3, 4)] {
            let mut slot = queue.begin(Priority::Video, connection, run).unwrap();
            assert!(slot.is_empty());
            slot.bytes.resize(slot.start() + len, fill);
            run = queue.push(connection, Priority::Video, slot);
        }
        let expected = [
            (vec![0, 0, 1, 1, 1, 0, 0, 2, 2, 2], Some(5)),
            (vec![0, 0, 3, 3, 3, 3], None),
        ];
        assert_eq!(drain(&mut queue), expected);
    }

    #[test]
    fn a_run_is_bounded() {
        let (mut queue, mut run) = (TransmitQueue::default(), RunId::default());
        for _ in 0..40 {
            push(&mut queue, Priority::Video, 1, 1_200, &mut run);
        }
        let runs = drain(&mut queue);
        assert!(runs.iter().all(|(bytes, _)| bytes.len() <= MAX_RUN_BYTES));
        let bytes: usize = runs.iter().map(|(bytes, _)| bytes.len()).sum();
        assert_eq!((runs.len(), bytes), (4, 48_000));
    }
}
