//! Datagrams that leave by many with one system call.

use std::io;
use std::net::SocketAddr;

use sfu_transport::layout::Layout;
use socket2::SockAddr;

use super::system::{BATCH, Message};

/// Datagrams that wait for the kernel, gathered so that one system call takes many.
///
/// Each message is a run of datagrams for one destination (`UDP_SEGMENT`): the way through the
/// kernel is what costs, and a run goes it once. A kernel or an interface without that gets
/// datagrams one by one from then on.
#[derive(Debug)]
pub(super) struct Outbound {
    /// The first `filled` wait; the others lend their buffers.
    messages: Vec<Message>,
    filled: usize,
    /// How many of them have left.
    sent: usize,
    runs: Runs,
    blocked: bool,
    refused: u64,
}

/// Whether the kernel takes runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runs {
    Taken,
    Refused,
}

impl Outbound {
    /// Most datagrams of a run that Linux takes (`UDP_MAX_SEGMENTS`).
    const MAX_SEGMENTS: usize = 64;

    pub(super) fn new() -> Self {
        Self {
            messages: Vec::new(),
            filled: 0,
            sent: 0,
            runs: Runs::Taken,
            blocked: false,
            refused: 0,
        }
    }

    /// Takes datagrams for `remote` that lie wall to wall; `bytes` is exchanged for another buffer.
    pub(super) fn push(&mut self, remote: SocketAddr, bytes: &mut Vec<u8>, layout: Layout) {
        let count = layout.count(bytes.len());
        let size = u16::try_from(layout.stride()).ok().filter(|_| count > 1);
        let whole = count <= 1 || (self.runs == Runs::Taken && count <= Self::MAX_SEGMENTS);
        if whole {
            let buffer = self.queue(remote, size);
            std::mem::swap(buffer, bytes);
            return;
        }
        for datagram in layout.datagrams(bytes) {
            let buffer = self.queue(remote, None);
            buffer.clear();
            buffer.extend_from_slice(datagram);
        }
    }

    /// Queues a message, and returns the buffer that its bytes go into.
    fn queue(&mut self, remote: SocketAddr, segment: Option<u16>) -> &mut Vec<u8> {
        let remote = SockAddr::from(remote);
        if self.filled == self.messages.len() {
            let bytes = Vec::new();
            self.messages.push(Message {
                remote,
                bytes,
                segment,
            });
            self.filled += 1;
        } else if let Some(message) = self.messages.get_mut(self.filled) {
            message.remote = remote;
            message.segment = segment;
            self.filled += 1;
        }
        let queued = self.messages.get_mut(self.filled - 1);
        &mut queued
            .expect("as many messages are there as are filled")
            .bytes
    }

    /// Reports whether as many messages wait as one system call takes.
    pub(super) fn is_full(&self) -> bool {
        self.filled >= BATCH
    }

    /// Reports whether the kernel could take no more when it was tried last.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Has the next [`Outbound::flush`] try again.
    pub(super) fn unblock(&mut self) {
        self.blocked = false;
    }

    /// Returns how many messages the kernel refused, for a reason other than being full.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Hands everything that waits to `send`, which says how many messages the kernel took. What it
    /// refuses is dropped, as a path drops it; what it has no room for waits, and so does everything
    /// else until [`Outbound::unblock`].
    pub(super) fn flush(&mut self, mut send: impl FnMut(&[Message]) -> io::Result<usize>) {
        if self.blocked {
            return;
        }
        while let Some(waiting) = self.messages.get(self.sent..self.filled)
            && let Some(first) = waiting.first()
        {
            match send(waiting) {
                Ok(taken) if taken > 0 => self.sent += taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if first.segment.is_some() && is_about_runs(&error) => {
                    self.split_first(&error);
                }
                Ok(_) | Err(_) => {
                    self.refused += 1;
                    self.sent += 1;
                }
            }
        }
        self.filled = 0;
        self.sent = 0;
    }

    /// Replaces a run that the kernel refused by its datagrams.
    fn split_first(&mut self, error: &io::Error) {
        // EINVAL is about this path (its MTU is smaller), EIO about all.
        if error.raw_os_error() == Some(libc::EIO) && self.runs == Runs::Taken {
            self.runs = Runs::Refused;
            tracing::info!(%error, "The system takes no runs of datagrams; they are sent one by one");
        }
        let Some(first) = self.messages.get(self.sent) else {
            return;
        };
        let size = first.segment.map_or(first.bytes.len(), usize::from);
        let datagram = |bytes: &[u8]| Message {
            remote: first.remote.clone(),
            bytes: bytes.to_vec(),
            segment: None,
        };
        let datagrams: Vec<_> = first.bytes.chunks(size.max(1)).map(datagram).collect();
        self.filled += datagrams.len().saturating_sub(1);
        self.messages.splice(self.sent..=self.sent, datagrams);
    }
}

