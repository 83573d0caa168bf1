//! From documents to desired objects.

use std::collections::BTreeMap;

use limekiln_api::template::Embedding;
use limekiln_api::{
    Diagnostic, FieldError, Filled, HostFacts, Located, Manifest, Severity, unsupported,
};
use limekiln_model::{
    Desired, DesiredInstance, Elsewhere, Frozen, ObjectId, Origin, Owner, Wanted, fingerprint,
};
use limekiln_sources::Snapshot;
use limekiln_sources::lock::Lock;

use super::entries::{Document, Entries, Entry, Unreadable};
use super::layers::LayerFiles;
use super::{host, parallel, rules};
use crate::ReconcileError;

/// What is ours already, by object. Read only when a file cannot be: that is rare, and a ledger of
/// a thousand claims takes its time.
pub type Owners<'a> = dyn Fn() -> Result<BTreeMap<ObjectId, Owner>, ReconcileError> + 'a;

/// What manifests are read against.
#[derive(Clone)]
pub struct LoadContext<'a> {
    /// The host, on which defaults depend.
    pub facts: &'a HostFacts,
    /// Fields that the engine refuses, as it states them.
    pub unsupported: &'a [(&'static str, &'static str)],
    /// What is left alone when its file cannot be read.
    pub owners: &'a Owners<'a>,
    /// How templates that build on others are put together.
    pub embedding: Embedding<'a>,
    /// What images must be; templates are held against it by whoever fetches them.
    pub lock: Option<&'a Lock>,
}

/// What sources hold.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What is desired; objects with errors are frozen in it.
    pub desired: Desired,
    /// All that is wrong, by file and line.
    pub diagnostics: Vec<Diagnostic>,
}

impl Loaded {
    /// Whether any manifest has an error. The others can be applied all the same.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

/// Reads manifests, puts in what they build on, fills in defaults, checks every rule. Changes
/// nothing.
///
/// An object whose manifest is wrong, or that two manifests describe, is frozen: nothing is done
/// to it. What cannot even be named freezes what came from its source before and is missing now.
///
/// # Errors
/// If a file cannot be read, and what came from it cannot be known either.
pub fn load(snapshots: &[Snapshot], context: &LoadContext<'_>) -> Result<Loaded, ReconcileError> {
    let entries = Entries::read(snapshots);
    let lasting = snapshots.iter().filter(|snapshot| snapshot.is_lasting());
    let desired = Desired {
        revision: revision(snapshots),
        sources: lasting.map(|snapshot| snapshot.source.clone()).collect(),
        ..Desired::default()
    };
    let layers = LayerFiles::read(context.facts);
    let mut loading = Loading {
        context,
        desired,
        diagnostics: entries.diagnostics,
        layers,
        embedded: Vec::new(),
    };
    loading.diagnostics.extend(loading.layers.unknown_keys());
    loading.diagnostics.extend(loading.layers.ignored(context.facts, context.unsupported));
    for entries in entries.by_name.into_values() {
        loading.object(entries);
    }
    entries.partial.into_iter().for_each(|located| loading.rest(located));
    loading.instances();
    if !entries.unreadable.is_empty() {
        loading.freeze_missing(&entries.unreadable, &(context.owners)()?);
    }
    let Loading { desired, mut diagnostics, .. } = loading;
    diagnostics.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    // What is wrong with a layer is found with every instance.
    diagnostics.dedup();
    Ok(Loaded { desired, diagnostics })
}

fn revision(snapshots: &[Snapshot]) -> String {
    match snapshots {
        [one] => one.revision.clone(),
        many => {
            let parts: Vec<_> = many.iter().map(|one| (&one.source, &one.revision)).collect();
            fingerprint(&parts).0
        }
    }
}

struct Loading<'a> {
    context: &'a LoadContext<'a>,
    desired: Desired,
    diagnostics: Vec<Diagnostic>,
    layers: LayerFiles,
    /// Instances with all that they build on, before they are filled and checked.
    embedded: Vec<Embedded>,
}

/// A manifest of an instance, with all that it builds on.
struct Embedded {
    /// The object, and where it is described; `None` if it is frozen already.
    object: Option<(ObjectId, Origin)>,
    located: Located,
    /// What is wrong with it already.
    errors: Vec<FieldError>,
    /// Why it is frozen, if something is wrong with what it builds on.
    broken: Option<String>,
}

