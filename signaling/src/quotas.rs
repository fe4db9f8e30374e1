//! How often API keys and addresses may ask the node for something, before they wait, and then are refused.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use auth::ApiKey;

use crate::bucket::{Bucket, Rate};
use crate::hits::{Limit, LimitHits};
use crate::limits::{
    ADDRESSES, CALLS_OF_KEY, JOINS_OF_ADDRESS, JOINS_OF_KEY, QUOTA_PATIENCE, TOKENS_OF_KEY,
};

/// Somebody asked for more than comes back, so much that waiting is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooOften;

/// What each key and address may still ask for.
#[derive(Debug)]
pub(crate) struct Quotas {
    joins_of_keys: Quota<ApiKey>,
    joins_of_addresses: Quota<IpAddr>,
    calls_of_keys: Quota<ApiKey>,
    tokens_of_keys: Quota<ApiKey>,
    hits: Arc<LimitHits>,
}

impl Quotas {
    pub(crate) fn new(hits: Arc<LimitHits>) -> Self {
        // Keys are the operator's, so they need no bound of their own.
        Self {
            joins_of_keys: Quota::new(JOINS_OF_KEY, usize::MAX),
            joins_of_addresses: Quota::new(JOINS_OF_ADDRESS, ADDRESSES),
            calls_of_keys: Quota::new(CALLS_OF_KEY, usize::MAX),
            tokens_of_keys: Quota::new(TOKENS_OF_KEY, usize::MAX),
            hits,
        }
    }

    /// Waits until a key's holder at an address may join.
    pub(crate) async fn join(&self, key: &ApiKey, from: Option<IpAddr>) -> Result<(), TooOften> {
        let now = Instant::now();
        let of_key = self.joins_of_keys.ask(key.clone(), now);
        let of_address = from.map_or(Ok(Duration::ZERO), |from| {
            self.joins_of_addresses.ask(neighbourhood(from), now)
        });
        let of_key = self.noted(of_key, Limit::JoinsOfKey)?;
        let of_address = self.noted(of_address, Limit::JoinsOfAddress)?;
        sleep(of_key.max(of_address)).await;
        Ok(())
    }

    /// Waits until a key's holder may call the API.
    pub(crate) async fn call(&self, key: &ApiKey) -> Result<(), TooOften> {
        let wait = self.calls_of_keys.ask(key.clone(), Instant::now());
        sleep(self.noted(wait, Limit::CallsOfKey)?).await;
        Ok(())
    }

    /// Waits until a key's holder may have another token made.
    pub(crate) async fn token(&self, key: &ApiKey) -> Result<(), TooOften> {
        let wait = self.tokens_of_keys.ask(key.clone(), Instant::now());
        sleep(self.noted(wait, Limit::TokensOfKey)?).await;
        Ok(())
    }

    fn noted(&self, wait: Result<Duration, TooOften>, limit: Limit) -> Result<Duration, TooOften> {
        if wait != Ok(Duration::ZERO) {
            self.hits.hit(limit);
        }
        wait
    }
}

async fn sleep(wait: Duration) {
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
}

/// Returns the addresses that one place has as one: a whole IPv4 address, or the first half of an IPv6 address.
pub fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// A bucket for each of many.
struct Quota<K> {
    rate: Rate,
    most: usize,
    buckets: Mutex<BTreeMap<K, Bucket>>,
}

impl<K: Ord> Quota<K> {
    fn new(rate: Rate, most: usize) -> Self {
        Self {
            rate,
            most,
            buckets: Mutex::default(),
        }
    }

    /// Spends one unit, and returns how long to wait for it.
    fn ask(&self, who: K, now: Instant) -> Result<Duration, TooOften> {
        let mut buckets = self.lock();
        if buckets.len() >= self.most && !buckets.contains_key(&who) {
            buckets.retain(|_, bucket| !bucket.is_full(now));
            if buckets.len() >= self.most {
                // So many at once are held back by what their keys may do.
                return Ok(Duration::ZERO);
            }
        }
        let bucket = buckets
            .entry(who)
            .or_insert_with(|| Bucket::new(self.rate, now));
        let wait = bucket.wait(now);
        if wait > QUOTA_PATIENCE {
            return Err(TooOften);
        }
        bucket.spend(now, 1);
        Ok(wait)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<K, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> fmt::Debug for Quota<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota")
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 2,
        per_second: 1,
    };

    fn place(address: &str) -> IpAddr {
        neighbourhood(address.parse().unwrap())
    }

    #[test]
    fn who_asks_too_often_waits_and_then_is_refused_and_nobody_else() {
        let quota = Quota::new(RATE, 10);
        let now = Instant::now();
        let waits = [0, 0, 0, 1, 2, 3];
        for wait in waits {
            assert_eq!(quota.ask("a", now), Ok(Duration::from_secs(wait)));
        }
        assert_eq!(quota.ask("a", now), Err(TooOften));
        assert_eq!(quota.ask("b", now), Ok(Duration::ZERO));
        let later = now + Duration::from_secs(1);
        assert_eq!(quota.ask("a", later), Ok(QUOTA_PATIENCE));
    }

    #[test]
    fn only_those_who_owe_something_are_remembered_when_there_are_many() {
        let quota = Quota::new(RATE, 2);
        let now = Instant::now();
        for _ in 0..2 {
            quota.ask(1, now).unwrap();
            quota.ask(2, now).unwrap();
        }
        // Nobody else is held back for them.
        for _ in 0..10 {
            assert_eq!(quota.ask(3, now), Ok(Duration::ZERO));
        }
        assert_eq!(quota.lock().len(), 2);
        let later = now + Duration::from_secs(10);
        quota.ask(3, later).unwrap();
        assert_eq!(quota.lock().keys().collect::<Vec<_>>(), [&3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_calls_without_end_is_refused_and_counted_and_others_are_not() {
        let hits = Arc::<LimitHits>::default();
        let quotas = Quotas::new(Arc::clone(&hits));
        let met = || {
            hits.counts()
                .into_iter()
                .map(|(_, count)| count)
                .sum::<u64>()
        };
        let key = ApiKey::from("busy");
        for _ in 0..CALLS_OF_KEY.burst {
            quotas.call(&key).await.unwrap();
        }
        assert_eq!(met(), 0, "as many as this at once are nothing unusual");
        let mut refused = false;
        for _ in 0..4 * CALLS_OF_KEY.burst {
            refused |= quotas.call(&key).await.is_err();
        }
        assert!(refused && met() > 0);
        quotas.call(&ApiKey::from("quiet")).await.unwrap();
        quotas.join(&key, None).await.unwrap();
    }

    #[test]
    fn an_ipv6_network_is_one_place_and_a_mapped_address_is_ipv4() {
        assert_eq!(place("2001:db8::1"), place("2001:db8::ffff:1"));
        assert_ne!(place("2001:db8::1"), place("2001:db8:0:1::1"));
        assert_eq!(place("::ffff:192.0.2.1"), place("192.0.2.1"));
        assert_ne!(place("192.0.2.2"), place("192.0.2.1"));
    }
}
