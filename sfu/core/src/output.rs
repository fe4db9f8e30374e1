//! What a shard has for others, and the way to one peer, on which packets are written and sealed.

use std::collections::VecDeque;
use std::time::Instant;

use sfu_model::{Event, Extension, ExtensionMap, Path};
use sfu_rtp::{Outgoing, OutgoingExtensions, OutgoingPayload, SeqNo, write_padding, write_rtp};
use sfu_transport::{SealError, Transport};

use crate::bandwidth::{Bandwidth, Use};
use crate::transmit::{Priority, RunId, Slot, TransmitQueue};
use crate::{Counters, DropReason};

/// What a shard has for others: datagrams, events and numbers.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) transmit: TransmitQueue,
    /// Bounded by what is handled between two drains: a datagram brings a few events at most.
    pub(crate) events: VecDeque<Event>,
    pub(crate) counters: Counters,
    /// Where a datagram is written that joins others.
    scratch: Vec<u8>,
}

impl Output {
    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Lets `write` write a datagram for `path`, which says whether there is one. Returns that; false as well
    /// when the queue is full.
    pub(crate) fn send_control(
        &mut self,
        path: Path,
        write: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> bool {
        self.send_datagram(Priority::Control, path, &mut RunId::default(), write)
    }

    /// Does the same with what may join the `latest` run of its destination, which is brought up to date.
    pub(crate) fn send_datagram(
        &mut self,
        priority: Priority,
        path: Path,
        latest: &mut RunId,
        write: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> bool {
        let transmit = &mut self.transmit;
        let Some(mut slot) = transmit.begin(priority, path, *latest) else {
            if priority != Priority::Data {
                self.drop(DropReason::TransmitQueueFull);
            }
            return false;
        };
        let written = match slot.start() {
            0 => write(&mut slot.bytes),
            // Whoever writes it knows nothing of what is before it.
            _ => {
                self.scratch.clear();
                let written = write(&mut self.scratch);
                slot.bytes.extend_from_slice(&self.scratch);
                written
            }
        };
        if written {
            *latest = transmit.push(path, priority, slot);
        } else {
            transmit.cancel(path, slot);
        }
        written
    }

    pub(crate) fn drop(&mut self, reason: DropReason) {
        self.counters.drop(reason);
    }
}

/// The way to one connected peer.
pub(crate) struct Link<'a> {
    pub(crate) transport: &'a mut Transport,
    pub(crate) path: Path,
    /// The latest run of its video.
    pub(crate) run: &'a mut RunId,
    /// Transport-wide number of the next packet.
    pub(crate) transport_cc: &'a mut SeqNo,
    /// What its link carries, if it is sent video.
    pub(crate) bandwidth: Option<&'a mut Bandwidth>,
    /// When what is sent leaves.
    pub(crate) now: Instant,
    pub(crate) output: &'a mut Output,
}

impl Link<'_> {
    /// Reports whether it has room for another packet of video by now.
    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        let bandwidth = self.bandwidth.as_ref();
        bandwidth.is_none_or(|bandwidth| bandwidth.has_room(self.now))
    }

    /// Writes, seals and queues a packet. Returns whether it is on its way.
    #[inline]
    pub(crate) fn send_rtp(
        &mut self,
        priority: Priority,
        header: &Outgoing,
        map: &ExtensionMap,
        extensions: OutgoingExtensions<'_>,
        payload: &OutgoingPayload<'_>,
    ) -> bool {
        let extensions = self.stamped(map, extensions);
        let is = match (priority, payload.original_seq) {
            (Priority::Video, None) => Use::Granted,
            (Priority::Video, Some(_)) => Use::Repair,
            _ => Use::Sound,
        };
        self.send(priority, (extensions.transport_cc, is), |buffer| {
            write_rtp(buffer, header, map, &extensions, payload);
        })
    }

    /// Writes, seals and queues a packet of nothing but `padding` bytes.
    pub(crate) fn send_padding(
        &mut self,
        is: Use,
        header: &Outgoing,
        map: &ExtensionMap,
        extensions: OutgoingExtensions<'_>,
        padding: u8,
    ) -> bool {
        let extensions = self.stamped(map, extensions);
        self.send(Priority::Video, (extensions.transport_cc, is), |buffer| {
            write_padding(buffer, header, map, &extensions, padding);
        })
    }

    /// Seals and queues an RTCP compound. `write` may find that there is nothing to say.
    pub(crate) fn send_rtcp(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(mut slot) = self.begin(Priority::Control) else {
            return false;
        };
        write(&mut slot.bytes);
        if slot.is_empty() {
            self.output.transmit.cancel(self.path, slot);
            return false;
        }
        let start = slot.start();
        let sealed = self.transport.seal_rtcp(&mut slot.bytes, start);
        self.finish(Priority::Control, slot, sealed)
    }

    /// Numbers a packet of the transport, if it carries times. The number is taken when the packet is on its way.
    fn stamped<'a>(
        &self,
        map: &ExtensionMap,
        mut extensions: OutgoingExtensions<'a>,
    ) -> OutgoingExtensions<'a> {
        let timed = extensions.abs_send_time.is_some();
        if timed && map.id(Extension::TransportCc).is_some() {
            extensions.transport_cc = Some(*self.transport_cc);
        }
        extensions
    }

    #[inline]
    fn send(
        &mut self,
        priority: Priority,
        (number, is): (Option<SeqNo>, Use),
        write: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let Some(mut slot) = self.begin(priority) else {
            return false;
        };
        write(&mut slot.bytes);
        let start = slot.start();
        let sealed = self.transport.seal_rtp(&mut slot.bytes, start);
        let len = slot.bytes.len() - start;
        let sent = self.finish(priority, slot, sealed);
        if sent {
            self.note_sent(number, len, is);
        }
        sent
    }

    #[inline]
    fn note_sent(&mut self, number: Option<SeqNo>, len: usize, is: Use) {
        if let Some(number) = number {
            *self.transport_cc = number.next();
        }
        if let Some(bandwidth) = &mut self.bandwidth {
            bandwidth.on_sent(self.now, number, len, is);
        }
    }

    fn begin(&mut self, priority: Priority) -> Option<Slot> {
        let slot = self.output.transmit.begin(priority, self.path, *self.run);
        if slot.is_none() {
            self.output.drop(DropReason::TransmitQueueFull);
        }
        slot
    }

    fn finish(&mut self, priority: Priority, slot: Slot, sealed: Result<(), SealError>) -> bool {
        let transmit = &mut self.output.transmit;
        if let Err(error) = sealed {
            transmit.cancel(self.path, slot);
            self.output.drop(match error {
                SealError::NoKeys => DropReason::NotConnected,
                SealError::Malformed
                | SealError::TooManyStreams
                | SealError::StreamEnded
                | SealError::KeysExhausted => DropReason::NotSealed,
            });
            return false;
        }
        let run = transmit.push(self.path, priority, slot);
        if priority == Priority::Video {
            *self.run = run;
        }
        true
    }
}
