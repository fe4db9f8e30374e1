#![doc = include_str!("../README.md")]

mod acknowledged;
mod application_limit;
mod delay_trend;
mod estimator;
pub mod limits;
mod link_capacity;
mod loss;
mod micros;
mod numbers;
mod packet_group;
mod probe;
mod probe_control;
mod queue_delay;
mod rate_control;
mod report_control;
mod send_log;
mod standing_queue;
mod stream_control;
mod transport_control;

pub use estimator::{Counters, Estimator};
pub use limits::{MAX_ESTIMATE, MIN_ESTIMATE};
pub use numbers::{ProbeCluster, TransportSeqNo};
pub use probe::Probe;