/// Reports whether the kernel refused a message because it is a run.
fn is_about_runs(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remote(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn outbound(runs: &[(u16, &[u8], usize)]) -> Outbound {
        let mut outbound = Outbound::new();
        for (port, bytes, segment) in runs {
            outbound.push(remote(*port), &mut bytes.to_vec(), Layout::new(0, *segment));
        }
        outbound
    }

    /// A kernel that takes what `answer` says, and notes it.
    fn flush(
        outbound: &mut Outbound,
        mut answer: impl FnMut(&[Message]) -> io::Result<usize>,
    ) -> Vec<(u16, Vec<u8>)> {
        let mut taken = Vec::new();
        outbound.flush(|messages| {
            let count = answer(messages)?;
            for message in &messages[..count] {
                let port = message.remote.as_socket().unwrap().port();
                taken.push((port, message.bytes.clone()));
            }
            Ok(count)
        });
        taken
    }

    fn system_error(code: i32) -> io::Error {
        io::Error::from_raw_os_error(code)
    }

    fn takes_no_runs(code: i32) -> impl FnMut(&[Message]) -> io::Result<usize> {
        move |messages| {
            let single = messages.iter().take_while(|m| m.segment.is_none()).count();
            if single == 0 {
                return Err(system_error(code));
            }
            Ok(single)
        }
    }

    #[test]
    fn a_run_leaves_as_one_message() {
        let mut outbound = outbound(&[(1, b"aabb", 2), (2, b"c", 1)]);
        let mut sizes = Vec::new();
        let taken = flush(&mut outbound, |messages| {
            sizes = messages.iter().map(|message| message.segment).collect();
            Ok(messages.len())
        });
        assert_eq!(sizes, [Some(2), None]);
        assert_eq!(taken, [(1, b"aabb".to_vec()), (2, b"c".to_vec())]);
    }

    #[test]
    fn buffers_are_exchanged() {
        let mut outbound = outbound(&[(1, b"a", 1)]);
        flush(&mut outbound, |messages| Ok(messages.len()));
        let mut bytes = b"b".to_vec();
        outbound.push(remote(1), &mut bytes, Layout::new(0, 1));
        assert!(bytes.capacity() > 0, "the buffer of the message that left");
    }

    #[test]
    fn what_the_kernel_takes_only_in_part_goes_on_where_it_stopped() {
        let mut outbound = outbound(&[(1, b"a", 1), (2, b"b", 1), (3, b"c", 1)]);
        let taken = flush(&mut outbound, |_| Ok(1));
        let ports: Vec<_> = taken.iter().map(|(port, _)| *port).collect();
        assert_eq!(ports, [1, 2, 3]);
    }

    #[test]
    fn a_full_kernel_keeps_messages_waiting_in_order() {
        let mut outbound = outbound(&[(1, b"a", 1), (2, b"b", 1)]);
        let mut first = true;
        let taken = flush(&mut outbound, |_| match std::mem::take(&mut first) {
            true => Ok(1),
            false => Err(io::ErrorKind::WouldBlock.into()),
        });
        assert_eq!(taken, [(1, b"a".to_vec())]);
        assert!(outbound.is_blocked());
        outbound.unblock();
        let taken = flush(&mut outbound, |messages| Ok(messages.len()));
        assert_eq!(taken, [(2, b"b".to_vec())]);
        assert!(!outbound.is_blocked());
        assert_eq!(outbound.refused(), 0);
    }

    #[test]
    fn a_full_kernel_is_not_tried_again_before_it_is_said_to_have_room() {
        let mut outbound = outbound(&[(1, b"a", 1)]);
        let mut tries = 0;
        let mut try_full = |outbound: &mut Outbound| {
            flush(outbound, |_| {
                tries += 1;
                Err(io::ErrorKind::WouldBlock.into())
            });
            tries
        };
        assert_eq!(try_full(&mut outbound), 1);
        outbound.push(remote(2), &mut b"b".to_vec(), Layout::new(0, 1));
        assert_eq!(try_full(&mut outbound), 1);
        outbound.unblock();
        assert_eq!(try_full(&mut outbound), 2);
        assert!(outbound.is_blocked());
    }

    #[test]
    fn a_system_without_runs_gets_datagrams_one_by_one_from_then_on() {
        let mut outbound = outbound(&[(1, b"aabbc", 2), (2, b"d", 1)]);
        let taken = flush(&mut outbound, takes_no_runs(libc::EIO));
        let expected = [(1, &b"aa"[..]), (1, b"bb"), (1, b"c"), (2, b"d")];
        assert_eq!(taken, expected.map(|(port, bytes)| (port, bytes.to_vec())));
        outbound.push(remote(1), &mut b"eeff".to_vec(), Layout::new(0, 2));
        assert_eq!(outbound.filled, 2);
    }

    #[test]
    fn a_path_that_takes_no_runs_costs_no_other_path_its_runs() {
        let mut outbound = outbound(&[(1, b"aab", 2)]);
        let taken = flush(&mut outbound, takes_no_runs(libc::EINVAL));
        assert_eq!(taken.len(), 2);
        outbound.push(remote(1), &mut b"eeff".to_vec(), Layout::new(0, 2));
        assert_eq!(outbound.filled, 1);
    }

    #[test]
    fn a_refused_message_is_dropped_and_counted() {
        let mut outbound = outbound(&[(1, b"a", 1), (2, b"b", 1)]);
        let mut first = true;
        let taken = flush(&mut outbound, |_| match std::mem::take(&mut first) {
            true => Err(system_error(libc::EPERM)),
            false => Ok(1),
        });
        assert_eq!(taken, [(2, b"b".to_vec())]);
        assert_eq!(outbound.refused(), 1);
    }

    #[test]
    fn more_datagrams_than_a_run_may_have_leave_one_by_one() {
        let bytes = vec![7; Outbound::MAX_SEGMENTS + 1];
        let mut outbound = outbound(&[(1, &bytes, 1)]);
        let taken = flush(&mut outbound, |messages| Ok(messages.len()));
        assert_eq!(taken.len(), bytes.len());
    }
}
