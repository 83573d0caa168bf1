//! From documents to desired objects, on the way.

use std::collections::BTreeMap;
use std::sync::Arc;

use limekiln_api::template::Embedding;
use limekiln_api::{
    Diagnostic, FieldError, Filled, HostFacts, Layer, Lima, Located, Manifest, network_errors,
    unsupported,
};
use limekiln_model::{
    Desired, DesiredInstance, Elsewhere, Frozen, ObjectId, Origin, Owner, Wanted,
};
use limekiln_sources::SourceFile;

use super::cache::Sound;
use super::claimants::Claimants;
use super::entries::{Document, Entry, Unreadable};
use super::layers::LayerFiles;
use super::permits::{self, Judged, Permits};
use super::{LoadContext, Refusals};
use super::{host, parallel, rules};
use crate::ReconcileError;
use crate::policy::{self, Confined, Share, Verdict};

pub(super) struct Loading<'a> {
    context: &'a LoadContext<'a>,
    pub(super) desired: Desired,
    pub(super) diagnostics: Vec<Diagnostic>,
    layers: LayerFiles,
    /// Instances with all that they build on, before they are filled and checked.
    embedded: Vec<Embedded>,
    /// Disks and Networks, before they are judged.
    others: Vec<Other>,
    permits: Permits<'a>,
    pub(super) verdicts: Vec<Judged>,
    /// What the next load need not check again.
    pub(super) sound: Vec<Sound>,
    /// What is ours already, once somebody asked.
    owners: Option<BTreeMap<ObjectId, Owner>>,
}

/// A manifest of a Disk or Network.
struct Other {
    id: ObjectId,
    origin: Origin,
    located: Located,
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
    /// What it was not to build on.
    refused: Vec<Verdict>,
    /// Its file, if it depends on nothing else and nothing is wrong so far.
    alone: Option<Arc<SourceFile>>,
}

/// What was found of an instance.
struct Checked {
    filled: Filled,
    errors: Vec<FieldError>,
    verdicts: Vec<Verdict>,
    /// Whether it is wanted on this host; else no policy is asked.
    here: bool,
    /// What was at the paths that were looked at.
    looks: Vec<rules::Look>,
}

impl<'a> Loading<'a> {
    pub(super) fn new(
        context: &'a LoadContext<'a>,
        desired: Desired,
        diagnostics: Vec<Diagnostic>,
    ) -> Self {
        let layers = LayerFiles::read(context.facts);
        let of_layers = layers.unknown_keys();
        let ignored = layers.ignored(context.facts, context.unsupported);
        Self {
            context,
            desired,
            diagnostics: [diagnostics, of_layers, ignored].concat(),
            layers,
            embedded: Vec::new(),
            others: Vec::new(),
            permits: Permits::new(context.policies, context.facts, context.explain),
            verdicts: Vec::new(),
            sound: Vec::new(),
            owners: None,
        }
    }

    /// Takes in what was found right before.
    pub(super) fn sound(&mut self, sound: Sound) {
        self.permits.describes(&sound.wanted.origin.source, &sound.id);
        self.desired.instances.insert(sound.id.name.clone(), Arc::clone(&sound.wanted));
        self.diagnostics.extend(sound.warnings.iter().cloned());
        self.sound.push(sound);
    }

    /// Takes in what describes one object.
    pub(super) fn object(&mut self, mut entries: Vec<Entry>) -> Result<(), ReconcileError> {
        if Claimants::differ(&entries, self.context.policies) {
            entries = self.rightful(entries)?;
        }
        if entries.len() > 1 {
            self.twice(entries);
        } else if let Some(entry) = entries.pop() {
            let id = entry.id();
            match entry.document {
                Document::Valid(located) => self.admit(id, *located, entry.origin, entry.alone),
                Document::Broken(broken) => self.freeze(id, broken.why, entry.origin),
            }
        }
        Ok(())
    }

