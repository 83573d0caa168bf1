//! Manifests and Lima's YAML: types, reading with positions, defaults, rules, schemas.
//!
//! Pure: bytes and facts come in, types and diagnostics go out. The types are the single source
//! of the JSON Schemas and of the CustomResourceDefinitions.

mod condition;
pub mod crd;
mod disk;
pub mod explain;
mod export;
mod field_error;
mod fill;
mod host_facts;
mod host_interface;
mod instance;
mod kind;
pub mod lima;
mod mac;
mod manifest;
mod metadata;
#[doc(hidden)]
pub mod mutant;
mod name;
mod nearest;
mod network;
pub mod networks_yaml;
pub mod parse;
pub mod schema;
mod size;
mod stamp;
mod strings;
pub mod template;
mod unsupported;
mod validate;
mod yaml;

pub use condition::{Condition, ConditionStatus, Status};
pub use disk::{Disk, DiskFormat, DiskSpec};
pub use export::{Exported, export_instance};
pub use field_error::{FieldError, Layer};
pub use fill::{Filled, complete, fill, fill_as};
pub use host_facts::HostFacts;
pub use host_interface::{HostInterface, InterfaceKind};
pub use instance::{
    DeletionPolicy, Dependency, DependencyCondition, Disruption, HostSelector, Instance,
    InstanceSpec, RunStrategy,
};
pub use kind::{Kind, KindError};
pub use lima::{Arch, Lima, LimaVersion};
pub use mac::{mac_address, plain_mac};
pub use manifest::{API_VERSION, Manifest};
pub use metadata::Metadata;
pub use name::{Name, NameError};
pub use network::{Network, NetworkMode, NetworkSpec, subnets_overlap};
pub use parse::{
    Broken, Diagnostic, Located, Parsed, Refused, Settings, Severity, parse_documents,
    parse_settings, parse_template,
};
pub use size::{ByteSize, SizeError};
pub use stamp::Stamp;
pub use strings::Listed;
pub use unsupported::unsupported;
pub use validate::{
    Checks, DENIED as DENIED_TO_GUESTS, PathKind, name_errors, network_errors, validate,
};
pub use yaml::{ReadError, read_lima, to_yaml};
