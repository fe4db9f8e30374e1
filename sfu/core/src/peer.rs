//! The far end of one peer connection, with what it sends and gets.

use std::time::{Duration, Instant};

use sfu_model::{Bitrate, Now, Path, PeerId, Ssrc};
use sfu_rtp::rtcp::Compound;
use sfu_rtp::{ExtensionRanges, RtpHeader, SeqNo, TwccRecorder};
use sfu_transport::{CheckTag, Transport};

use crate::DropReason;
use crate::arrival::Received;
use crate::bandwidth::Bandwidth;
use crate::held::Held;
use crate::keys::{PeerKey, SubscriptionKey};
use crate::nack_budget::NackBudget;
use crate::output::{Link, Output};
use crate::routes::Routes;
use crate::timers::{Deadline, Schedule, Sleeper, TimerReason, TimerTable};
use crate::transmit::{Priority, RunId};

/// The far end of one peer connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: PeerId,
    pub(crate) transport: Transport,
    /// Our user name fragments that lead here: the current one, and before it the one that a
    /// restart of ICE replaced.
    pub(crate) ufrags: Vec<String>,
    /// What the answers to our checks bear.
    pub(crate) check_tag: CheckTag,
    /// Its paths in the directory: those that a connectivity check has validated.
    pub(crate) paths: Vec<Path>,
    pub(crate) receives: ReceiveSide,
    pub(crate) sends: SendSide,
    pub(crate) timers: TimerTable,
    link: LinkState,
    /// Where to send; copied from the transport whenever that may have changed.
    path: Option<Path>,
    /// The SSRC that we report and ask as.
    feedback_ssrc: Ssrc,
    /// Round-trip time, by the peer's answers to sender reports.
    rtt: Option<Duration>,
    /// The peer's entry in the schedule.
    armed: Option<Deadline>,
}

/// How far the transport of a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    /// ICE or DTLS is under way.
    Connecting,
    /// Media flows.
    Connected,
    /// Media would flow, but nothing has come for a while.
    Silent,
}

/// What a peer publishes.
#[derive(Debug, Default)]
pub(crate) struct ReceiveSide {
    pub(crate) routes: Routes,
    /// Whether a media section wants arrival times reported back.
    pub(crate) transport_cc: bool,
    /// Made by the first packet that has a transport-wide number.
    pub(crate) twcc: Option<Box<TwccRecorder>>,
}

/// What a peer subscribes to.
#[derive(Debug, Default)]
pub(crate) struct SendSide {
    /// Sorted by SSRC.
    subscriptions: Vec<(Ssrc, SubscriptionKey)>,
    transport_cc: SeqNo,
    /// What its link carries, while it is sent video.
    pub(crate) bandwidth: Option<Box<Bandwidth>>,
    /// The most that its link is taken to carry, where the control plane has said so.
    cap: Option<Bitrate>,
    /// What waits for its link, while something does.
    pub(crate) held: Option<Box<Held>>,
    pub(crate) nacks: NackBudget,
    /// The latest run of video.
    run: RunId,
    /// The latest run of data.
    data_run: RunId,
    /// Whether the transport is among those that may have data to send.
    pub(crate) awaits_data_turn: bool,
}

/// A peer's sides and the way to it.
pub(crate) struct PeerParts<'a> {
    pub(crate) receives: &'a mut ReceiveSide,
    /// What it subscribes to, by SSRC.
    pub(crate) subscriptions: &'a [(Ssrc, SubscriptionKey)],
    pub(crate) held: &'a mut Option<Box<Held>>,
    pub(crate) nacks: &'a mut NackBudget,
    /// Nothing before it is connected.
    pub(crate) link: Option<Link<'a>>,
}

impl SendSide {
    /// Has its link taken to carry no more than this.
    pub(crate) fn cap_link(&mut self, most: Option<Bitrate>) {
        self.cap = most;
        if let Some(bandwidth) = &mut self.bandwidth {
            bandwidth.set_cap(most);
        }
    }

    /// Begins to follow what its link carries, if that is not done yet.
    pub(crate) fn follow_link(&mut self, now: Instant) {
        let cap = self.cap;
        self.bandwidth
            .get_or_insert_with(|| Box::new(Bandwidth::new(now, cap)));
    }

    pub(crate) fn insert(&mut self, ssrc: Ssrc, subscription: SubscriptionKey) {
        match self.place(ssrc) {
            Ok(place) => {
                if let Some(entry) = self.subscriptions.get_mut(place) {
                    entry.1 = subscription;
                }
            }
            Err(place) => self.subscriptions.insert(place, (ssrc, subscription)),
        }
    }

