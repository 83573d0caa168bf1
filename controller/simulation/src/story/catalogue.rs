//! The manifests of one revision, by file.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_model::ObjectId;

use super::{Described, Machine, Source};

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

    /// Where each object comes from on which something may be done.
    pub fn owners(&self) -> BTreeMap<ObjectId, usize> {
        let frozen = self.frozen();
        let files = self.files.iter();
        let all = files.flat_map(|(file, documents)| documents.iter().map(move |one| (file, one)));
        let owners = all.map(|(file, one)| (one.id(), Source::of(file)));
        owners.filter(|(id, _)| !frozen.contains(id)).collect()
    }

    /// The same without what is in a source.
    #[must_use]
    pub fn without(&self, source: usize) -> Self {
        self.part(|file| Source::of(file) != source)
    }

    /// What is in a source.
    #[must_use]
    pub fn only(&self, source: usize) -> Self {
        self.part(|file| Source::of(file) == source)
    }

    fn part(&self, of: impl Fn(&str) -> bool) -> Self {
        let files = self.files.iter().filter(|(file, _)| of(file));
        let files: BTreeMap<_, _> =
            files.map(|(file, documents)| (file.clone(), documents.clone())).collect();
        let broken = self.broken.iter().filter(|file| files.contains_key(*file)).cloned();
        Self { broken: broken.collect(), files }
    }

    /// Whether a source holds the same in both.
    pub fn is_same_in(&self, source: usize, other: &Self) -> bool {
        self.only(source) == other.only(source)
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

    /// Whether an object is to stay when its manifest goes.
    pub fn retains(&self, id: &ObjectId) -> bool {
        self.all().filter(|described| described.id() == *id).any(|described| match described {
            Described::Instance(machine) => machine.retain,
            Described::Disk { retain, .. } => *retain,
            Described::Network { .. } => false,
        })
    }

    /// The text of a file.
    pub fn text(&self, file: &str) -> String {
        let documents: Vec<_> = self.files[file].iter().map(Described::yaml).collect();
        let text = documents.join("---\n");
        if self.broken.contains(file) { text.replace("spec:", "spce:") } else { text }
    }
}