    /// Those descriptions that count. The others are told.
    fn rightful(&mut self, entries: Vec<Entry>) -> Result<Vec<Entry>, ReconcileError> {
        let policies = self.context.policies;
        let owners = self.owners()?;
        let owner = entries.iter().find_map(|entry| owners.get(&entry.id()));
        let Claimants { mut standing, denied } = Claimants::new(entries, owner, policies);
        for (entry, verdict) in denied {
            let (id, origin) = (entry.id(), entry.origin);
            // What is wrong with a document that cannot be read is told already.
            if let Document::Valid(located) = entry.document {
                let errors = permits::errors(std::slice::from_ref(&verdict));
                self.tell(&id, &origin, &located, vec![verdict], &errors);
                self.rest(&origin.source, *located);
            }
        }
        // Those that do not count are to be told the next time, too.
        standing.iter_mut().for_each(|entry| entry.alone = None);
        Ok(standing)
    }

    /// What is ours already, read once.
    fn owners(&mut self) -> Result<&BTreeMap<ObjectId, Owner>, ReconcileError> {
        if self.owners.is_none() {
            self.owners = Some((self.context.owners)()?);
        }
        Ok(self.owners.get_or_insert_default())
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
                self.rest(&entry.origin.source, *located);
            }
            self.freeze(id, why, entry.origin);
        }
    }

    fn freeze(&mut self, id: ObjectId, why: String, origin: Origin) {
        self.desired.frozen.insert(id, Frozen { why, origin });
    }

    /// Leaves alone what was described before and may be in what cannot be read now.
    pub(super) fn freeze_missing(
        &mut self,
        unreadable: &[Unreadable],
    ) -> Result<(), ReconcileError> {
        if unreadable.is_empty() {
            return Ok(());
        }
        let (policies, sources) = (self.context.policies, self.desired.sources.clone());
        let owners = self.owners()?.clone();
        for (id, owner) in owners.iter().filter(|(_, one)| sources.contains(&one.origin.source)) {
            if self.desired.mentions(id) {
                continue;
            }
            let may_hold = |file: &&Unreadable| file.may_hold(id, &owner.origin, policies);
            if let Some(file) = unreadable.iter().find(may_hold) {
                self.freeze(id.clone(), file.why.clone(), owner.origin.clone());
            }
        }
        Ok(())
    }

    fn admit(
        &mut self,
        id: ObjectId,
        located: Located,
        origin: Origin,
        alone: Option<Arc<SourceFile>>,
    ) {
        self.permits.describes(&origin.source, &id);
        match &located.manifest {
            Manifest::Instance(_) => {
                let source = origin.source.clone();
                self.embed(&source, Some((id, origin)), located, alone);
            }
            Manifest::Disk(_) | Manifest::Network(_) => {
                self.others.push(Other { id, origin, located });
            }
        }
    }

    /// What is left of a manifest that cannot be used is checked, too, so that all errors are
    /// told at once.
    pub(super) fn rest(&mut self, source: &str, located: Located) {
        self.embed(source, None, located, None);
    }

    fn embed(
        &mut self,
        source: &str,
        object: Option<(ObjectId, Origin)>,
        mut located: Located,
        alone: Option<Arc<SourceFile>>,
    ) {
        let whole = &self.context.embedding;
        let (policy, base) = (self.permits.policy(source), whole.default_base.clone());
        let confined = Confined::new(whole.fetch, source, policy, base);
        let found = located.embed(&Embedding { fetch: &confined, ..whole.clone() });
        let mut found = found.err().unwrap_or_default();
        let broken = found.first().map(|first| first.message.clone());
        let refused = if self.context.explain { confined.take_refused() } else { Vec::new() };
        found.retain(|one| refused.iter().all(|it| it.why.as_ref() != Some(&one.message)));
        let alone =
            alone.filter(|_| broken.is_none() && !confined.was_asked() && policy.allows_all());
        self.diagnostics.extend(found);
        let errors = self.pin(&mut located.manifest);
        self.embedded.push(Embedded { object, located, errors, broken, refused, alone });
    }

    /// Holds an instance's images against the lock, if there is one.
    fn pin(&self, manifest: &mut Manifest) -> Vec<FieldError> {
        let (Manifest::Instance(instance), Some(lock)) = (manifest, self.context.lock) else {
            return Vec::new();
        };
        let mut pinned = Lima::clone(&instance.spec.template);
        let errors = lock.pin(&mut pinned, self.context.facts.arch);
        if errors.is_empty() {
            instance.spec.template = pinned.into();
        }
        errors
    }

    /// Fills and checks the instances, on all processors, judges all objects, and takes them in.
    pub(super) fn judge_and_take(&mut self) -> Result<(), ReconcileError> {
        let (embedded, others) =
            (std::mem::take(&mut self.embedded), std::mem::take(&mut self.others));
        let LoadContext { facts, unsupported, refusals, owners, .. } = *self.context;
        self.permits.disown(owners)?;
        let permits = &self.permits;
        let rules = Rules { permits, facts, unsupported, refusals };
        let checked = parallel::map(&embedded, |one| rules.check(one));
        let shares = self.shares(&embedded, &checked, &others);
        let mut over = self.permits.over_quota(shares, self.context.existing);
        for other in others {
            let over = over.remove(&other.id).unwrap_or_default();
            self.other(other, over);
        }
        for (embedded, checked) in embedded.into_iter().zip(checked) {
            if let Some(mut checked) = checked {
                let object = embedded.object.as_ref();
                let is_there = |(id, origin): &&(ObjectId, Origin)| {
                    self.context.existing.has(&origin.source, id)
                };
                if object.filter(is_there).is_some() {
                    policy::spare_existing(&mut checked.verdicts);
                }
                let id = object.map(|(id, _)| id);
                checked.verdicts.extend(id.and_then(|id| over.remove(id)).into_iter().flatten());
                self.instance(embedded, checked);
            }
        }
        Ok(())
    }

    /// What objects take of the quotas of their sources, where these have any.
    fn shares(
        &self,
        embedded: &[Embedded],
        checked: &[Option<Checked>],
        others: &[Other],
    ) -> BTreeMap<String, BTreeMap<ObjectId, Share>> {
        let mut shares: BTreeMap<String, BTreeMap<ObjectId, Share>> = BTreeMap::new();
        let mut add = |origin: &Origin, id: &ObjectId, share: Share| {
            if self.permits.policy(&origin.source).rules().quotas.has_totals() {
                shares.entry(origin.source.clone()).or_default().insert(id.clone(), share);
            }
        };
        for (one, checked) in embedded.iter().zip(checked) {
            let checked = checked.as_ref().filter(|checked| checked.here);
            if let (Some((id, origin)), Some(checked)) = (&one.object, checked) {
                add(origin, id, Share::of_instance(&checked.filled.lima));
            }
        }
        for other in others {
            if let Manifest::Disk(disk) = &other.located.manifest {
                add(&other.origin, &other.id, Share::of_disk(&disk.spec));
            }
        }
        shares
    }

    fn other(&mut self, other: Other, over: Vec<Verdict>) {
        let Other { id, origin, located } = other;
        if let Some(why) = self.broken_network(&located) {
            return self.freeze(id, why, origin);
        }
        let mut verdicts = self.permits.judge(&origin.source, &located.manifest, None);
        verdicts.extend(over);
        let errors = permits::errors(&verdicts);
        if let Some(why) = self.tell(&id, &origin, &located, verdicts, &errors) {
            return self.freeze(id, why, origin);
        }
        match located.manifest {
            Manifest::Disk(disk) => {
                self.desired.disks.insert(id.name, Wanted { spec: disk.spec, origin });
            }
            Manifest::Network(network) => {
                let spec = network.spec.filled();
                self.desired.networks.insert(id.name, Wanted { spec, origin });
            }
            Manifest::Instance(_) => {}
        }
    }

    /// Tells what is wrong with a network. Gives the first, if there is any.
    fn broken_network(&mut self, located: &Located) -> Option<String> {
        let Manifest::Network(network) = &located.manifest else { return None };
        let name = &network.metadata.name;
        let errors = network_errors(name, &network.spec, self.context.facts);
        let diagnose = |error: &FieldError| self.layers.diagnose(error, located);
        self.diagnostics.extend(errors.iter().map(diagnose));
        errors.into_iter().next().map(|first| first.message)
    }

    /// Tells denials, as verdicts or as diagnostics. Gives the first, if there is any.
    fn tell(
        &mut self,
        id: &ObjectId,
        origin: &Origin,
        located: &Located,
        verdicts: Vec<Verdict>,
        denials: &[FieldError],
    ) -> Option<String> {
        let first = denials.first().map(|first| first.message.clone());
        if self.context.explain {
            let (object, source) = (id.clone(), origin.source.clone());
            let policy = self.permits.policy(&source).name().to_owned();
            self.verdicts.push(Judged { object, source, policy, verdicts });
        } else {
            let diagnose = |error: &FieldError| self.layers.diagnose(error, located);
            self.diagnostics.extend(denials.iter().map(diagnose));
        }
        first
    }

    fn instance(&mut self, embedded: Embedded, checked: Checked) {
        let Embedded { object, located, mut errors, broken, refused, alone } = embedded;
        let Checked { filled, errors: found, mut verdicts, here: _, looks } = checked;
        let Manifest::Instance(instance) = &located.manifest else { return };
        let facts = self.context.facts;
        errors.extend(found);
        // A warning about another file depends on that, too.
        let own = |error: &FieldError| {
            !error.is_error() && error.layer == Layer::Manifest && error.other.is_none()
        };
        let alone = alone.filter(|_| errors.iter().all(own) && verdicts.is_empty());
        errors.retain(|error| !located.excuses(error));
        let diagnose = |error: &FieldError| self.layers.diagnose(error, &located);
        let told: Vec<_> = errors.iter().map(diagnose).collect();
        self.diagnostics.extend(told.iter().cloned());
        let Some((id, origin)) = object else { return };
        let denials = permits::instance_errors(&verdicts, instance, &filled, facts);
        verdicts.splice(..0, refused);
        let denied = self.tell(&id, &origin, &located, verdicts, &denials);
        let first = errors.iter().find(|error| error.is_error());
        let first = first.map(|first| first.message.clone());
        if let Some(why) = broken.or(first).or(denied) {
            return self.freeze(id, why, origin);
        }
        let selector = instance.spec.host_selector.as_ref();
        match selector.and_then(|selector| host::mismatch(selector, facts)) {
            None => {
                let spec =
                    DesiredInstance { spec: instance.spec.clone(), filled: filled.lima.into() };
                let wanted = Arc::new(Wanted { spec, origin });
                // Which labels a host has may change.
                if let Some(file) = alone.filter(|_| selector.is_none()) {
                    let (id, wanted) = (id.clone(), Arc::clone(&wanted));
                    self.sound.push(Sound { file, id, wanted, warnings: told, looks });
                }
                self.desired.instances.insert(id.name, wanted);
            }
            Some(label) => {
                let elsewhere = Elsewhere { label: label.to_owned(), origin };
                self.desired.elsewhere.insert(id.name, elsewhere);
            }
        }
    }
}

