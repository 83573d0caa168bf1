//! Desired and observed state to a plan and a report. Pure: no clock, no I/O, no randomness.
//!
//! Planning goes through stages, one file each. [`diff`] finds what differs and [`cost`] what
//! that costs. Per kind, `disks`, `networks` and `instances` decide the steps of each object,
//! which form a chain; `depends`, `conflicts` and `prune` decide what may not be done. `order`
//! puts edges between objects, and the draft becomes a plan. [`checker`] states what every plan
//! must satisfy, apart from how plans are made.

mod basis;
pub mod checker;
mod conflicts;
pub mod cost;
mod depends;
pub mod diff;
mod disks;
mod draft;
mod held;
mod instances;
mod meetings;
mod networks;
mod order;
mod parked;
mod plan;
mod ports;
mod prune;
pub mod render;
mod scene;
mod subnets;
mod uses;
mod verbs;

pub use basis::basis_holds;
pub use plan::plan;
pub use verbs::{RunVerb, plan_delete, plan_expire, plan_go_back, plan_restore, plan_run};
