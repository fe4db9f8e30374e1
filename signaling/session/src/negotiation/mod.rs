//! Offer and answer (RFC 3264, RFC 8829): which media section carries what, as pure functions of
//! what was said before.
//!
//! [`Answerer`] is our half of a transport on which the client offers: the publisher transport of
//! two, or the only one. [`Offerer`] is our half of the subscriber transport, on which we offer.
//! Neither sends anything: their caller takes the text to the client and the resulting
//! [`ReceiveMedia`](sfu_model::ReceiveMedia) and [`SendMedia`](sfu_model::SendMedia) to the shard.
//!
//! A description from a client is hostile until parsed: its size, sections and attributes are
//! bounded, and one that is refused leaves everything as it was.

mod answer;
mod answer_section;
mod answerer;
mod candidates;
mod codecs;
mod description;
mod error;
mod extensions;
mod layer_order;
mod lines;
mod numbers;
mod offer_section;
mod offered;
mod offerer;
mod parse;
mod parse_media;
mod payload;
mod policy;
mod receive_section;
mod send_section;
#[cfg(test)]
mod tests;
mod track;
mod write;

pub use answer::Answer;
pub use answerer::Answerer;
pub use candidates::{Candidate, TransportFacts};
pub use error::SdpError;
pub use offered::{Offered, OfferedSection};
pub use offerer::{Answered, FirstOffer, Offer, Offerer};
pub use policy::CodecPolicy;
pub use track::{OfferedCodec, PublishDecision, SendTrack};
