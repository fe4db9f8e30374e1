//! How much the rooms of each API key have been used this month, and may be.
//!
//! What was used is in the store, for all nodes of one database together; what is known of it here is a minute old at most
//! (half a minute since sessions told, half a minute since it was read). Nobody waits for the store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use auth::ApiKey;
use signaling::{Admission, Decision, Entry, Exceeded, NotAdmitted, Occasion};
use store::{Day, Store};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::bans::BanList;
use crate::clock;

/// How often it is read what was used.
const READ: Duration = Duration::from_secs(30);

/// How often it is said of a key that it has used more than it may.
const COMPLAINT: Duration = Duration::from_secs(3600);

/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;

/// How many minutes participants of a key may be there in a month (UTC).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinuteLimit {
    /// So many.
    pub most: u64,
    /// What becomes of who comes then.
    pub exceeded: Exceeded,
}

/// How much each key has used and may use. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct KeyQuotas(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    usual: Option<MinuteLimit>,
    of_keys: BTreeMap<ApiKey, Option<MinuteLimit>>,
    used: Mutex<Used>,
    exceeded: AtomicU64,
}

#[derive(Debug, Default)]
struct Used {
    /// Milliseconds of participants this month.
    millis: BTreeMap<ApiKey, i64>,
    /// When it was last said of a key that it has used more.
    complained: BTreeMap<ApiKey, Instant>,
}

impl KeyQuotas {
    /// Limits keys that are not named by `usual`, others as `of_keys` says.
    pub fn new(usual: Option<MinuteLimit>, of_keys: BTreeMap<ApiKey, Option<MinuteLimit>>) -> Self {
        Self(Arc::new(Inner {
            usual,
            of_keys,
            ..Inner::default()
        }))
    }

    /// Returns how many minutes a key may have in a month.
    pub fn limit(&self, key: &ApiKey) -> Option<MinuteLimit> {
        self.0.of_keys.get(key).copied().unwrap_or(self.0.usual)
    }

    /// Returns how many minutes each key has had this month.
    pub fn minutes(&self) -> BTreeMap<ApiKey, f64> {
        let used = self.lock();
        let minutes = used.millis.iter();
        minutes
            .map(|(key, millis)| (key.clone(), *millis as f64 / MINUTE_MS as f64))
            .collect()
    }

    /// Returns how often somebody came when a key had used more than it may.
    pub fn exceeded(&self) -> u64 {
        self.0.exceeded.load(Ordering::Relaxed)
    }

