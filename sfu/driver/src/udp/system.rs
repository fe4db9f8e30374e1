//! The two system calls that carry many messages at once.
//!
//! The only unsafe code of the media plane: no safe wrapper sends messages of which each has its own
//! segment size.
#![expect(
    unsafe_code,
    reason = "sendmmsg and recvmmsg take pointers to headers, buffers and control messages"
)]

use std::io;
use std::mem::{MaybeUninit, offset_of, size_of};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::ptr;

use socket2::SockAddr;

/// Messages per system call.
pub(super) const BATCH: usize = 32;

/// Length of a receive buffer: the longest message that UDP has, or that GRO makes.
pub(super) const RECEIVE_BUFFER: usize = 1 << 16;

/// Datagrams for one destination, as the kernel takes them.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) remote: SockAddr,
    pub(super) bytes: Vec<u8>,
    /// Length of each datagram in `bytes`, if there are several; the last may be shorter.
    pub(super) segment: Option<u16>,
}

/// What one received message was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub(super) remote: Option<SocketAddr>,
    pub(super) len: usize,
    /// Length of each datagram, if the kernel joined several (`UDP_GRO`).
    pub(super) segment: Option<usize>,
    /// How many datagrams the socket has lost to a full buffer so far (`SO_RXQ_OVFL`).
    pub(super) lost: Option<u32>,
}

/// Asks for runs of datagrams in one message, and for the number of those that were lost. Both are
/// favours: an old kernel goes without.
pub(super) fn ask_for_extras(socket: &impl AsRawFd) {
    set_option(socket, libc::SOL_UDP, libc::UDP_GRO);
    set_option(socket, libc::SOL_SOCKET, libc::SO_RXQ_OVFL);
}

fn set_option(socket: &impl AsRawFd, level: libc::c_int, name: libc::c_int) {
    let on: libc::c_int = 1;
    let len = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(0);
    // SAFETY: the option is an int, which lives until the call returns.
    unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, (&raw const on).cast(), len) };
}

/// The control message `UDP_SEGMENT`, laid out as `CMSG_SPACE` asks.
#[repr(C)]
#[derive(Clone, Copy)]
struct SegmentControl {
    header: libc::cmsghdr,
    size: u16,
}

const SEGMENT_LEN: u32 = size_of::<u16>() as u32;

// SAFETY: these macros only compute.
const _: () = unsafe {
    assert!(size_of::<SegmentControl>() == libc::CMSG_SPACE(SEGMENT_LEN) as usize);
    assert!(offset_of!(SegmentControl, size) + 2 == libc::CMSG_LEN(SEGMENT_LEN) as usize);
};

impl SegmentControl {
    fn new(size: u16) -> Self {
        Self {
            header: libc::cmsghdr {
                // SAFETY: the macro only computes.
                cmsg_len: unsafe { libc::CMSG_LEN(SEGMENT_LEN) } as _,
                cmsg_level: libc::SOL_UDP,
                cmsg_type: libc::UDP_SEGMENT,
            },
            size,
        }
    }
}

