//! Any manifest.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::{Disk, Instance, Kind, Metadata, Name, Network};

/// The group and version of every kind.
pub const API_VERSION: &str = "lima-vm.io/v1alpha1";

/// One manifest of whatever kind. Serialises with `apiVersion` and `kind`, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Manifest {
    /// A virtual machine.
    Instance(Box<Instance>),
    /// An additional disk.
    Disk(Disk),
    /// A network.
    Network(Network),
}

impl Manifest {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Instance(_) => Kind::Instance,
            Self::Disk(_) => Kind::Disk,
            Self::Network(_) => Kind::Network,
        }
    }

    /// Its metadata.
    pub fn metadata(&self) -> &Metadata {
        match self {
            Self::Instance(instance) => &instance.metadata,
            Self::Disk(disk) => &disk.metadata,
            Self::Network(network) => &network.metadata,
        }
    }

    /// Its name.
    pub fn name(&self) -> &Name {
        &self.metadata().name
    }
}

impl Serialize for Manifest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("apiVersion", API_VERSION)?;
        map.serialize_entry("kind", &self.kind())?;
        map.serialize_entry("metadata", self.metadata())?;
        match self {
            Self::Instance(instance) => map.serialize_entry("spec", &instance.spec)?,
            Self::Disk(disk) => map.serialize_entry("spec", &disk.spec)?,
            Self::Network(network) => map.serialize_entry("spec", &network.spec)?,
        }
        map.end()
    }
}
