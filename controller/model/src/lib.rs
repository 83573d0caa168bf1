//! The words that planner, executor, engines and reconciler share.
//!
//! This crate holds data and pure rules about that data, never behaviour that touches the
//! world: no clock, no I/O, no runtime. A plan is made of these types, is saved as JSON, and
//! comes back equal.

mod action;
mod capabilities;
mod change;
mod desired;
mod event;
mod fingerprint;
mod id;
mod observed;
mod parts;
mod plan;
mod policy;
mod report;
mod shared;

#[doc(hidden)]
pub use limekiln_api::mutant;

pub use action::{Action, StopMode, Work};
pub use capabilities::Capabilities;
pub use change::{Change, Cost};
pub use desired::{Desired, DesiredInstance, Elsewhere, Frozen, Origin, Wanted};
pub use event::{Event, Progress, StepOutcome};
pub use fingerprint::{Fingerprint, fingerprint};
pub use id::{Kind, Name, ObjectId};
pub use observed::{
    Accelerator, DiskFault, Host, InstancePhase, LiveDisks, MountFault, Mounted, NetworkPhase,
    Observed, ObservedDisk, ObservedInstance, ObservedNetwork, ObservedNic, ObservedStep, Owner,
    Parked, VncServer,
};
pub use plan::{Basis, Plan, Step, StepId};
pub use policy::{Policy, SnapshotFirst};
pub use report::{Note, Report, WaitReason, Waiting};
pub use shared::Shared;
