//! The documents of all files, by object.

use std::collections::BTreeMap;

use limekiln_api::{Broken, Diagnostic, Kind, Located, Name, parse_documents};
use limekiln_model::{ObjectId, Origin};
use limekiln_sources::{Snapshot, SourceFile};

/// A document that names an object.
pub(super) struct Entry {
    pub(super) origin: Origin,
    /// Its place as the user would write it.
    pub(super) place: String,
    pub(super) document: Document,
}

pub(super) enum Document {
    Valid(Box<Located>),
    Broken(Broken),
}

/// A file in which something cannot even be named.
pub(super) struct Unreadable {
    pub(super) origin: Origin,
    pub(super) why: String,
}

#[derive(Default)]
pub(super) struct Entries {
    /// By kind and name in lower case: names that differ only in case are one directory on some
    /// file systems.
    pub(super) by_name: BTreeMap<(Kind, String), Vec<Entry>>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) unreadable: Vec<Unreadable>,
}

impl Entries {
    pub(super) fn read(snapshots: &[Snapshot]) -> Self {
        let mut entries = Self::default();
        for snapshot in snapshots {
            for file in &snapshot.files {
                entries.file(&snapshot.source, file);
            }
        }
        entries
    }

    fn file(&mut self, source: &str, file: &SourceFile) {
        let parsed = parse_documents(&file.bytes, &file.path);
        let origin = |line| Origin { source: source.to_owned(), file: file.origin.clone(), line };
        let place = |line| format!("{}:{line}", file.path.display());
        for located in parsed.objects {
            let (origin, place) = (origin(located.line), place(located.line));
            self.add(Entry { origin, place, document: Document::Valid(Box::new(located)) });
        }
        for broken in parsed.broken {
            let (origin, place) = (origin(broken.line), place(broken.line));
            self.add(Entry { origin, place, document: Document::Broken(broken) });
        }
        if parsed.unreadable {
            let first = parsed.diagnostics.first().map(|first| first.message.clone());
            let why =
                format!("{} cannot be read: {}", file.path.display(), first.unwrap_or_default());
            self.unreadable.push(Unreadable { origin: origin(0), why });
        }
        self.diagnostics.extend(parsed.diagnostics);
    }

    fn add(&mut self, entry: Entry) {
        let ObjectId { kind, name } = entry.id();
        self.by_name.entry((kind, name.as_str().to_lowercase())).or_default().push(entry);
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
