//! The engine that needs no Lima: images, disks, instance directories, and one host agent per
//! running instance.
//!
//! It keeps Lima's on-disk layout, so what it makes are ordinary Lima instances. What belongs to
//! us alone lies below `$LIMA_HOME/_limekiln/`.

mod by_hand;
mod config;
mod disks;
mod engine;
mod error;
mod firmware;
pub mod images;
mod instance;
mod networks;
mod observe;
mod paths;
mod refusals;
mod run;
mod snapshot;
mod staging;
mod tool;
mod trash;
mod unsupported;

pub use by_hand::ByHand;
pub use config::NativeConfig;
pub use engine::NativeEngine;
pub use limekiln_hostagent::spec::{LayerError, host_facts};
pub use snapshot::Snapshot;
