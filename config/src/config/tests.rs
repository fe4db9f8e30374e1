use std::time::Duration;

use super::*;
use crate::DuplicateIdentity;
use crate::{
    Address, Exceeded, JwksSource, LogLevel, NodeIp, Quota, Setting, SettingValue, Text,
    TokenSession, TurnCredentials, TurnProtocol, UdpPorts, WebhookTarget,
};

const KEYS: &str = "keys: {key1: 0123456789abcdef0123456789abcdef}\n";

fn file(text: &str) -> Inputs<'_> {
    Inputs {
        file: Some(Text {
            name: "sluice.yaml",
            text,
        }),
        ..Inputs::default()
    }
}

/// Reads a file that has a good key already.
fn read(text: &str) -> (Config, Vec<String>) {
    let text = format!("{KEYS}{text}");
    let (config, warnings) = Config::load(&file(&text)).unwrap();
    (config, warnings.iter().map(Warning::to_string).collect())
}

fn faults(text: &str) -> Vec<String> {
    let text = format!("{KEYS}{text}");
    let faults = Config::load(&file(&text)).unwrap_err();
    faults.iter().map(Fault::to_string).collect()
}

fn setting(key: &'static str, origin: &str, value: &str) -> Setting {
    Setting {
        key,
        origin: origin.to_owned(),
        value: SettingValue::One(value.to_owned()),
    }
}

#[test]
fn quotas_are_those_of_each_key_or_of_all() {
    let (config, _) = read(
        "quotas:\n  participants: 100\n  exceeded: tell\n  keys:\n    big: {minutes_a_month: 50_000}\n\
         sessions: {keep_days: 7, keep_usage_days: 30}\n",
    );
    assert_eq!(config.quotas.usual.participants, Some(100));
    assert_eq!(config.quotas.usual.exceeded, Exceeded::Tell);
    let big = Quota {
        minutes_a_month: Some(50_000),
        ..Quota::default()
    };
    assert_eq!(config.quotas.keys, [("big".to_owned(), big)]);
    assert_eq!(config.sessions.keep.as_secs(), 7 * 86_400);
    let faults = faults("quotas: {exceeded: maybe}\nsessions: {keep_days: 0}\n");
    assert_eq!(faults.len(), 2, "{faults:?}");
}

#[test]
fn keys_alone_give_livekits_defaults() {
    let (config, warnings) = read("");
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(config.port, 7880);
    assert_eq!(config.bind, Bind::All);
    assert_eq!(config.rtc, Rtc::default());
    assert_eq!(config.rtc.tcp_port, Some(7881));
    assert_eq!(config.room.empty_timeout, Duration::from_secs(300));
    assert_eq!(config.room.departure_timeout, Duration::from_secs(20));
    assert_eq!(config.limit, Limit::default());
    assert_eq!(config.logging.level, LogLevel::Info);
}

#[test]
fn a_node_without_keys_does_not_start() {
    let faults = Config::load(&Inputs::default()).unwrap_err();
    assert_eq!(faults.len(), 1);
    let text = faults[0].to_string();
    assert!(text.starts_with("`keys` is missing, so nobody could join; "));
}

#[test]
fn development_fills_in_a_key_and_stays_on_this_machine() {
    let inputs = Inputs {
        dev: true,
        ..Inputs::default()
    };
    let (config, warnings) = Config::load(&inputs).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.keys[0].key, "devkey");
    assert_eq!(config.keys[0].secret.expose(), "secret");
    assert_eq!(
        config.bind,
        Bind::Only(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()])
    );
    assert!(config.rtc.enable_loopback_candidate);
    assert_eq!(config.logging.level, LogLevel::Debug);
}

