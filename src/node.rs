//! One node: started in order, stopped in the opposite order.

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;

use control_api::{BanList, Doors, metrics_routes, with_json_errors};
use sfu_core::ShardConfig;
use sfu_driver::{MediaConfig, MediaPlane, StartError, UdpAddresses};
use sfu_transport::TransportConfig;
use signaling::http::{self, Limits, Proxies};
use signaling::{KeyRing, MediaEvents, Rooms, RoomsParts, dev_routes, random, routes};
use signaling_protocol::sid;
use signaling_session::negotiation::TransportFacts;
use sluice_config::{Bind, Config, UdpPorts};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tracing_subscriber::EnvFilter;

use crate::addresses::{self, MediaAddresses};
use crate::cli::NodeFlags;
use crate::control::Control;
use crate::data_dir::DataDir;
use crate::one_line::OneLine;
use crate::outcome::Outcome;
use crate::start_message::start_message;
use crate::stop::Stop;
use crate::{reload, stop, translate};

/// Begins to log as configured.
pub(crate) fn start_logging(config: &Config) {
    let level = config.logging.level.as_str();
    let filter = EnvFilter::new(format!(
        "warn,sluice={level},signaling={level},signaling_session={level},control_api={level},sfu_driver={level},sfu_core={level},sfu_transport={level}"
    ));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(|| OneLine(io::stderr()));
    match config.logging.json {
        true => log.json().init(),
        false => log.init(),
    }
}

/// Threads of the control runtime at least: with so many, one that a fault of ours holds up does not
/// stop the others' work, whatever the machine.
const CONTROL_THREADS: usize = 4;

