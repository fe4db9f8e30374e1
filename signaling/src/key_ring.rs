//! The keys of a node that runs, which its operator may replace meanwhile.

use std::sync::Arc;

use auth::Keys;
use tokio::sync::watch;

/// The keys by which tokens are checked and signed now. Clones share them.
#[derive(Clone, Debug)]
pub struct KeyRing(watch::Sender<Arc<Keys>>);

impl KeyRing {
    /// Begins with these keys.
    pub fn new(keys: Keys) -> Self {
        Self(watch::Sender::new(Arc::new(keys)))
    }

    /// Returns the keys as they are now. Whoever goes on with them does so by those even if they are replaced meanwhile.
    pub fn current(&self) -> Arc<Keys> {
        Arc::clone(&self.0.borrow())
    }

    /// Goes on with other keys: a token of a key that is gone is refused from now on.
    pub fn replace(&self, keys: Keys) {
        self.0.send_replace(Arc::new(keys));
    }
}

#[cfg(test)]
mod tests {
    use auth::Secret;

    use super::*;

    fn keys(key: &str) -> Keys {
        Keys::new([(key.into(), Secret::from("secret"))]).unwrap()
    }

    #[test]
    fn what_is_replaced_is_replaced_for_all() {
        let ring = KeyRing::new(keys("old"));
        let (other, before) = (ring.clone(), ring.current());
        ring.replace(keys("new"));
        assert_eq!(other.current().first().key.as_str(), "new");
        assert!(other.current().get("old").is_none());
        assert!(before.get("old").is_some());
    }
}
