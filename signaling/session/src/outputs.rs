//! What a room asks for, in order.

use std::collections::VecDeque;

use sfu_model::Command;

use crate::proto::signal_response::Message;
use crate::{ConnectionId, Output, RoomNotice, proto};

/// What is to be done, in the order in which it came up.
///
/// Not bounded: the shell empties it after every input, and one input brings in at most what its
/// own size and the size of the room allow.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    queue: VecDeque<Output>,
}

impl Outputs {
    /// Sends a message, unless there is nobody connected to send it to.
    pub(crate) fn signal(&mut self, connection: Option<ConnectionId>, message: Message) {
        if let Some(connection) = connection {
            let message = Box::new(proto::SignalResponse {
                message: Some(message),
            });
            self.push(Output::Signal {
                connection,
                message,
            });
        }
    }

    /// Sends one message to several.
    pub(crate) fn signal_all(&mut self, connections: Vec<ConnectionId>, message: Message) {
        match *connections.as_slice() {
            [] => {}
            [connection] => self.signal(Some(connection), message),
            _ => {
                let message = Box::new(proto::SignalResponse {
                    message: Some(message),
                });
                self.push(Output::SignalAll {
                    connections,
                    message,
                });
            }
        }
    }

    pub(crate) fn media(&mut self, command: Command) {
        self.push(Output::Media(command));
    }

    pub(crate) fn notice(&mut self, notice: RoomNotice) {
        self.push(Output::Notice(notice));
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.queue.push_back(output);
    }

    pub(crate) fn pop(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }
}
