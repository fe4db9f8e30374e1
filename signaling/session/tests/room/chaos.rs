//! Everything at once, in random order: what must hold whatever clients do.

use std::collections::BTreeSet;
use std::time::Duration;

use sfu_model::{CloseReason, Command, DataChannel, Event};
use signaling_protocol::proto;
use signaling_protocol::proto::signal_request::Message as Request;
use signaling_session::{ConnectionId, RoomRequest, TimerReason};

use crate::subscribing::subscription;
use crate::support::{World, camera, client, microphone};

/// A generator of Marsaglia's: good enough to pick what happens next.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        (!of.is_empty()).then(|| &of[self.below(of.len())])
    }
}

/// Follows what the shard is asked, and objects to what makes no sense.
#[derive(Default)]
struct Shard {
    peers: BTreeSet<sfu_model::PeerId>,
    publications: BTreeSet<sfu_model::PublicationId>,
    subscriptions: BTreeSet<sfu_model::SubscriptionId>,
}

impl Shard {
    fn follow(&mut self, commands: Vec<Command>) {
        for command in commands {
            match command {
                Command::AddPeer { peer, .. } => assert!(self.peers.insert(peer)),
                Command::RemovePeer { peer } => assert!(self.peers.remove(&peer)),
                Command::SetRemote { peer, .. }
                | Command::RestartIce { peer, .. }
                | Command::CapLink { peer, .. } => {
                    assert!(self.peers.contains(&peer));
                }
                Command::MovePeer { .. } => panic!("nobody is moved here"),
                Command::Publish {
                    publication, peer, ..
                } => {
                    assert!(self.peers.contains(&peer));
                    self.publications.insert(publication);
                }
                Command::Unpublish { publication } => {
                    assert!(self.publications.remove(&publication));
                }
                Command::Subscribe {
                    subscription,
                    publication,
                    peer,
                    ..
                } => {
                    assert!(self.peers.contains(&peer) && self.publications.contains(&publication));
                    self.subscriptions.insert(subscription);
                }
                Command::Unsubscribe { subscription } => {
                    assert!(self.subscriptions.remove(&subscription));
                }
                Command::SetForwarding { subscription, .. } => {
                    assert!(self.subscriptions.contains(&subscription));
                }
                Command::SetSpeakers { peers, .. } | Command::SendData { peers, .. } => {
                    assert!(peers.iter().all(|peer| self.peers.contains(peer)));
                }
            }
        }
    }
}

