//! Calls in the virtual world. Each scenario runs twice with one seed and must happen the same way;
//! `SLUICE_SIM_SEED` sets another seed.

mod bottleneck;
mod data;
mod join;
mod media;
mod member;
mod moving;
mod node;
mod overload;
mod pressure;
mod rooms;
mod sdp;
mod shards;
mod sound;
mod strangers;
mod support;
