use std::num::NonZeroU16;
use std::time::Duration;

use crate::group::Group;
use crate::problem::{Problem, Read};
use crate::value;
use crate::{FileReader, NodeIp, TurnServer, UdpPorts, duration};

/// The media plane: the group `rtc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rtc {
    /// `udp_port`: a port that all shards share, or a range with one for each. `port_range_start` and
    /// `port_range_end` are taken for it where it is absent. Default 7882 and up.
    pub udp_ports: UdpPorts,
    /// `tcp_port`: where clients connect that have no UDP; 0 is none. Default 7881.
    pub tcp_port: Option<u16>,
    /// `shards`: media threads. Ours, not LiveKit's. Default one for each core, but never more than
    /// ports of a range.
    pub shards: Option<NonZeroU16>,
    /// `home_participants`: how many participants of a room one shard carries before further ones are
    /// spread over all shards. Ours, not LiveKit's. Default 50.
    pub home_participants: u16,
    /// `node_ip`: the address that clients are told. Default those of the machine.
    pub node_ip: NodeIp,
    /// `enable_loopback_candidate`: clients on this machine are told its loopback address too.
    /// Default false, with `--dev` true.
    pub enable_loopback_candidate: bool,
    /// `stun_servers`: clients are told these. Default LiveKit's list.
    pub stun_servers: Vec<String>,
    /// `turn_servers`: clients are told these.
    pub turn_servers: Vec<TurnServer>,
    /// `pli_throttle`: how often a publisher is asked for a key frame.
    pub pli_throttle: PliThrottle,
    /// `allow_tcp_fallback`: a client whose media over UDP fails within 90 s of being connected is
    /// told of TCP alone when it comes back. Default true.
    pub allow_tcp_fallback: bool,
    /// `congestion_control`: what is done for subscribers whose links carry too little.
    pub congestion_control: CongestionControl,
}

/// The shortest time between two requests for a key frame of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PliThrottle {
    /// `low_quality`. Default 500 ms: small key frames are cheap.
    pub low_quality: Duration,
    /// `mid_quality`. Default 1 s.
    pub mid_quality: Duration,
    /// `high_quality`. Default 1 s.
    pub high_quality: Duration,
}

impl Default for PliThrottle {
    fn default() -> Self {
        Self {
            low_quality: Duration::from_millis(500),
            mid_quality: Duration::from_secs(1),
            high_quality: Duration::from_secs(1),
        }
    }
}

/// What is done for subscribers whose links carry too little.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CongestionControl {
    /// `allow_pause`: video may be paused where the link has no room for its lowest layer, unless the client says otherwise.
    /// Default false.
    pub allow_pause: bool,
}

impl PliThrottle {
    fn read(group: &mut Group<'_>) -> Self {
        let default = Self::default();
        let mut get = |name, default| group.get(name, duration::read).unwrap_or(default);
        Self {
            low_quality: get("low_quality", default.low_quality),
            mid_quality: get("mid_quality", default.mid_quality),
            high_quality: get("high_quality", default.high_quality),
        }
    }
}

impl Default for Rtc {
    fn default() -> Self {
        Self {
            udp_ports: UdpPorts::default(),
            tcp_port: Some(7881),
            shards: None,
            home_participants: 50,
            node_ip: NodeIp::default(),
            enable_loopback_candidate: false,
            stun_servers: Vec::new(),
            turn_servers: Vec::new(),
            pli_throttle: PliThrottle::default(),
            allow_tcp_fallback: true,
            congestion_control: CongestionControl::default(),
        }
    }
}

impl Rtc {
    pub(crate) fn read(group: &mut Group<'_>, dev: bool, read_file: Option<&FileReader>) -> Self {
        let default = Self::default();
        unsupported(group, UNSUPPORTED);
        Self {
            udp_ports: udp_ports(group),
            tcp_port: group
                .get("tcp_port", value::port_or_off)
                .unwrap_or(default.tcp_port),
            shards: group.get("shards", shards),
            home_participants: group
                .get("home_participants", home_participants)
                .unwrap_or(default.home_participants),
            node_ip: NodeIp::read(group, "node_ip"),
            enable_loopback_candidate: group
                .get("enable_loopback_candidate", value::truth)
                .unwrap_or(dev),
            stun_servers: group.list("stun_servers", value::text).unwrap_or_default(),
            turn_servers: group
                .groups("turn_servers", |server| TurnServer::read(server, read_file))
                .into_iter()
                .flatten()
                .collect(),
            pli_throttle: group.group("pli_throttle", PliThrottle::read),
            allow_tcp_fallback: group
                .get("allow_tcp_fallback", value::truth)
                .unwrap_or(default.allow_tcp_fallback),
            congestion_control: group.group("congestion_control", CongestionControl::read),
        }
    }
}

fn shards(written: &str) -> Read<NonZeroU16> {
    written
        .parse()
        .map_err(|_| Problem::new("is no number of shards", "write a number such as 4"))
}

fn home_participants(written: &str) -> Read<u16> {
    written
        .parse()
        .map_err(|_| Problem::new("is no number of participants", "write a number such as 50"))
}