#[test]
fn development_fills_in_only_what_is_left_open() {
    let mut inputs = file("keys: {mine: short}\nport: 8000\nlogging: {level: warn}");
    inputs.dev = true;
    let (config, warnings) = Config::load(&inputs).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.keys.len(), 1);
    assert_eq!(config.keys[0].key, "mine");
    assert_eq!(config.bind, Bind::All);
    assert_eq!(config.port, 8000);
    assert_eq!(config.logging.level, LogLevel::Warn);

    let mut inputs = file("keys: {devkey: secret}");
    inputs.dev = true;
    let (config, _) = Config::load(&inputs).unwrap();
    assert!(matches!(config.bind, Bind::Only(_)), "everybody knows it");

    let mut inputs = file("bind_addresses: [192.0.2.1]");
    inputs.dev = true;
    let (config, _) = Config::load(&inputs).unwrap();
    assert_eq!(config.bind, Bind::Only(vec![[192, 0, 2, 1].into()]));
    assert_eq!(config.keys[0].key, "devkey");
}

#[test]
fn only_the_key_of_development_is_known_to_everybody() {
    for (keys, known) in [
        ("", true),
        ("keys: {devkey: secret}", true),
        ("keys: {devkey: another}", false),
        ("keys: {devkey: secret, mine: short}", false),
        ("keys: {mine: short}", false),
    ] {
        let mut inputs = file(keys);
        inputs.dev = true;
        let (config, _) = Config::load(&inputs).unwrap();
        assert_eq!(config.has_only_dev_key(), known, "{keys}");
    }
}

#[test]
fn idle_connections_are_kept_as_long_as_the_balancer_in_front_needs() {
    assert_eq!(read("").0.http.idle_timeout, Duration::from_secs(75));
    let (config, _) = read("http: {idle_timeout: 630s}");
    assert_eq!(config.http.idle_timeout, Duration::from_secs(630));
    for wrong in ["630", "10ms", "0", "soon"] {
        faults(&format!("http: {{idle_timeout: {wrong}}}"));
    }
}

#[test]
fn all_faults_are_found_in_one_go_and_named_with_line_key_value_and_remedy() {
    let found = faults(
        "port: http\n\
         rtc:\n  tpc_port: 7881\n  udp_port: 9-3\n  node_ip: here\n\
         room:\n  empty_timeout: soon\n  enabled_codecs:\n    - mime: video/mpeg\n\
         hologram: true\n",
    );
    assert_eq!(
        found,
        [
            "sluice.yaml line 2: `port: http` is no port number; write a number from 1 to 65535",
            "sluice.yaml line 4: `rtc.tpc_port: 7881` is no key of this configuration; write \
             `rtc.tcp_port`, or remove it",
            "sluice.yaml line 5: `rtc.udp_port: 9-3` is a range whose end comes before its \
             beginning; write 3-9",
            "sluice.yaml line 6: `rtc.node_ip: here` is no IP address; write one such as \
             192.0.2.1 or 2001:db8::1",
            "sluice.yaml line 8: `room.empty_timeout: soon` is no number of seconds; write a \
             number such as 300",
            "sluice.yaml line 10: `room.enabled_codecs.mime: video/mpeg` is no codec that this \
             node forwards; write one of audio/pcmu, audio/pcma, audio/opus, audio/red, \
             video/vp8, video/h264, video/vp9, video/av1, video/h265, video/rtx",
            "sluice.yaml line 11: `hologram: true` is no key of this configuration; remove it",
        ]
    );
}

#[test]
fn a_key_in_the_wrong_group_is_shown_its_place() {
    let found = faults("udp_port: 7882");
    assert!(found[0].contains("write `rtc.udp_port`"), "{found:?}");
}

#[test]
fn the_body_wins_over_the_file_and_flags_win_over_both() {
    let file_text = format!("{KEYS}port: 1000\nregion: a\nrtc: {{tcp_port: 1001, udp_port: 1002}}");
    let settings = [
        setting("rtc.udp_port", "--udp-port", "3000-3001"),
        setting("region", "LIVEKIT_REGION", "c"),
    ];
    let mut inputs = file(&file_text);
    inputs.body = Some(Text {
        name: "LIVEKIT_CONFIG",
        text: "port: 2000\nregion: b\nrtc: {udp_port: 2002}",
    });
    inputs.settings = &settings;
    let (config, _) = Config::load(&inputs).unwrap();
    assert_eq!(config.port, 2000);
    assert_eq!(config.region, "c");
    assert_eq!(config.rtc.tcp_port, Some(1001));
    let ports = UdpPorts::Range {
        first: 3000,
        last: 3001,
    };
    assert_eq!(config.rtc.udp_ports, ports);
}

