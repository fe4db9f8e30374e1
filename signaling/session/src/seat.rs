use std::fmt;
use std::sync::Arc;

/// A participant's place among those of its API key, for as long as its session lasts.
#[derive(Clone)]
pub struct Seat {
    is_over: bool,
    /// Whoever counts seats counts this one until it is dropped.
    _held: Arc<dyn fmt::Debug + Send + Sync>,
}

impl Seat {
    /// Makes one that `held` stands for. With `is_over` there are more than the key may have: only who takes the place of
    /// another session of its own may have it.
    pub fn new(held: Arc<dyn fmt::Debug + Send + Sync>, is_over: bool) -> Self {
        Self {
            is_over,
            _held: held,
        }
    }

    /// Makes one that nobody counts.
    pub fn uncounted() -> Self {
        Self::new(Arc::new(()), false)
    }

    /// Reports whether there are more than the key may have.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}