struct Chaos {
    world: World,
    dice: Dice,
    shard: Shard,
    /// How many commands the shard has followed.
    followed: usize,
    connected: Vec<ConnectionId>,
    tracks: Vec<String>,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        Self {
            world: World::with(|options, facts| {
                options.max_participants = 6;
                options.empty_timeout = Duration::from_secs(1_000_000);
                options.departure_timeout = options.empty_timeout;
                facts.limits.audio_subscriptions = 4;
            }),
            dice: Dice(seed),
            shard: Shard::default(),
            followed: 0,
            connected: Vec::new(),
            tracks: Vec::new(),
        }
    }

    fn step(&mut self) {
        let members = &self.world.members;
        self.connected.retain(|it| !members[it].closed);
        let connection = self.dice.pick(&self.connected).copied();
        match (self.dice.below(26), connection) {
            (0..=3, _) | (_, None) => self.join(),
            (4, Some(it)) => self
                .world
                .send(it, Request::Leave(proto::LeaveRequest::default())),
            (5, Some(it)) => self.resume(it),
            (6, Some(it)) => self.media_trouble(it),
            (7..=9, Some(it)) => self.publish(it),
            (10, Some(it)) => self.unpublish(it),
            (11..=13, Some(it)) => self.world.negotiate(it),
            (14, Some(it)) => self.choose(it),
            (15, Some(it)) => self.settings(it),
            (16, Some(it)) => self.permit(it),
            (17, Some(it)) => self.world.connect(it),
            (18, Some(it)) => {
                let all_participants = self.dice.below(2) == 0;
                let track_permissions = Vec::new();
                let permission = proto::SubscriptionPermission {
                    all_participants,
                    track_permissions,
                };
                self.world
                    .send(it, Request::SubscriptionPermission(permission));
            }
            (19, Some(it)) => {
                self.world.close_signal(it);
                self.connected.retain(|other| *other != it);
            }
            (20..=21, Some(it)) => self.talk(it),
            (22, Some(it)) => {
                let pub_handle = u32::try_from(self.dice.below(5)).unwrap();
                let request = proto::PublishDataTrackRequest {
                    pub_handle,
                    name: pub_handle.to_string(),
                    ..proto::PublishDataTrackRequest::default()
                };
                self.world
                    .send(it, Request::PublishDataTrackRequest(request));
            }
            (23, Some(it)) => {
                let pub_handle = u32::try_from(self.dice.below(5)).unwrap();
                let request = proto::UnpublishDataTrackRequest { pub_handle };
                self.world
                    .send(it, Request::UnpublishDataTrackRequest(request));
            }
            (_, Some(_)) => {
                let wait = u64::try_from(self.dice.below(20_000)).unwrap();
                self.world.pass(Duration::from_millis(wait));
            }
        }
        let fresh = self.world.commands[self.followed..].to_vec();
        self.followed = self.world.commands.len();
        self.shard.follow(fresh);
    }

    fn join(&mut self) {
        let identity = format!("p{}", self.dice.below(8));
        let dice = self.dice.below(16);
        let joining = client(&identity).with(|joining| {
            joining.grant().agent = dice & 1 != 0;
            joining.grant().hidden = dice & 14 == 14;
            joining.parameters.auto_subscribe = dice & 6 != 6;
            joining.parameters.auto_subscribe_data_track = Some(dice & 2 != 0);
        });
        let two = self.dice.below(2) == 0;
        let joining = if two {
            joining.two_transports()
        } else {
            joining
        };
        let Ok(connection) = self.world.try_join(joining) else {
            return;
        };
        if two {
            self.world.answer(connection);
        } else {
            let audio = u32::try_from(self.dice.below(4)).unwrap();
            self.world.member(connection).up.add_receiving(audio, true);
            self.world.offer(connection);
        }
        if self.dice.below(8) != 0 {
            self.world.connect(connection);
        }
        self.connected.push(connection);
    }

    fn resume(&mut self, connection: ConnectionId) {
        let identity = self.world.members[&connection].identity.clone();
        let after = self.world.resume(connection, client(&identity));
        if self.dice.below(2) == 0 {
            let track = self.dice.pick(&self.tracks).cloned();
            let published = track.map(|sid| proto::TrackPublishedResponse {
                track: Some(proto::TrackInfo {
                    sid,
                    ..proto::TrackInfo::default()
                }),
                ..proto::TrackPublishedResponse::default()
            });
            let state = proto::SyncState {
                publish_tracks: published.into_iter().collect(),
                ..proto::SyncState::default()
            };
            self.world.send(after, Request::SyncState(state));
        }
        self.connected.push(after);
    }

    fn media_trouble(&mut self, connection: ConnectionId) {
        let Some(peer) = self.dice.pick(&self.world.peers(connection)).copied() else {
            return;
        };
        match self.dice.below(3) {
            0 => self.world.media(Event::PeerSilent { peer }),
            1 => self.world.media(Event::PeerResumed { peer }),
            _ if self.shard.peers.remove(&peer) => {
                let reason = CloseReason::TimedOut;
                self.world.media(Event::PeerClosed { peer, reason });
            }
            _ => {}
        }
    }

    fn publish(&mut self, connection: ConnectionId) {
        let cid = format!("track{}", self.dice.below(6));
        let audio = self.dice.below(2) == 0;
        let request = if audio {
            microphone(&cid)
        } else {
            camera(&cid)
        };
        self.world.send(connection, Request::AddTrack(request));
        if self.world.members[&connection].up.sections.len() < 30 {
            self.world.member(connection).up.add_sending(audio, &cid);
        }
        self.world.offer(connection);
        let infos = self.world.seen_tracks(connection);
        self.tracks.extend(infos);
    }

    fn unpublish(&mut self, connection: ConnectionId) {
        let sections = &mut self.world.member(connection).up.sections;
        let sending = sections
            .iter_mut()
            .filter(|section| section.direction == "sendonly");
        if let Some(section) = sending.last() {
            section.direction = "inactive";
        }
        self.world.offer(connection);
    }

    fn track(&mut self) -> String {
        let track = self.dice.pick(&self.tracks).cloned();
        track.unwrap_or_else(|| "TR_nobody".to_owned())
    }

    fn choose(&mut self, connection: ConnectionId) {
        let track = self.track();
        let subscribe = self.dice.below(2) == 0;
        self.world.send(connection, subscription(&track, subscribe));
    }

    fn settings(&mut self, connection: ConnectionId) {
        let settings = proto::UpdateTrackSettings {
            track_sids: vec![self.track()],
            disabled: self.dice.below(2) == 0,
            width: u32::try_from(self.dice.below(2000)).unwrap(),
            height: u32::try_from(self.dice.below(2000)).unwrap(),
            ..proto::UpdateTrackSettings::default()
        };
        self.world.send(connection, Request::TrackSetting(settings));
    }

    fn permit(&mut self, connection: ConnectionId) {
        let dice = self.dice.below(8);
        let permission = proto::ParticipantPermission {
            can_subscribe: dice & 1 != 0,
            can_publish: dice & 2 != 0,
            hidden: dice == 0,
            ..proto::ParticipantPermission::default()
        };
        let update = proto::UpdateParticipantRequest {
            identity: self.world.members[&connection].identity.clone(),
            permission: Some(permission),
            ..proto::UpdateParticipantRequest::default()
        };
        let update = RoomRequest::UpdateParticipant(Box::new(update));
        drop(self.world.call(update));
    }

    fn talk(&mut self, connection: ConnectionId) {
        let Some(peer) = self.world.peers(connection).first().copied() else {
            return;
        };
        let length = self.dice.below(60);
        let payload: Vec<u8> = (0..length)
            .map(|_| u8::try_from(self.dice.below(256)).unwrap())
            .collect();
        let channel = *self
            .dice
            .pick(&[
                DataChannel::Reliable,
                DataChannel::Lossy,
                DataChannel::DataTrack,
                DataChannel::Unlabelled,
            ])
            .unwrap();
        self.world.media(Event::DataReceived {
            peer,
            channel,
            message: payload.into(),
        });
    }
}

#[test]
fn a_room_stays_consistent_whatever_clients_do() {
    for seed in 1..=40 {
        let mut chaos = Chaos::new(seed);
        for _ in 0..300 {
            chaos.step();
        }
        for key in chaos.connected.clone() {
            chaos.world.close_signal(key);
        }
        for index in 0..8 {
            let identity = format!("p{index}").as_str().into();
            drop(chaos.world.call(RoomRequest::RemoveParticipant {
                identity,
                reason: None,
            }));
        }
        let left = chaos.world.room.info();
        assert_eq!((left.num_participants, left.num_publishers), (0, 0));
        chaos.world.pass(Duration::from_secs(19));
        let next = chaos
            .world
            .room
            .poll_timeout()
            .map(|deadline| deadline.reason);
        assert!(matches!(next, Some(TimerReason::Idle)), "{next:?}");
        let commands = chaos.world.commands[chaos.followed..].to_vec();
        chaos.shard.follow(commands);
        assert!(chaos.shard.peers.is_empty() && chaos.shard.publications.is_empty());
    }
}
