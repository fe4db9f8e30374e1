//! Does to clients what they ask for, to test how they deal with it.

use std::time::Duration;

use sfu_model::{Bitrate, Command, Now};
use signaling_protocol::{DisconnectCause, LeaveAction};

use crate::faults::Faults;
use crate::limits::{MAX_SIMULATED_SPEECH, MIN_SIMULATED_SPEECH};
use crate::participant_key::ParticipantKey;
use crate::proto::simulate_scenario::Scenario;
use crate::speakers::Speakers;
use crate::{Room, TimerReason, proto};

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
                    Speakers::simulate(key, true, &self.roster, &mut self.outputs);
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
                    participant.faults.cut_resume_unanswered = Some(now.mono + Faults::ARMED);
                }
            }
            // LiveKit's server does not know it either.
            Scenario::LeaveRequestFullReconnect(_) => {}
            // Departure: it lasts until the client asks for another or for none; LiveKit's ends with the next estimate.
            Scenario::SubscriberBandwidth(bits) => {
                let most = u64::try_from(bits).ok().filter(|bits| *bits > 0);
                let most = most.map(Bitrate);
                if let Some(participant) = self.roster.get(key) {
                    let peer = participant.transports.send_peer();
                    self.outputs.media(Command::CapLink { peer, most });
                }
            }
        }
    }

    /// Reaches a client over TCP alone if it says so, in this session and those that follow. Over
    /// TLS it comes by its own relay.
    fn switch_protocol(&mut self, now: Now, key: ParticipantKey, protocol: i32) {
        let tcp_only = protocol == i32::from(proto::CandidateProtocol::Tcp);
        self.set_tcp_only(now, key, tcp_only);
        self.negotiation().restart_subscriber_ice(now, key);
    }
}
