//! The documents of all files, by object.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use limekiln_api::mutant::{Mutant, is_on};
use limekiln_api::{Broken, Diagnostic, Kind, Located, Name, Parsed, Severity, parse_documents};
use limekiln_model::{ObjectId, Origin};
use limekiln_sources::{Skipped, SkippedKind, SourceFile};

use super::parallel;
use crate::policy::{Policies, named};

/// Of so much that a source leaves out it is told.
const MOST_TOLD: usize = 100;

/// A document that names an object.
pub(super) struct Entry {
    pub(super) origin: Origin,
    /// Its place as the user would write it.
    pub(super) place: String,
    pub(super) document: Document,
    /// Its file, if it is alone in it and there is nothing to say about it.
    pub(super) alone: Option<Arc<SourceFile>>,
}

pub(super) enum Document {
    Valid(Box<Located>),
    Broken(Broken),
}

/// A file that cannot be read in part, or what is not read at all.
pub(super) struct Unreadable {
    origin: Origin,
    pub(super) why: String,
    /// Whether something in it has no name. What has one may be named wrongly all the same: the
    /// name of a text that is no YAML is a guess.
    nameless: bool,
}

impl Unreadable {
    /// Whether an object that came from `origin` may be described here. What has no name may be one
    /// from any file, which was moved here; from another source only one that this source may have.
    pub(super) fn may_hold(&self, id: &ObjectId, origin: &Origin, policies: &Policies) -> bool {
        let of_source = self.origin.source == origin.source;
        // It may have been in a directory in whose place this is.
        let same = of_source && origin.file.starts_with(&self.origin.file);
        let may_have = || of_source || named(policies.of(&self.origin.source), &id.name).allowed;
        same || (self.nameless && may_have() && !is_on(Mutant::PrunesWhatMoved))
    }
}

#[derive(Default)]
pub(super) struct Entries {
    /// By kind and name in lower case: names that differ only in case are one directory on some
    /// file systems.
    pub(super) by_name: BTreeMap<(Kind, String), Vec<Entry>>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// What could be read of manifests that cannot be used, each with its source.
    pub(super) partial: Vec<(String, Located)>,
    pub(super) unreadable: Vec<Unreadable>,
}

impl Entries {
    /// Reads files, each with its source.
    pub(super) fn read(files: &[(&str, &Arc<SourceFile>)]) -> Self {
        let mut entries = Self::default();
        // That takes most of the time of a whole `diff`.
        let parsed = parallel::map(files, |(_, file)| parse_documents(&file.bytes, &file.path));
        for ((source, file), parsed) in files.iter().zip(parsed) {
            entries.file(source, file, parsed);
        }
        entries
    }

    /// Takes in what a source leaves out, each time with its source.
    pub(super) fn skipped<'s>(&mut self, all: impl Iterator<Item = (&'s str, &'s Skipped)>) {
        let mut told = BTreeMap::new();
        for (source, Skipped { path, origin: file, kind }) in all {
            let why = format!("{} is left out: {}", path.display(), kind.reason());
            let count: &mut usize = told.entry(source).or_default();
            *count += usize::from(kind.is_told());
            if kind.is_told() && *count <= MOST_TOLD {
                self.diagnostics.push(left_out(path, *kind));
            }
            let origin = Origin { source: source.to_owned(), file: file.clone(), line: 0 };
            self.unreadable.push(Unreadable { origin, why, nameless: false });
        }
    }

    /// Whether an object is described.
    pub(super) fn describes(&self, id: &ObjectId) -> bool {
        !self.by_name.is_empty() && self.by_name.contains_key(&key(id))
    }

    fn file(&mut self, source: &str, file: &Arc<SourceFile>, parsed: Parsed) {
        let origin = |line| Origin { source: source.to_owned(), file: file.origin.clone(), line };
        let place = |line| format!("{}:{line}", file.path.display());
        if parsed.objects.is_empty() && parsed.diagnostics.is_empty() && !parsed.unreadable {
            self.diagnostics.push(holds_nothing(file));
        }
        let nothing_else = parsed.objects.len() == 1
            && parsed.broken.is_empty()
            && parsed.diagnostics.is_empty()
            && parsed.partial.is_empty()
            && !parsed.unreadable;
        for located in parsed.objects {
            let (origin, place) = (origin(located.line), place(located.line));
            let alone = nothing_else.then(|| Arc::clone(file));
            let document = Document::Valid(Box::new(located));
            self.add(Entry { origin, place, document, alone });
        }
        if parsed.unreadable || !parsed.broken.is_empty() {
            let first = parsed.diagnostics.first().map_or("", |first| first.message.as_str());
            let why = format!("{} cannot be read: {first}", file.path.display());
            let nameless = parsed.unreadable;
            self.unreadable.push(Unreadable { origin: origin(0), why, nameless });
        }
        for broken in parsed.broken {
            let (origin, place) = (origin(broken.line), place(broken.line));
            self.add(Entry { origin, place, document: Document::Broken(broken), alone: None });
        }
        self.diagnostics.extend(parsed.diagnostics);
        let partial = parsed.partial.into_iter();
        self.partial.extend(partial.map(|located| (source.to_owned(), located)));
    }

    fn add(&mut self, entry: Entry) {
        self.by_name.entry(key(&entry.id())).or_default().push(entry);
    }
}

/// Names that differ only in case are one.
fn key(id: &ObjectId) -> (Kind, String) {
    (id.kind, id.name.as_str().to_lowercase())
}

fn left_out(path: &Path, kind: SkippedKind) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        hint: Some(kind.hint().to_owned()),
        ..Diagnostic::about_file(path, format!("it is left out: {}", kind.reason()))
    }
}

/// What nobody meant to write is worth a word; it is no error, and nothing is deleted for it.
fn holds_nothing(file: &SourceFile) -> Diagnostic {
    Diagnostic {
        severity: Severity::Warning,
        hint: Some("write a manifest, or remove the file".to_owned()),
        ..Diagnostic::about_file(&file.path, "the file holds no manifest")
    }
}

impl Entry {
    pub(super) fn id(&self) -> ObjectId {
        let (kind, name): (Kind, &Name) = match &self.document {
            Document::Valid(located) => (located.manifest.kind(), located.manifest.name()),
            Document::Broken(broken) => (broken.kind, &broken.name),
        };
        ObjectId::new(kind, name.clone())
    }
}
