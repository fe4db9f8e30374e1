//! How datagrams lie in the buffers that they arrive and leave in.

use sfu_model::LinkProtocol;

/// Bytes of the length before a packet on ICE-TCP (RFC 4571 section 2).
pub(crate) const FRAME_LENGTH: usize = 2;

/// How datagrams lie in one buffer: one behind the other, each with the same room before it and, but for the last,
/// which may be shorter, of the same length. What their link needs before each is written into the room, so that
/// nothing is copied.
///
/// ```
/// use sfu_transport::layout::Layout;
///
/// let layout = Layout::new(2, 3);
/// let datagrams: Vec<_> = layout.datagrams(b"__abc__de").collect();
/// assert_eq!(datagrams, [&b"abc"[..], b"de"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    headroom: usize,
    stride: usize,
}

impl Layout {
    /// Lays out datagrams of `len` bytes, with `headroom` bytes before each.
    #[inline]
    pub const fn new(headroom: usize, len: usize) -> Self {
        let stride = headroom + len;
        Self {
            headroom,
            stride: if stride == 0 { 1 } else { stride },
        }
    }

    /// Returns how far the beginning of a datagram lies behind that of the one before: their length, where there is
    /// no room between them.
    #[inline]
    pub const fn stride(self) -> usize {
        self.stride
    }

    /// Returns how many datagrams lie in a buffer of `len` bytes.
    #[inline]
    pub const fn count(self, len: usize) -> usize {
        len.div_ceil(self.stride)
    }

    /// Returns how many bytes the datagrams in a buffer of `len` bytes have, without the room before them.
    #[inline]
    pub const fn datagram_bytes(self, len: usize) -> usize {
        len.saturating_sub(self.count(len) * self.headroom)
    }

    /// Iterates over the datagrams.
    pub fn datagrams(self, buffer: &[u8]) -> impl Iterator<Item = &[u8]> {
        let slots = buffer.chunks(self.stride);
        slots.filter_map(move |slot| slot.get(self.headroom..))
    }

    /// Iterates over the datagrams, to be changed in place.
    pub fn datagrams_mut(self, buffer: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
        let slots = buffer.chunks_mut(self.stride);
        slots.filter_map(move |slot| slot.get_mut(self.headroom..))
    }

    /// Iterates over the rooms and the datagrams behind them.
    pub fn slots_mut(self, buffer: &mut [u8]) -> impl Iterator<Item = (&mut [u8], &mut [u8])> {
        let slots = buffer.chunks_mut(self.stride);
        slots.filter_map(move |slot| slot.split_at_mut_checked(self.headroom))
    }
}

/// Returns how many bytes a link needs before each datagram that leaves by it.
#[inline]
pub const fn headroom(protocol: LinkProtocol) -> usize {
    match protocol {
        LinkProtocol::Udp => 0,
        LinkProtocol::Tcp => FRAME_LENGTH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_without_room_lie_wall_to_wall() {
        let layout = Layout::new(0, 2);
        let datagrams: Vec<_> = layout.datagrams(b"aabbc").collect();
        assert_eq!(datagrams, [&b"aa"[..], b"bb", b"c"]);
        assert_eq!((layout.count(5), layout.datagram_bytes(5)), (3, 5));
    }

    #[test]
    fn room_before_each_datagram_is_not_of_it() {
        let layout = Layout::new(2, 3);
        let mut buffer = *b"..abc..de";
        for (room, datagram) in layout.slots_mut(&mut buffer) {
            room.fill(b'0' + u8::try_from(datagram.len()).unwrap());
        }
        assert_eq!(buffer, *b"33abc22de");
        let datagrams: Vec<_> = layout.datagrams_mut(&mut buffer).collect();
        assert_eq!(datagrams, [&b"abc"[..], b"de"]);
        assert_eq!((layout.count(9), layout.datagram_bytes(9)), (2, 5));
    }

    #[test]
    fn an_empty_buffer_has_no_datagrams_whatever_their_length() {
        let layout = Layout::new(0, 0);
        assert_eq!(layout.datagrams(b"").count(), 0);
        assert_eq!(layout.count(0), 0);
    }
}
