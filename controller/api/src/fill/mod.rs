//! Lima's defaults, merging, and template strings: from what is written to what is run.
//!
//! Three documents make a configuration: the instance's own, `default.yaml` beneath it and
//! `override.yaml` above it. They are merged by Lima's rules, then deprecated fields move to
//! their successors, then every default is filled in and every template string expanded.

mod expand;
mod filled;
mod forwards;
mod layers;
mod lists;
mod machine;
mod merge;
mod migrate;
mod mounts;
mod networks;
mod notes;
mod origins;
mod paths;
mod plain;
mod services;
mod user;

pub use filled::{Filled, complete, fill, fill_as};