/// Runs the node until it is told to stop.
pub(crate) fn run(config: &Config, flags: &NodeFlags) -> Outcome {
    let (ending, stopped) = stop::listen(config.shutdown_timeout)
        .map_err(|error| format!("Signals cannot be received: {error}"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("control")
        .worker_threads(cores().max(CONTROL_THREADS))
        .build()
        .map_err(|error| format!("The control threads cannot start: {error}"))?;
    // Who has keys of its own gives out its tokens itself.
    let call_page = flags.dev && config.has_only_dev_key();
    let data = DataDir::choose(config, flags)?;
    runtime.block_on(serve(config, flags, &data, call_page, (ending, stopped)))
}

async fn serve(
    config: &Config,
    flags: &NodeFlags,
    data: &DataDir,
    call_page: bool,
    (ending, told): (Stop, oneshot::Receiver<()>),
) -> Outcome {
    let keys = translate::keys(config).map_err(|error| error.to_string())?;
    let keys = KeyRing::new(keys);
    let listeners = listen(config, Some(config.port)).await?;
    let doors = Doors {
        bans: BanList::default(),
        quotas: translate::minutes(config),
    };
    let rooms = start_rooms(config, keys.clone(), doors.clone())?;
    tokio::spawn(rooms.clone().watch());
    let control = Control::start(config, data, &rooms, &keys, doors).await?;

    let mut app = routes(rooms.clone()).merge(control.routes(config));
    if call_page {
        app = app.merge(dev_routes(rooms.clone()));
    }
    let app = http::with_layers(app, control.open_routes(config)?, keys.clone());
    let service = http::with_tidy_paths(with_json_errors(app));
    let (stop, stopped) = watch::channel(false);
    let limits = Limits {
        idle_timeout: config.http.idle_timeout,
        ..Limits::default()
    };
    let proxies = Proxies::new(&rooms.settings().trusted_proxies);
    let mut first = None;
    let mut servers = Vec::new();
    for listener in listeners {
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        first.get_or_insert(address);
        servers.push(tokio::spawn(http::serve(
            listener,
            service.clone(),
            limits,
            proxies.clone(),
            stopped.clone(),
        )));
    }
    for listener in listen(config, config.prometheus.port).await? {
        let metrics = metrics_routes(control.metrics(), translate::metrics_login(config));
        servers.push(tokio::spawn(http::serve(
            listener,
            metrics,
            limits,
            proxies.clone(),
            stopped.clone(),
        )));
    }
    if let Some(address) = first {
        // Whoever started the node may not read what it says.
        writeln!(
            io::stdout(),
            "{}",
            start_message(config, &keys.current(), address, call_page)
        )
        .ok();
    }
    let drain = control.drain();
    tokio::spawn(async move {
        drain.done().await;
        tracing::info!("The node is drained");
        ending.tell();
    });
    tokio::select! {
        told = told => told.map_err(|_| "The thread that waits for signals has ended".to_owned())?,
        error = reload::follow_keys(config, flags, &keys) => {
            return Err(format!("SIGHUP cannot be received: {error}"));
        }
    }

    tracing::info!("Stopping: participants are told, then the node ends");
    rooms.drain();
    stop.send_replace(true);
    rooms.shut_down().await;
    control.stop().await;
    for server in servers {
        // A server that panicked has said so in the log.
        server.await.ok();
    }
    Ok(())
}

/// Starts the media plane and what rooms stand on.
fn start_rooms(config: &Config, keys: KeyRing, doors: Doors) -> Result<Rooms, String> {
    let certificate = TransportConfig::generate()
        .map_err(|error| format!("The DTLS certificate cannot be made: {error}"))?;
    let certificate = Arc::new(certificate);
    let addresses = MediaAddresses::choose(&config.rtc, &addresses::of_machine());
    let ports = config.rtc.udp_ports.for_shards(shard_count(config));
    let mut shard = ShardConfig::new(Arc::clone(&certificate));
    let throttle = config.rtc.pli_throttle;
    shard.key_frame_interval = [
        throttle.low_quality,
        throttle.mid_quality,
        throttle.high_quality,
    ];
    shard.audio_levels = translate::audio_levels(config);
    let media = MediaConfig {
        udp: match config.rtc.udp_ports {
            UdpPorts::One(port) => UdpAddresses::shared(addresses.with_port(port)),
            UdpPorts::Any | UdpPorts::Range { .. } => {
                let ports = ports.iter().map(|port| addresses.with_port(*port));
                UdpAddresses::of_each(ports.collect())
            }
        },
        tcp: config
            .rtc
            .tcp_port
            .map(|port| addresses.with_port(port))
            .unwrap_or_default(),
        shard,
        seeds: ports.iter().map(|_| random()).collect(),
    };
    let events = MediaEvents::default();
    let media = MediaPlane::start(&media, events.sink()).map_err(|error| why_no_media(&error))?;
    let transports = media.addresses().iter().map(|shard| {
        Arc::new(TransportFacts {
            fingerprint: certificate.fingerprint(),
            candidates: addresses.candidates(shard),
        })
    });
    let transports = transports.collect();
    let node = sid("ND_", random());
    Ok(Rooms::new(RoomsParts {
        media,
        events,
        transports,
        facts: Arc::new(translate::facts(config, node.into())),
        settings: translate::settings(config),
        keys,
        admission: Arc::new(doors),
        seats: translate::seats(config),
    }))
}

/// Says which key of the configuration another node on the machine needs, too.
fn why_no_media(error: &StartError) -> String {
    let key = match error {
        StartError::Udp { .. } => "rtc.udp_port",
        StartError::Tcp { .. } => "rtc.tcp_port (0 for none)",
        StartError::Thread(_) => return error.to_string(),
    };
    format!("{error}; {key} sets the port")
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn shard_count(config: &Config) -> u16 {
    let cores = u16::try_from(cores()).unwrap_or(u16::MAX);
    config.rtc.shards.map_or(cores, u16::from)
}

/// Listens for HTTP on a port, if there is one, wherever configured. A machine without IPv6 has no
/// IPv6 loopback either.
async fn listen(config: &Config, port: Option<u16>) -> Result<Vec<TcpListener>, String> {
    let Some(port) = port else {
        return Ok(Vec::new());
    };
    let (ips, optional) = match &config.bind {
        Bind::All => (vec![IpAddr::from(Ipv4Addr::UNSPECIFIED)], None),
        Bind::Only(ips) => (
            ips.clone(),
            Some(IpAddr::from(std::net::Ipv6Addr::LOCALHOST)),
        ),
    };
    let mut listeners: Vec<TcpListener> = Vec::new();
    for ip in ips {
        let address = SocketAddr::new(ip, port);
        match TcpListener::bind(address).await {
            Ok(listener) => listeners.push(listener),
            Err(_) if Some(ip) == optional && !listeners.is_empty() => {}
            Err(error) => return Err(format!("HTTP cannot listen on {address}: {error}")),
        }
    }
    Ok(listeners)
}
