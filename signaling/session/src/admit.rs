//! How clients come in.

use std::sync::Arc;
use std::time::Duration;

use auth::Claims;
use sfu_model::{Now, ParticipantIdentity, ParticipantSid, Pausing};
use signaling_protocol::{
    ConnectParameters, DisconnectCause, LeaveAction, PeerConnections, participant_sid,
};

use crate::limits::{MAX_ROOM_TEXT_BYTES, TOKEN_REFRESH, TOKEN_SPACING};
use crate::negotiation::{Answerer, FirstOffer, Offerer};
use crate::participant::{NewParticipant, Participant};
use crate::participant_key::ParticipantKey;
use crate::proto::server_info::Edition;
use crate::proto::signal_response::Message;
use crate::transports::{Downstream, PathState, Primary, Transports, Upstream};
use crate::{
    COMPATIBLE_VERSION, ConnectionId, Credential, DuplicateIdentity, Join, JoinRefused, Output,
    Room, TimerReason, codecs, proto,
};

/// How long a participant may take until its media is connected.
const JOIN_TIMEOUT: Duration = Duration::from_secs(60);

/// How often a client asks whether we are there, and how long it waits. The Rust client fails on
/// zero.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(15);

impl Room {
    /// Lets a client in, or takes up its session again. The outputs begin with its first message:
    /// `join`, or `reconnect`, or a `leave` that says what to do instead.
    ///
    /// # Errors
    ///
    /// Fails when the client may not come in; the room has not changed then.
    pub fn handle_join(&mut self, now: Now, mut join: Join) -> Result<(), JoinRefused> {
        if self.room.is_closed() {
            return Err(JoinRefused::RoomClosed);
        }
        if let Some(resume) = join.parameters.resume.take() {
            self.handle_resume(now, &join, resume);
            return Ok(());
        }
        let claims = self.claims_at_join(join.claims, &join.parameters)?;
        let before = self.roster.by_identity(claims.identity.as_str());
        let came = (join.connection, join.credential);
        let mut newcomer = self.make_participant(now, claims, came, &join.parameters);
        newcomer.seat = join.seat;
        self.check_identity(before)?;
        self.check_place(newcomer.is_dependent(), before)?;
        self.check_quota(&newcomer, before)?;
        let ends_at = self.check_time(now, &newcomer)?;
        if let Some(before) = before {
            let action = Some(LeaveAction::Disconnect);
            self.disconnect(now, before, DisconnectCause::Replaced, action);
        }
        let key = newcomer.key;
        self.admit(now, newcomer, *join.parameters);
        self.limit_session(key, ends_at);
        Ok(())
    }

    /// Merges what the client says of itself into what its token says, where it may.
    fn claims_at_join(
        &self,
        mut claims: Claims,
        parameters: &ConnectParameters,
    ) -> Result<Claims, JoinRefused> {
        let grant = claims.video.get_or_insert_default();
        if let Some(suffix) = &parameters.publish {
            claims.identity = format!("{}#{suffix}", claims.identity).into();
            grant.can_subscribe = Some(false);
        }
        if grant.may_update_own_metadata() {
            if let Some(metadata) = &parameters.metadata {
                claims.metadata.clone_from(metadata);
            }
            claims.attributes.extend(parameters.attributes.clone());
            self.check_room_has_place(parameters)?;
        }
        let limits = &self.facts.limits;
        if !limits.allow_name(&claims.name) {
            return Err(JoinRefused::NameTooLong);
        }
        if !limits.allow_metadata(&claims.metadata) {
            return Err(JoinRefused::MetadataTooLarge);
        }
        if !limits.allow_attributes(&claims.attributes) {
            return Err(JoinRefused::AttributesTooLarge);
        }
        Ok(claims)
    }

    /// Checks that what a client says of itself is no more than everybody can be told. What its token says is the
    /// app's to bound.
    fn check_room_has_place(&self, parameters: &ConnectParameters) -> Result<(), JoinRefused> {
        let attributes = parameters.attributes.iter();
        let attributes: usize = attributes.map(|(key, value)| key.len() + value.len()).sum();
        let metadata = parameters.metadata.as_ref().map_or(0, String::len);
        let of_room: usize = self.roster.iter().map(Participant::text_bytes).sum();
        match attributes + metadata {
            0 => Ok(()),
            added if of_room + added <= MAX_ROOM_TEXT_BYTES => Ok(()),
            _ if metadata > 0 => Err(JoinRefused::MetadataTooLarge),
            _ => Err(JoinRefused::AttributesTooLarge),
        }
    }

