use base64::Engine;
use base64::prelude::BASE64_URL_SAFE;
use prost::Message;

use super::*;
use crate::proto::{ConnectionSettings, WrappedJoinRequest};

fn read(query: &str) -> ConnectParameters {
    ConnectParameters::read(
        Endpoint::V0,
        Strictness::Lenient,
        &Query::read(query),
        ConnectHeaders::default(),
    )
    .unwrap()
}

fn plain_request() -> JoinRequest {
    JoinRequest {
        client_info: Some(ClientInfo::default()),
        ..JoinRequest::default()
    }
}

fn joined(request: &JoinRequest) -> String {
    let wrapped = WrappedJoinRequest {
        compression: 0,
        join_request: request.encode_to_vec(),
    };
    format!(
        "join_request={}",
        BASE64_URL_SAFE.encode(wrapped.encode_to_vec())
    )
}

#[test]
fn a_query_without_a_word_on_it_subscribes_and_a_join_request_does_not() {
    assert!(read("").auto_subscribe);
    assert!(!read("auto_subscribe=0").auto_subscribe);
    assert!(!read(&joined(&plain_request())).auto_subscribe);
}

#[test]
fn a_join_request_means_one_peer_connection_on_either_endpoint() {
    assert_eq!(read("").peer_connections, PeerConnections::Two);
    let query = joined(&plain_request());
    assert_eq!(read(&query).peer_connections, PeerConnections::One);
}

#[test]
fn the_second_endpoint_requires_a_join_request() {
    let refused = ConnectParameters::read(
        Endpoint::V1,
        Strictness::Lenient,
        &Query::default(),
        ConnectHeaders::default(),
    );
    assert_eq!(refused, Err(ConnectError::JoinRequestMissing));
    assert_eq!(
        ConnectError::JoinRequestMissing.to_string(),
        "join_request is required"
    );
}

#[test]
fn the_session_id_counts_only_with_reconnect() {
    assert_eq!(read("sid=PA_1").resume, None);
    assert_eq!(
        read("reconnect=1&sid=PA_1&reconnect_reason=2").resume,
        Some(Resume {
            reason: ReconnectReason::RrPublisherFailed,
            participant_sid: Some("PA_1".into()),
            sync_state: None,
        })
    );
    let odd = read("reconnect=true&reconnect_reason=99").resume.unwrap();
    assert_eq!(odd.reason, ReconnectReason::RrUnknown);
    assert_eq!(odd.participant_sid, None);
}

#[test]
fn a_client_describes_itself_in_the_query() {
    let client = read(
        "sdk=js&version=2.5.1&protocol=15&client_protocol=1&os=mac&browser=safari\
         &capabilities=CAP_PACKET_TRAILER,%20NEWER,",
    )
    .client;
    assert_eq!(client.sdk(), Sdk::Js);
    assert_eq!(client.protocol().0, 15);
    assert_eq!(client.info().client_protocol, 1);
    assert!(client.is_safari());
    assert!(client.has(Capability::CapPacketTrailer));
    assert_eq!(client.info().capabilities.len(), 1);
}

#[test]
fn what_a_client_says_of_its_device_is_cut() {
    let long = "\u{e9}".repeat(1000);
    let client = read(&format!("os={long}&browser={long}")).client;
    assert_eq!(client.info().os.len(), 256);
    assert_eq!(client.info().browser.len(), 256);
}

#[test]
fn a_join_request_carries_everything_at_once() {
    let parameters = read(&joined(&JoinRequest {
        client_info: Some(ClientInfo {
            protocol: 17,
            ..ClientInfo::default()
        }),
        connection_settings: Some(ConnectionSettings {
            auto_subscribe: true,
            adaptive_stream: true,
            subscriber_allow_pause: Some(true),
            ..ConnectionSettings::default()
        }),
        metadata: "m".to_owned(),
        participant_attributes: [("k".to_owned(), "v".to_owned())].into(),
        publisher_offer: Some(SessionDescription {
            sdp: "v=0".to_owned(),
            ..SessionDescription::default()
        }),
        reconnect: true,
        participant_sid: "PA_9".to_owned(),
        sync_state: Some(SyncState {
            track_sids_disabled: vec!["TR_1".to_owned()],
            ..SyncState::default()
        }),
        ..JoinRequest::default()
    }));
    assert!(parameters.auto_subscribe && parameters.adaptive_stream);
    assert_eq!(parameters.subscriber_allow_pause, Some(true));
    assert_eq!(parameters.metadata.as_deref(), Some("m"));
    assert_eq!(parameters.attributes["k"], "v");
    assert_eq!(parameters.publisher_offer.unwrap().sdp, "v=0");
    let resume = parameters.resume.unwrap();
    assert_eq!(resume.participant_sid, Some("PA_9".into()));
    let state = resume.sync_state.unwrap();
    assert_eq!(state.track_sids_disabled, ["TR_1"]);
}

#[test]
fn unreadable_attributes_are_a_fault_only_when_validating() {
    let good = format!("attributes={}", BASE64_URL_SAFE.encode(r#"{"a":"b"}"#));
    assert_eq!(read(&good).attributes["a"], "b");
    assert!(read("attributes=!!!").attributes.is_empty());
    let refused = ConnectParameters::read(
        Endpoint::V0,
        Strictness::Strict,
        &Query::read("attributes=!!!"),
        ConnectHeaders::default(),
    );
    assert_eq!(refused, Err(ConnectError::Attributes));
}

#[test]
fn the_user_agent_fills_in_what_a_browser_left_out() {
    let headers = ConnectHeaders {
        user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        address: "192.0.2.7",
    };
    let read = |query: &str| {
        ConnectParameters::read(
            Endpoint::V0,
            Strictness::Lenient,
            &Query::read(query),
            headers,
        )
        .unwrap()
        .client
    };
    assert!(read("sdk=js").is_firefox());
    assert_eq!(read("sdk=js").info().address, "192.0.2.7");
    assert!(!read("sdk=python").is_firefox());
}