#[test]
fn a_bad_flag_is_named_as_the_operator_knows_it() {
    let settings = [setting("rtc.udp_port", "UDP_PORT", "many")];
    let mut inputs = file(KEYS);
    inputs.settings = &settings;
    let faults = Config::load(&inputs).unwrap_err();
    assert!(
        faults[0]
            .to_string()
            .starts_with("UDP_PORT: `rtc.udp_port: many` is no port or range of ports; ")
    );
}

#[test]
fn keys_come_in_the_order_in_which_they_are_written() {
    let long = "x".repeat(32);
    let text = format!("keys:\n  zeta: {long}\n  alpha: {long}\n  \"07\": {long}\n");
    let (config, _) = Config::load(&file(&text)).unwrap();
    let names: Vec<&str> = config.keys.iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(names, ["zeta", "alpha", "07"]);
}

#[test]
fn keys_from_the_environment_replace_those_of_the_file() {
    let settings = [Setting {
        key: "keys",
        origin: "LIVEKIT_KEYS".to_owned(),
        value: SettingValue::Yaml(
            "k1: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nk2: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
                .to_owned(),
        ),
    }];
    let mut inputs = file(KEYS);
    inputs.settings = &settings;
    let (config, _) = Config::load(&inputs).unwrap();
    let names: Vec<&str> = config.keys.iter().map(|pair| pair.key.as_str()).collect();
    assert_eq!(names, ["k1", "k2"]);
}

#[test]
fn a_pair_without_a_space_is_explained_and_not_shown() {
    let settings = [Setting {
        key: "keys",
        origin: "LIVEKIT_KEYS".to_owned(),
        value: SettingValue::Yaml("k1:hunter2".to_owned()),
    }];
    let inputs = Inputs {
        settings: &settings,
        ..Inputs::default()
    };
    let faults = Config::load(&inputs).unwrap_err();
    let text = faults[0].to_string();
    assert!(text.contains("with a space after the colon"), "{text}");
    assert!(!text.contains("hunter2"));
}

#[test]
fn a_short_secret_is_warned_of_except_in_development() {
    let text = "keys: {weak: hunter2}";
    let (_, warnings) = Config::load(&file(text)).unwrap();
    let warning = warnings[0].to_string();
    assert!(warning.starts_with("sluice.yaml line 1: `keys.weak` has a secret of fewer than 32"));
    assert!(!warning.contains("hunter2"));
    let mut inputs = file(text);
    inputs.dev = true;
    assert_eq!(Config::load(&inputs).unwrap().1, []);
}

#[test]
fn an_empty_secret_is_a_fault() {
    let faults = Config::load(&file("keys: {open: }")).unwrap_err();
    assert!(faults[0].to_string().contains("has no secret"));
}

#[test]
fn secrets_appear_in_no_output() {
    let (config, _) = read("rtc: {turn_servers: [{host: h, port: 1, secret: hunter2}]}");
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("0123456789abcdef"));
}

#[test]
fn keys_are_read_from_their_file_which_wins() {
    let read_file = |path: &str| match path {
        "/keys.yaml" => Ok("filed: 0123456789abcdef0123456789abcdef".to_owned()),
        _ => Err("no such file".to_owned()),
    };
    let text = format!("{KEYS}key_file: /keys.yaml");
    let mut inputs = file(&text);
    inputs.read_file = Some(&read_file);
    let (config, warnings) = Config::load(&inputs).unwrap();
    assert_eq!(config.keys[0].key, "filed");
    assert_eq!(config.keys.len(), 1);
    assert!(warnings[0].to_string().contains("`keys` is not read"));

    let mut inputs = file("key_file: /other.yaml");
    inputs.read_file = Some(&read_file);
    let faults = Config::load(&inputs).unwrap_err();
    let text = faults[0].to_string();
    assert!(text.contains("cannot be used: no such file"), "{text}");
}

