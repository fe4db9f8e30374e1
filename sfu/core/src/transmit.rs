use std::collections::VecDeque;

use sfu_model::Path;

/// What [`Shard::poll_transmit`](crate::Shard::poll_transmit) wrote: datagrams for one destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where they go.
    pub path: Path,
    /// Length of each datagram when the buffer holds several; the last may be shorter. `None`: the
    /// buffer is one datagram.
    pub segment_size: Option<usize>,
}

/// Who gives way when the queue fills up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Pictures: a lost one is asked for again.
    Video,
    /// Sound.
    Audio,
    /// Connectivity checks, DTLS, RTCP.
    Control,
}

/// Datagrams that wait for the driver, in order. Packets are written and sealed in the buffer that
/// leaves: the driver's buffer is exchanged for it, so nothing is copied, and buffers circulate.
#[derive(Debug, Default)]
pub(crate) struct TransmitQueue {
    queue: VecDeque<(Path, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
}

impl TransmitQueue {
    /// Most datagrams that wait. The driver drains the queue when it is half full, so that only a
    /// single datagram with thousands of receivers fills it.
    const CAPACITY: usize = 16_384;

    /// Most empty buffers that are kept: 6 MB of them.
    const MAX_SPARE: usize = 4_096;

    /// Room of a buffer: a datagram that fits an Ethernet frame, with its tag.
    const BUFFER_SIZE: usize = 1_536;

    /// Returns an empty buffer to write a datagram into, or nothing when those of `priority` must
    /// give way: video from three quarters on, audio from seven eighths on.
    #[inline]
    pub(crate) fn begin(&mut self, priority: Priority) -> Option<Vec<u8>> {
        let limit = match priority {
            Priority::Video => Self::CAPACITY / 4 * 3,
            Priority::Audio => Self::CAPACITY / 8 * 7,
            Priority::Control => Self::CAPACITY,
        };
        if self.queue.len() >= limit {
            return None;
        }
        let spare = self.spare.pop();
        Some(spare.unwrap_or_else(|| Vec::with_capacity(Self::BUFFER_SIZE)))
    }

    /// Queues a datagram in a buffer of [`TransmitQueue::begin`].
    #[inline]
    pub(crate) fn push(&mut self, path: Path, datagram: Vec<u8>) {
        self.queue.push_back((path, datagram));
    }

    /// Takes back a buffer of [`TransmitQueue::begin`] that was not needed.
    pub(crate) fn give_back(&mut self, mut buffer: Vec<u8>) {
        if self.spare.len() < Self::MAX_SPARE && buffer.capacity() > 0 {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    /// Exchanges `buf` for the next datagram.
    pub(crate) fn pop(&mut self, buf: &mut Vec<u8>) -> Option<Transmit> {
        let (path, datagram) = self.queue.pop_front()?;
        self.give_back(std::mem::replace(buf, datagram));
        Some(Transmit {
            path,
            segment_size: None,
        })
    }

    pub(crate) fn is_half_full(&self) -> bool {
        self.queue.len() >= Self::CAPACITY / 2
    }
}

#[cfg(test)]
mod tests {
    use sfu_model::LinkProtocol;

    use super::*;

    fn path() -> Path {
        Path {
            local: ([127, 0, 0, 1], 1).into(),
            remote: ([127, 0, 0, 1], 2).into(),
            protocol: LinkProtocol::Udp,
        }
    }

    fn fill(queue: &mut TransmitQueue, priority: Priority) -> usize {
        let mut count = 0;
        while let Some(buffer) = queue.begin(priority) {
            queue.push(path(), buffer);
            count += 1;
        }
        count
    }

    #[test]
    fn video_gives_way_to_audio_and_audio_to_control() {
        let mut queue = TransmitQueue::default();
        let counts = [Priority::Video, Priority::Audio, Priority::Control]
            .map(|priority| fill(&mut queue, priority));
        assert_eq!(counts, [12_288, 2_048, 2_048]);
        assert!(queue.is_half_full());
    }

    #[test]
    fn buffers_circulate_between_queue_and_driver() {
        let mut queue = TransmitQueue::default();
        let mut buf = Vec::with_capacity(TransmitQueue::BUFFER_SIZE);
        let ours = buf.as_ptr();
        let mut first = queue.begin(Priority::Control).unwrap();
        first.push(1);
        queue.push(path(), first);
        assert!(queue.pop(&mut buf).is_some());
        assert_eq!(buf, [1]);
        let next = queue.begin(Priority::Control).unwrap();
        assert_eq!(next.as_ptr(), ours);
        assert_eq!(queue.pop(&mut buf), None);
    }
}
