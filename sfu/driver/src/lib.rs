//! Threads, sockets, clock and mailboxes of the media plane.