#[test]
fn what_livekit_can_and_this_node_cannot_is_a_warning() {
    let (_, warnings) = read(
        "redis: {address: 'localhost:6379'}\nsip: {x: 1}\n\
         rtc: {use_external_ip: true, use_mdns: false}\nturn: {enabled: true, domain: x}",
    );
    assert_eq!(warnings.len(), 4, "{warnings:#?}");
    assert!(warnings.iter().any(|text| text.contains(
        "line 4: `rtc.use_external_ip` has no effect: the public address is not looked up; \
         write it under `rtc.node_ip`"
    )));
}

#[test]
fn asking_for_what_happens_anyway_is_no_warning() {
    let (_, warnings) = read(
        "redis: {}\nturn: {enabled: false, udp_port: 3478}\nprometheus_port: 0\n\
         rtc: {use_ice_lite: true, force_tcp: false}\nlogging: {pion_level: error}",
    );
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn metrics_are_served_where_either_key_says_and_only_to_who_may_read_them() {
    let (config, _) = read("");
    assert_eq!(config.prometheus, Prometheus::default());
    let (config, warnings) = read("prometheus_port: 6789");
    assert_eq!((config.prometheus.port, warnings.len()), (Some(6789), 0));
    let (config, _) = read("prometheus: {port: 6790, username: me, password: hush}");
    assert_eq!(config.prometheus.port, Some(6790));
    assert_eq!(config.prometheus.login.unwrap().username, "me");
    let found = faults("prometheus: {port: 7881, username: me}");
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found
            .iter()
            .any(|fault| fault.contains("without `prometheus.password`"))
    );
    assert!(
        found
            .iter()
            .any(|fault| fault.contains("is the same as `port`"))
    );
}

#[test]
fn a_rooms_participants_on_its_first_shard_are_counted() {
    let (config, _) = read("rtc: {home_participants: 0}");
    assert_eq!(config.rtc.home_participants, 0);
    assert_eq!(read("").0.rtc.home_participants, 50);
    let found = faults("rtc: {home_participants: many}");
    let words = "`rtc.home_participants: many` is no number of participants";
    assert!(found[0].contains(words), "{found:?}");
}

#[test]
fn a_range_of_ports_is_taken_from_livekits_older_keys() {
    let (config, _) = read("rtc: {port_range_start: 50000, port_range_end: 60000}");
    assert_eq!(
        config.rtc.udp_ports.for_shards(2),
        [50000, 50001],
        "one for each shard"
    );
    let found = faults("rtc: {port_range_start: 50000}");
    assert!(found[0].contains("`rtc.port_range_start` is no range"));
    let (config, warnings) =
        read("rtc: {udp_port: 7000, port_range_start: 50000, port_range_end: 60000}");
    assert_eq!(config.rtc.udp_ports.for_shards(2), [7000, 7000]);
    assert!(warnings[0].contains("because `rtc.udp_port` is given"));
}

#[test]
fn the_node_address_is_one_or_one_of_each_family() {
    let (config, _) = read("rtc: {node_ip: 192.0.2.7}");
    assert_eq!(config.rtc.node_ip.v4, Some([192, 0, 2, 7].into()));
    let (config, _) = read("rtc: {node_ip: {ipv4: 192.0.2.7, ipv6: '2001:db8::1'}}");
    let expected = NodeIp {
        v4: Some([192, 0, 2, 7].into()),
        v6: Some("2001:db8::1".parse().unwrap()),
    };
    assert_eq!(config.rtc.node_ip, expected);
    assert!(faults("rtc: {node_ip: {ipv4: '::1'}}")[0].contains("other family"));
}

