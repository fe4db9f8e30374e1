//! A client program, and what it can take.

use crate::limits::{MAX_CAPABILITIES, MAX_CLIENT_TEXT_BYTES};
use crate::proto::ClientInfo;
use crate::proto::client_info::{Capability, Sdk};
use crate::{ProtocolVersion, SdkVersion};

/// A client program: what it says of itself, and what follows from it.
///
/// Programs differ in what they can take. Each difference is a method here, so that nobody else
/// asks for a browser's name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Client {
    info: ClientInfo,
}

impl From<ClientInfo> for Client {
    /// Takes what a client says of itself, cut to its limits.
    fn from(mut info: ClientInfo) -> Self {
        for text in [
            &mut info.version,
            &mut info.os,
            &mut info.os_version,
            &mut info.device_model,
            &mut info.browser,
            &mut info.browser_version,
            &mut info.address,
            &mut info.network,
            &mut info.other_sdks,
        ] {
            cut(text);
        }
        info.capabilities.truncate(MAX_CAPABILITIES);
        Self { info }
    }
}

/// Cuts a text to its limit, between two characters.
fn cut(text: &mut String) {
    let mut ends = (0..=MAX_CLIENT_TEXT_BYTES).rev();
    if text.len() > MAX_CLIENT_TEXT_BYTES
        && let Some(end) = ends.find(|end| text.is_char_boundary(*end))
    {
        text.truncate(end);
    }
}

impl Client {
    /// Returns what the client said.
    pub fn info(&self) -> &ClientInfo {
        &self.info
    }

    /// Returns its SDK.
    pub fn sdk(&self) -> Sdk {
        self.info.sdk()
    }

    /// Returns the signalling protocol that it speaks.
    pub fn protocol(&self) -> ProtocolVersion {
        ProtocolVersion(self.info.protocol)
    }

    /// Returns the version of its SDK.
    pub fn version(&self) -> SdkVersion {
        SdkVersion::read(&self.info.version)
    }

    /// Reports whether it is Firefox, on any system.
    pub fn is_firefox(&self) -> bool {
        ["firefox", "firefox mobile"]
            .iter()
            .any(|name| self.info.browser.eq_ignore_ascii_case(name))
    }

    /// Reports whether it is Safari.
    pub fn is_safari(&self) -> bool {
        self.info.browser.eq_ignore_ascii_case("safari")
    }

    fn runs_on(&self, os: &str) -> bool {
        self.info.os.eq_ignore_ascii_case(os)
    }

    fn is_sdk_before(&self, sdk: Sdk, version: SdkVersion) -> bool {
        self.sdk() == sdk && self.version() < version
    }

    /// Redundant audio (RFC 2198) can be received.
    pub fn takes_red(&self) -> bool {
        !self.is_firefox() && !self.is_safari()
    }

    /// A resume may be answered with `ReconnectResponse`. JS 1.6.2 and older fails on it.
    pub fn takes_reconnect_response(&self) -> bool {
        !self.is_sdk_before(Sdk::Js, SdkVersion::new(1, 6, 3))
    }

    /// `TrackSubscribed` and `RequestResponse` are understood. The Rust SDK before protocol 10
    /// fails on messages that it does not know.
    pub fn takes_track_subscribed(&self) -> bool {
        self.sdk() != Sdk::Rust || self.info.protocol >= 10
    }

    /// ICE over TCP works. The Go SDK dials no TCP, Swift does from 1.0.5 on.
    pub fn takes_ice_tcp(&self) -> bool {
        self.sdk() != Sdk::Go && !self.is_sdk_before(Sdk::Swift, SdkVersion::new(1, 0, 5))
    }

    /// The answer to an offer that rode in the join may follow `JoinResponse` at once. The Go SDK reads on
    /// before it has set its offer, and ignores an answer that comes sooner.
    pub fn takes_answer_at_once(&self) -> bool {
        self.sdk() != Sdk::Go
    }

    /// An ended subscription's m-section may carry another track. Safari plays nothing there.
    pub fn takes_reused_sections(&self) -> bool {
        self.protocol().takes_reused_sections() && !self.is_safari()
    }

    /// Tracks of one stream play in step, and are known without a stream of their own.
    pub fn plays_in_step(&self) -> bool {
        self.protocol().knows_shared_streams() && !self.is_firefox()
    }

    /// An ICE-lite server works. Firefox is served with full ICE by LiveKit.
    pub fn takes_ice_lite(&self) -> bool {
        self.protocol().takes_ice_lite() && !self.is_firefox()
    }

    /// It sends the first codec of an answer. Firefox on Linux and Android sends the one that it
    /// likes best, so its answers name only one.
    pub fn obeys_codec_order(&self) -> bool {
        !(self.is_firefox() && (self.runs_on("linux") || self.runs_on("android")))
    }