    pub(crate) fn remove(&mut self, ssrc: Ssrc) {
        if let Ok(place) = self.place(ssrc) {
            self.subscriptions.remove(place);
        }
    }

    pub(crate) fn find(&self, ssrc: Ssrc) -> Option<SubscriptionKey> {
        let place = self.place(ssrc).ok()?;
        self.subscriptions.get(place).map(|(_, key)| *key)
    }

    /// Returns the subscription at `place`, counted by SSRC.
    pub(crate) fn at(&self, place: usize) -> Option<SubscriptionKey> {
        self.subscriptions.get(place).map(|(_, key)| *key)
    }

    /// Takes out one subscription after another.
    pub(crate) fn pop(&mut self) -> Option<SubscriptionKey> {
        self.subscriptions.pop().map(|(_, key)| key)
    }

    fn place(&self, ssrc: Ssrc) -> Result<usize, usize> {
        self.subscriptions
            .binary_search_by_key(&ssrc, |(ssrc, _)| *ssrc)
    }
}

impl Peer {
    /// How much the latest round-trip time weighs in the average: one part in this many.
    const RTT_SMOOTHING: u32 = 4;

    /// Makes a peer that is not connected yet. Its checks lead here by `ufrag`, its answers by `check_tag`.
    pub(crate) fn new(
        id: PeerId,
        transport: Transport,
        ufrag: String,
        check_tag: CheckTag,
        feedback_ssrc: Ssrc,
    ) -> Self {
        Self {
            id,
            transport,
            ufrags: vec![ufrag],
            check_tag,
            paths: Vec::new(),
            receives: ReceiveSide::default(),
            sends: SendSide::default(),
            timers: TimerTable::default(),
            link: LinkState::Connecting,
            path: None,
            feedback_ssrc,
            rtt: None,
            armed: None,
        }
    }

    /// Returns the SSRC that we report and ask as.
    pub(crate) fn feedback_ssrc(&self) -> Ssrc {
        self.feedback_ssrc
    }

    /// Returns how far its transport is.
    #[inline]
    pub(crate) fn link_state(&self) -> LinkState {
        self.link
    }

    /// Its transport has come so far.
    pub(crate) fn set_link_state(&mut self, state: LinkState) {
        self.link = state;
    }

    /// Sends where its transport says by now.
    pub(crate) fn follow_path(&mut self) {
        self.path = self.transport.path();
    }

    /// Sends nothing to a path any more, which is no way, or another peer's.
    pub(crate) fn lose_path(&mut self, now: Now, path: Path) {
        self.paths.retain(|other| *other != path);
        self.transport.forget_path(now, path);
        self.follow_path();
    }

    /// Sends at most so many datagrams with data. Returns whether there may be more.
    pub(crate) fn send_data(&mut self, now: Now, most: usize, output: &mut Output) -> bool {
        let Some(path) = self.transport.path() else {
            return false;
        };
        let (transport, run) = (&mut self.transport, &mut self.sends.data_run);
        for _ in 0..most {
            let sent = output.send_datagram(Priority::Data, path, run, |datagram| {
                transport.poll_transmit(now, datagram)
            });
            if !sent {
                return !output.transmit.has_room_for_data();
            }
        }
        true
    }

