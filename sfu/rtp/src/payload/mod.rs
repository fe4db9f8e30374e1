//! What the SFU needs to know of a payload without decoding it: where frames and key frames begin,
//! which layer a packet belongs to, how large its pictures are, and how a VP8 descriptor is rewritten.

pub mod av1;
mod bytes;
mod frame_start;
pub mod h264;
mod h264_sps;
pub mod h265;
pub mod opus;
mod peek;
mod picture_size;
pub mod red;
mod red_recipe;
pub mod red_writer;
mod vp8;
mod vp8_munger;
mod vp9;

pub use frame_start::{FrameStart, PayloadError};
pub use peek::{Descriptor, Peek, peek};
pub use picture_size::picture_size;
pub use red_recipe::{Origin, REDUNDANT_BLOCKS, RedRecipe};
pub use vp8::{PictureId, Vp8Descriptor};
pub use vp8_munger::{Vp8Munger, Vp8Rewrite};
pub use vp9::Vp9Descriptor;
