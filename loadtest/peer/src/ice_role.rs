//! Which side of ICE decides.

/// Who nominates (RFC 8445 section 6.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceRole {
    /// We do: we offered, or the other side is ICE-lite.
    Controlling,
    /// The other side does.
    Controlled,
}
