//! The task of one participant: its signalling connection, its socket and its peer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use livekit_protocol::{
    LeaveRequest, ParticipantInfo, Ping, leave_request, participant_info, signal_request,
    signal_response,
};
use loadtest_peer::sdp::{Description, parse_candidate};
use loadtest_peer::{
    DataChannelOpener, IceRole, Identity, Join, Peer, PeerConfig, PeerEvent, Tally,
};
use sfu_model::{IceCredentials, LinkProtocol, ShardIndex};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant as TokioInstant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;

use super::negotiation::Negotiation;
use super::seen::{Described, Order, Plan, Seen};
use crate::media::track;
use crate::server::Server;
use crate::signal::{Incoming, Receiving, Sending};
use crate::socket::Socket;
use crate::{clock, signal};

/// How long a participant may take to be let in.
const JOIN_TIMEOUT: Duration = Duration::from_secs(60);
/// Between pings, as LiveKit's clients send them.
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Between two looks of others at what came.
const SHOW_INTERVAL: Duration = Duration::from_millis(50);
/// Datagrams that are read before anything else has its turn.
const DATAGRAMS_PER_TURN: usize = 64;
/// How long a close may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the word that the session is over may come after the end of its transport: they travel by two ways.
const LAST_WORD: Duration = Duration::from_secs(2);
/// When something is due that is not.
const FAR: Duration = Duration::from_secs(24 * 3_600);

/// What a participant is made with.
pub(super) struct Means {
    pub(super) server: Server,
    pub(super) identity: Arc<Identity>,
    pub(super) show: watch::Sender<Seen>,
}

/// Plays a participant until it is told to leave, nobody holds it, or its session ends.
pub(super) async fn run(
    means: Means,
    plan: Plan,
    requested: mpsc::Receiver<Message>,
    ordered: mpsc::UnboundedReceiver<Order>,
) {
    let begun = Instant::now();
    let joining = timeout(JOIN_TIMEOUT, begin(&means, &plan));
    let (mut task, receiving, sending) = match joining.await {
        Ok(Ok(begun)) => begun,
        Ok(Err(error)) => return end(&means.show, error),
        Err(_) => return end(&means.show, "no answer to the join".to_owned()),
    };
    task.begun = begun;
    let (answers, answered) = mpsc::unbounded_channel();
    task.answers = Some(answers);
    // What we answer goes before what is asked for: a flood holds up only itself.
    let writer = tokio::task::spawn_local(write(sending, answered, requested));
    let ended = task.live(receiving, ordered).await;
    if let Err(error) = ended {
        end(&task.show, error);
    } else {
        task.close();
    }
    task.answers = None;
    if timeout(CLOSE_TIMEOUT, writer).await.is_err() {
        task.show.send_modify(|seen| {
            seen.ended
                .get_or_insert_with(|| "the close was not taken".to_owned());
        });
    }
}

fn end(show: &watch::Sender<Seen>, why: String) {
    show.send_modify(|seen| {
        seen.ended.get_or_insert(why);
    });
}

/// Sends what is to be sent until both sides have nothing more to say.
async fn write(
    mut sending: Sending,
    mut answers: mpsc::UnboundedReceiver<Message>,
    mut requested: mpsc::Receiver<Message>,
) {
    use futures_util::SinkExt;
    loop {
        let frame = tokio::select! {
            biased;
            frame = answers.recv() => match frame {
                Some(frame) => frame,
                // The session is over.
                None => break,
            },
            Some(frame) = requested.recv() => frame,
        };
        if signal::send(&mut sending, frame).await.is_err() {
            break;
        }
    }
    sending.close().await.ok();
}

/// One participant in its room.
struct Task {
    show: watch::Sender<Seen>,
    identity: Arc<Identity>,
    begun: Instant,
    ours: String,
    local: SocketAddr,
    negotiation: Negotiation,
    answers: Option<mpsc::UnboundedSender<Message>>,
    media: Option<Media>,
    /// Until when the server may say why it has closed the transport.
    last_word: Option<Instant>,
    tally: Tally,
    /// What came before the latest count.
    counted: Totals,
    reads: bool,
}

