//! Manifests and Lima's YAML: types, reading with positions, defaults, rules, schemas.
//!
//! Pure: bytes and facts come in, types and diagnostics go out. The types are the single source
//! of the JSON Schemas and of the CustomResourceDefinitions.

mod condition;
mod disk;
mod host_facts;
mod instance;
mod kind;
pub mod lima;
mod manifest;
mod metadata;
mod name;
mod network;
mod size;

pub use condition::{Condition, ConditionStatus, Status};
pub use disk::{Disk, DiskFormat, DiskSpec};
pub use host_facts::HostFacts;
pub use instance::{
    DeletionPolicy, Dependency, DependencyCondition, Disruption, HostSelector, Instance,
    InstanceSpec, RunStrategy,
};
pub use kind::{Kind, KindError};
pub use lima::{Arch, Lima};
pub use manifest::{API_VERSION, Manifest};
pub use metadata::Metadata;
pub use name::{Name, NameError};
pub use network::{Network, NetworkMode, NetworkSpec};
pub use size::{ByteSize, SizeError};