#[test]
fn the_load_of_a_node_is_limited_by_positive_numbers() {
    let (config, _) = read("limit: {num_tracks: 8000, bytes_per_sec: 1_000_000_000}");
    assert_eq!(config.limit.num_tracks, Some(8_000));
    assert_eq!(config.limit.bytes_per_sec, Some(1_000_000_000));
    let (config, _) = read("limit: {num_tracks: -1, bytes_per_sec: 0}");
    assert_eq!(config.limit, Limit::default());
}

#[test]
fn deprecated_limits_of_rooms_still_count() {
    let (config, _) = read("room: {max_metadata_size: 100}\nlimit: {max_metadata_size: 200}");
    assert_eq!(config.limit.max_metadata_size, Some(100));
    let (config, _) = read("limit: {max_room_name_length: 0}");
    assert_eq!(config.limit.max_room_name_length, None);
}

#[test]
fn turn_servers_need_a_way_to_log_in() {
    let (config, _) = read(
        "rtc:\n  turn_servers:\n    - {host: a.example, port: 3478, protocol: udp, secret: s}\n    \
         - {host: b.example, port: 443, protocol: tls, username: u, credential: c}\n",
    );
    let servers = &config.rtc.turn_servers;
    assert_eq!(servers[0].protocol, TurnProtocol::Udp);
    assert!(matches!(
        servers[0].credentials,
        TurnCredentials::Shared { ttl, .. } if ttl == Duration::from_secs(14_400)
    ));
    assert!(matches!(
        servers[1].credentials,
        TurnCredentials::Static { .. }
    ));
    let found = faults("rtc: {turn_servers: [{port: 1, username: u}]}");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("sluice.yaml line 2: `rtc.turn_servers.secret` is missing"));
    assert!(found[1].starts_with("sluice.yaml line 2: `rtc.turn_servers.host` is missing"));
}

#[test]
fn presets_are_read_by_name() {
    let (config, _) = read("room: {room_configurations: {big: {max_participants: 900}}}");
    let preset = &config.room.room_configurations["big"];
    assert_eq!(preset.max_participants, Some(900));
    assert_eq!(preset.empty_timeout, None);
}

#[test]
fn a_second_session_of_an_identity_replaces_the_first_unless_that_is_to_be_kept() {
    let (config, _) = read("room: {}");
    assert_eq!(config.room.duplicate_identity, DuplicateIdentity::Replace);
    let (config, _) = read(
        "room: {duplicate_identity: refuse, room_configurations: {open: {duplicate_identity: replace}, other: {}}}",
    );
    assert_eq!(config.room.duplicate_identity, DuplicateIdentity::Refuse);
    let presets = &config.room.room_configurations;
    let of = |preset: &str| presets[preset].duplicate_identity;
    assert_eq!(of("open"), Some(DuplicateIdentity::Replace));
    assert_eq!(of("other"), None);
    let found = faults("room: {duplicate_identity: kick}");
    assert_eq!(
        found,
        [
            "sluice.yaml line 2: `room.duplicate_identity: kick` says nothing that can be done with a second session of an \
          identity; write replace or refuse"
        ]
    );
}

#[test]
fn the_same_port_for_http_and_media_is_a_fault() {
    let found = faults("port: 7881");
    assert_eq!(
        found,
        [
            "`rtc.tcp_port` is the same as `port`, and both are TCP; write another port for one of \
          them"
        ]
    );
}

#[test]
fn a_list_where_a_value_belongs_is_a_fault_and_so_is_the_reverse() {
    let found = faults("port: [1]\nbind_addresses: x\nrtc: 7\nregion: {a: b}");
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(
        found
            .iter()
            .any(|text| text.contains("`rtc: 7` is no group of keys"))
    );
}

#[test]
fn broken_yaml_is_one_fault_with_its_line() {
    let faults = Config::load(&file("port: 1\nrtc: {tcp_port: 2\nroom:\n")).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].to_string().contains("the text is not YAML"));
}

