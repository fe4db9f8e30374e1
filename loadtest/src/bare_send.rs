//! What the kernel alone takes for a datagram on this machine: the yardstick for what a server takes, so that figures of
//! different machines compare.

use std::io::IoSlice;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use nix::time::{ClockId, clock_gettime};

use crate::outcome::Outcome;

/// Sockets that are bound, each of which gets one datagram of a round: those of a large room.
const RECEIVERS: usize = 150;

/// Datagrams of one system call.
const BATCH: usize = 32;

/// Rounds of which the time is taken together. What they leave behind fits the buffers of the sockets.
const ROUNDS: usize = 32;

/// How often that is done; the median counts, for others use the machine, too.
const SAMPLES: usize = 41;

/// Bytes of a datagram at most, so that it is one packet.
pub(crate) const MAX_BYTES: u16 = 1_400;

/// Prints the time in microseconds of the sender's CPU that one datagram of so many bytes takes, by `sendmmsg` to sockets
/// of this machine for which nobody waits.
///
/// # Errors
///
/// A socket is refused.
#[expect(clippy::print_stdout, reason = "it is what was asked for")]
pub(crate) fn bare_send(bytes: u16) -> Outcome<()> {
    let median = median(bytes).map_err(|error| format!("no bare send: {error}"))?;
    println!("{:.3}", median.as_secs_f64() * 1e6);
    Ok(())
}

fn median(bytes: u16) -> std::io::Result<Duration> {
    let bind = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
    let receivers = (0..RECEIVERS)
        .map(|_| bind())
        .collect::<Result<Vec<_>, _>>()?;
    let sender = bind()?;
    let payload = vec![0; usize::from(bytes)];
    let mut addresses = Vec::new();
    for receiver in &receivers {
        receiver.set_nonblocking(true)?;
        addresses.push(Some(SockaddrStorage::from(receiver.local_addr()?)));
    }
    let mut samples = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        samples.push(sample(&sender, &addresses, &payload)?);
        receivers.iter().for_each(drain);
    }
    samples.sort_unstable();
    Ok(samples.get(SAMPLES / 2).copied().unwrap_or_default())
}

/// Returns the time for each datagram of some rounds.
fn sample(
    sender: &UdpSocket,
    addresses: &[Option<SockaddrStorage>],
    payload: &[u8],
) -> std::io::Result<Duration> {
    let mut headers = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let slices = [[IoSlice::new(payload)]; BATCH];
    let mut sent = 0;
    let begun = thread_time()?;
    for _ in 0..ROUNDS {
        for batch in addresses.chunks(BATCH) {
            let slices = slices.iter().take(batch.len());
            let flags = MsgFlags::empty();
            sent += sendmmsg(sender.as_raw_fd(), &mut headers, slices, batch, [], flags)?.count();
        }
    }
    let took = thread_time()?.saturating_sub(begun);
    Ok(took / u32::try_from(sent).unwrap_or(u32::MAX).max(1))
}

/// Returns the CPU time of this thread so far.
fn thread_time() -> std::io::Result<Duration> {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(time.into())
}

fn drain(receiver: &UdpSocket) {
    let mut buffer = [0; MAX_BYTES as usize];
    while receiver.recv(&mut buffer).is_ok() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_send_takes_more_than_nothing_and_every_datagram_finds_room() {
        assert!(median(MAX_BYTES).unwrap() > Duration::ZERO);
        let receiver = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        receiver.set_nonblocking(true).unwrap();
        let address = SockaddrStorage::from(receiver.local_addr().unwrap());
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let payload = vec![0; usize::from(MAX_BYTES)];
        sample(&sender, &[Some(address)], &payload).unwrap();
        let mut buffer = [0; MAX_BYTES as usize];
        let came = std::iter::from_fn(|| receiver.recv(&mut buffer).ok());
        assert_eq!(came.count(), ROUNDS);
    }
}
