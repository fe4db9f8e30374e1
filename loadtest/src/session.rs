//! One participant: its signalling, its negotiation, and its peers on a media thread.

mod context;
mod error;
mod join;
mod negotiate;
mod publish;
mod route;
mod viewing;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use auth::{Claims, VideoGrant};
use loadtest_peer::PeerEvent;
use sfu_model::UnixTime;
use signaling_protocol::proto::{
    DisconnectReason, LeaveRequest, ParticipantInfo, Ping, SimulateScenario, SyncState,
    leave_request, signal_request, signal_response, simulate_scenario,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::cli::Signalling;
use crate::media::{Command, Mailbox, Notice, Transport};
use crate::plan::ParticipantPlan;
use crate::signal::{Signal, SignalError};
pub(crate) use context::Context;
use error::SessionError;
use join::Begin;
use negotiate::Negotiation;
use viewing::Viewing;

/// What a session tells the run.
#[derive(Debug)]
pub(crate) struct Report {
    /// The participant's place among all.
    pub(crate) number: usize,
    pub(crate) what: Milestone,
}

/// How far a participant has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Milestone {
    /// All its transports are up.
    Joined(Phases),
    /// Its first media packet came, so long after it began to join.
    FirstMedia(Duration),
    /// It resumed its session after the loss of its signalling connection, so long after it.
    Resumed(Duration),
    /// It could not join, or was thrown out.
    Failed(String),
    /// It has left.
    Left,
}

/// How long the parts of a join took, each from its beginning on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Phases {
    /// To the JoinResponse.
    pub(crate) signal: Duration,
    /// To the first path that ICE found.
    pub(crate) ice: Duration,
    /// To the end of the last DTLS handshake: joined.
    pub(crate) joined: Duration,
}

/// What the run has all participants do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Stay,
    /// Those who subscribe lose their signalling connection, and resume.
    Resume,
    Leave,
}

/// How long a participant may take to join, or to resume.
const JOIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Between pings, as LiveKit's clients send them.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Between the turns of simulated speakers, and how long each speaks.
const SPEAKING: Duration = Duration::from_secs(3);

/// Runs a participant from its join to its leave, and reports how it went.
pub(crate) async fn run(
    context: Arc<Context>,
    plan: ParticipantPlan,
    mut orders: watch::Receiver<Order>,
    reports: mpsc::UnboundedSender<Report>,
) {
    let number = plan.number;
    let report = |what| {
        // The run may be over already.
        reports.send(Report { number, what }).ok();
    };
    let begun = Instant::now();
    let joining = tokio::time::timeout(JOIN_TIMEOUT, Session::begin(&context, &plan, begun));
    let session = match joining.await {
        Ok(session) => session,
        Err(_) => Err(SignalError::TimedOut(JOIN_TIMEOUT).into()),
    };
    let ended = match session {
        Ok(mut session) => {
            let ended = session.live(&mut orders, &report).await;
            session.end().await;
            ended
        }
        Err(error) => Err(error),
    };
    report(match ended {
        Ok(()) => Milestone::Left,
        Err(error) => Milestone::Failed(error.to_string()),
    });
}

/// A participant in its room.
struct Session<'a> {
    context: &'a Context,
    plan: &'a ParticipantPlan,
    /// The participant's sid, by which it resumes.
    sid: String,
    viewing: Viewing,
    signal: Signal,
    negotiation: Negotiation<'a>,
    notices: mpsc::UnboundedReceiver<Notice>,
    begun: Instant,
    phases: Phases,
    /// Transports that are not up yet.
    awaited: Vec<Transport>,
    /// When it leaves by itself.
    leave_at: Option<tokio::time::Instant>,
    /// Since when it resumes, and which of its transports have not found a path again.
    resuming: Option<(Instant, Transport)>,
}