#[test]
fn a_node_has_25_seconds_to_stop_unless_said_otherwise() {
    assert_eq!(read("").0.shutdown_timeout, Duration::from_secs(25));
    let (config, _) = read("shutdown_timeout: 50s");
    assert_eq!(config.shutdown_timeout, Duration::from_secs(50));
    assert_eq!(
        read("shutdown_timeout: 5").0.shutdown_timeout,
        Duration::from_secs(5)
    );
}

#[test]
fn video_may_be_paused_where_the_operator_says_so() {
    assert!(!read("").0.rtc.congestion_control.allow_pause);
    let (config, warnings) = read("rtc: {congestion_control: {enabled: true, allow_pause: true}}");
    assert!(config.rtc.congestion_control.allow_pause);
    assert_eq!(warnings, Vec::<String>::new());
    let (_, warnings) = read("rtc: {congestion_control: {enabled: false}}");
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("rtc.congestion_control.enabled"));
}

#[test]
fn where_things_are_kept_is_read_without_showing_a_password() {
    let (config, warnings) = read(
        "data_dir: /var/lib/sluice\ntrusted_proxies: [10.0.0.0/8, '::1']\n\
         database: {url: 'postgres://sluice:hunter2@db/sluice'}\n",
    );
    assert!(warnings.is_empty(), "{warnings:?}");
    assert_eq!(config.data_dir.as_deref(), Some("/var/lib/sluice"));
    let proxies: Vec<_> = config
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(proxies, ["10.0.0.0/8", "::1/128"]);
    assert!(!format!("{config:?}").contains("hunter2"));

    let faults =
        faults("database: {url: 'mysql://sluice:hunter2@db/sluice'}\ntrusted_proxies: [proxy]\n");
    assert_eq!(faults.len(), 2);
    assert!(
        faults.iter().all(|fault| !fault.contains("hunter2")),
        "{faults:?}"
    );
}

#[test]
fn receivers_of_webhooks_are_read_with_the_events_that_they_want() {
    let (config, warnings) = read(
        "webhook:\n  api_key: key1\n  urls: ['https://a.example/hook']\n  filter_params: {exclude_events: [room_started]}\n  \
         targets: [{url: 'https://b.example', include_events: [participant_joined]}]\n  give_up_after: 2h\n",
    );
    assert!(warnings.is_empty(), "{warnings:?}");
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let expected = [
        WebhookTarget {
            url: "https://a.example/hook".to_owned(),
            include_events: Vec::new(),
            exclude_events: names(&["room_started"]),
        },
        WebhookTarget {
            url: "https://b.example".to_owned(),
            include_events: names(&["participant_joined"]),
            exclude_events: Vec::new(),
        },
    ];
    assert_eq!(config.webhook.targets, expected);
    assert_eq!(config.webhook.give_up_after, Duration::from_secs(7200));
    assert!(!config.webhook.allow_private);
}

#[test]
fn an_event_that_there_is_not_is_a_fault_with_the_names_of_those_that_there_are() {
    let text = "webhook:\n  api_key: key1\n  urls: ['https://a.example']\n  filter_params:\n    include_events: [room_begun]\n    \
                exclude_events: [egress_started, track_muted]\n  targets: [{url: 'https://b.example', include_events: ['']}]\n";
    let faults = faults(text);
    assert_eq!(faults.len(), 3, "{faults:?}");
    for (fault, name) in faults
        .iter()
        .zip(["room_begun", "track_muted", "include_events: "])
    {
        assert!(
            fault.contains(name) && fault.contains("is no event"),
            "{fault}"
        );
        assert!(fault.contains("participant_connection_aborted"), "{fault}");
    }
}

