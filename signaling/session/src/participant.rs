//! One session of a participant.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use auth::{Claims, ParticipantKind, SluiceGrant, SourceSet, TrackSource, VideoGrant};
use sfu_model::{ParticipantIdentity, ParticipantSid, Pausing, RoomName, UnixTime};
use signaling_protocol::Client;

use crate::data_track::DataInterest;
use crate::faults::Faults;
use crate::former::Former;
use crate::messages::Messages;
use crate::participant_key::ParticipantKey;
use crate::proto::participant_info::{Kind, KindDetail, State};
use crate::publishing::Publishing;
use crate::subscribing::Subscribing;
use crate::transports::Transports;
use crate::{ConnectionId, Credential, Seat, SessionOrigin, proto};

/// One session of a participant.
#[derive(Debug)]
pub(crate) struct Participant {
    pub(crate) key: ParticipantKey,
    pub(crate) sid: ParticipantSid,
    pub(crate) identity: ParticipantIdentity,
    /// What its token says, kept current; without the grant, which is beside it.
    claims: Claims,
    grant: VideoGrant,
    pub(crate) client: Client,
    pub(crate) region: String,
    pub(crate) state: State,
    pub(crate) joined_at: UnixTime,
    /// Counts the changes that others hear of.
    version: u32,
    pub(crate) is_publisher: bool,
    /// Its place among those of its API key.
    pub(crate) seat: Seat,
    /// By what it came last.
    pub(crate) credential: Credential,
    /// When it was last sent another token.
    pub(crate) token_sent_at: Option<Instant>,
    /// Where it is signalled to, unless its connection is broken.
    pub(crate) connection: Option<ConnectionId>,
    /// When it was last heard on its signalling connection.
    pub(crate) last_signal: Instant,
    pub(crate) auto_subscribe: bool,
    pub(crate) adaptive_stream: bool,
    /// Whether its video may be paused where its link has no room for it.
    pub(crate) pausing: Pausing,
    pub(crate) transports: Transports,
    pub(crate) publishing: Publishing,
    pub(crate) subscribing: Subscribing,
    pub(crate) data_interest: DataInterest,
    pub(crate) messages: Messages,
    pub(crate) faults: Faults,
    /// What its shard called it and its publications in the room that it came from, if it was moved here.
    pub(crate) former: Former,
    /// Whether it is in another room, and only shown here.
    pub(crate) is_projected: bool,
    /// In how many other rooms it is shown.
    pub(crate) projections: usize,
}

/// What a participant is made of when it joins.
#[derive(Debug)]
pub(crate) struct NewParticipant {
    pub(crate) key: ParticipantKey,
    pub(crate) sid: ParticipantSid,
    pub(crate) claims: Claims,
    pub(crate) credential: Credential,
    pub(crate) client: Client,
    pub(crate) region: String,
    pub(crate) auto_subscribe: bool,
    pub(crate) auto_subscribe_data: bool,
    pub(crate) adaptive_stream: bool,
    pub(crate) pausing: Pausing,
    pub(crate) connection: ConnectionId,
    pub(crate) transports: Transports,
}

impl Participant {
    pub(crate) fn new(mono: Instant, unix: UnixTime, new: NewParticipant) -> Self {
        let mut claims = new.claims;
        let grant = claims.video.take().unwrap_or_default();
        Self {
            key: new.key,
            sid: new.sid,
            identity: claims.identity.clone(),
            claims,
            grant,
            client: new.client,
            region: new.region,
            state: State::Joined,
            joined_at: unix,
            version: 1,
            is_publisher: false,
            seat: Seat::uncounted(),
            credential: new.credential,
            token_sent_at: None,
            connection: Some(new.connection),
            last_signal: mono,
            auto_subscribe: new.auto_subscribe,
            adaptive_stream: new.adaptive_stream,
            pausing: new.pausing,
            transports: new.transports,
            publishing: Publishing::default(),
            subscribing: Subscribing::default(),
            data_interest: DataInterest {
                automatic: new.auto_subscribe_data,
                ..DataInterest::default()
            },
            messages: Messages::default(),
            faults: Faults::default(),
            former: Former::default(),
            is_projected: false,
            projections: 0,
        }
    }

