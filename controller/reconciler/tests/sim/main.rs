//! The reconciler on the simulated engine, with real files.

mod fixture;
mod manifests;
mod runs;