#[test]
fn addresses_are_checked_by_who_uses_them_and_all_faults_are_told_without_what_may_be_secret() {
    let text = format!(
        "{KEYS}webhook:\n  api_key: key1\n  urls: ['https://a.example/hunter2', 'https://b.example/hunter2']\n  targets:\n  \
         - url: https://c.example/hunter2\ntokens: {{server_url: 'wss://x', jwks_url: 'https://d.example/hunter2'}}\n\
         database: {{url: 'sqlite://hunter2'}}\nport: x\n"
    );
    let refuse_all = |_: Address<'_>| Err(Problem::new("is no good", "write another"));
    let inputs = Inputs {
        check_address: Some(&refuse_all),
        ..file(&text)
    };
    let faults = Config::load(&inputs).unwrap_err();
    let faults: Vec<_> = faults.iter().map(Fault::to_string).collect();
    let all = faults.join("\n");
    for key in [
        "`webhook.urls`",
        "`webhook.targets.url`",
        "`tokens.jwks_url`",
        "`database.url`",
        "`port: x`",
    ] {
        assert!(all.contains(key), "{key} in {all}");
    }
    assert_eq!(faults.len(), 6, "{all}");
    assert!(!all.contains("hunter2"), "{all}");
}

#[test]
fn one_way_says_who_a_user_is() {
    let tokens = |written: &str| format!("tokens: {{server_url: 'wss://x', {written}}}\n");
    let (config, _) = read(&tokens(
        "jwks_url: 'https://id.example/jwks', audience: calls",
    ));
    let Some(TokenSession::Jwks(jwks)) = config.tokens.map(|tokens| tokens.session) else {
        panic!("it is read");
    };
    assert_eq!(
        jwks.source,
        JwksSource::Url("https://id.example/jwks".to_owned())
    );
    assert_eq!(
        (jwks.issuer, jwks.audience.as_deref()),
        (None, Some("calls"))
    );
    for bad in [
        "jwks_url: 'https://id.example/jwks', jwks_file: keys.json",
        "jwks_file: keys.json, callback_url: 'https://app.example'",
        "audience: calls",
        "callback_url: 'https://app.example', issuer: me",
    ] {
        assert!(!faults(&tokens(bad)).is_empty(), "{bad}");
    }
}

#[test]
fn webhooks_need_one_of_the_keys() {
    let without = faults("webhook: {urls: ['https://a.example']}\n");
    assert!(
        without[0].contains("api_key is required to use webhooks"),
        "{without:?}"
    );
    let unknown = faults("webhook: {api_key: other, urls: ['https://a.example']}\n");
    assert!(
        unknown[0].contains("unknown api key in webhook config"),
        "{unknown:?}"
    );
    // As LiveKit's sample has it: nobody is told, so nothing is signed.
    assert!(read("webhook: {api_key: other}\n").1.is_empty());
}

#[test]
fn the_endpoint_of_tokens_is_there_where_somebody_says_who_users_are() {
    assert_eq!(read("").0.tokens, None);
    let (config, _) = read(
        "tokens: {server_url: 'wss://x', session_secret: hush-hush-hush-hush-hush-hush-hush, origins: ['https://app'], per_address: 5}\n",
    );
    let tokens = config.tokens.clone().unwrap();
    assert_eq!((tokens.per_address, tokens.per_identity), (5, 20));
    assert_eq!(tokens.ttl, Duration::from_secs(600));
    assert!(!format!("{config:?}").contains("hush"));
    let without = faults("tokens: {server_url: 'wss://x'}\n");
    assert!(without[0].contains("session_secret"), "{without:?}");
    let both = faults(
        "tokens: {server_url: 'wss://x', session_secret: hush-hush-hush-hush-hush-hush-hush, callback_url: 'http://b'}\n",
    );
    assert!(both[0].contains("write one of"), "{both:?}");
    let nowhere = faults("tokens: {session_secret: hush-hush-hush-hush-hush-hush-hush}\n");
    assert!(nowhere[0].contains("server_url"), "{nowhere:?}");
    for wrong in [
        "session_secret: ''",
        "session_secret: short",
        "ttl: 0s",
        "ttl: 9000h",
        "per_address: 0",
        "per_identity: 0",
        "server_url: nonsense",
        "server_url: 'wss://'",
        "callback_url: 'ftp://x'",
        "ttl: 5m",
    ] {
        assert!(
            !faults(&format!("tokens: {{{wrong}}}\n")).is_empty(),
            "{wrong}"
        );
    }
}
