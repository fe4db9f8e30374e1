//! Floods of signalling messages.

use std::collections::HashMap;
use std::time::Duration;

use livekit_protocol::{
    MuteTrackRequest, PublishDataTrackRequest, SessionDescription, SubscriptionPermission,
    TrackPermission, UnpublishDataTrackRequest, UpdateLocalAudioTrack, UpdateParticipantMetadata,
    UpdateSubscription, UpdateTrackSettings, signal_request,
};
use tokio::time::timeout_at;
use tokio_tungstenite::tungstenite::Message;

use crate::case::{Act, Case, PATIENCE, Stage};
use crate::client::{Client, Plan};
use crate::neighbours::NEAR;
use crate::signal;

/// How long the end of a session may take to be noticed.
const NOTICE: Duration = Duration::from_millis(300);

/// Most messages of a flood.
const MOST: u64 = 300_000;

pub(super) const MUTE: Case = Case {
    name: "mute",
    about: "mutes and unmutes its microphone as fast as it is read",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let (offender, sid) = stage.join_speaking().await?;
            flood(&stage, offender, toggles(sid)).await
        })
    },
};

/// How often one track is named in one message.
const SIDS_IN_PROTOBUF: usize = 16_000;
const SIDS_IN_JSON: usize = 100_000;

pub(super) const SETTINGS: Case = Case {
    name: "settings",
    about: "names one track 16,000 times in one message of settings, three times",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let (offender, _) = stage.join_speaking().await?;
            let settings = UpdateTrackSettings {
                track_sids: vec!["T".to_owned(); SIDS_IN_PROTOBUF],
                width: 320,
                height: 180,
                ..UpdateTrackSettings::default()
            };
            let frame = signal::frame(signal_request::Message::TrackSetting(settings));
            some(&stage, offender, vec![frame; 3]).await
        })
    },
};

pub(super) const SETTINGS_JSON: Case = Case {
    name: "settings-json",
    about: "names one track 100,000 times in one message of settings in JSON",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let (offender, _) = stage.join_speaking().await?;
            let sid = "\"T\"";
            let sids = vec![sid; SIDS_IN_JSON].join(",");
            let text = format!("{{\"trackSetting\":{{\"trackSids\":[{sids}],\"width\":320}}}}");
            some(&stage, offender, vec![Message::Text(text.into())]).await
        })
    },
};

/// Features of an audio track in one message.
const FEATURES_AT_ONCE: i32 = 400_000;

pub(super) const FEATURES: Case = Case {
    name: "features",
    about: "says 400,000 features of its microphone in one message",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let (offender, track_sid) = stage.join_speaking().await?;
            let update = UpdateLocalAudioTrack {
                track_sid,
                features: (0..FEATURES_AT_ONCE).collect(),
            };
            let frame = signal::frame(signal_request::Message::UpdateAudioTrack(update));
            some(&stage, offender, vec![frame]).await
        })
    },
};

/// Length of each metadata in bytes: well within what servers allow.
const METADATA_LEN: usize = 4_000;

pub(super) const METADATA: Case = Case {
    name: "metadata",
    about: "changes its metadata as fast as it is read",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let (offender, _) = stage.join_speaking().await?;
            flood(&stage, offender, |number| {
                let metadata = format!("{number:0METADATA_LEN$}");
                signal::frame(signal_request::Message::UpdateMetadata(
                    UpdateParticipantMetadata {
                        metadata,
                        request_id: u32::try_from(number).unwrap_or_default(),
                        ..UpdateParticipantMetadata::default()
                    },
                ))
            })
            .await
        })
    },
};

/// Updates of attributes, each with another key, and the length of each value in bytes.
const ATTRIBUTES_COUNT: u64 = 200;
const ATTRIBUTE_LEN: usize = 60_000;

pub(super) const ATTRIBUTES: Case = Case {
    name: "attributes",
    about: "gives itself 200 attributes of 60 kB, one message each",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let (offender, _) = stage.join_speaking().await?;
            let frames = (0..ATTRIBUTES_COUNT).map(|number| {
                let value = "x".repeat(ATTRIBUTE_LEN);
                let update = UpdateParticipantMetadata {
                    attributes: HashMap::from([(format!("key-{number}"), value)]),
                    ..UpdateParticipantMetadata::default()
                };
                signal::frame(signal_request::Message::UpdateMetadata(update))
            });
            let frames = frames.collect();
            some(&stage, offender, frames).await
        })
    },
};

pub(super) const SUBSCRIPTIONS: Case = Case {
    name: "subscriptions",
    about: "subscribes to a track and unsubscribes as fast as it is read",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let (offender, _) = stage.join_speaking().await?;
            let sid = track_of_neighbour(&stage).await?;
            flood(&stage, offender, |number| {
                signal::frame(signal_request::Message::Subscription(UpdateSubscription {
                    track_sids: vec![sid.clone()],
                    subscribe: number % 2 == 0,
                    ..UpdateSubscription::default()
                }))
            })
            .await
        })
    },
};

/// Data tracks that are there at once.
const DATA_TRACKS_AT_ONCE: u64 = 400;

pub(super) const DATA_TRACKS: Case = Case {
    name: "data-tracks",
    about: "publishes 400 data tracks and unpublishes them, over and over",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let (offender, _) = stage.join_speaking().await?;
            flood(&stage, offender, |number| {
                let handle = u32::try_from(number % DATA_TRACKS_AT_ONCE + 1).unwrap_or(1);
                let message = match number / DATA_TRACKS_AT_ONCE % 2 {
                    0 => {
                        signal_request::Message::PublishDataTrackRequest(PublishDataTrackRequest {
                            pub_handle: handle,
                            name: format!("track-{handle}"),
                            ..PublishDataTrackRequest::default()
                        })
                    }
                    _ => signal_request::Message::UnpublishDataTrackRequest(
                        UnpublishDataTrackRequest { pub_handle: handle },
                    ),
                };
                signal::frame(message)
            })
            .await
        })
    },
};

