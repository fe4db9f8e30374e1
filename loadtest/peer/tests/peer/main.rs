//! A peer against this project's own transport, its far end in production, without a socket or a clock.

#[cfg(test)]
mod data;
mod descriptions;
#[cfg(test)]
mod media;
#[cfg(test)]
mod world;