/// Reads the UDP ports from either way of writing them.
fn udp_ports(group: &mut Group<'_>) -> UdpPorts {
    let ports = group.get("udp_port", UdpPorts::read);
    let first = group.get_with_place("port_range_start", value::port);
    let last = group.get_with_place("port_range_end", value::port);
    let range = match (first, last) {
        (None, None) | (Some((0, _)), Some((0, _))) => None,
        (Some((first, place)), Some((last, _))) if first != 0 && first <= last => {
            Some((UdpPorts::between(first, last), place))
        }
        (Some((_, place)), _) | (None, Some((_, place))) => {
            let problem = Problem::new(
                "is no range together with `rtc.port_range_end`",
                "write both, the smaller first, or `rtc.udp_port` instead",
            );
            group.fault("port_range_start", Some(place), problem);
            None
        }
    };
    match (ports, range) {
        (Some(ports), None) => ports,
        (None, Some((range, _))) => range,
        (None, None) => UdpPorts::default(),
        (Some(ports), Some((_, place))) => {
            let consequence = "has no effect, because `rtc.udp_port` is given";
            group.warn("port_range_start", Some(place), consequence);
            ports
        }
    }
}

/// Keys of LiveKit's that are not obeyed: their names, the values that ask for what happens anyway,
/// and what follows.
/// Names of keys, the values with which they do no harm, and what becomes of any other.
type Unsupported = (
    &'static [&'static str],
    &'static [&'static str],
    &'static str,
);

const UNSUPPORTED: &[Unsupported] = &[
    (
        &["use_external_ip"],
        &["false"],
        "has no effect: the public address is not looked up; write it under `rtc.node_ip`",
    ),
    (
        &[
            "external_ip_only",
            "advertise_internal_ip",
            "skip_external_ip_validation",
        ],
        &["false"],
        "has no effect: clients are told `rtc.node_ip` where it is given, else all addresses",
    ),
    (
        &["interfaces", "ips"],
        &[],
        "has no effect: addresses are not filtered; write the one to use under `rtc.node_ip`",
    ),
    (
        &["use_ice_lite"],
        &["true"],
        "has no effect: this node is always ICE-lite",
    ),
    (
        &["use_mdns"],
        &["false"],
        "has no effect: names of the local network are not resolved",
    ),
    (
        &["force_tcp", "use_stun_port_as_ice"],
        &["false"],
        "has no effect: clients are offered both UDP and TCP",
    ),
    (
        &["batch_io"],
        &[],
        "has no effect: packets are sent as they come",
    ),
    (
        &[
            "sctp_min_cwnd",
            "sctp_fast_rtx_wnd",
            "sctp_cwnd_ca_step",
            "data_channel_max_buffered_amount",
            "datachannel_slow_threshold",
            "datachannel_lossy_target_latency",
            "datachannel_data_track_target_latency",
        ],
        &["0", "100ms"],
        "has no effect: the queues of data channels have fixed limits",
    ),
    (
        &["rtx_budget"],
        &[],
        "has no effect: what is sent again waits for the subscriber's link, and has no other bound",
    ),
    (
        &[
            "packet_buffer_size",
            "packet_buffer_size_video",
            "packet_buffer_size_audio",
        ],
        &[],
        "has no effect: rings grow with their stream, up to 512 packets of video and 256 of audio",
    ),
    (
        &[
            "reconnect_on_publication_error",
            "reconnect_on_subscription_error",
            "reconnect_on_data_channel_error",
        ],
        &["false"],
        "has no effect: such an error ends the track or channel, not the session",
    ),
    (
        &["tcp_fallback_rtt_threshold", "allow_udp_unstable_fallback"],
        &["0", "false"],
        "has no effect: UDP that loses packets is kept as long as media comes",
    ),
    (
        &[
            "strict_acks",
            "forward_stats",
            "enable_rtp_stream_restart_detection",
            "enable_warp",
        ],
        &["true", "false"],
        "has no effect on this node",
    ),
];

/// Keys of `congestion_control`: see [`UNSUPPORTED`].
const UNSUPPORTED_OF_CONGESTION_CONTROL: [Unsupported; 2] = [
    (
        &["enabled"],
        &["true"],
        "has no effect: subscribers always get what their links carry",
    ),
    (
        &[
            "use_send_side_bwe",
            "use_send_side_bwe_interceptor",
            "send_side_bwe",
            "send_side_bwe_pacer",
            "stream_allocator",
            "remote_bwe",
            "disable_etimation_unmanaged_tracks",
            "min_channel_capacity",
        ],
        &[],
        "has no effect: links are estimated by when packets arrive, and divided by rules of the node's own",
    ),
];

impl CongestionControl {
    fn read(group: &mut Group<'_>) -> Self {
        unsupported(group, &UNSUPPORTED_OF_CONGESTION_CONTROL);
        Self {
            allow_pause: group.get("allow_pause", value::truth).unwrap_or(false),
        }
    }
}

fn unsupported(group: &mut Group<'_>, keys: &[Unsupported]) {
    for &(names, harmless, consequence) in keys {
        for name in names {
            group.unsupported(name, harmless, consequence);
        }
    }
}