/// Participants named in each permission.
const PERMISSIONS: usize = 500;

pub(super) const PERMISSION: Case = Case {
    name: "permission",
    about: "allows all, then 500 by name, over and over",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let (offender, sid) = stage.join_speaking().await?;
            flood(&stage, offender, |number| {
                let named = (0..PERMISSIONS).map(|place| TrackPermission {
                    participant_identity: format!("listener-{place}"),
                    track_sids: vec![sid.clone()],
                    ..TrackPermission::default()
                });
                let permission = match number % 2 {
                    0 => SubscriptionPermission {
                        track_permissions: named.collect(),
                        ..SubscriptionPermission::default()
                    },
                    _ => SubscriptionPermission {
                        all_participants: true,
                        ..SubscriptionPermission::default()
                    },
                };
                signal::frame(signal_request::Message::SubscriptionPermission(permission))
            })
            .await
        })
    },
};

/// Sections of each offer.
const OFFERED_SECTIONS: usize = 100;

pub(super) const OFFERS: Case = Case {
    name: "offers",
    about: "offers 100 sections as fast as it is read, without waiting for answers",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let (offender, _) = stage.join_speaking().await?;
            let sdp = offer();
            flood(&stage, offender, |number| {
                signal::frame(signal_request::Message::Offer(SessionDescription {
                    r#type: "offer".to_owned(),
                    sdp: sdp.clone(),
                    id: u32::try_from(number + 2).unwrap_or_default(),
                    ..SessionDescription::default()
                }))
            })
            .await
        })
    },
};

fn offer() -> String {
    let mut sdp = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE".to_owned();
    for mid in 0..OFFERED_SECTIONS {
        sdp.push_str(&format!(" {mid}"));
    }
    sdp.push_str(
        "\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=setup:active\r\n",
    );
    sdp.push_str(&format!(
        "a=fingerprint:sha-256 {}\r\n",
        ["AB"; 32].join(":")
    ));
    for mid in 0..OFFERED_SECTIONS {
        sdp.push_str(&format!(
            "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=rtcp-mux\r\n\
             a=rtpmap:111 opus/48000/2\r\na=recvonly\r\n"
        ));
    }
    sdp
}

/// Bytes of each frame of junk.
const JUNK_LEN: usize = 16_000;

pub(super) const JUNK: Case = Case {
    name: "junk",
    about: "sends frames that are no messages, binary and text, as fast as they are read",
    by_tcp: false,
    play: |stage| {
        Box::pin(async move {
            let (offender, _) = stage.join_speaking().await?;
            flood(&stage, offender, |number| match number % 2 {
                0 => Message::Binary(vec![number.to_le_bytes()[0]; JUNK_LEN].into()),
                _ => Message::Text("[{".repeat(JUNK_LEN / 2).into()),
            })
            .await
        })
    },
};

/// Returns a track of one of the neighbours' in the room.
async fn track_of_neighbour(stage: &Stage) -> Result<String, String> {
    let looker = stage.begin_join(Plan::new(NEAR, "looker").without_tracks_of_others());
    let view = looker.view();
    let there = view.until(PATIENCE, "for tracks", |seen| !seen.others.is_empty());
    there.await?;
    let sid = view.seen().others.keys().next().cloned();
    looker.leave().await;
    sid.ok_or_else(|| "no track".to_owned())
}

/// Sends messages until the flood is over, and tells how many were taken.
pub(super) async fn flood(
    stage: &Stage,
    offender: Client,
    message: impl Fn(u64) -> Message,
) -> Result<Act, String> {
    let end = stage.flood_end();
    let mut taken = 0;
    while taken < MOST {
        match timeout_at(end, offender.send_frame(message(taken))).await {
            Ok(true) => taken += 1,
            Ok(false) | Err(_) => break,
        }
    }
    Ok(Act {
        fared: fared(taken, &offender).await?,
        actors: vec![offender],
    })
}

/// Sends some messages, and gives the server the time of a flood for them.
async fn some(stage: &Stage, offender: Client, messages: Vec<Message>) -> Result<Act, String> {
    let end = stage.flood_end();
    let mut taken = 0;
    for message in messages {
        match timeout_at(end, offender.send_frame(message)).await {
            Ok(true) => taken += 1,
            Ok(false) | Err(_) => break,
        }
    }
    let ended = offender.view().until(PATIENCE, "for the end", |_| false);
    // That it goes on is as good.
    timeout_at(end, ended).await.ok();
    Ok(Act {
        fared: fared(taken, &offender).await?,
        actors: vec![offender],
    })
}

/// Tells how the offender fared: a connection that was cut is first noticed by who writes. A session that the server
/// ends without a word is a fault.
async fn fared(taken: u64, offender: &Client) -> Result<String, String> {
    let view = offender.view();
    let ending = view.until(NOTICE, "for the end", |seen| seen.ending).await;
    if ending.is_ok() {
        view.until(PATIENCE, "for the end", |_| false).await.ok();
    }
    match offender.ended() {
        Some(why) if offender.was_told_to_leave() => Ok(format!("{taken} taken, then {why}")),
        Some(why) => Err(format!("the offender was not told why it was ended: {why}")),
        None => Ok(format!("{taken} taken")),
    }
}

/// Mutes and unmutes a track.
pub(super) fn toggles(sid: String) -> impl Fn(u64) -> Message {
    move |number| {
        signal::frame(signal_request::Message::Mute(MuteTrackRequest {
            sid: sid.clone(),
            muted: number % 2 == 0,
        }))
    }
}
