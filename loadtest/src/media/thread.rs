use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Instant;

use loadtest_peer::{Completeness, DataFlow, Peer, PeerEvent, Tally};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollTimeout};
use nix::sys::eventfd::EventFd;
use tokio::sync::mpsc::UnboundedSender;

use super::clock::Clock;
use super::command::{Account, Agreement, Command, Notice, PeerId, Transport};
use super::link::Link;
use super::socket::{ControlBuffer, Socket};
use super::tcp::LinkState;

/// The token of the mailbox; peers have their numbers.
pub(super) const MAILBOX: u64 = u64::MAX;

/// One media thread: its peers, their sockets and timers.
///
/// It waits by level-triggered epoll: a socket is read once per turn, and asked again only if more is left.
pub(super) struct MediaThread {
    epoll: Epoll,
    wake: Arc<EventFd>,
    commands: Receiver<Command>,
    clock: Clock,
    /// By number, which is never used again.
    peers: Vec<Option<Box<Resident>>>,
    timers: BinaryHeap<Reverse<(Instant, u64)>>,
    tally: Tally,
    /// What was counted before the measurement began.
    earlier: Tally,
    measured: Option<Tally>,
    buf: Vec<u8>,
    control: ControlBuffer,
    datagram: Vec<u8>,
}

struct Resident {
    peer: Peer,
    link: Link,
    /// When its earliest timer in the heap fires.
    armed: Option<Instant>,
    events: UnboundedSender<Notice>,
    transport: Transport,
    /// The room whose data goes by it.
    room: Arc<str>,
    receives_data: bool,
}

impl Resident {
    /// Returns what of the data was sent and came. A transport by which none comes is nobody who could receive it.
    fn data_flow(&self) -> DataFlow {
        let flow = self.peer.data_flow();
        DataFlow {
            receivers: match self.receives_data {
                true => flow.receivers,
                false => 0,
            },
            ..flow
        }
    }

    fn tell(&self, event: PeerEvent) {
        let notice = Notice {
            transport: self.transport,
            at: Instant::now(),
            event,
        };
        // The session may be over already.
        self.events.send(notice).ok();
    }
}

/// Whether the thread goes on.
#[derive(PartialEq, Eq)]
enum Turn {
    Go,
    Stop,
}

impl MediaThread {
    const EVENTS_PER_TURN: usize = 256;

    pub(super) fn new(
        epoll: Epoll,
        wake: Arc<EventFd>,
        commands: Receiver<Command>,
        clock: Clock,
    ) -> Self {
        Self {
            epoll,
            wake,
            commands,
            clock,
            peers: Vec::new(),
            timers: BinaryHeap::new(),
            tally: Tally::default(),
            earlier: Tally::default(),
            measured: None,
            buf: vec![0; Socket::MAX_RUN],
            control: ControlBuffer::new(),
            datagram: Vec::new(),
        }
    }

