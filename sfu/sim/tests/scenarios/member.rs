//! A participant's SDK: does what the server's messages ask for.

use std::collections::BTreeMap;

use sfu_model::{IceCredentials, MediaKind, Ssrc};
use sfu_sim::{ClientId, Publisher, Receiver, World};
use signaling_protocol::proto;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_protocol::proto::signal_response::Message as Response;
use signaling_session::ConnectionId;

use crate::sdp::{self, Answer, Answered, Role, Section};

/// A participant with one peer connection.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) client: ClientId,
    pub(crate) connection: Option<ConnectionId>,
    sections: Vec<Section>,
    /// By section, whether its media flows.
    started: Vec<bool>,
    server: Option<IceCredentials>,
    negotiation: Negotiation,
    offers: u32,
    first_ssrc: u32,
    /// Tracks that come, with the places of their receivers.
    pub(crate) heard: Vec<(String, usize)>,
    /// The last that was heard of the others.
    pub(crate) others: Vec<proto::ParticipantInfo>,
    /// How well participants are connected, by sid, as was heard last.
    qualities: BTreeMap<String, proto::ConnectionQuality>,
    sid: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Negotiation {
    Idle,
    /// An offer has not been answered.
    Offered,
    /// Meanwhile more is to be offered.
    OfferedAndMore,
}

impl Member {
    /// Makes a member whose first offer has three receiving sections of each kind, as livekit-client's.
    pub(crate) fn new(client: ClientId, first_ssrc: u32) -> Self {
        let mut member = Self {
            client,
            connection: None,
            sections: Vec::new(),
            started: Vec::new(),
            server: None,
            negotiation: Negotiation::Idle,
            offers: 0,
            first_ssrc,
            heard: Vec::new(),
            others: Vec::new(),
            qualities: BTreeMap::new(),
            sid: String::new(),
        };
        member.add_receiving(3, MediaKind::Audio);
        member.add_receiving(3, MediaKind::Video);
        member
    }

    fn add_receiving(&mut self, count: u32, kind: MediaKind) {
        for _ in 0..count {
            self.add(kind, Role::Receive);
        }
    }

    fn add(&mut self, kind: MediaKind, role: Role) {
        self.sections.push(Section { kind, role });
        self.started.push(false);
    }

    /// Returns an offer, unless one has not been answered: it follows then.
    pub(crate) fn offer(&mut self, world: &World) -> Option<proto::SessionDescription> {
        if self.negotiation != Negotiation::Idle {
            self.negotiation = Negotiation::OfferedAndMore;
            return None;
        }
        self.negotiation = Negotiation::Offered;
        self.offers += 1;
        let client = world.client(self.client);
        let sdp = sdp::offer(client.credentials(), client.fingerprint(), &self.sections);
        Some(proto::SessionDescription {
            r#type: "offer".to_owned(),
            sdp,
            id: self.offers,
            ..proto::SessionDescription::default()
        })
    }

    /// Does what a message asks for; returns what to send.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an SDK passes over messages that it has no use for"
    )]
    pub(crate) fn handle(&mut self, world: &mut World, message: Response) -> Option<Request> {
        let offer = match message {
            Response::Answer(answer) => self.handle_answer(world, &answer),
            Response::MediaSectionsRequirement(wanted) => {
                self.add_receiving(wanted.num_audios, MediaKind::Audio);
                self.add_receiving(wanted.num_videos, MediaKind::Video);
                self.offer(world)
            }
            Response::TrackPublished(published) => {
                let track = published.track.unwrap_or_default();
                let kind = match track.r#type() {
                    proto::TrackType::Audio => MediaKind::Audio,
                    proto::TrackType::Video | proto::TrackType::Data => MediaKind::Video,
                };
                let ssrc = Ssrc(self.first_ssrc + 2 * self.sections.len() as u32);
                self.add(kind, Role::Send(published.cid, ssrc));
                self.offer(world)
            }
            Response::Join(join) => {
                self.sid = join.participant.unwrap_or_default().sid;
                self.others = join.other_participants;
                None
            }
            Response::Update(update) => {
                for info in update.participants {
                    self.others.retain(|known| known.sid != info.sid);
                    self.others.push(info);
                }
                None
            }
            Response::ConnectionQuality(update) => {
                for info in update.updates {
                    let quality = info.quality();
                    self.qualities.insert(info.participant_sid, quality);
                }
                None
            }
            Response::Reconnect(_) => {
                self.negotiation = Negotiation::Idle;
                world.client_mut(self.client).renew_credentials();
                self.offer(world)
            }
            _ => None,
        };
        offer.map(Request::Offer)
    }

    /// Returns how well it, or another, is connected, as it was told last.
    pub(crate) fn quality_of(&self, other: Option<&str>) -> Option<proto::ConnectionQuality> {
        let sid = match other {
            None => &self.sid,
            Some(identity) => {
                let mut others = self.others.iter();
                &others.find(|info| info.identity == identity)?.sid
            }
        };
        self.qualities.get(sid).copied()
    }

    fn handle_answer(
        &mut self,
        world: &mut World,
        answer: &proto::SessionDescription,
    ) -> Option<proto::SessionDescription> {
        if answer.id != self.offers {
            return None;
        }
        let answer = Answer::read(&answer.sdp);
        assert_eq!(answer.fingerprint, world.fingerprint());
        let now = world.now();
        let client = world.client_mut(self.client);
        if self.server.as_ref() != Some(&answer.ice) {
            client.set_remote(now, answer.ice.clone());
            self.server = Some(answer.ice);
        }
        let mine = self.sections.iter().zip(&mut self.started);
        for ((section, started), answered) in mine.zip(answer.sections) {
            let begins = !std::mem::replace(started, !matches!(answered, Answered::Inactive));
            match (answered, &section.role) {
                (Answered::Receives(media), Role::Send(_, ssrc)) if begins => {
                    let rtx = sdp::rtx_of(section.kind, *ssrc);
                    client.publish(Publisher::new(now.mono, *media, *ssrc, rtx));
                }
                (Answered::Sends(track, media), Role::Receive) if begins => {
                    self.heard.push((track, client.receivers().len()));
                    client.receive(Receiver::new(*media, Ssrc(1)));
                }
                (Answered::Inactive | Answered::Receives(_) | Answered::Sends(..), _) => {}
            }
        }
        let before = std::mem::replace(&mut self.negotiation, Negotiation::Idle);
        match before {
            Negotiation::OfferedAndMore => self.offer(world),
            Negotiation::Offered | Negotiation::Idle => None,
        }
    }
}
