//! The reconciler on the simulated engine, with real files.

mod fixture;
mod layers;
mod manifests;
mod runs;