    /// It notices a track when it is negotiated. The Go SDK notices the first packet.
    pub fn notices_tracks_by_negotiation(&self) -> bool {
        self.sdk() != Sdk::Go
    }

    /// A subscription's codec may change while it lasts.
    pub fn takes_codec_change(&self) -> bool {
        !matches!(self.sdk(), Sdk::Go | Sdk::Unknown)
    }

    /// AV1 works. Safari decodes it only on some devices and does not say which.
    pub fn takes_av1(&self) -> bool {
        !self.is_safari()
    }

    /// VP9 may be published. Safari after 18.3 sends it wrongly.
    pub fn may_publish_vp9(&self) -> bool {
        let newest_good = SdkVersion::new(18, 3, 0);
        !(self.is_safari() && SdkVersion::read(&self.info.browser_version) > newest_good)
    }

    /// H.264 may be published. The encoder of one phone and Firefox's on Linux and Android fail.
    pub fn may_publish_h264(&self) -> bool {
        let bad_phone = self
            .info
            .device_model
            .eq_ignore_ascii_case("xiaomi 2201117ti")
            && self.runs_on("android");
        !bad_phone && self.obeys_codec_order()
    }

    /// Reports whether the client announced a capability.
    pub fn has(&self, capability: Capability) -> bool {
        self.info
            .capabilities
            .iter()
            .any(|&number| number == i32::from(capability))
    }
}

/// Reads the name of an SDK in a query.
pub(crate) fn sdk_of_name(name: &str) -> Sdk {
    match name {
        "js" => Sdk::Js,
        "ios" | "swift" => Sdk::Swift,
        "android" => Sdk::Android,
        "flutter" => Sdk::Flutter,
        "go" => Sdk::Go,
        "unity" => Sdk::Unity,
        "reactnative" => Sdk::ReactNative,
        "rust" => Sdk::Rust,
        "python" => Sdk::Python,
        "cpp" => Sdk::Cpp,
        "unityweb" => Sdk::UnityWeb,
        "node" => Sdk::Node,
        "unreal" => Sdk::Unreal,
        "esp32" => Sdk::Esp32,
        "dotnet" => Sdk::Dotnet,
        _ => Sdk::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(sdk: Sdk, version: &str) -> Client {
        Client::from(ClientInfo {
            sdk: sdk.into(),
            version: version.to_owned(),
            protocol: 17,
            ..ClientInfo::default()
        })
    }

    fn browser(name: &str, version: &str, os: &str) -> Client {
        Client::from(ClientInfo {
            sdk: Sdk::Js.into(),
            browser: name.to_owned(),
            browser_version: version.to_owned(),
            os: os.to_owned(),
            protocol: 17,
            ..ClientInfo::default()
        })
    }

    #[test]
    fn old_javascript_gets_no_reconnect_response() {
        assert!(!client(Sdk::Js, "1.6.2").takes_reconnect_response());
        assert!(client(Sdk::Js, "1.6.3").takes_reconnect_response());
        assert!(client(Sdk::Rust, "0.1.0").takes_reconnect_response());
    }

    #[test]
    fn go_and_old_swift_get_no_tcp_candidates() {
        assert!(!client(Sdk::Go, "2.5.0").takes_ice_tcp());
        assert!(!client(Sdk::Swift, "1.0.4").takes_ice_tcp());
        assert!(client(Sdk::Swift, "2.0.0").takes_ice_tcp());
    }

    #[test]
    fn go_gets_no_answer_before_it_is_ready() {
        assert!(!client(Sdk::Go, "2.18.1").takes_answer_at_once());
        assert!(client(Sdk::Js, "2.21.0").takes_answer_at_once());
    }

    #[test]
    fn old_rust_gets_no_message_that_it_fails_on() {
        let mut old = client(Sdk::Rust, "0.1.0");
        old.info.protocol = 9;
        assert!(!old.takes_track_subscribed());
        assert!(client(Sdk::Rust, "0.7.0").takes_track_subscribed());
    }

    #[test]
    fn firefox_on_linux_gets_one_codec_and_publishes_no_h264() {
        let linux = browser("Firefox", "140.0", "Linux");
        assert!(!linux.obeys_codec_order());
        assert!(!linux.may_publish_h264());
        assert!(!linux.takes_red());
        let windows = browser("Firefox", "140.0", "Windows");
        assert!(windows.obeys_codec_order());
        assert!(windows.may_publish_h264());
    }

    #[test]
    fn safari_gets_fresh_sections_and_no_av1() {
        let safari = browser("Safari", "18.4", "Mac OS X");
        assert!(!safari.takes_reused_sections());
        assert!(!safari.takes_av1());
        assert!(!safari.may_publish_vp9());
        assert!(browser("Safari", "18.3", "Mac OS X").may_publish_vp9());
    }
}
