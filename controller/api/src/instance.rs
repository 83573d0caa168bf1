//! The `Instance` kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Kind, Lima, Metadata, Name};

/// A virtual machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// Name and labels.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: InstanceSpec,
}

/// Whether the VM is kept running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RunStrategy {
    /// Started whenever it is found stopped.
    #[default]
    Always,
    /// Created, and then started and stopped only by hand.
    Manual,
    /// Stopped whenever it is found running.
    Halted,
}

/// What may be done to a running VM without asking.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Disruption {
    /// Only changes that the guest does not notice.
    Live,
    /// Also changes that stop and start it.
    #[default]
    Restart,
    /// Also changes that make it anew and lose its own disk.
    Recreate,
}

/// What happens to an object that is no longer wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// It is parked, from where `undelete` brings it back, and removed later.
    Delete,
    /// It is left alone and no longer managed.
    Retain,
}

/// How far the other object must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DependencyCondition {
    /// Its boot has finished and its probes have passed.
    #[default]
    Ready,
    /// Its driver runs.
    Running,
}

/// An object that must be there first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dependency {
    /// Its kind.
    #[serde(default = "instance_kind", skip_serializing_if = "is_instance")]
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// How far it must be; only for instances.
    #[serde(default, skip_serializing_if = "is_default")]
    pub condition: DependencyCondition,
}

/// Hosts on which the object is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostSelector {
    /// Each must be equal: `os` (`linux`, `darwin`), `arch` (`x86_64`, `aarch64`), `hostname`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}

/// What is wanted of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceSpec {
    /// Whether the VM is kept running.
    #[serde(default, skip_serializing_if = "is_default")]
    pub run_strategy: RunStrategy,
    /// Exactly Lima's YAML.
    // Shared, because plans and engines hold it, too.
    pub template: Arc<Lima>,
    /// What must be there before it starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Dependency>,
    /// What may be done to the running VM without asking.
    #[serde(default, skip_serializing_if = "is_default")]
    pub max_disruption: Disruption,
    /// What happens when it is no longer wanted.
    #[serde(default = "delete", skip_serializing_if = "is_delete")]
    pub deletion_policy: DeletionPolicy,
    /// Hosts on which it is wanted; all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_selector: Option<HostSelector>,
    /// Leave it exactly as it is for now.
    #[serde(default, skip_serializing_if = "is_default")]
    pub suspend: bool,
}

impl InstanceSpec {
    /// The template with every other field at its default.
    pub fn new(template: impl Into<Arc<Lima>>) -> Self {
        Self {
            run_strategy: RunStrategy::default(),
            template: template.into(),
            depends_on: Vec::new(),
            max_disruption: Disruption::default(),
            deletion_policy: DeletionPolicy::Delete,
            host_selector: None,
            suspend: false,
        }
    }
}

fn instance_kind() -> Kind {
    Kind::Instance
}

fn is_instance(kind: &Kind) -> bool {
    *kind == Kind::Instance
}

fn delete() -> DeletionPolicy {
    DeletionPolicy::Delete
}

fn is_delete(policy: &DeletionPolicy) -> bool {
    *policy == DeletionPolicy::Delete
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
