//! The manifests of one revision, by file.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_model::ObjectId;

use super::{Described, Machine};

/// What a directory of manifests holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Catalogue {
    /// Manifests by file.
    pub files: BTreeMap<String, Vec<Described>>,
    /// Files in which something is misspelt.
    pub broken: BTreeSet<String>,
}

impl Catalogue {
    /// Everything that is described, in valid files and in broken ones.
    pub fn all(&self) -> impl Iterator<Item = &Described> {
        self.files.values().flatten()
    }

    /// The objects that the manifests speak of.
    pub fn ids(&self) -> BTreeSet<ObjectId> {
        self.all().map(Described::id).collect()
    }

    /// Objects on which nothing may be done: their file is broken, or two files describe them.
    pub fn frozen(&self) -> BTreeSet<ObjectId> {
        let broken = self.broken.iter().filter_map(|file| self.files.get(file)).flatten();
        let mut frozen: BTreeSet<_> = broken.map(Described::id).collect();
        let mut seen = BTreeSet::new();
        frozen.extend(self.all().map(Described::id).filter(|id| !seen.insert(id.clone())));
        frozen
    }

    /// The instance of this name.
    pub fn machine(&self, name: &str) -> Option<&Machine> {
        self.machines().find(|machine| machine.name == name)
    }

    /// All instances.
    pub fn machines(&self) -> impl Iterator<Item = &Machine> {
        self.all().filter_map(|described| match described {
            Described::Instance(machine) => Some(machine),
            _ => None,
        })
    }

    /// The text of a file.
    pub fn text(&self, file: &str) -> String {
        let documents: Vec<_> = self.files[file].iter().map(Described::yaml).collect();
        let text = documents.join("---\n");
        if self.broken.contains(file) { text.replace("spec:", "spce:") } else { text }
    }
}
