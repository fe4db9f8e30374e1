//! RTP, RTCP and payload formats as bytes.
