//! One peer's transport as a state machine: ICE-lite, DTLS, SRTP, SCTP.
