//! What the data channels do after something has come, has gone, or is due.

use std::collections::VecDeque;
use std::time::Instant;

use sfu_model::{CloseReason, DtlsRole};

use crate::TransportEvent;
use crate::data_channel::DataChannels;
use crate::isolation::Panicked;
use crate::sctp::{Sctp, SctpEnd, SctpOutput};

impl DataChannels {
    /// Handles what SCTP has, reads the messages that may be read, and gives it those that are to be sent. An
    /// error ends the session.
    pub(crate) fn turn(
        &mut self,
        now: Instant,
        sctp: &mut Sctp,
        role: DtlsRole,
        events: &mut VecDeque<TransportEvent>,
    ) -> Result<(), CloseReason> {
        let mut more = true;
        while more {
            let mut outputs = Vec::new();
            sctp.poll(&mut outputs)?;
            for output in outputs {
                match output {
                    SctpOutput::Connected => self.handle_connected(sctp, role),
                    SctpOutput::StreamClosed(stream) => self.handle_closed(stream),
                    SctpOutput::Ended(SctpEnd::ByPeer) => return Err(CloseReason::ClosedByPeer),
                    SctpOutput::Ended(SctpEnd::Violated) => {
                        return Err(CloseReason::DataChannelFailed);
                    }
                }
            }
            // What was read may end a stream, and what a reopened window brings is to be read.
            more = self.read(sctp, events)?;
            if self.intake().take_resumed() {
                sctp.reopen_window(now)?;
                more = true;
            }
        }
        self.pump(now, sctp);
        match self.is_stalled(now) {
            true => Err(CloseReason::DataStalled),
            false => Ok(()),
        }
    }

    /// Reads all messages that may be read. Returns whether there was any.
    fn read(
        &mut self,
        sctp: &mut Sctp,
        events: &mut VecDeque<TransportEvent>,
    ) -> Result<bool, Panicked> {
        let mut any = false;
        let mut next = sctp.next_readable(0);
        while let Some(stream) = next {
            while self.may_read(stream)
                && let Some(message) = sctp.read(stream)?
            {
                any = true;
                events.extend(self.handle_message(sctp, stream, message));
            }
            next = stream
                .checked_add(1)
                .and_then(|from| sctp.next_readable(from));
        }
        Ok(any)
    }
}

impl From<Panicked> for CloseReason {
    fn from(_: Panicked) -> Self {
        Self::InternalFault
    }
}