    /// Returns the round-trip time, if it is known.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        let bandwidth = self.sends.bandwidth.as_deref();
        self.rtt.or_else(|| bandwidth?.rtt())
    }

    /// Takes the latest round-trip time into the average.
    pub(crate) fn note_rtt(&mut self, latest: Duration) {
        let smooth =
            |old: Duration| (old * (Self::RTT_SMOOTHING - 1) + latest) / Self::RTT_SMOOTHING;
        self.rtt = Some(self.rtt.map_or(latest, smooth));
    }

    /// Returns the way to the peer, once it is connected.
    #[inline]
    pub(crate) fn link<'a>(&'a mut self, now: Instant, output: &'a mut Output) -> Option<Link<'a>> {
        self.parts(now, output).link
    }

    /// Returns its sides and the way to it, each to be used beside the others.
    #[inline]
    pub(crate) fn parts<'a>(&'a mut self, now: Instant, output: &'a mut Output) -> PeerParts<'a> {
        let sends = &mut self.sends;
        let path = self.path.filter(|_| self.link != LinkState::Connecting);
        let link = path.map(|path| Link {
            transport: &mut self.transport,
            path,
            run: &mut sends.run,
            transport_cc: &mut sends.transport_cc,
            bandwidth: sends.bandwidth.as_deref_mut(),
            now,
            output,
        });
        PeerParts {
            receives: &mut self.receives,
            subscriptions: &sends.subscriptions,
            held: &mut sends.held,
            nacks: &mut sends.nacks,
            link,
        }
    }

    /// Decrypts and parses a packet, and notes its arrival for the report about the transport.
    pub(crate) fn open_rtp<'a>(
        &mut self,
        now: Now,
        datagram: &'a mut [u8],
    ) -> Result<Received<&'a mut [u8]>, DropReason> {
        let opened = self.transport.open_rtp(now, datagram);
        let len = opened.map_err(DropReason::Refused)?;
        let packet = datagram.get_mut(..len).ok_or(DropReason::Malformed)?;
        let header = RtpHeader::parse(packet).map_err(|_| DropReason::Malformed)?;
        let table = self.receives.routes.extensions();
        let table = table.ok_or(DropReason::UnknownSsrc)?;
        let extensions = ExtensionRanges::find(&header, packet, table);
        if self.receives.transport_cc
            && let Some(seq) = extensions.transport_cc(packet)
        {
            let twcc = &mut self.receives.twcc;
            let twcc = twcc.get_or_insert_with(|| Box::new(TwccRecorder::new()));
            twcc.on_packet(now.mono, seq, header.ssrc);
        }
        Ok(Received {
            packet,
            header,
            extensions,
        })
    }

    /// Sees to it that the publisher hears when its packets arrived.
    #[inline]
    pub(crate) fn arm_transport_feedback(&mut self, key: PeerKey, schedule: &mut Schedule) {
        let twcc = self.receives.twcc.as_ref();
        if let Some(due) = twcc.and_then(|twcc| twcc.poll_timeout())
            && self.timers.set_if_idle(TimerReason::TransportFeedback, due)
        {
            self.arm(key, schedule);
        }
    }

    /// Decrypts a compound of reports.
    pub(crate) fn open_rtcp<'a>(
        &mut self,
        now: Now,
        datagram: &'a mut [u8],
    ) -> Result<Compound<'a>, DropReason> {
        let opened = self.transport.open_rtcp(now, datagram);
        let len = opened.map_err(DropReason::Refused)?;
        Ok(Compound::new(datagram.get(..len).unwrap_or_default()))
    }

    /// Reads what sending a packet of `ssrc` will need; see [`Transport::prefetch`].
    #[inline]
    pub(crate) fn prefetch(&self, ssrc: Ssrc) -> u64 {
        let connecting = self.link == LinkState::Connecting;
        let path = self.path.map_or(0, |path| path.remote.port());
        self.transport.prefetch(ssrc)
            ^ u64::from(connecting)
            ^ u64::from(path)
            ^ u64::from(self.sends.transport_cc.0)
    }

    /// Sees to it that the peer is woken for the earliest of its deadlines.
    #[inline]
    pub(crate) fn arm(&mut self, key: PeerKey, schedule: &mut Schedule) {
        schedule.arm(Sleeper::Peer(key), &mut self.armed, self.timers.next());
    }

    /// Sees to it that the peer is woken by `at` for `reason`.
    #[inline]
    pub(crate) fn wake_by(
        &mut self,
        at: Instant,
        reason: TimerReason,
        key: PeerKey,
        schedule: &mut Schedule,
    ) {
        if self.timers.set_if_earlier(reason, at) {
            self.arm(key, schedule);
        }
    }

    /// Sees to it that what waits for its link leaves as soon as there is room.
    pub(crate) fn await_room(&mut self, now: Instant) -> bool {
        let bandwidth = self.sends.bandwidth.as_deref();
        let at = bandwidth.map_or(now, |bandwidth| bandwidth.room_at(now));
        self.sends.held.is_some() && self.timers.set_if_earlier(TimerReason::Pacing, at)
    }

    /// The schedule has woken it: it is armed no more.
    pub(crate) fn wake(&mut self) {
        self.armed = None;
    }

    /// Takes the peer out of the schedule.
    pub(crate) fn disarm(&mut self, key: PeerKey, schedule: &mut Schedule) {
        schedule.disarm(Sleeper::Peer(key), &mut self.armed);
    }
}
