use crate::group::Group;

/// Takes the groups of LiveKit's configuration that this node does not obey.
pub(crate) fn read(root: &mut Group<'_>) {
    const GROUPS: [(&str, &str); 13] = [
        (
            "redis",
            "has no effect: this node does not join others, its rooms are its own",
        ),
        (
            "video",
            "has no effect: publishers are told at fixed times which layers nobody wants",
        ),
        ("ingress", "has no effect: no stream can be brought in"),
        ("sip", "has no effect: there is no telephony"),
        (
            "agents",
            "has no effect: agent workers cannot register here",
        ),
        (
            "node_selector",
            "has no effect: every room lives on this node",
        ),
        (
            "signal_relay",
            "has no effect: signalling goes straight to the room",
        ),
        ("psrpc", "has no effect: this node calls no other"),
        ("node_stats", "has no effect: no statistics are published"),
        (
            "api",
            "has no effect: calls are answered inside this process",
        ),
        (
            "metric",
            "has no effect: clients' metrics are not collected",
        ),
        ("trace", "has no effect: no traces are sent"),
        ("debug_handler", "has no effect: no profile is served"),
    ];
    for (name, consequence) in GROUPS {
        root.unsupported(name, &[], consequence);
    }
    root.unsupported(
        "enable_data_tracks",
        &["true"],
        "has no effect: data tracks are always carried",
    );
    root.unsupported(
        "enable_participant_data_blob",
        &["false"],
        "has no effect: data blobs are not kept",
    );
    turn(root);
}

/// The embedded TURN server is only missed where it is turned on.
fn turn(root: &mut Group<'_>) {
    root.group("turn", |turn| {
        turn.unsupported(
            "enabled",
            &["false"],
            "has no effect: no TURN server is started; clients that are cut off from UDP connect \
             to `rtc.tcp_port`",
        );
        for name in [
            "domain",
            "cert_file",
            "key_file",
            "tls_port",
            "udp_port",
            "relay_range_start",
            "relay_range_end",
            "external_tls",
            "bind_addresses",
            "per_user_relay_allocation_limit",
            "ttl_seconds",
            "allow_restricted_peer_cidrs",
            "deny_peer_cidrs",
        ] {
            turn.take_silently(name);
        }
    });
}
