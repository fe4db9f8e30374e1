//! A transport against a client made of other crates: `rtc-stun`, `rtc-dtls`, `rtc-srtp`, and libwebrtc's
//! SCTP (`dcsctp`), in memory and under a virtual clock.

#[cfg(test)]
mod calling;
#[cfg(test)]
mod check;
#[cfg(test)]
mod client;
#[cfg(test)]
mod data;
#[cfg(test)]
mod handshake;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod ice;
#[cfg(test)]
mod liveness;
#[cfg(test)]
mod media;
mod pressure;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod world;