/// Sends messages in order, at most [`BATCH`] of them. Returns how many the kernel took.
///
/// # Errors
///
/// The error is the first message's: the kernel took none.
pub(super) fn send_many(socket: &impl AsRawFd, messages: &[Message]) -> io::Result<usize> {
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
    let mut vectors = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
    let mut controls = [const { MaybeUninit::<SegmentControl>::uninit() }; BATCH];
    let places = headers.iter_mut().zip(&mut vectors).zip(&mut controls);
    let mut count = 0;
    for (message, ((header, vector), control)) in messages.iter().zip(places) {
        let vector = vector.write(libc::iovec {
            iov_base: message.bytes.as_ptr().cast_mut().cast(),
            iov_len: message.bytes.len(),
        });
        let header = header.write(empty_header());
        header.msg_hdr.msg_name = message.remote.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_namelen = message.remote.len();
        header.msg_hdr.msg_iov = vector;
        header.msg_hdr.msg_iovlen = 1;
        if let Some(size) = message.segment {
            let control = control.write(SegmentControl::new(size));
            header.msg_hdr.msg_control = ptr::from_mut(control).cast();
            header.msg_hdr.msg_controllen = size_of::<SegmentControl>();
        }
        count += 1;
    }
    // SAFETY: the first `count` headers are initialised; what they point to, addresses and bytes in
    // `messages` and the arrays above, outlives the call, and sendmmsg writes only to `msg_len`.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            count,
            libc::MSG_DONTWAIT,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// Room for the control messages of one received message: two of four bytes each.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct ReceiveControl([u8; 64]);

/// Receives messages, each into its own [`RECEIVE_BUFFER`] bytes of `buffers`, and describes them in
/// `received`, which it empties first.
///
/// # Errors
///
/// `WouldBlock` when there is none.
pub(super) fn receive_many(
    socket: &impl AsRawFd,
    buffers: &mut [u8],
    received: &mut Vec<Received>,
) -> io::Result<()> {
    received.clear();
    let mut headers = [const { MaybeUninit::<libc::mmsghdr>::uninit() }; BATCH];
    let mut vectors = [const { MaybeUninit::<libc::iovec>::uninit() }; BATCH];
    let mut controls = [const { MaybeUninit::<ReceiveControl>::uninit() }; BATCH];
    let mut remotes = [const { MaybeUninit::<libc::sockaddr_storage>::uninit() }; BATCH];
    let places = headers.iter_mut().zip(&mut vectors).zip(&mut controls);
    let places = places.zip(&mut remotes);
    let mut count = 0;
    for (buffer, (((header, vector), control), remote)) in
        buffers.chunks_exact_mut(RECEIVE_BUFFER).zip(places)
    {
        let vector = vector.write(libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        });
        let header = header.write(empty_header());
        header.msg_hdr.msg_name = remote.as_mut_ptr().cast();
        header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_storage>() as _;
        header.msg_hdr.msg_iov = vector;
        header.msg_hdr.msg_iovlen = 1;
        header.msg_hdr.msg_control = control.as_mut_ptr().cast();
        header.msg_hdr.msg_controllen = size_of::<ReceiveControl>();
        count += 1;
    }
    // SAFETY: the first `count` headers are initialised; what they point to, the arrays above and
    // disjoint parts of `buffers`, outlives the call.
    let taken = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr().cast(),
            count,
            libc::MSG_DONTWAIT,
            ptr::null_mut(),
        )
    };
    let taken = usize::try_from(taken).map_err(|_| io::Error::last_os_error())?;
    for (header, remote) in headers.iter().zip(&remotes).take(taken) {
        // SAFETY: the kernel has filled the first `taken` headers, of those initialised above, and
        // what they point to.
        received.push(unsafe { describe(header.assume_init_ref(), remote) });
    }
    Ok(())
}

/// Reads what the kernel said of a message.
///
/// # Safety
///
/// `recvmmsg` has filled `header`, the control messages that it points to, and `remote`.
unsafe fn describe(
    header: &libc::mmsghdr,
    remote: &MaybeUninit<libc::sockaddr_storage>,
) -> Received {
    let mut described = Received {
        remote: None,
        len: header.msg_len as usize,
        segment: None,
        lost: None,
    };
    let family = size_of::<libc::sa_family_t>();
    if header.msg_hdr.msg_namelen as usize >= family {
        let mut storage = socket2::SockAddrStorage::zeroed();
        // SAFETY: the kernel wrote `msg_namelen` bytes, at most the size of both.
        let address = unsafe {
            let len = (header.msg_hdr.msg_namelen as usize).min(size_of_val(remote));
            let from = remote.as_ptr().cast::<u8>();
            ptr::copy_nonoverlapping(from, (&raw mut storage).cast(), len);
            SockAddr::new(storage, header.msg_hdr.msg_namelen)
        };
        described.remote = address.as_socket();
    }
    // SAFETY: the macros walk the control messages that the kernel has written within
    // `msg_controllen`, whose values are four bytes each.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(&raw const header.msg_hdr);
        while let Some(message) = control.as_ref() {
            let value = libc::CMSG_DATA(message).cast::<u32>();
            match (message.cmsg_level, message.cmsg_type) {
                (libc::SOL_UDP, libc::UDP_GRO) => {
                    described.segment = usize::try_from(ptr::read_unaligned(value)).ok();
                }
                (libc::SOL_SOCKET, libc::SO_RXQ_OVFL) => {
                    described.lost = Some(ptr::read_unaligned(value));
                }
                _ => {}
            }
            control = libc::CMSG_NXTHDR(&raw const header.msg_hdr, control);
        }
    }
    described
}

fn empty_header() -> libc::mmsghdr {
    // SAFETY: a header of zeros is valid: no address, no vectors, no control messages.
    unsafe { MaybeUninit::zeroed().assume_init() }
}
