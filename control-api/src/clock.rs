use sfu_model::UnixTime;

/// Returns the time of day.
pub(crate) fn now() -> UnixTime {
    signaling::now().unix
}
