use std::net::SocketAddr;
use std::sync::Arc;

use loadtest_peer::sdp::{
    Candidate, Description, LocalTransport, OfferSection, Role, parse_candidate, write_answer,
    write_offer,
};
use loadtest_peer::{DataChannelOpener, IceRole, Outbound, OutboundData, PeerConfig};
use sfu_model::{IceCredentials, MediaKind, ShardIndex};
use signaling_protocol::proto::{
    AddTrackRequest, MediaSectionsRequirement, SessionDescription, SignalTarget,
    SubscribedQualityUpdate, TrackPublishedResponse, TrickleRequest, signal_request,
    signal_response,
};
use tokio::sync::mpsc;

use super::context::Context;
use super::error::SessionError;
use super::publish::Publication;
use super::route::Route;
use crate::cli::Signalling;
use crate::media::{Agreement, Command, Link, Mailbox, Notice, PeerId, Transport};
use crate::plan::ParticipantPlan;
use crate::signal::Signal;

/// Sections for tracks of others that a client with one peer connection offers at first.
const FIRST_SECTIONS: usize = 3;
/// Most sections that the server may ask for.
const MAX_SECTIONS: usize = 2_048;

/// Offers and answers of one participant, and the peers that come of them.
pub(super) struct Negotiation<'a> {
    context: &'a Context,
    plan: &'a ParticipantPlan,
    mailbox: Mailbox,
    events: mpsc::UnboundedSender<Notice>,
    publications: Vec<Publication>,
    /// Sections of our own offers.
    sections: Vec<OfferSection>,
    version: u32,
    /// Whether the server has named an address that we can go to.
    pub(super) has_candidates: bool,
    publisher: LocalPeer,
    subscriber: LocalPeer,
}

/// A peer as the signalling knows it.
struct LocalPeer {
    transport: Transport,
    credentials: IceCredentials,
    /// The server's credentials, as they were described last.
    remote: Option<IceCredentials>,
    /// Whether ours were replaced since.
    renewed: bool,
    state: PeerState,
}

enum PeerState {
    /// The server has not described its side.
    Awaited { candidates: Vec<SocketAddr> },
    /// The socket is there, and with it our candidate, if we have one.
    Open {
        id: PeerId,
        local: Option<SocketAddr>,
    },
}

impl LocalPeer {
    fn new(transport: Transport) -> Result<Self, SessionError> {
        Ok(Self {
            transport,
            credentials: IceCredentials::generate(ShardIndex(0), random()?),
            remote: None,
            renewed: false,
            state: PeerState::Awaited {
                candidates: Vec::new(),
            },
        })
    }

    /// Draws other ICE credentials, for a restart.
    fn renew(&mut self) -> Result<(), SessionError> {
        self.credentials = IceCredentials::generate(ShardIndex(0), random()?);
        self.renewed = true;
        Ok(())
    }
}

impl<'a> Negotiation<'a> {
    pub(super) fn new(
        context: &'a Context,
        plan: &'a ParticipantPlan,
        mailbox: Mailbox,
        events: mpsc::UnboundedSender<Notice>,
    ) -> Result<Self, SessionError> {
        let mut seed = u32::from_be_bytes(random()?);
        let publications = Publication::of(plan, &context.samples, || {
            seed = seed.wrapping_mul(0x9E37_79B1).wrapping_add(0x7F4A_7C15);
            seed
        });
        let mut sections: Vec<_> = publications.iter().map(|one| one.track.section()).collect();
        if plan.signalling == Signalling::V1 {
            push_receiving(&mut sections, MediaKind::Audio, FIRST_SECTIONS);
            push_receiving(&mut sections, MediaKind::Video, FIRST_SECTIONS);
        }
        Ok(Self {
            context,
            plan,
            mailbox,
            events,
            publications,
            sections,
            version: 0,
            has_candidates: false,
            publisher: LocalPeer::new(Transport::Publisher)?,
            subscriber: LocalPeer::new(Transport::Subscriber)?,
        })
    }

    /// Returns the peers that are open.
    pub(super) fn peers(&self) -> impl Iterator<Item = (&Mailbox, PeerId)> {
        let peers = [&self.publisher, &self.subscriber].into_iter();
        peers.filter_map(|peer| match peer.state {
            PeerState::Awaited { .. } => None,
            PeerState::Open { id, .. } => Some((&self.mailbox, id)),
        })
    }

    pub(super) fn add_track_requests(&self) -> Vec<AddTrackRequest> {
        let publications = self.publications.iter();
        publications.map(|one| one.track.request()).collect()
    }

    /// Writes the next offer of our own.
    pub(super) fn next_offer(&mut self) -> SessionDescription {
        self.version += 1;
        let transport = LocalTransport {
            ice: &self.publisher.credentials,
            fingerprint: self.context.identity.fingerprint(),
            candidate: match self.publisher.state {
                PeerState::Awaited { .. } => None,
                PeerState::Open { local, .. } => local,
            },
        };
        SessionDescription {
            r#type: "offer".to_owned(),
            sdp: write_offer(&transport, self.version, &self.sections),
            id: self.version,
            ..SessionDescription::default()
        }
    }