/// What instances are held against.
struct Rules<'a> {
    permits: &'a Permits<'a>,
    facts: &'a HostFacts,
    unsupported: &'a [(&'static str, &'static str)],
    refusals: &'a Refusals<'a>,
}

impl Rules<'_> {
    /// Fills, checks and judges an instance.
    fn check(&self, one: &Embedded) -> Option<Checked> {
        let Manifest::Instance(instance) = &one.located.manifest else { return None };
        let (filled, mut errors, looks) = rules::check(instance, self.facts);
        let mut refused = unsupported(&instance.spec.template, self.unsupported);
        let origin = one.object.as_ref().map(|(_, origin)| origin);
        let selector = instance.spec.host_selector.as_ref();
        let here = selector.is_none_or(|selector| host::mismatch(selector, self.facts).is_none());
        if here {
            refused.extend((self.refusals)(&filled.lima));
        }
        // What is refused need not be warned of as well.
        errors.retain(|one| one.is_error() || refused.iter().all(|other| other.path != one.path));
        errors.extend(refused);
        let verdicts = origin.filter(|_| here).map_or_else(Vec::new, |origin| {
            let manifest = &one.located.manifest;
            self.permits.judge(&origin.source, manifest, Some(&filled.lima))
        });
        Some(Checked { filled, errors, verdicts, here, looks })
    }
}