    /// Reads what was used again and again, for as long as it runs.
    pub async fn keep(self, store: Store) {
        let mut reads = interval(READ);
        reads.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            reads.tick().await;
            self.read(&store).await;
        }
    }

    /// Reads what was used this month. While the store does not answer, what was known holds.
    async fn read(&self, store: &Store) {
        let month = Day::of(clock::now().millis()).first_of_month();
        match store.key_usage(month).await {
            Ok(used) => {
                let used = used.into_iter().map(|(key, ms)| (key.into(), ms));
                self.lock().millis = used.collect();
            }
            Err(error) => tracing::debug!(%error, "What keys have used cannot be read"),
        }
    }

    /// Decides about somebody who would join.
    fn decide(&self, key: &ApiKey) -> Result<(), NotAdmitted> {
        let Some(limit) = self.limit(key) else {
            return Ok(());
        };
        let mut used = self.lock();
        let minutes = used.millis.get(key).copied().unwrap_or_default() / MINUTE_MS;
        if u64::try_from(minutes).unwrap_or_default() < limit.most {
            return Ok(());
        }
        self.0.exceeded.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        let before = used.complained.get(key).copied();
        if before.is_none_or(|before| now - before >= COMPLAINT) {
            used.complained.insert(key.clone(), now);
            tracing::warn!(%key, minutes, limit = limit.most, exceeded = ?limit.exceeded, "An API key has used more minutes this month than its quota");
        }
        match limit.exceeded {
            Exceeded::Tell => Ok(()),
            Exceeded::Refuse => Err(NotAdmitted::QuotaExceeded {
                reason: "quota exceeded: no minutes are left this month".to_owned(),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Used> {
        // Nothing that runs under this lock leaves the maps half changed.
        self.0.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who is let in: whom no ban concerns, and whose key has not used more than it may.
#[derive(Clone, Debug)]
pub struct Doors {
    /// Who may not be there.
    pub bans: BanList,
    /// How much each key may use.
    pub quotas: KeyQuotas,
}

impl Admission for Doors {
    fn ask<'a>(&'a self, entry: Entry<'a>) -> Decision<'a> {
        let decided = self.bans.decide(&entry);
        let decided = decided.and_then(|()| match entry.occasion {
            Occasion::Join => self.quotas.decide(&entry.credential.token.first_key),
            // Who is there stays, and may come back.
            Occasion::Move
            | Occasion::Resume
            | Occasion::Refresh
            | Occasion::Token
            | Occasion::Stay => Ok(()),
        });
        Box::pin(std::future::ready(decided))
    }

    fn is_ready(&self) -> bool {
        self.bans.is_loaded()
    }
}

#[cfg(test)]
mod tests {
    use databases::databases;
    use sfu_model::UnixTime;
    use store::{Account, Joined, Left, Record, WrittenEvent};

    use super::*;

    fn limited(most: u64, exceeded: Exceeded) -> KeyQuotas {
        KeyQuotas::new(
            Some(MinuteLimit { most, exceeded }),
            BTreeMap::from([("free".into(), None)]),
        )
    }

    fn use_up(quotas: &KeyQuotas, minutes: i64) {
        let used = ["key", "free"].map(|key| (ApiKey::from(key), minutes * MINUTE_MS));
        quotas.lock().millis = BTreeMap::from(used);
    }

    #[test]
    fn who_joins_when_no_minutes_are_left_is_refused_unless_it_is_only_told() {
        let (refusing, telling) = (limited(10, Exceeded::Refuse), limited(10, Exceeded::Tell));
        for (minutes, is_refused) in [(9, false), (10, true)] {
            use_up(&refusing, minutes);
            use_up(&telling, minutes);
            assert_eq!(refusing.decide(&"key".into()).is_err(), is_refused);
            assert_eq!(refusing.decide(&"free".into()), Ok(()));
            assert_eq!(telling.decide(&"key".into()), Ok(()));
        }
        assert_eq!((refusing.exceeded(), telling.exceeded()), (1, 1));
    }

    /// A session of a millisecond.
    fn session(number: i64, at: UnixTime) -> [WrittenEvent; 2] {
        let sid = format!("PA_{number}");
        let joined = Joined {
            sid: sid.clone(),
            api_key: "key".to_owned(),
            ..Joined::default()
        };
        let account = Account {
            lasted_ms: 1,
            ..Account::default()
        };
        let left = Left {
            sid,
            account,
            ..Left::default()
        };
        let event = |sequence, record| WrittenEvent {
            sequence,
            id: String::new(),
            at,
            kind: String::new(),
            room_sid: "RM_1".to_owned(),
            room_sequence: sequence,
            body: String::new(),
            record: Some(record),
        };
        [
            event(2 * number + 1, Record::Joined(Box::new(joined))),
            event(2 * number + 2, Record::Left(left)),
        ]
    }

    #[tokio::test]
    async fn what_was_used_before_this_month_does_not_count() {
        for database in databases().await {
            let store = Store::open(&database.url).expect("the URL is good");
            store.prepare().await.expect("the database answers");
            let now = clock::now();
            let month = Day::of(now.millis()).first_of_month();
            let began = u64::try_from(month.0 * 86_400).expect("it is after 1970");
            let before = UnixTime(Duration::from_secs(began - 3_600));
            let events = [session(0, before), session(1, now)].concat();
            let projected = store.project("journal", &events).await;
            projected.expect("the database answers");
            let quotas = limited(1, Exceeded::Refuse);
            quotas.read(&store).await;
            assert_eq!(quotas.lock().millis, BTreeMap::from([("key".into(), 1)]));
        }
    }
}
