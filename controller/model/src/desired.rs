//! What the manifests ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_api::{DiskSpec, InstanceSpec, Lima, NetworkSpec};
use serde::{Deserialize, Serialize};

use crate::{Name, ObjectId, Shared};

/// Where a manifest was read: for messages and for the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The source's identity: the canonical path of the directory or file, or a URL.
    pub source: String,
    /// The file.
    pub file: PathBuf,
    /// The line on which the document starts, from 1.
    pub line: usize,
}

/// A desired object together with its origin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted<T> {
    /// What is wanted.
    pub spec: T,
    /// Where it was written.
    pub origin: Origin,
}

/// A desired instance: the specification as written, and its template as it will be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredInstance {
    /// The specification as written. `spec.template` is what is stored in `lima.yaml`.
    pub spec: InstanceSpec,
    /// The template with every default filled in: what is compared and what is run.
    pub filled: Arc<Lima>,
}

/// An object on which nothing is done because its manifest cannot be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// What is wrong, as one line.
    pub why: String,
    /// Where.
    pub origin: Origin,
}

/// An instance whose `hostSelector` asks for another host: not wanted here, and not gone either.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// The first label of the selector that this host does not have.
    pub label: String,
    /// Where it was written.
    pub origin: Origin,
}

/// All valid manifests of one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// The revision: a commit id or the digest of what was read; of several sources the
    /// fingerprint of all their revisions.
    pub revision: String,
    /// The revision of each source.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub revisions: BTreeMap<String, String>,
    /// The sources that were read whole. Only an object owned by one of them can be pruned.
    pub sources: Vec<String>,
    /// Instances by name. Shared: who copies all that is desired copies no template.
    pub instances: Shared<BTreeMap<Name, Arc<Wanted<DesiredInstance>>>>,
    /// Disks by name.
    pub disks: BTreeMap<Name, Wanted<DiskSpec>>,
    /// Networks by name.
    pub networks: BTreeMap<Name, Wanted<NetworkSpec>>,
    /// Instances of other hosts. One that exists here all the same is left as it is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub elsewhere: BTreeMap<Name, Elsewhere>,
    /// Objects that must be left exactly as they are.
    pub frozen: BTreeMap<ObjectId, Frozen>,
    /// Objects on which nothing is done because somebody said so by hand.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub suspended: BTreeSet<ObjectId>,
}

impl Desired {
    /// Everything that is wanted here.
    pub fn ids(&self) -> impl Iterator<Item = ObjectId> + '_ {
        let instances = self.instances.keys().map(ObjectId::instance);
        let disks = self.disks.keys().map(ObjectId::disk);
        instances.chain(disks).chain(self.networks.keys().map(ObjectId::network))
    }

    /// Whether the object is wanted, here or on another host, or is not to be touched.
    pub fn mentions(&self, id: &ObjectId) -> bool {
        (self.frozen.contains_key(id) && !is_on(Mutant::FaultyIsGone))
            || self.suspended.contains(id)
            || self.origin(id).is_some()
            || self.is_elsewhere(id)
    }

    /// Whether nothing is done to the object because its manifest, or somebody by hand, says so.
    pub fn is_suspended(&self, id: &ObjectId) -> bool {
        if is_on(Mutant::IgnoresSuspension) {
            return false;
        }
        let wanted = self.instances.get(&id.name).filter(|_| id.kind == crate::Kind::Instance);
        self.suspended.contains(id) || wanted.is_some_and(|wanted| wanted.spec.spec.suspend)
    }

    /// Whether the object is an instance of another host.
    pub fn is_elsewhere(&self, id: &ObjectId) -> bool {
        id.kind == crate::Kind::Instance && self.elsewhere.contains_key(&id.name)
    }

    /// Where an object that is wanted here was written.
    pub fn origin(&self, id: &ObjectId) -> Option<&Origin> {
        match id.kind {
            crate::Kind::Instance => self.instances.get(&id.name).map(|wanted| &wanted.origin),
            crate::Kind::Disk => self.disks.get(&id.name).map(|wanted| &wanted.origin),
            crate::Kind::Network => self.networks.get(&id.name).map(|wanted| &wanted.origin),
        }
    }
}