impl Loading<'_> {
    fn object(&mut self, mut entries: Vec<Entry>) {
        if entries.len() > 1 {
            return self.twice(entries);
        }
        let Some(entry) = entries.pop() else { return };
        let id = entry.id();
        match entry.document {
            Document::Valid(located) => self.admit(id, *located, entry.origin),
            Document::Broken(broken) => self.freeze(id, broken.why, entry.origin),
        }
    }

    /// Nobody can say which of them is meant.
    fn twice(&mut self, entries: Vec<Entry>) {
        let places: Vec<_> = entries.iter().map(|entry| entry.place.clone()).collect();
        for (index, entry) in entries.into_iter().enumerate() {
            let others = places.iter().enumerate().filter(|(other, _)| *other != index);
            let others: Vec<_> = others.map(|(_, place)| place.as_str()).collect();
            let id = entry.id();
            let why = format!("{id} is also described at {}", others.join(" and "));
            if let Document::Valid(located) = entry.document {
                let error = FieldError::new("metadata.name", why.clone())
                    .hint("keep one of them; nothing is done to this object until then");
                self.diagnostics.push(located.diagnose(&error));
                self.rest(*located);
            }
            self.freeze(id, why, entry.origin);
        }
    }

    fn freeze(&mut self, id: ObjectId, why: String, origin: Origin) {
        self.desired.frozen.insert(id, Frozen { why, origin });
    }

    /// Leaves alone what was described before and may be in what cannot be read now.
    fn freeze_missing(&mut self, unreadable: &[Unreadable], owners: &BTreeMap<ObjectId, Owner>) {
        for (id, owner) in owners {
            let holder = unreadable.iter().find(|file| file.may_hold(&owner.origin));
            if let Some(file) = holder.filter(|_| !self.desired.mentions(id)) {
                self.freeze(id.clone(), file.why.clone(), owner.origin.clone());
            }
        }
    }

    fn admit(&mut self, id: ObjectId, located: Located, origin: Origin) {
        match &located.manifest {
            Manifest::Instance(_) => self.embed(Some((id, origin)), located),
            Manifest::Disk(disk) => {
                let wanted = Wanted { spec: disk.spec.clone(), origin };
                self.desired.disks.insert(id.name, wanted);
            }
            Manifest::Network(network) => {
                let wanted = Wanted { spec: network.spec.clone(), origin };
                self.desired.networks.insert(id.name, wanted);
            }
        }
    }

    /// What is left of a manifest that cannot be used is checked, too, so that all errors are
    /// told at once.
    fn rest(&mut self, located: Located) {
        self.embed(None, located);
    }

    fn embed(&mut self, object: Option<(ObjectId, Origin)>, mut located: Located) {
        let found = located.embed(&self.context.embedding).err().unwrap_or_default();
        let broken = found.first().map(|first| first.message.clone());
        self.diagnostics.extend(found);
        let errors = self.pin(&mut located.manifest);
        self.embedded.push(Embedded { object, located, errors, broken });
    }

    /// Holds an instance's images against the lock, if there is one.
    fn pin(&self, manifest: &mut Manifest) -> Vec<FieldError> {
        let (Manifest::Instance(instance), Some(lock)) = (manifest, self.context.lock) else {
            return Vec::new();
        };
        let mut pinned = instance.spec.template.clone();
        let errors = lock.pin(&mut pinned, self.context.facts.arch);
        if errors.is_empty() {
            instance.spec.template = pinned;
        }
        errors
    }

    /// Fills and checks the instances, on all processors, and takes them in.
    fn instances(&mut self) {
        let embedded = std::mem::take(&mut self.embedded);
        let LoadContext { facts, unsupported: table, .. } = *self.context;
        let checked = parallel::map(&embedded, |one| match &one.located.manifest {
            Manifest::Instance(instance) => {
                let (filled, mut errors) = rules::check(instance, facts);
                errors.extend(unsupported(&instance.spec.template, table));
                Some((filled, errors))
            }
            Manifest::Disk(_) | Manifest::Network(_) => None,
        });
        for (embedded, checked) in embedded.into_iter().zip(checked) {
            if let Some(checked) = checked {
                self.instance(embedded, checked);
            }
        }
    }

    fn instance(&mut self, embedded: Embedded, (filled, found): (Filled, Vec<FieldError>)) {
        let Embedded { object, located, mut errors, broken } = embedded;
        let Manifest::Instance(instance) = &located.manifest else { return };
        let facts = self.context.facts;
        errors.extend(found);
        errors.retain(|error| !located.excuses(error));
        let diagnose = |error: &FieldError| self.layers.diagnose(error, &located);
        self.diagnostics.extend(errors.iter().map(diagnose));
        let Some((id, origin)) = object else { return };
        let first = errors.iter().find(|error| error.is_error());
        if let Some(why) = broken.or_else(|| first.map(|first| first.message.clone())) {
            return self.freeze(id, why, origin);
        }
        let selector = instance.spec.host_selector.as_ref();
        match selector.and_then(|selector| host::mismatch(selector, facts)) {
            None => {
                let spec = DesiredInstance { spec: instance.spec.clone(), filled: filled.lima };
                self.desired.instances.insert(id.name, Wanted { spec, origin });
            }
            Some(label) => {
                let elsewhere = Elsewhere { label: label.to_owned(), origin };
                self.desired.elsewhere.insert(id.name, elsewhere);
            }
        }
    }
}