/// What is shown of the media that came.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    data: u64,
    audio: u64,
    frames: [u64; 2],
}

/// The peer connection.
struct Media {
    peer: Peer,
    socket: Socket,
    datagram: Vec<u8>,
}

/// Joins.
async fn begin(means: &Means, plan: &Plan) -> Result<(Task, Receiving, Sending), String> {
    let random = |error: getrandom::Error| error.to_string();
    let credentials = IceCredentials::generate(ShardIndex(0), random_bytes().map_err(random)?);
    let mut negotiation = Negotiation::new(credentials, means.identity.fingerprint());
    let mut requests = Vec::new();
    for (kind, number) in plan.tracks.iter().zip(0..) {
        let cid = format!("{}-{number}", plan.identity);
        let track = track(cid, *kind, plan.mark).map_err(random)?;
        requests.push(track.request());
        negotiation.add(track);
    }
    negotiation.add_first_sections();
    let join = Join {
        subscribes: plan.subscribes,
        tracks: requests,
        offer: negotiation.offer(),
        resumes: None,
    };
    let endpoint = join.endpoint();
    let token = means.server.token(&plan.room, &plan.identity);
    let connected = signal::connect(&means.server, &endpoint, &token, plan.appetite);
    let (sending, receiving, local) = connected.await?;
    let task = Task {
        show: means.show.clone(),
        identity: Arc::clone(&means.identity),
        begun: Instant::now(),
        ours: plan.identity.clone(),
        local,
        negotiation,
        answers: None,
        media: None,
        last_word: None,
        tally: Tally::default(),
        counted: Totals::default(),
        reads: true,
    };
    Ok((task, receiving, sending))
}

impl Task {
    async fn live(
        &mut self,
        mut receiving: Receiving,
        mut ordered: mpsc::UnboundedReceiver<Order>,
    ) -> Result<(), String> {
        let mut pings = interval(PING_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut shows = interval(SHOW_INTERVAL);
        shows.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = self
                .media
                .as_ref()
                .and_then(|media| media.peer.poll_timeout());
            let due = due.or(self.last_word);
            let due = due.unwrap_or_else(|| Instant::now() + FAR);
            tokio::select! {
                () = readable(self.media.as_ref()) => self.receive(),
                () = sleep_until(TokioInstant::from_std(due)) => self.handle_timeout()?,
                incoming = signal::next(&mut receiving), if self.reads => match incoming {
                    Incoming::Message(message, len) => self.handle_message(*message, len)?,
                    Incoming::Other => {}
                    Incoming::End(why) => return Err(why),
                },
                order = ordered.recv() => match order {
                    None | Some(Order::Leave) => return Ok(()),
                    Some(order) => self.handle_order(order),
                },
                _ = pings.tick() => self.say(signal_request::Message::PingReq(Ping {
                    timestamp: clock::now().unix.millis(),
                    rtt: 0,
                })),
                _ = shows.tick() => self.show_totals(),
            }
            self.flush()?;
        }
    }

    fn say(&self, message: signal_request::Message) {
        if let Some(answers) = &self.answers {
            // A connection that is over takes none; its end is noticed elsewhere.
            answers.send(signal::frame(message)).ok();
        }
    }

    fn handle_order(&mut self, order: Order) {
        let now = clock::now();
        match order {
            Order::Publish(track) => {
                self.say(signal_request::Message::AddTrack(track.request()));
                self.negotiation.add(track);
                self.offer();
            }
            Order::Unpublish(cid) => {
                if let (Some(mid), Some(media)) = (self.negotiation.remove(&cid), &mut self.media) {
                    media.peer.unpublish(&mid);
                    self.offer();
                }
            }
            Order::Data(delivery, message, reply) => {
                let media = self.media.as_mut();
                let sent = media.is_some_and(|media| media.peer.send_data(now, delivery, message));
                reply.send(sent).ok();
            }
            Order::HoldData => {
                if let Some(media) = &mut self.media {
                    media.peer.hold_data();
                }
            }
            Order::Read(reads) => self.reads = reads,
            Order::Count(reply) => {
                if let Some(media) = &self.media {
                    media.peer.note_pauses(now.mono, &mut self.tally);
                }
                self.counted = self.totals();
                reply.send(std::mem::take(&mut self.tally)).ok();
            }
            Order::Leave => {}
        }
    }