impl<'a> Session<'a> {
    async fn begin(
        context: &'a Context,
        plan: &'a ParticipantPlan,
        begun: Instant,
    ) -> Result<Self, SessionError> {
        let token = token(context, plan);
        let mailbox = context.threads.mailbox(plan.number);
        let mailbox: Mailbox = mailbox.ok_or(SessionError::NoThread)?.clone();
        let (events, notices) = mpsc::unbounded_channel();
        let mut negotiation = Negotiation::new(context, plan, mailbox, events)?;
        let endpoint = join::endpoint(plan, &mut negotiation, Begin::Fresh);
        let mut signal = Signal::connect(&context.server, &endpoint, &token).await?;
        let joined = join::await_join(&mut signal).await?;
        let phases = Phases {
            signal: begun.elapsed(),
            ..Phases::default()
        };
        let publishes = plan.publishes();
        let awaited = match plan.signalling {
            Signalling::V1 => vec![Transport::Publisher],
            Signalling::V0 if publishes => vec![Transport::Publisher, Transport::Subscriber],
            Signalling::V0 => vec![Transport::Subscriber],
        };
        if plan.signalling == Signalling::V0 && publishes {
            negotiation.offer_to_publish(&mut signal).await?;
        }
        let mut session = Self {
            context,
            plan,
            sid: joined.participant.map(|own| own.sid).unwrap_or_default(),
            viewing: Viewing::new(plan.layout),
            signal,
            negotiation,
            notices,
            begun,
            phases,
            awaited,
            leave_at: None,
            resuming: None,
        };
        session.view(&joined.other_participants).await?;
        Ok(session)
    }

