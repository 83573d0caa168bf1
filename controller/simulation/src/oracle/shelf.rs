//! Which of the manifests that were published are in force.

use crate::story::{Catalogue, Source};

/// What became of one source.
#[derive(Clone, Debug, Default)]
struct Read {
    /// Everything that was published, each once, in the order of its last time.
    all: Vec<Catalogue>,
    /// What was published last.
    latest: Catalogue,
    /// What somebody went back to.
    pinned: Option<Catalogue>,
    /// The same after its release, until something good is published.
    released: Option<Catalogue>,
    /// What somebody went back from.
    bad: Vec<Catalogue>,
}

/// What was published of each source.
#[derive(Clone, Debug, Default)]
pub struct Shelf(Vec<Read>);

impl Shelf {
    /// Nothing of so many sources.
    pub(super) fn new(sources: usize) -> Self {
        Self(vec![Read::default(); sources])
    }

    /// Manifests are published.
    pub(super) fn publish(&mut self, catalogue: &Catalogue) {
        for (source, read) in self.0.iter_mut().enumerate() {
            read.latest = catalogue.only(source);
            read.all.retain(|one| *one != read.latest);
            read.all.push(read.latest.clone());
            read.go_on();
        }
    }

    /// What lies in the directories.
    pub fn latest(&self) -> Catalogue {
        merged(self.0.iter().map(|read| &read.latest))
    }

    /// What counts.
    pub fn in_force(&self) -> Catalogue {
        merged(self.0.iter().filter_map(Read::in_force))
    }

    /// What was published so many revisions before the last one of a source.
    pub fn earlier(&self, source: usize, back: usize) -> Option<&Catalogue> {
        self.0.get(source)?.all.iter().rev().nth(back)
    }

    /// Somebody goes back to what a source held once; what it is at is left for good.
    pub(crate) fn roll_back(&mut self, source: usize, to: &Catalogue) {
        let read = &mut self.0[source];
        let left = read.in_force().filter(|left| *left != to).cloned();
        read.bad.retain(|bad| bad != to);
        read.bad.extend(left);
        (read.pinned, read.released) = (Some(to.clone()), None);
    }

    /// All sources are followed again.
    pub(crate) fn release(&mut self) {
        for read in &mut self.0 {
            read.released = read.pinned.take().or(read.released.take());
            read.go_on();
        }
    }
}

impl Read {
    fn in_force(&self) -> Option<&Catalogue> {
        let good = |one: &&Catalogue| !self.bad.contains(one);
        let released = || self.released.as_ref().filter(good);
        let newest = || self.all.iter().rev().find(good);
        let latest = || Some(&self.latest).filter(good);
        self.pinned.as_ref().or_else(latest).or_else(released).or_else(newest)
    }

    /// What somebody chose counts no more where something good came since.
    fn go_on(&mut self) {
        if self.pinned.is_none() && !self.bad.contains(&self.latest) {
            self.released = None;
        }
    }
}

fn merged<'a>(parts: impl Iterator<Item = &'a Catalogue>) -> Catalogue {
    let mut whole = Catalogue::default();
    for part in parts {
        whole.files.extend(part.files.clone());
        whole.broken.extend(part.broken.iter().cloned());
    }
    whole
}

/// Whether the texts of a kept revision are those of these manifests.
pub fn is_kept_as(catalogue: &Catalogue, files: &[limekiln_reconciler::RevisionFile]) -> bool {
    let name = |file: &limekiln_reconciler::RevisionFile| {
        file.origin.file_name().unwrap_or_default().to_string_lossy().into_owned()
    };
    let mut kept: Vec<_> = files.iter().map(|file| (name(file), file.text.clone())).collect();
    let texts = catalogue.files.keys();
    let texts = texts.map(|file| (Source::local(file).to_owned(), catalogue.text(file)));
    let mut wanted: Vec<_> = texts.collect();
    kept.sort();
    wanted.sort();
    kept == wanted
}