    /// Checks that a session of the same identity may be replaced. One whose client is cut off keeps nobody out: it may
    /// be that very client which begins anew.
    pub(crate) fn check_identity(
        &self,
        replaced: Option<ParticipantKey>,
    ) -> Result<(), JoinRefused> {
        let replaced = replaced.and_then(|key| self.roster.get(key));
        let is_connected = replaced.is_some_and(|participant| participant.connection.is_some());
        match self.room.options().duplicates {
            DuplicateIdentity::Refuse if is_connected => Err(JoinRefused::IdentityTaken),
            DuplicateIdentity::Refuse | DuplicateIdentity::Replace => Ok(()),
        }
    }

    /// Checks that there is a place for one more.
    pub(crate) fn check_place(
        &self,
        is_dependent: bool,
        replaced: Option<ParticipantKey>,
    ) -> Result<(), JoinRefused> {
        let limit = usize::try_from(self.room.options().max_participants).unwrap_or(usize::MAX);
        if limit == 0 || is_dependent {
            return Ok(());
        }
        let others = self.roster.iter();
        let others = others.filter(|p| !p.is_dependent() && Some(p.key) != replaced);
        match others.count() < limit {
            true => Ok(()),
            false => Err(JoinRefused::MaxParticipants),
        }
    }

    /// Checks that an API key has no more participants than it may have. Who takes the place of another session of the key
    /// adds none.
    fn check_quota(
        &self,
        newcomer: &Participant,
        replaced: Option<ParticipantKey>,
    ) -> Result<(), JoinRefused> {
        let key = |participant: &Participant| participant.credential.token.first_key.clone();
        let replaced = replaced.and_then(|replaced| self.roster.get(replaced));
        let adds_none = replaced.is_some_and(|it| key(it) == key(newcomer));
        match newcomer.seat.is_over() && !newcomer.is_dependent() && !adds_none {
            true => Err(JoinRefused::QuotaExceeded),
            false => Ok(()),
        }
    }

    fn make_participant(
        &mut self,
        now: Now,
        claims: Claims,
        (connection, credential): (ConnectionId, Credential),
        parameters: &ConnectParameters,
    ) -> Participant {
        let may_subscribe = claims.video.as_ref().is_none_or(|v| v.may_subscribe());
        let new = NewParticipant {
            key: self.ids.participant(),
            sid: participant_sid(self.ids.random()),
            transports: self.make_transports(now, &claims.identity, parameters, may_subscribe),
            claims,
            credential,
            client: parameters.client.clone(),
            region: self.facts.region.clone(),
            auto_subscribe: parameters.auto_subscribe,
            auto_subscribe_data: parameters.auto_subscribe_data_track.unwrap_or(false),
            adaptive_stream: parameters.adaptive_stream,
            pausing: match parameters.subscriber_allow_pause {
                Some(true) => Pausing::Allowed,
                Some(false) => Pausing::Never,
                None => self.facts.pausing,
            },
            connection,
        };
        Participant::new(now.mono, now.unix, new)
    }

    fn make_transports(
        &mut self,
        now: Now,
        identity: &ParticipantIdentity,
        parameters: &ConnectParameters,
        may_subscribe: bool,
    ) -> Transports {
        let mut policy = codecs::codec_policy(&parameters.client, &self.room.options().codecs);
        policy.reuse_sections &= !self.room.options().sync_streams;
        let shard = self.placement.choose();
        let transport = self.placement.transport(shard);
        let facts = self.reachability.facts_for(now.mono, identity, &transport);
        let up = Upstream {
            peer: self.ids.peer(shard),
            answerer: Answerer::new(
                Arc::clone(&facts),
                self.ids.ice(shard),
                policy.clone(),
                self.ids.random_number(),
            ),
            path: PathState::default(),
            join_offer: None,
            answered: false,
            offer_requested: false,
        };
        if parameters.peer_connections == PeerConnections::One {
            return Transports::One(up);
        }
        let subscriber = may_subscribe && parameters.client.protocol().subscriber_is_primary();
        let (primary, first_offer) = match subscriber {
            true => (Primary::Subscriber, FirstOffer::AtOnce),
            false => (Primary::Publisher, FirstOffer::WithTrack),
        };
        let down = Box::new(Downstream {
            peer: self.ids.peer(shard),
            offerer: Offerer::new(
                facts,
                self.ids.ice(shard),
                policy,
                first_offer,
                self.ids.random_number(),
            ),
            path: PathState::default(),
            offered_at: None,
        });
        Transports::Two { up, down, primary }
    }

