//! How often tokens are given to one address, and for one identity.

use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

/// Addresses, and identities, that are remembered because they asked lately. Further ones are refused until some are
/// forgotten, which takes a minute at most.
const MAX_REMEMBERED: usize = 100_000;

type Limiter<K, C> =
    RateLimiter<K, DefaultKeyedStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The limits of the token endpoint.
pub struct TokenRates<C: Clock = DefaultClock> {
    clock: C,
    addresses: Limiter<IpAddr, C>,
    identities: Limiter<String, C>,
}

impl<C: Clock> fmt::Debug for TokenRates<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRates").finish_non_exhaustive()
    }
}

impl TokenRates {
    /// Allows so many a minute for an address, and for an identity; as many at once.
    pub fn new(per_address: u32, per_identity: u32) -> Self {
        Self::with_clock(per_address, per_identity, DefaultClock::default())
    }
}

impl<C: Clock + Clone> TokenRates<C> {
    pub(crate) fn with_clock(per_address: u32, per_identity: u32, clock: C) -> Self {
        let per_minute =
            |count| Quota::per_minute(NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
        Self {
            addresses: RateLimiter::new(
                per_minute(per_address),
                DefaultKeyedStateStore::default(),
                clock.clone(),
            ),
            identities: RateLimiter::new(
                per_minute(per_identity),
                DefaultKeyedStateStore::default(),
                clock.clone(),
            ),
            clock,
        }
    }

    /// Counts a request from an address.
    ///
    /// # Errors
    ///
    /// There were too many; after this time there may be another.
    pub(crate) fn ask_from(&self, address: IpAddr) -> Result<(), Duration> {
        self.ask(&self.addresses, &place(address))
    }

    /// Counts a token for an identity.
    ///
    /// # Errors
    ///
    /// There were too many; after this time there may be another.
    pub(crate) fn ask_for(&self, identity: &str) -> Result<(), Duration> {
        self.ask(&self.identities, &identity.to_owned())
    }

    fn ask<K: Hash + Eq + Clone>(&self, limiter: &Limiter<K, C>, key: &K) -> Result<(), Duration> {
        if limiter.len() >= MAX_REMEMBERED {
            limiter.retain_recent();
            if limiter.len() >= MAX_REMEMBERED {
                return Err(Duration::from_secs(60));
            }
        }
        limiter
            .check_key(key)
            .map_err(|refused| refused.wait_time_from(self.clock.now()))
    }
}

/// Returns the addresses that one place has as one: a whole IPv4 address, or the first half of an IPv6 address.
fn place(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_with_many_identities_and_many_addresses_with_one_are_held_back_and_others_pass()
    {
        let clock = FakeRelativeClock::default();
        let rates = TokenRates::with_clock(60, 20, clock.clone());
        let from_one = (0..1000).filter(|_| rates.ask_from(address("198.51.100.7")).is_ok());
        assert_eq!(from_one.count(), 60);
        let for_one = (0..1000).filter(|_| rates.ask_for("alice").is_ok());
        assert_eq!(for_one.count(), 20);
        assert_eq!(rates.ask_from(address("198.51.100.8")), Ok(()));
        assert_eq!(rates.ask_for("bob"), Ok(()));
        // Ten seconds bring back ten of sixty.
        clock.advance(Duration::from_secs(10));
        let later = (0..1000).filter(|_| rates.ask_from(address("198.51.100.7")).is_ok());
        assert_eq!(later.count(), 10);
        // Ten seconds bring back three of twenty, and the next is there within three more.
        let later = (0..1000).filter_map(|_| rates.ask_for("alice").err());
        assert!(
            later
                .max()
                .is_some_and(|wait| wait <= Duration::from_secs(3))
        );
    }

    #[test]
    fn a_network_of_ipv6_is_one_place() {
        let rates = TokenRates::with_clock(2, 2, FakeRelativeClock::default());
        assert_eq!(rates.ask_from(address("2001:db8::1")), Ok(()));
        assert_eq!(rates.ask_from(address("2001:db8::2")), Ok(()));
        assert!(rates.ask_from(address("2001:db8::ffff:3")).is_err());
        assert_eq!(rates.ask_from(address("2001:db8:0:1::3")), Ok(()));
        assert_eq!(rates.ask_from(address("::ffff:192.0.2.1")), Ok(()));
        assert_eq!(rates.ask_from(address("192.0.2.1")), Ok(()));
        assert!(rates.ask_from(address("192.0.2.1")).is_err());
    }

    #[test]
    fn no_more_addresses_are_remembered_than_may() {
        let clock = FakeRelativeClock::default();
        let rates = TokenRates::with_clock(60, 20, clock.clone());
        let number = |number: usize| {
            IpAddr::from(std::net::Ipv4Addr::from_bits(
                u32::try_from(number).unwrap(),
            ))
        };
        for count in 0..MAX_REMEMBERED {
            assert_eq!(rates.ask_from(number(count)), Ok(()));
        }
        assert!(rates.ask_from(number(MAX_REMEMBERED)).is_err());
        clock.advance(Duration::from_secs(61));
        assert_eq!(rates.ask_from(number(MAX_REMEMBERED)), Ok(()));
        assert!(rates.addresses.len() < 10);
    }
}
