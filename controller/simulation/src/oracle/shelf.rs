//! Which of the manifests that were published are in force.

use crate::story::{Catalogue, Source};

/// What became of one source.
#[derive(Clone, Debug, Default)]
struct Read {
    /// Everything that was published, each once, in the order of its first time.
    all: Vec<Catalogue>,
    /// What was published last.
    latest: Catalogue,
    /// What somebody went back to.
    pinned: Option<Catalogue>,
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
            if !read.all.contains(&read.latest) {
                read.all.push(read.latest.clone());
            }
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

    /// What was first published so many revisions before the last new one of a source.
    pub fn earlier(&self, source: usize, back: usize) -> Option<&Catalogue> {
        self.0.get(source)?.all.iter().rev().nth(back)
    }

    /// Somebody goes back to what a source held once; what it is at is left for good.
    pub(crate) fn roll_back(&mut self, source: usize, to: &Catalogue) {
        let read = &mut self.0[source];
        let left = read.in_force().filter(|left| *left != to).cloned();
        read.bad.retain(|bad| bad != to);
        read.bad.extend(left);
        read.pinned = Some(to.clone());
    }

    /// All sources are followed again.
    pub(crate) fn release(&mut self) {
        self.0.iter_mut().for_each(|read| read.pinned = None);
    }
}

impl Read {
    fn in_force(&self) -> Option<&Catalogue> {
        let good = |one: &&Catalogue| !self.bad.contains(one);
        let newest = || self.all.iter().rev().find(good);
        self.pinned.as_ref().or(Some(&self.latest).filter(good)).or_else(newest)
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