    fn offer(&mut self) {
        if let Some(offer) = self.negotiation.offer() {
            self.say(signal_request::Message::Offer(offer));
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most messages tell of others, or what we know"
    )]
    fn handle_message(
        &mut self,
        message: signal_response::Message,
        len: usize,
    ) -> Result<(), String> {
        self.show.send_modify(|seen| {
            seen.messages += 1;
            seen.bytes += len as u64;
        });
        match message {
            signal_response::Message::Join(join) => {
                self.show.send_modify(|seen| {
                    seen.sid = join.participant.map(|own| own.sid).unwrap_or_default();
                });
                self.note_others(&join.other_participants);
            }
            signal_response::Message::Update(update) => self.note_others(&update.participants),
            signal_response::Message::TrackPublished(published) => {
                if let Some(track) = published.track {
                    self.show.send_modify(|seen| {
                        seen.own.insert(published.cid, track.sid);
                    });
                }
            }
            signal_response::Message::Answer(answer) => self.handle_answer(&answer.sdp)?,
            signal_response::Message::Trickle(trickle) => {
                self.handle_candidate(&trickle.candidate_init);
            }
            signal_response::Message::MediaSectionsRequirement(wanted) => {
                self.negotiation.add_sections(&wanted);
                self.offer();
            }
            signal_response::Message::Leave(leave) => {
                self.show.send_modify(|seen| seen.told_to_leave = true);
                return Err(format!("told to leave: {}", leave.reason().as_str_name()));
            }
            _ => {}
        }
        Ok(())
    }

    fn note_others(&self, others: &[ParticipantInfo]) {
        self.show.send_modify(|seen| {
            for other in others.iter().filter(|other| other.identity != self.ours) {
                seen.others
                    .retain(|_, identity| *identity != other.identity);
                if other.state() == participant_info::State::Disconnected {
                    continue;
                }
                for track in &other.tracks {
                    let (sid, identity) = (track.sid.clone(), other.identity.clone());
                    seen.others.insert(sid, identity);
                }
            }
        });
    }

    fn handle_answer(&mut self, sdp: &str) -> Result<(), String> {
        let answer = Description::read(sdp).map_err(|error| format!("the answer: {error}"))?;
        let now = clock::now();
        let (begun, next) = self.negotiation.answered(&answer);
        let inbound = answer.inbound();
        let (streams, transport_cc) = (inbound.len(), answer.transport_cc());
        if self.media.is_none() {
            self.media = Some(self.open(&answer)?);
        }
        if let Some(Media { peer, .. }) = &mut self.media {
            peer.set_inbound(inbound);
            if let Some(id) = transport_cc {
                peer.set_transport_cc(id);
            }
            for track in begun {
                peer.publish(now, track);
            }
        }
        if let Some(offer) = next {
            self.say(signal_request::Message::Offer(offer));
        }
        self.show.send_modify(|seen| {
            seen.streams = streams;
            seen.answers += 1;
        });
        Ok(())
    }

    fn open(&mut self, answer: &Description) -> Result<Media, String> {
        let socket =
            Socket::bind(self.local.ip()).map_err(|error| format!("no socket: {error}"))?;
        self.negotiation.candidate = socket.local().ok();
        let of = |protocol| {
            let candidates = answer.candidates.iter();
            let candidates = candidates.filter(move |candidate| candidate.protocol == protocol);
            let addresses = candidates.map(|candidate| candidate.address);
            addresses.filter(|address| address.is_ipv4() == self.local.is_ipv4())
        };
        let described = Described {
            ours: self.negotiation.credentials.clone(),
            theirs: answer.ice.clone(),
            by_tcp: of(LinkProtocol::Tcp).collect(),
        };
        self.show
            .send_modify(|seen| seen.transport = Some(described));
        let config = PeerConfig {
            local: self.negotiation.credentials.clone(),
            remote: answer.ice.clone(),
            role: IceRole::Controlling,
            fingerprint: answer.fingerprint,
            candidates: of(LinkProtocol::Udp).collect(),
            data_channels: DataChannelOpener::Us,
            random: random_bytes().map_err(|error| error.to_string())?,
        };
        Ok(Media {
            peer: Peer::new(clock::now(), clock::epoch(), &self.identity, config),
            socket,
            datagram: Vec::new(),
        })
    }

