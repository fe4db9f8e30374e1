//! Faults that clients ask for, to test how they deal with them.

use std::time::{Duration, Instant};

use sfu_model::Now;
use signaling_protocol::{DisconnectCause, LeaveAction};

use crate::limits::{MAX_SIMULATED_SPEECH, MIN_SIMULATED_SPEECH};
use crate::participant::ParticipantKey;
use crate::proto::simulate_scenario::Scenario;
use crate::{Room, TimerReason, proto};

/// Faults that a client asked for, to test how it deals with them.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    /// Until when a resume is answered and then cut off.
    cut_resume: Option<Instant>,
    /// Until when resumes are cut off unanswered, and how many.
    cut_resume_unanswered: Option<(Instant, u8)>,
}

/// When a resume is to be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResumeFault {
    Unanswered,
    Answered,
}

impl Faults {
    /// For how long a fault is armed.
    const ARMED: Duration = Duration::from_secs(5);
    /// How many resumes go unanswered.
    const UNANSWERED: u8 = 3;

    /// Says what is to befall a resume at `now`, and remembers that it did.
    pub(crate) fn on_resume(&mut self, now: Instant) -> Option<ResumeFault> {
        if let Some((until, left)) = self.cut_resume_unanswered.take()
            && now < until
        {
            self.cut_resume_unanswered = (left > 1).then_some((until, left - 1));
            return Some(ResumeFault::Unanswered);
        }
        let until = self.cut_resume.take()?;
        (now < until).then_some(ResumeFault::Answered)
    }
}

impl Room {
    /// Does to a client what it asked for.
    pub(crate) fn handle_simulate(
        &mut self,
        now: Now,
        key: ParticipantKey,
        scenario: proto::SimulateScenario,
    ) {
        let Some(scenario) = scenario.scenario else {
            return;
        };
        match scenario {
            Scenario::SpeakerUpdate(seconds) => {
                let asked = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
                let lasts = asked.clamp(MIN_SIMULATED_SPEECH, MAX_SIMULATED_SPEECH);
                let timer = TimerReason::SimulatedSpeaker(key);
                if !self.timers.is_set(&timer) {
                    self.simulate_speaker(key, true);
                }
                self.timers.set(timer, now.mono + lasts);
            }
            Scenario::NodeFailure(_) => {
                self.disconnect(now, key, DisconnectCause::ServerStops, None);
            }
            Scenario::Migration(_) => self.disconnect(now, key, DisconnectCause::Migrated, None),
            Scenario::ServerLeave(_) => {
                let action = Some(LeaveAction::Disconnect);
                self.disconnect(now, key, DisconnectCause::ServerStops, action);
            }
            Scenario::SwitchCandidateProtocol(protocol) => {
                self.switch_protocol(now, key, protocol);
            }
            Scenario::DisconnectSignalOnResume(_) => {
                if let Some(participant) = self.roster.get_mut(key) {
                    participant.faults.cut_resume = Some(now.mono + Faults::ARMED);
                }
            }
            Scenario::DisconnectSignalOnResumeNoMessages(_) => {
                if let Some(participant) = self.roster.get_mut(key) {
                    participant.faults.cut_resume_unanswered =
                        Some((now.mono + Faults::ARMED, Faults::UNANSWERED));
                }
            }
            // LiveKit's server does not know it either.
            Scenario::LeaveRequestFullReconnect(_) => {}
            // Departure: the shard has no estimate that could be overridden.
            Scenario::SubscriberBandwidth(_) => {}
        }
    }

    /// Reaches a client over TCP alone if it says so, in this session and those that follow. Over
    /// TLS it comes by its own relay.
    fn switch_protocol(&mut self, now: Now, key: ParticipantKey, protocol: i32) {
        let tcp_only = protocol == i32::from(proto::CandidateProtocol::Tcp);
        self.set_tcp_only(now, key, tcp_only);
        self.restart_subscriber_ice(now, key);
    }
}