    /// Adds a participant that was let in, and tells it so first of all.
    fn admit(&mut self, now: Now, newcomer: Participant, parameters: ConnectParameters) {
        let key = newcomer.key;
        if !newcomer.is_dependent() {
            self.room.note_join();
        }
        let recorder = newcomer.is_recorder();
        self.placement.settle(newcomer.transports.shard());
        self.roster.insert(newcomer);
        self.send_join(now, key);
        self.refresh_token(now, key);
        let at = now.mono + JOIN_TIMEOUT;
        self.timers.set(TimerReason::JoinTimeout(key), at);
        self.open_primary(key);
        self.subscriptions().reconcile_all(now, key);
        self.data_publications().reconcile_all_data(now, key);
        self.negotiation().offer_now(now, key);
        self.watch_idleness();
        // It knows itself from its `JoinResponse`.
        if self.roster.iter().any(|other| other.key != key) {
            self.telling().tell_soon(now, key);
        }
        match recorder {
            true => self.tell_room(),
            false => self.telling().counts_changed(now),
        }
        for request in parameters.add_tracks {
            self.publications().handle_add_track(now, key, request);
        }
        if let Some(offer) = parameters.publisher_offer {
            self.handle_join_offer(now, key, offer);
        }
    }

    /// Asks the shard for the peer that messages are sent to, so that they can be queued there.
    fn open_primary(&mut self, key: ParticipantKey) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        match &mut participant.transports {
            Transports::One(up)
            | Transports::Two {
                up,
                primary: Primary::Publisher,
                ..
            } => up.open(&mut self.outputs),
            Transports::Two { down, .. } => down.open(&mut self.outputs),
        }
    }

    fn send_join(&mut self, now: Now, key: ParticipantKey) {
        let Some(participant) = self.roster.get(key) else {
            return;
        };
        let policy = codecs::codec_policy(&participant.client, &self.room.options().codecs);
        let publishable = codecs::publishable_codecs(&policy, &self.room.options().codecs);
        let join = proto::JoinResponse {
            room: Some(self.info()),
            participant: Some(self.participant_info(participant)),
            other_participants: self.visible_participants(Some(key)),
            server_version: COMPATIBLE_VERSION.to_owned(),
            server_region: self.facts.region.clone(),
            server_info: Some(self.server_info()),
            ice_servers: self.ice_servers(now, &participant.sid),
            subscriber_primary: participant.transports.subscriber_primary(),
            client_configuration: codecs::client_configuration(&participant.client),
            ping_interval: seconds(PING_INTERVAL),
            ping_timeout: seconds(PING_TIMEOUT),
            sif_trailer: self.room.sif_trailer().to_vec(),
            enabled_publish_codecs: publishable
                .into_iter()
                .map(|enabled| codecs::named(enabled.codec, &enabled.fmtp))
                .collect(),
            fast_publish: participant.grant().may_publish(),
            ..proto::JoinResponse::default()
        };
        self.outputs
            .signal(participant.connection, Message::Join(join));
    }

    pub(crate) fn server_info(&self) -> proto::ServerInfo {
        proto::ServerInfo {
            edition: Edition::Standard.into(),
            version: COMPATIBLE_VERSION.to_owned(),
            protocol: signaling_protocol::ProtocolVersion::CURRENT.0,
            region: self.facts.region.clone(),
            node_id: self.facts.node.as_str().to_owned(),
            agent_protocol: 1,
            ..proto::ServerInfo::default()
        }
    }

    pub(crate) fn ice_servers(
        &self,
        now: Now,
        participant: &ParticipantSid,
    ) -> Vec<proto::IceServer> {
        self.facts
            .ice_servers
            .for_participant(now.unix, participant)
    }

    /// Sends a token that says what the participant is by now, unless it was sent one a moment ago; then in a
    /// moment.
    pub(crate) fn refresh_token_soon(&mut self, now: Now, key: ParticipantKey) {
        let sent_at = self.roster.get(key).and_then(|p| p.token_sent_at);
        match sent_at.map(|at| at + TOKEN_SPACING) {
            Some(at) if at > now.mono => self.timers.set(TimerReason::RefreshToken(key), at),
            _ => self.refresh_token(now, key),
        }
    }

    /// Sends a token that says what the participant is by now, and another one in five minutes.
    pub(crate) fn refresh_token(&mut self, now: Now, key: ParticipantKey) {
        let Some(participant) = self.roster.get_mut(key) else {
            return;
        };
        if let Some(connection) = participant.connection {
            participant.token_sent_at = Some(now.mono);
            self.outputs.push(Output::RefreshToken {
                connection,
                claims: Box::new(participant.claims()),
                replaced: Box::new(participant.credential.clone()),
            });
        }
        let at = now.mono + TOKEN_REFRESH;
        self.timers.set(TimerReason::RefreshToken(key), at);
    }
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}
