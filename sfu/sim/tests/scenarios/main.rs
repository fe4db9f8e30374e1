//! Calls in the virtual world. Each scenario runs twice with one seed and must happen the same way;
//! `SLUICE_SIM_SEED` sets another seed.

mod data;
mod join;
mod media;
mod moving;
mod strangers;
mod support;