    /// Takes an address that came after the answer.
    fn handle_candidate(&mut self, init: &str) {
        let init: Option<serde_json::Value> = serde_json::from_str(init).ok();
        let text = init
            .as_ref()
            .and_then(|init| init.get("candidate")?.as_str());
        let Some(candidate) = text.and_then(parse_candidate) else {
            return;
        };
        let reachable = candidate.protocol == LinkProtocol::Udp
            && candidate.address.is_ipv4() == self.local.is_ipv4();
        if let Some(media) = self.media.as_mut().filter(|_| reachable) {
            media.peer.add_candidate(clock::now(), candidate.address);
        }
    }

    fn receive(&mut self) {
        let Some(media) = &mut self.media else {
            return;
        };
        let mut buf = [0; 2_048];
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some(received) = media.socket.receive(&mut buf) else {
                return;
            };
            let arrival = clock::arrival(received.stamped);
            let datagram = buf.get_mut(..received.len).unwrap_or_default();
            media
                .peer
                .handle_datagram(arrival, received.from, datagram, &mut self.tally);
        }
    }

    fn handle_timeout(&mut self) -> Result<(), String> {
        if let Some(media) = &mut self.media {
            media.peer.handle_timeout(clock::now(), &mut self.tally);
        }
        match self.last_word {
            Some(until) if until <= Instant::now() => {
                Err("the server closed the transport".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Sends what the peer has to send, and hears what happened to it.
    fn flush(&mut self) -> Result<(), String> {
        let Some(media) = &mut self.media else {
            return Ok(());
        };
        while let Some(to) = media.peer.poll_transmit(&mut media.datagram) {
            media.socket.send(&media.datagram, to);
        }
        while let Some(event) = media.peer.poll_event() {
            match event {
                PeerEvent::Connected => {
                    let joined = self.begun.elapsed();
                    self.show.send_modify(|seen| seen.joined = Some(joined));
                }
                PeerEvent::Refused => return Err("the DTLS handshake failed".to_owned()),
                PeerEvent::Closed => {
                    self.last_word
                        .get_or_insert_with(|| Instant::now() + LAST_WORD);
                    self.media = None;
                    self.show.send_modify(|seen| seen.ending = true);
                    return Ok(());
                }
                PeerEvent::PathFound | PeerEvent::FirstMedia => {}
            }
        }
        Ok(())
    }

    /// Returns what came since the beginning.
    fn totals(&self) -> Totals {
        let [ours, theirs, _] = self.tally.frames_of_layer;
        let [before_ours, before_theirs] = self.counted.frames;
        Totals {
            data: self.counted.data + self.tally.messages,
            audio: self.counted.audio + self.tally.audio_packets,
            frames: [before_ours + ours, before_theirs + theirs],
        }
    }

    fn show_totals(&self) {
        let totals = self.totals();
        self.show.send_if_modified(|seen| {
            let before = (seen.data, seen.audio, seen.frames);
            (seen.data, seen.audio, seen.frames) = (totals.data, totals.audio, totals.frames);
            before != (seen.data, seen.audio, seen.frames)
        });
    }

    /// Leaves the room and closes the transport.
    fn close(&mut self) {
        self.say(signal_request::Message::Leave(LeaveRequest {
            reason: livekit_protocol::DisconnectReason::ClientInitiated.into(),
            action: leave_request::Action::Disconnect.into(),
            ..LeaveRequest::default()
        }));
        if let Some(media) = &mut self.media {
            media.peer.close(clock::now());
        }
        // It is over either way.
        self.flush().ok();
    }
}

/// Waits until something can be received; for ever where there is no socket.
async fn readable(media: Option<&Media>) {
    match media {
        // An error is an end that the transport's timers notice.
        Some(media) => media.socket.readable().await.unwrap_or_default(),
        None => std::future::pending().await,
    }
}

fn random_bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
