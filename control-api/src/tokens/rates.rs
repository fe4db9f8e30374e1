//! How often tokens are given to one address, and for one identity.

use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use signaling::neighbourhood;

/// Addresses, and identities, that are remembered because they asked lately. When there are more, whole networks of
/// providers are counted, so that a flood of made-up ones holds back its own; identities, which the app vouches for, are not.
const MAX_REMEMBERED: usize = 100_000;

/// What the network of a provider may ask for, in addresses.
const OF_PROVIDER: u32 = 16;

/// How often those are forgotten at most who have asked for nothing lately, in a second.
const SWEEP: Duration = Duration::from_secs(1);

type Limiter<K, C> =
    RateLimiter<K, DefaultKeyedStateStore<K>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The limits of the token endpoint.
pub struct TokenRates<C: Clock = DefaultClock> {
    clock: C,
    addresses: Limiter<IpAddr, C>,
    providers: Limiter<IpAddr, C>,
    identities: Limiter<String, C>,
    swept_at: Mutex<Option<C::Instant>>,
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
        let per_provider = per_address.saturating_mul(OF_PROVIDER);
        Self {
            addresses: RateLimiter::new(
                per_minute(per_address),
                DefaultKeyedStateStore::default(),
                clock.clone(),
            ),
            providers: RateLimiter::new(
                per_minute(per_provider),
                DefaultKeyedStateStore::default(),
                clock.clone(),
            ),
            swept_at: Mutex::new(None),
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
        let place = neighbourhood(address);
        match self.has_room(&self.addresses) {
            true => self.ask(&self.addresses, &place),
            false => self.ask(&self.providers, &provider(place)),
        }
    }

    /// Counts a token for an identity.
    ///
    /// # Errors
    ///
    /// There were too many; after this time there may be another.
    pub(crate) fn ask_for(&self, identity: &str) -> Result<(), Duration> {
        match self.has_room(&self.identities) {
            true => self.ask(&self.identities, &identity.to_owned()),
            false => Ok(()),
        }
    }

    fn ask<K: Hash + Eq + Clone>(&self, limiter: &Limiter<K, C>, key: &K) -> Result<(), Duration> {
        let asked = limiter.check_key(key);
        asked.map_err(|refused| refused.wait_time_from(self.clock.now()))
    }

    /// Reports whether one more can be remembered; forgets now and then who has asked for nothing lately.
    fn has_room<K: Hash + Eq + Clone>(&self, limiter: &Limiter<K, C>) -> bool {
        if limiter.len() < MAX_REMEMBERED {
            return true;
        }
        let now = self.clock.now();
        let mut swept_at = self.swept_at.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = swept_at.is_none_or(|at| Duration::from(now.duration_since(at)) >= SWEEP);
        if is_due {
            *swept_at = Some(now);
            self.addresses.retain_recent();
            self.providers.retain_recent();
            self.identities.retain_recent();
        }
        drop(swept_at);
        limiter.len() < MAX_REMEMBERED
    }
}

/// Returns the network around a place: the first half of an IPv4 address, or the first quarter of an IPv6 address, which is
/// what a provider has.
fn provider(place: IpAddr) -> IpAddr {
    match place {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & 0xffff_0000).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !(u128::MAX >> 32)).into(),
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
    fn a_flood_of_made_up_addresses_holds_back_its_own_neighbourhood_and_is_forgotten() {
        let clock = FakeRelativeClock::default();
        let rates = TokenRates::with_clock(2, 20, clock.clone());
        // One provider's network of IPv6, a /64 each time.
        let made_up = |number: u128| {
            IpAddr::from(Ipv6Addr::from_bits(
                (0x2001_0db8_u128 << 96) | (number << 64),
            ))
        };
        for number in 0..MAX_REMEMBERED as u128 {
            assert_eq!(rates.ask_from(made_up(number)), Ok(()));
        }
        let more = (0..1000).filter(|more| rates.ask_from(made_up(1_000_000 + more)).is_ok());
        assert_eq!(more.count(), 32);
        assert_eq!(rates.addresses.len(), MAX_REMEMBERED);
        assert_eq!(rates.ask_from(address("198.51.100.7")), Ok(()));
        assert_eq!(rates.ask_from(address("2a00::1")), Ok(()));
        clock.advance(Duration::from_secs(61));
        assert_eq!(rates.ask_from(made_up(2_000_000)), Ok(()));
        assert!(rates.addresses.len() < 10);
    }
}