    /// Announces our tracks and offers to publish them, by a peer connection of their own.
    pub(super) async fn offer_to_publish(
        &mut self,
        signal: &mut Signal,
    ) -> Result<(), SessionError> {
        for request in self.add_track_requests() {
            signal
                .send(signal_request::Message::AddTrack(request))
                .await?;
        }
        let offer = self.next_offer();
        Ok(signal.send(signal_request::Message::Offer(offer)).await?)
    }

    /// Restarts ICE of the peer connection that we offer.
    pub(super) async fn restart_ice(&mut self, signal: &mut Signal) -> Result<(), SessionError> {
        self.publisher.renew()?;
        let offer = self.next_offer();
        Ok(signal.send(signal_request::Message::Offer(offer)).await?)
    }

    /// Takes a message of the server.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most messages tell of others, or what we know"
    )]
    pub(super) async fn handle(
        &mut self,
        signal: &mut Signal,
        message: signal_response::Message,
    ) -> Result<(), SessionError> {
        match message {
            signal_response::Message::Answer(answer) => self.handle_answer(signal, &answer.sdp),
            signal_response::Message::Offer(offer) => {
                let answer = self.answer(signal, &offer)?;
                Ok(signal.send(signal_request::Message::Answer(answer)).await?)
            }
            signal_response::Message::Trickle(trickle) => {
                self.handle_trickle(&trickle);
                Ok(())
            }
            signal_response::Message::TrackPublished(published) => {
                self.handle_published(&published);
                Ok(())
            }
            signal_response::Message::SubscribedQualityUpdate(update) => {
                self.handle_demand(&update);
                Ok(())
            }
            signal_response::Message::MediaSectionsRequirement(wanted) => {
                self.add_sections(&wanted);
                let offer = self.next_offer();
                Ok(signal.send(signal_request::Message::Offer(offer)).await?)
            }
            signal_response::Message::Leave(leave) => {
                Err(SessionError::ToldToLeave(format!("{:?}", leave.reason())))
            }
            _ => Ok(()),
        }
    }

    /// Takes the sid by which the server names one of our tracks.
    fn handle_published(&mut self, published: &TrackPublishedResponse) {
        let mut publications = self.publications.iter_mut();
        let publication = publications.find(|publication| publication.track.cid == published.cid);
        if let (Some(publication), Some(track)) = (publication, &published.track) {
            publication.sid = Some(track.sid.clone());
        }
    }

    /// Has the publisher stop the layers that nobody receives, and send those that somebody does.
    fn handle_demand(&self, update: &SubscribedQualityUpdate) {
        if !self.plan.video.is_some_and(|video| video.dynacast) {
            return;
        }
        let mut publications = self.publications.iter();
        let named = Some(update.track_sid.as_str());
        let publication = publications.find(|publication| publication.sid.as_deref() == named);
        if let (Some(publication), PeerState::Open { id, .. }) =
            (publication, &self.publisher.state)
        {
            self.mailbox.send(Command::SetDemand {
                id: *id,
                demands: publication.demands(update),
            });
        }
    }

    fn add_sections(&mut self, wanted: &MediaSectionsRequirement) {
        let counts = [
            (MediaKind::Audio, wanted.num_audios),
            (MediaKind::Video, wanted.num_videos),
        ];
        for (kind, count) in counts {
            let room = MAX_SECTIONS.saturating_sub(self.sections.len());
            let count = usize::try_from(count).unwrap_or(usize::MAX).min(room);
            push_receiving(&mut self.sections, kind, count);
        }
    }

    fn handle_answer(&mut self, signal: &Signal, sdp: &str) -> Result<(), SessionError> {
        let answer = Description::read(sdp)?;
        let first = matches!(self.publisher.state, PeerState::Awaited { .. });
        let publish = match first {
            true => self.outbound(&answer),
            false => Vec::new(),
        };
        // We offered: we are controlling.
        self.agree(
            signal,
            Transport::Publisher,
            IceRole::Controlling,
            answer,
            publish,
        )?;
        Ok(())
    }

    fn answer(
        &mut self,
        signal: &Signal,
        offer: &SessionDescription,
    ) -> Result<SessionDescription, SessionError> {
        let description = Description::read(&offer.sdp)?;
        let role = match description.lite {
            true => IceRole::Controlling,
            false => IceRole::Controlled,
        };
        let known = self.subscriber.remote.as_ref();
        if known.is_some_and(|known| *known != description.ice) {
            self.subscriber.renew()?;
        }
        let copy = description.clone();
        let local = self.agree(signal, Transport::Subscriber, role, copy, Vec::new())?;
        let transport = LocalTransport {
            ice: &self.subscriber.credentials,
            fingerprint: self.context.identity.fingerprint(),
            candidate: local,
        };
        Ok(SessionDescription {
            r#type: "answer".to_owned(),
            sdp: write_answer(&transport, offer.id, &description),
            id: offer.id,
            ..SessionDescription::default()
        })
    }

    /// Opens the peer that a description is of, if it is the first, and tells it what was agreed on.
    fn agree(
        &mut self,
        signal: &Signal,
        transport: Transport,
        role: IceRole,
        description: Description,
        publish: Vec<Outbound>,
    ) -> Result<Option<SocketAddr>, SessionError> {
        let route = Route {
            local: signal.local,
            remote: signal.remote,
        };
        let candidates = description.candidates.iter();
        let addresses: Vec<_> = candidates
            .filter_map(|candidate| reachable(candidate, self.plan))
            .collect();
        self.has_candidates |= !addresses.is_empty();
        let agreement = Agreement {
            inbound: description.inbound(),
            transport_cc: description.transport_cc(),
            publish,
            publish_data: self.data_to_publish(transport),
            candidates: route.near_first(addresses),
        };
        let peer = match transport {
            Transport::Publisher => &mut self.publisher,
            Transport::Subscriber => &mut self.subscriber,
        };
        let restarted = std::mem::take(&mut peer.renewed);
        peer.remote = Some(description.ice.clone());
        let (id, local) = match &mut peer.state {
            PeerState::Open { id, local } => {
                if restarted {
                    self.mailbox.send(Command::RestartIce {
                        id: *id,
                        local: peer.credentials.clone(),
                        remote: description.ice,
                    });
                }
                (*id, *local)
            }
            PeerState::Awaited { candidates } => {
                candidates.extend(&agreement.candidates);
                let bound = route.bind_address(candidates);
                let config = PeerConfig {
                    local: peer.credentials.clone(),
                    remote: description.ice,
                    role,
                    fingerprint: description.fingerprint,
                    candidates: route.near_first(std::mem::take(candidates)),
                    data_channels: match transport {
                        Transport::Publisher => DataChannelOpener::Us,
                        Transport::Subscriber => DataChannelOpener::Server,
                    },
                    random: random()?,
                };
                let link = Link::open(self.plan.protocol, bound)?;
                let local = link.port()?.map(|port| SocketAddr::new(route.local, port));
                let id = self.mailbox.next_id();
                self.mailbox.send(Command::Open {
                    id,
                    config: Box::new(config),
                    identity: Arc::clone(&self.context.identity),
                    link,
                    events: self.events.clone(),
                    transport: peer.transport,
                    room: self.plan.room.as_str().into(),
                    receives_data: match self.plan.signalling {
                        Signalling::V1 => true,
                        Signalling::V0 => transport == Transport::Subscriber,
                    },
                });
                peer.state = PeerState::Open { id, local };
                (id, local)
            }
        };
        self.mailbox.send(Command::Describe {
            id,
            description: agreement,
        });
        Ok(local)
    }

    fn handle_trickle(&mut self, trickle: &TrickleRequest) {
        #[derive(serde::Deserialize)]
        struct Init {
            candidate: String,
        }
        let init: Option<Init> = serde_json::from_str(&trickle.candidate_init).ok();
        let candidate = init.and_then(|init| parse_candidate(&init.candidate));
        let address = candidate.and_then(|candidate| reachable(&candidate, self.plan));
        let Some(candidate) = address else {
            return;
        };
        self.has_candidates = true;
        let peer = match trickle.target() {
            SignalTarget::Publisher => &mut self.publisher,
            SignalTarget::Subscriber => &mut self.subscriber,
        };
        match &mut peer.state {
            PeerState::Awaited { candidates } => candidates.push(candidate),
            PeerState::Open { id, .. } => self
                .mailbox
                .send(Command::AddCandidate { id: *id, candidate }),
        }
    }

    /// Returns the data that we send by a transport, before it is open.
    fn data_to_publish(&self, transport: Transport) -> Option<OutboundData> {
        let first = matches!(self.publisher.state, PeerState::Awaited { .. });
        let begins = first && transport == Transport::Publisher;
        self.plan.data.filter(|_| begins)
    }

    /// Returns our tracks as they were agreed on, each in the section of its place.
    fn outbound(&self, answer: &Description) -> Vec<Outbound> {
        let sent = self.sections.iter().zip(0_usize..);
        let sent = sent.filter(|(section, _)| matches!(section.role, Role::Send { .. }));
        let tracks = sent.zip(&self.publications);
        let tracks = tracks
            .filter_map(|((_, place), publication)| publication.track.outbound(answer, place));
        tracks.collect()
    }
}

impl std::fmt::Debug for Negotiation<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Negotiation")
            .field("identity", &self.plan.identity)
            .finish_non_exhaustive()
    }
}

/// Returns where a candidate is, if the participant goes by its protocol.
fn reachable(candidate: &Candidate, plan: &ParticipantPlan) -> Option<SocketAddr> {
    (candidate.protocol == plan.protocol).then_some(candidate.address)
}

fn push_receiving(sections: &mut Vec<OfferSection>, kind: MediaKind, count: usize) {
    let section = OfferSection {
        kind,
        role: Role::Receive,
    };
    sections.extend(std::iter::repeat_n(section, count));
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}
