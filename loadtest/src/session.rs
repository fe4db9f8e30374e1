//! One participant: its signalling, its negotiation, and its peers on a media thread.

mod join;
mod negotiate;
mod publish;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use auth::{Claims, VideoGrant};
use loadtest_peer::{Identity, PeerEvent};
use sfu_model::UnixTime;
use signaling_protocol::proto::{
    DisconnectReason, LeaveRequest, Ping, leave_request, signal_request,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::cli::Signalling;
use crate::media::{Command, Mailbox, MediaThreads, Notice, Transport};
use crate::plan::ParticipantPlan;
use crate::samples::Samples;
use crate::signal::{Server, Signal, SignalError};
use negotiate::Negotiation;

/// What all sessions share.
pub(crate) struct Context {
    pub(crate) server: Server,
    pub(crate) signer: auth::ApiSecret,
    pub(crate) identity: Identity,
    pub(crate) samples: Samples,
    pub(crate) threads: MediaThreads,
}

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

/// Why a session ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error(transparent)]
    Signal(#[from] SignalError),
    #[error("the server's description: {0}")]
    Description(#[from] loadtest_peer::sdp::SdpError),
    #[error("no socket: {0}")]
    Socket(#[from] std::io::Error),
    #[error("no random bytes: {0}")]
    Random(#[from] getrandom::Error),
    #[error("the server sent {0} where it should have sent a JoinResponse")]
    NoJoin(&'static str),
    #[error("the DTLS handshake failed")]
    Handshake,
    #[error("the server closed a transport")]
    TransportClosed,
    #[error("the server told us to leave: {0}")]
    ToldToLeave(String),
    #[error("no media thread")]
    NoThread,
}

/// How long a participant may take to join.
const JOIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Between pings, as LiveKit's clients send them.
const PING_INTERVAL: Duration = Duration::from_secs(5);

/// Runs a participant from its join to its leave, and reports how it went.
pub(crate) async fn run(
    context: Arc<Context>,
    plan: ParticipantPlan,
    mut leave: watch::Receiver<bool>,
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
            let ended = session.live(&mut leave, &report).await;
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
    signal: Signal,
    negotiation: Negotiation<'a>,
    notices: mpsc::UnboundedReceiver<Notice>,
    begun: Instant,
    phases: Phases,
    /// Transports that are not up yet.
    awaited: Vec<Transport>,
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
        let endpoint = join::endpoint(plan, &mut negotiation);
        let mut signal = Signal::connect(&context.server, &endpoint, &token).await?;
        join::await_response(&mut signal).await?;
        let phases = Phases {
            signal: begun.elapsed(),
            ..Phases::default()
        };
        let publishes = plan.audio || plan.video.is_some();
        let awaited = match plan.signalling {
            Signalling::V1 => vec![Transport::Publisher],
            Signalling::V0 if publishes => vec![Transport::Publisher, Transport::Subscriber],
            Signalling::V0 => vec![Transport::Subscriber],
        };
        if plan.signalling == Signalling::V0 && publishes {
            negotiation.offer_to_publish(&mut signal).await?;
        }
        Ok(Self {
            signal,
            negotiation,
            notices,
            begun,
            phases,
            awaited,
        })
    }

    /// Follows the session until it is to leave, or something ends it.
    async fn live(
        &mut self,
        leave: &mut watch::Receiver<bool>,
        report: &impl Fn(Milestone),
    ) -> Result<(), SessionError> {
        let mut pings = interval(PING_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let deadline = tokio::time::Instant::from_std(self.begun + JOIN_TIMEOUT);
        loop {
            tokio::select! {
                message = self.signal.next() => {
                    self.negotiation.handle(&mut self.signal, message?).await?;
                }
                Some(notice) = self.notices.recv() => self.handle_notice(notice, report)?,
                _ = pings.tick() => {
                    self.signal.send(signal_request::Message::PingReq(ping())).await?;
                }
                () = tokio::time::sleep_until(deadline), if !self.awaited.is_empty() => {
                    return Err(SignalError::TimedOut(JOIN_TIMEOUT).into());
                }
                () = told_to_leave(leave) => return Ok(()),
            }
        }
    }

    fn handle_notice(
        &mut self,
        notice: Notice,
        report: &impl Fn(Milestone),
    ) -> Result<(), SessionError> {
        let since = notice.at.saturating_duration_since(self.begun);
        match notice.event {
            PeerEvent::PathFound => self.phases.ice = since,
            PeerEvent::Connected => {
                let before = self.awaited.len();
                self.awaited
                    .retain(|transport| *transport != notice.transport);
                if before > 0 && self.awaited.is_empty() {
                    self.phases.joined = since;
                    report(Milestone::Joined(self.phases));
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

/// Waits until the run has its participants leave, or is over.
async fn told_to_leave(leave: &mut watch::Receiver<bool>) {
    leave.wait_for(|leave| *leave).await.ok();
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
