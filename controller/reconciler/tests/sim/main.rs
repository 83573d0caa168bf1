//! The reconciler on the simulated engine, with real files.

mod controller;
mod crashes;
mod fixture;
mod hangs;
mod history;
mod layers;
mod manifests;
mod policy;
mod runs;
mod signatures;
mod stale;