    /// Begins its session in another room, where it is called so.
    pub(crate) fn enter(
        &mut self,
        (key, sid): (ParticipantKey, ParticipantSid),
        room: &RoomName,
        now: UnixTime,
    ) {
        self.key = key;
        self.sid = sid;
        self.joined_at = now;
        self.version = 1;
        room.as_str().clone_into(&mut self.grant.room);
    }

    /// Returns what a token of this participant says at this time.
    pub(crate) fn claims(&self) -> Claims {
        Claims {
            video: Some(self.grant.clone()),
            ..self.claims.clone()
        }
    }

    /// Returns what is ours in its token.
    pub(crate) fn sluice(&self) -> Option<SluiceGrant> {
        self.claims.sluice
    }

    pub(crate) fn grant(&self) -> &VideoGrant {
        &self.grant
    }

    /// Reports whether it is seen by nobody.
    pub(crate) fn is_hidden(&self) -> bool {
        self.grant.hidden
    }

    pub(crate) fn is_agent(&self) -> bool {
        self.claims.kind == ParticipantKind::Agent || self.grant.agent
    }

    pub(crate) fn is_recorder(&self) -> bool {
        self.claims.kind == ParticipantKind::Egress || self.grant.recorder
    }

    /// Reports whether it is there for the sake of others: it is not counted and keeps no room open.
    pub(crate) fn is_dependent(&self) -> bool {
        self.is_agent() || self.is_recorder()
    }

    /// Returns who it is, beside what others are told of it.
    pub(crate) fn origin(&self) -> SessionOrigin {
        SessionOrigin {
            key: self.credential.token.first_key.clone(),
            client: self.client.info().clone(),
            address: self.credential.address,
            // Who is shown here is counted where it is.
            is_dependent: self.is_dependent() || self.is_projected,
        }
    }

    pub(crate) fn is_active(&self) -> bool {
        self.state == State::Active
    }

    /// Reports whether subscriptions can be negotiated by now.
    pub(crate) fn can_receive(&self) -> bool {
        let early = match &self.transports {
            Transports::One(_) => true,
            Transports::Two { .. } => {
                self.transports.subscriber_primary() && self.client.protocol().takes_fast_start()
            }
        };
        self.grant.may_subscribe() && (early || self.is_active())
    }

    /// Reports whether a track of `source` may be published.
    pub(crate) fn can_publish(&self, source: i32) -> bool {
        self.grant
            .may_publish_source(TrackSource::from_number(source))
    }

    /// Notes that others should hear of a change.
    pub(crate) fn touch(&mut self) {
        self.version = self.version.saturating_add(1);
    }

    /// Sets the display name; returns whether it is another one.
    pub(crate) fn set_name(&mut self, name: &str) -> bool {
        let changed = self.claims.name != name;
        name.clone_into(&mut self.claims.name);
        changed
    }

    /// Sets the metadata; returns whether it is other than it was.
    pub(crate) fn set_metadata(&mut self, metadata: &str) -> bool {
        let changed = self.claims.metadata != metadata;
        metadata.clone_into(&mut self.claims.metadata);
        changed
    }

    /// Replaces all attributes.
    pub(crate) fn set_attributes(&mut self, attributes: BTreeMap<String, String>) {
        self.claims.attributes = attributes;
    }

    /// Returns how many attributes there would be with these merged, and how many bytes of keys and values.
    pub(crate) fn attributes_with(&self, others: &HashMap<String, String>) -> (usize, usize) {
        let kept = self.claims.attributes.iter();
        let kept = kept.filter(|(key, _)| !others.contains_key(*key));
        let set = kept.chain(others).filter(|(_, value)| !value.is_empty());
        set.fold((0, 0), |(count, bytes), (key, value)| {
            (count + 1, bytes + key.len() + value.len())
        })
    }

    /// Returns the bytes of its name, metadata and attributes.
    pub(crate) fn text_bytes(&self) -> usize {
        let attributes = self.claims.attributes.iter();
        let attributes: usize = attributes.map(|(key, value)| key.len() + value.len()).sum();
        self.claims.name.len() + self.claims.metadata.len() + attributes
    }