    /// Runs until it is told to stop, or nobody is left who could tell it.
    pub(super) fn run(mut self) {
        let mut events = [EpollEvent::empty(); Self::EVENTS_PER_TURN];
        loop {
            let ready = match self.epoll.wait(&mut events, self.patience()) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => 0,
                Err(_) => return,
            };
            let mut turn = Turn::Go;
            for event in events.iter().take(ready) {
                match event.data() {
                    MAILBOX => turn = self.handle_commands(),
                    id => self.handle_readable(id),
                }
            }
            if turn == Turn::Stop {
                return;
            }
            self.handle_timers();
        }
    }

    /// Returns how long may be slept: to the next timer, in whole milliseconds.
    fn patience(&self) -> EpollTimeout {
        let Some(Reverse((at, _))) = self.timers.peek() else {
            return EpollTimeout::NONE;
        };
        let micros = at.saturating_duration_since(Instant::now()).as_micros();
        let millis = u16::try_from(micros.div_ceil(1_000)).unwrap_or(u16::MAX);
        EpollTimeout::from(millis)
    }

    fn handle_commands(&mut self) -> Turn {
        self.wake.read().ok();
        while let Ok(command) = self.commands.try_recv() {
            if self.handle_command(command) == Turn::Stop {
                return Turn::Stop;
            }
        }
        Turn::Go
    }

    fn handle_command(&mut self, command: Command) -> Turn {
        match command {
            Command::Open {
                id,
                config,
                identity,
                link,
                events,
                transport,
                room,
                receives_data,
            } => {
                let (now, epoch) = (self.clock.now(), self.clock.epoch());
                let resident = Resident {
                    peer: Peer::new(now, epoch, &identity, *config),
                    link,
                    armed: None,
                    events,
                    transport,
                    room,
                    receives_data,
                };
                self.open(id, resident);
            }
            Command::Describe { id, description } => self.describe(id, description),
            Command::AddCandidate { id, candidate } => {
                let now = self.clock.now();
                if let Some(resident) = self.resident(id) {
                    resident.peer.add_candidate(now, candidate);
                }
                self.settle(id.0);
            }
            Command::SetDemand { id, demands } => {
                let now = self.clock.now();
                if let Some(resident) = self.resident(id) {
                    for (media, demand) in demands {
                        resident.peer.set_demand(now, media, demand);
                    }
                }
                self.settle(id.0);
            }
            Command::RestartIce { id, local, remote } => {
                let now = self.clock.now();
                if let Some(resident) = self.resident(id) {
                    resident.peer.restart_ice(now, local, remote);
                }
                self.renew_link(id.0);
                self.settle(id.0);
            }
            Command::Close { id } => self.close(id),
            Command::BeginWindow { data_from } => {
                let earlier = std::mem::take(&mut self.tally);
                self.earlier.merge(&earlier);
                let peers = self.peers.iter_mut().flatten();
                peers.for_each(|resident| resident.peer.begin_window(data_from));
            }
            Command::EndWindow { data_to } => {
                self.measured = Some(self.tally.clone());
                let peers = self.peers.iter_mut().flatten();
                peers.for_each(|resident| resident.peer.end_window(data_to));
            }
            Command::Account { reply } => {
                reply.send(self.account()).ok();
            }
            Command::Stop => return Turn::Stop,
        }
        Turn::Go
    }

    fn describe(&mut self, id: PeerId, description: Agreement) {
        let now = self.clock.now();
        if let Some(resident) = self.resident(id) {
            resident.peer.set_inbound(description.inbound);
            if let Some(id) = description.transport_cc {
                resident.peer.set_transport_cc(id);
            }
            for track in description.publish {
                resident.peer.publish(now, track);
            }
            if let Some(data) = description.publish_data {
                resident.peer.publish_data(now, data);
            }
            for candidate in description.candidates {
                resident.peer.add_candidate(now, candidate);
            }
        }
        self.settle(id.0);
    }

    fn account(&self) -> Account {
        let mut completeness = Completeness::default();
        let mut data = BTreeMap::<_, DataFlow>::new();
        for resident in self.peers.iter().flatten() {
            completeness.merge(resident.peer.completeness());
            let room = Arc::clone(&resident.room);
            data.entry(room).or_default().merge(resident.data_flow());
        }
        let mut so_far = self.earlier.clone();
        so_far.merge(&self.tally);
        Account {
            so_far,
            measured: self.measured.clone(),
            completeness,
            data,
        }
    }

    fn open(&mut self, PeerId(id): PeerId, resident: Resident) {
        let readable = EpollEvent::new(resident.link.interest(), id);
        if self.epoll.add(&resident.link, readable).is_err() {
            resident.tell(PeerEvent::Refused);
            return;
        }
        let at = usize::try_from(id).unwrap_or(usize::MAX);
        if self.peers.len() <= at {
            self.peers.resize_with(at + 1, || None);
        }
        if let Some(place) = self.peers.get_mut(at) {
            *place = Some(Box::new(resident));
        }
        self.settle(id);
    }

    /// Has the next check of ICE begin another connection where media goes by TCP: after a restart, since servers tell by
    /// the credentials in it whose connection it is; and where the server has closed the one before, as some do when
    /// they hear of a restart.
    fn renew_link(&mut self, id: u64) {
        let at = usize::try_from(id).unwrap_or(usize::MAX);
        let resident = self.peers.get_mut(at).and_then(Option::as_deref_mut);
        let Some(resident) = resident else {
            return;
        };
        let Link::Tcp(link) = &resident.link else {
            return;
        };
        self.epoll.delete(link).ok();
        let renewed = link.another().and_then(|link| {
            let link = Link::Tcp(link);
            let interest = EpollEvent::new(link.interest(), id);
            self.epoll.add(&link, interest)?;
            Ok(link)
        });
        match renewed {
            Ok(link) => resident.link = link,
            Err(_) => resident.tell(PeerEvent::Closed),
        }
    }

    fn close(&mut self, id: PeerId) {
        let now = self.clock.now();
        if let Some(resident) = self.resident(id) {
            resident.peer.close(now);
        }
        self.settle(id.0);
        let at = usize::try_from(id.0).unwrap_or(usize::MAX);
        if let Some(resident) = self.peers.get_mut(at).and_then(Option::take) {
            self.epoll.delete(&resident.link).ok();
        }
    }

    fn resident(&mut self, PeerId(id): PeerId) -> Option<&mut Resident> {
        let at = usize::try_from(id).ok()?;
        self.peers.get_mut(at)?.as_deref_mut()
    }

    fn handle_readable(&mut self, id: u64) {
        let at = usize::try_from(id).unwrap_or(usize::MAX);
        let resident = self.peers.get_mut(at).and_then(Option::as_deref_mut);
        let Some(resident) = resident else {
            return;
        };
        let (peer, tally) = (&mut resident.peer, &mut self.tally);
        match &mut resident.link {
            Link::Udp(socket) => {
                let Some(received) = socket.receive(&mut self.buf, &mut self.control) else {
                    return;
                };
                let arrival = self.clock.arrival(received.stamped);
                let run = self.buf.get_mut(..received.len).unwrap_or_default();
                for datagram in run.chunks_mut(received.segment.max(1)) {
                    peer.handle_datagram(arrival, received.from, datagram, tally);
                }
            }
            Link::Tcp(link) => {
                let arrival = self.clock.arrival(None);
                let state = link.turn(&mut self.buf, |from, packet| {
                    peer.handle_datagram(arrival, from, packet, tally);
                });
                if state == LinkState::Closed {
                    self.renew_link(id);
                }
            }
        }
        self.settle(id);
    }

    fn handle_timers(&mut self) {
        let now = self.clock.now();
        while let Some(Reverse((at, id))) = self.timers.peek().copied()
            && at <= now.mono
        {
            self.timers.pop();
            let place = usize::try_from(id).unwrap_or(usize::MAX);
            let resident = self.peers.get_mut(place).and_then(Option::as_deref_mut);
            let Some(resident) = resident.filter(|resident| resident.armed == Some(at)) else {
                continue;
            };
            resident.armed = None;
            resident.peer.handle_timeout(now, &mut self.tally);
            self.settle(id);
        }
    }

    /// Does what a peer wants after any input: sends, tells, and arms its timer.
    fn settle(&mut self, id: u64) {
        let at = usize::try_from(id).unwrap_or(usize::MAX);
        let resident = self.peers.get_mut(at).and_then(Option::as_deref_mut);
        let Some(resident) = resident else {
            return;
        };
        while let Some(to) = resident.peer.poll_transmit(&mut self.datagram) {
            // A candidate that cannot be reached from this address: ICE tries the next.
            resident.link.send(&self.datagram, to).ok();
        }
        while let Some(event) = resident.peer.poll_event() {
            resident.tell(event);
        }
        if let Some(due) = resident.peer.poll_timeout()
            && resident.armed.is_none_or(|armed| due < armed)
        {
            resident.armed = Some(due);
            self.timers.push(Reverse((due, id)));
        }
    }
}
