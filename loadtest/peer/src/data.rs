//! What a peer sends and gets by its data channels.

mod channels;
mod publication;
mod reception;
mod stamp;
mod window;

use std::time::{Duration, Instant};

use channels::DataChannels;
pub use channels::{DataChannelOpener, DataDelivery};
use publication::DataPublication;
pub use publication::OutboundData;
use reception::DataReception;
pub use stamp::{DataSender, DataStamp};
use window::Window;

use crate::{Arrival, DataFlow, Tally};

/// The data channels of a transport, with the data that is published and received by them.
#[derive(Debug)]
pub(crate) struct DataTransport {
    /// The zero of stamps.
    epoch: Instant,
    /// `None` until DTLS is up.
    channels: Option<DataChannels>,
    publication: Option<DataPublication>,
    reception: DataReception,
    window: Option<Window>,
}

impl DataTransport {
    pub(crate) fn new(epoch: Instant) -> Self {
        Self {
            epoch,
            channels: None,
            publication: None,
            reception: DataReception::default(),
            window: None,
        }
    }

    /// Begins the association: DTLS is up.
    pub(crate) fn connect(&mut self, now: Instant, opener: DataChannelOpener) {
        self.channels = Some(DataChannels::connect(now, opener));
    }

    pub(crate) fn publish(&mut self, now: Instant, data: OutboundData) {
        self.publication = Some(DataPublication::new(now, data));
    }

    /// Sends a message as it is; `false` when there is no room for it.
    pub(crate) fn send(&mut self, now: Instant, delivery: DataDelivery, message: Vec<u8>) -> bool {
        let Some(channels) = self.channels.as_mut() else {
            return false;
        };
        channels.advance(now);
        channels.is_open(delivery) && channels.send(delivery, message)
    }

    /// Leaves what comes where it is from now on.
    pub(crate) fn hold(&mut self) {
        if let Some(channels) = &mut self.channels {
            channels.hold();
        }
    }

    /// Takes an SCTP packet. Messages that come of it are counted.
    pub(crate) fn handle(&mut self, arrival: &Arrival, packet: &[u8], tally: &mut Tally) {
        let Some(channels) = &mut self.channels else {
            return;
        };
        channels.handle(arrival.now.mono, packet);
        while let Some(message) = channels.poll_message() {
            tally.messages += 1;
            let Some((stamp, len)) = DataStamp::read_packet(&message) else {
                continue;
            };
            let counts = self.window.filter(|window| window.contains(stamp.made_at));
            let Some(made_at) = self.epoch.checked_add(stamp.made_at) else {
                continue;
            };
            if self.reception.note(&stamp, len, counts.is_some()) {
                tally.data_latency.record(arrival.since(made_at));
            }
        }
    }

    /// Returns the next SCTP packet to send.
    pub(crate) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.channels.as_mut()?.poll_transmit()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let channels = self.channels.as_ref()?;
        let publication = self.publication.as_ref();
        let due = publication.filter(|publication| channels.is_open(publication.delivery()));
        let due = due.map(DataPublication::poll_timeout);
        channels.poll_timeout().into_iter().chain(due).min()
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        let Some(channels) = &mut self.channels else {
            return;
        };
        channels.advance(now);
        if let Some(publication) = &mut self.publication
            && channels.is_open(publication.delivery())
        {
            let times = (now, now.saturating_duration_since(self.epoch));
            publication.handle_timeout(times, channels, self.window.as_ref());
        }
    }

    /// Begins to count what is made from then on, if the channels are there.
    pub(crate) fn begin_window(&mut self, from: Duration) {
        let channels = self.channels.as_ref();
        let open = channels.filter(|channels| channels.are_open());
        self.window = open.map(|_| Window { from, to: None });
    }

    /// Counts only what is made before then.
    pub(crate) fn end_window(&mut self, to: Duration) {
        if let Some(window) = &mut self.window {
            window.to = Some(to);
        }
    }

    /// Returns what was counted.
    pub(crate) fn flow(&self) -> DataFlow {
        let publication = self.publication.as_ref();
        DataFlow {
            sent: publication.map_or(0, DataPublication::sent),
            receivers: u64::from(self.window.is_some()),
            ..self.reception.flow()
        }
    }
}