    /// Merges attributes; an empty value deletes its key. Returns whether anything changed.
    pub(crate) fn merge_attributes(
        &mut self,
        attributes: impl IntoIterator<Item = (String, String)>,
    ) -> bool {
        let mut changed = false;
        for (key, value) in attributes {
            if value.is_empty() {
                changed |= self.claims.attributes.remove(&key).is_some();
            } else {
                let before = self.claims.attributes.insert(key, value.clone());
                changed |= before.as_ref() != Some(&value);
            }
        }
        changed
    }

    /// Replaces the permission; returns whether it is another one.
    pub(crate) fn set_permission(&mut self, permission: &proto::ParticipantPermission) -> bool {
        if self.permission() == *permission {
            return false;
        }
        let sources = permission.can_publish_sources.iter();
        let grant = &mut self.grant;
        grant.can_subscribe = Some(permission.can_subscribe);
        grant.can_publish = Some(permission.can_publish);
        grant.can_publish_data = Some(permission.can_publish_data);
        grant.can_publish_sources = sources
            .map(|source| TrackSource::from_number(*source))
            .collect();
        grant.can_update_own_metadata = Some(permission.can_update_metadata);
        grant.can_subscribe_metrics = Some(permission.can_subscribe_metrics);
        grant.can_manage_agent_session = Some(permission.can_manage_agent_session);
        grant.hidden = permission.hidden;
        grant.recorder = permission.recorder;
        grant.agent = permission.agent;
        true
    }

    /// Returns what it may do, as others are told.
    pub(crate) fn permission(&self) -> proto::ParticipantPermission {
        let grant = &self.grant;
        proto::ParticipantPermission {
            can_subscribe: grant.may_subscribe(),
            can_publish: grant.may_publish(),
            can_publish_data: grant.may_publish_data(),
            can_publish_sources: numbers(grant.can_publish_sources),
            hidden: grant.hidden,
            recorder: grant.recorder,
            can_update_metadata: grant.may_update_own_metadata(),
            agent: grant.agent,
            can_subscribe_metrics: grant.may_subscribe_metrics(),
            can_manage_agent_session: grant.may_manage_agent_session(),
        }
    }

    /// Returns what others are told of it, where `tracks` and `data_tracks` are what it publishes.
    pub(crate) fn info(
        &self,
        tracks: Vec<proto::TrackInfo>,
        data_tracks: Vec<proto::DataTrackInfo>,
    ) -> proto::ParticipantInfo {
        proto::ParticipantInfo {
            sid: self.sid.as_str().to_owned(),
            identity: self.identity.as_str().to_owned(),
            state: self.state.into(),
            tracks,
            metadata: self.claims.metadata.clone(),
            joined_at: self.joined_at.seconds(),
            joined_at_ms: self.joined_at.millis(),
            name: self.claims.name.clone(),
            version: self.version,
            permission: Some(self.permission()),
            region: self.region.clone(),
            is_publisher: self.is_publisher,
            kind: kind(self.claims.kind).into(),
            attributes: self.claims.attributes.clone().into_iter().collect(),
            disconnect_reason: 0,
            kind_details: kind_details(&self.claims.kind_details),
            data_tracks,
            client_protocol: self.client.info().client_protocol,
            capabilities: self.client.info().capabilities.clone(),
        }
    }
}

fn numbers(sources: SourceSet) -> Vec<i32> {
    [
        TrackSource::Unknown,
        TrackSource::Camera,
        TrackSource::Microphone,
        TrackSource::ScreenShare,
        TrackSource::ScreenShareAudio,
    ]
    .into_iter()
    .filter(|source| sources.contains(*source))
    .map(TrackSource::number)
    .collect()
}

fn kind(kind: ParticipantKind) -> Kind {
    match kind {
        ParticipantKind::Standard => Kind::Standard,
        ParticipantKind::Ingress => Kind::Ingress,
        ParticipantKind::Egress => Kind::Egress,
        ParticipantKind::Sip => Kind::Sip,
        ParticipantKind::Agent => Kind::Agent,
        ParticipantKind::Connector => Kind::Connector,
        ParticipantKind::Bridge => Kind::Bridge,
    }
}

/// Reads the details' names, in either case; unknown ones are left out.
fn kind_details(names: &[String]) -> Vec<i32> {
    names
        .iter()
        .filter_map(|name| KindDetail::from_str_name(&name.to_ascii_uppercase()))
        .map(i32::from)
        .collect()
}