    /// Follows the session until it is to leave, or something ends it.
    async fn live(
        &mut self,
        orders: &mut watch::Receiver<Order>,
        report: &impl Fn(Milestone),
    ) -> Result<(), SessionError> {
        let mut pings = interval(PING_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut turns = interval(SPEAKING);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut turn = 0;
        let deadline = tokio::time::Instant::from_std(self.begun + JOIN_TIMEOUT);
        let far = deadline + Duration::from_secs(365 * 24 * 3_600);
        loop {
            tokio::select! {
                message = self.signal.next() => self.handle_message(message?).await?,
                Some(notice) = self.notices.recv() => self.handle_notice(notice, report)?,
                _ = pings.tick() => {
                    self.signal.send(signal_request::Message::PingReq(ping())).await?;
                }
                _ = turns.tick(), if self.plan.turn.is_some() => {
                    self.speak(turn).await?;
                    turn += 1;
                }
                () = tokio::time::sleep_until(deadline), if !self.awaited.is_empty() => {
                    return Err(match self.negotiation.has_candidates {
                        true => SessionError::NoTransport(JOIN_TIMEOUT),
                        false => SessionError::NoCandidate(self.plan.protocol),
                    });
                }
                () = tokio::time::sleep_until(self.leave_at.unwrap_or(far)) => return Ok(()),
                order = next_order(orders) => match order {
                    Order::Leave => return Ok(()),
                    Order::Resume if self.plan.subscribes => self.resume().await?,
                    Order::Resume | Order::Stay => {}
                },
            }
        }
    }

    async fn handle_message(
        &mut self,
        message: signal_response::Message,
    ) -> Result<(), SessionError> {
        if let signal_response::Message::Update(update) = &message {
            self.view(&update.participants).await?;
        }
        self.negotiation.handle(&mut self.signal, message).await
    }

    /// Asks for what the participant shows of others.
    async fn view(&mut self, others: &[ParticipantInfo]) -> Result<(), SessionError> {
        if !self.plan.subscribes {
            return Ok(());
        }
        for settings in self.viewing.settings(others) {
            let message = signal_request::Message::TrackSetting(settings);
            self.signal.send(message).await?;
        }
        Ok(())
    }

    /// Has the server tell that we speak, if it is our turn.
    async fn speak(&mut self, turn: usize) -> Result<(), SessionError> {
        let ours = self
            .plan
            .turn
            .is_some_and(|own| turn % own.of.max(1) == own.number);
        if !ours {
            return Ok(());
        }
        let seconds = i32::try_from(SPEAKING.as_secs()).unwrap_or(1);
        let scenario = SimulateScenario {
            scenario: Some(simulate_scenario::Scenario::SpeakerUpdate(seconds)),
        };
        Ok(self
            .signal
            .send(signal_request::Message::Simulate(scenario))
            .await?)
    }

    /// Loses the signalling connection and resumes the session by another, as after a change of network.
    async fn resume(&mut self) -> Result<(), SessionError> {
        let since = Instant::now();
        let token = token(self.context, self.plan);
        let session = Begin::Resumed { sid: &self.sid };
        let endpoint = join::endpoint(self.plan, &mut self.negotiation, session);
        let connecting = async {
            let mut signal = Signal::connect(&self.context.server, &endpoint, &token).await?;
            join::await_reconnect(&mut signal).await?;
            Ok::<_, SessionError>(signal)
        };
        let connected = tokio::time::timeout(JOIN_TIMEOUT, connecting).await;
        // The one before it is dropped without a word.
        self.signal = connected.map_err(|_| SignalError::TimedOut(JOIN_TIMEOUT))??;
        let state = signal_request::Message::SyncState(SyncState::default());
        self.signal.send(state).await?;
        let transport = match self.plan.signalling {
            Signalling::V1 => {
                self.negotiation.restart_ice(&mut self.signal).await?;
                Transport::Publisher
            }
            // The server offers, with other credentials.
            Signalling::V0 => Transport::Subscriber,
        };
        self.resuming = Some((since, transport));
        Ok(())
    }

    fn handle_notice(
        &mut self,
        notice: Notice,
        report: &impl Fn(Milestone),
    ) -> Result<(), SessionError> {
        let since = notice.at.saturating_duration_since(self.begun);
        match notice.event {
            PeerEvent::PathFound => match self.resuming {
                Some((since, transport)) if transport == notice.transport => {
                    self.resuming = None;
                    report(Milestone::Resumed(
                        notice.at.saturating_duration_since(since),
                    ));
                }
                Some(_) => {}
                None => self.phases.ice = self.phases.ice.max(since),
            },
            PeerEvent::Connected => {
                let before = self.awaited.len();
                self.awaited
                    .retain(|transport| *transport != notice.transport);
                if before > 0 && self.awaited.is_empty() {
                    self.phases.joined = since;
                    report(Milestone::Joined(self.phases));
                    let stay = self.plan.stay;
                    self.leave_at = stay.map(|stay| tokio::time::Instant::now() + stay);
                }
            }
            PeerEvent::FirstMedia => report(Milestone::FirstMedia(since)),
            PeerEvent::Refused => return Err(SessionError::Handshake),
            PeerEvent::Closed => return Err(SessionError::TransportClosed),
        }
        Ok(())
    }

    /// Leaves the room and closes the transports.
    async fn end(mut self) {
        let leave = LeaveRequest {
            reason: DisconnectReason::ClientInitiated.into(),
            action: leave_request::Action::Disconnect.into(),
            ..LeaveRequest::default()
        };
        // The server may have gone before us.
        self.signal
            .send(signal_request::Message::Leave(leave))
            .await
            .ok();
        for (mailbox, id) in self.negotiation.peers() {
            mailbox.send(Command::Close { id });
        }
        self.signal.close().await;
    }
}

/// Waits for the next order. A run that is over wants nobody to stay.
async fn next_order(orders: &mut watch::Receiver<Order>) -> Order {
    match orders.changed().await {
        Ok(()) => *orders.borrow_and_update(),
        Err(_) => Order::Leave,
    }
}

fn token(context: &Context, plan: &ParticipantPlan) -> String {
    let mut claims = Claims::of(plan.identity.as_str().into());
    claims.video = Some(VideoGrant::to_join(plan.room.as_str()));
    auth::sign(
        &claims,
        &context.signer,
        unix_now(),
        Duration::from_secs(24 * 3_600),
    )
}

fn ping() -> Ping {
    Ping {
        timestamp: unix_now().millis(),
        rtt: 0,
    }
}

fn unix_now() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixTime(since.unwrap_or_default())
}
