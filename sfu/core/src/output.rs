use std::collections::VecDeque;

use sfu_model::{Event, Extension, ExtensionMap, Path};
use sfu_rtp::{Outgoing, OutgoingExtensions, OutgoingPayload, SeqNo, write_padding, write_rtp};
use sfu_transport::Transport;

use crate::transmit::{Priority, TransmitQueue};
use crate::{Counters, DropReason};

/// What a shard has for others: datagrams, events and numbers.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) transmit: TransmitQueue,
    /// Bounded by what is handled between two drains: a datagram brings a few events at most.
    pub(crate) events: VecDeque<Event>,
    pub(crate) counters: Counters,
}

impl Output {
    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(crate) fn drop(&mut self, reason: DropReason) {
        self.counters.drop(reason);
    }
}

/// The way to one connected peer.
pub(crate) struct Link<'a> {
    pub(crate) transport: &'a mut Transport,
    pub(crate) path: Path,
    /// Transport-wide number of the next packet.
    pub(crate) transport_cc: &'a mut SeqNo,
    pub(crate) output: &'a mut Output,
}

impl Link<'_> {
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
        self.send(priority, |buffer| {
            write_rtp(buffer, header, map, &extensions, payload);
        })
    }

    /// Writes, seals and queues a packet of nothing but padding.
    pub(crate) fn send_padding(
        &mut self,
        header: &Outgoing,
        map: &ExtensionMap,
        extensions: OutgoingExtensions<'_>,
    ) -> bool {
        let extensions = self.stamped(map, extensions);
        self.send(Priority::Video, |buffer| {
            write_padding(buffer, header, map, &extensions, 1);
        })
    }

    /// Seals and queues an RTCP compound.
    pub(crate) fn send_rtcp(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(mut buffer) = self.begin(Priority::Control) else {
            return false;
        };
        write(&mut buffer);
        let sealed = !buffer.is_empty() && self.transport.seal_rtcp(&mut buffer, 0).is_ok();
        self.finish(buffer, sealed)
    }

    /// Numbers a packet of the transport, if it carries times.
    fn stamped<'a>(
        &mut self,
        map: &ExtensionMap,
        mut extensions: OutgoingExtensions<'a>,
    ) -> OutgoingExtensions<'a> {
        let timed = extensions.abs_send_time.is_some();
        if timed && map.id(Extension::TransportCc).is_some() {
            extensions.transport_cc = Some(*self.transport_cc);
            *self.transport_cc = self.transport_cc.next();
        }
        extensions
    }

    #[inline]
    fn send(&mut self, priority: Priority, write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let Some(mut buffer) = self.begin(priority) else {
            return false;
        };
        write(&mut buffer);
        let sealed = self.transport.seal_rtp(&mut buffer, 0).is_ok();
        self.finish(buffer, sealed)
    }

    fn begin(&mut self, priority: Priority) -> Option<Vec<u8>> {
        let buffer = self.output.transmit.begin(priority);
        if buffer.is_none() {
            self.output.drop(DropReason::TransmitQueueFull);
        }
        buffer
    }

    fn finish(&mut self, buffer: Vec<u8>, sealed: bool) -> bool {
        if sealed {
            self.output.transmit.push(self.path, buffer);
        } else {
            self.output.transmit.give_back(buffer);
            self.output.drop(DropReason::NotConnected);
        }
        sealed
    }
}
