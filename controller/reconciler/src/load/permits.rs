//! What the policies of the sources say of their objects.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_api::{FieldError, Filled, HostFacts, Instance, Lima, Manifest, Name};
use limekiln_model::{Kind, ObjectId, Owner};
use serde::Serialize;

use super::foreign::is_foreign;
use super::real_path::real_path;
use crate::policy::{self, Existing, Ground, HostPolicy, Policies, Share, Verdict, over_quota};

/// What a policy says of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Judged {
    /// The object.
    pub object: ObjectId,
    /// Its source.
    pub source: String,
    /// What messages call the policy.
    pub policy: String,
    /// One verdict per field that a rule was asked for.
    pub verdicts: Vec<Verdict>,
}

impl Judged {
    /// Whether nothing of the object is denied.
    pub fn is_allowed(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.allowed)
    }
}

/// Asks the policies.
pub(super) struct Permits<'a> {
    policies: &'a Policies,
    facts: &'a HostFacts,
    /// Whether what is allowed is told, too.
    explain: bool,
    own: BTreeMap<String, Own>,
    nothing: Own,
}

/// What a source describes itself.
#[derive(Default)]
struct Own {
    disks: BTreeSet<Name>,
    networks: BTreeSet<Name>,
    instances: BTreeSet<Name>,
    /// What came from another source, and from which.
    of_others: BTreeMap<ObjectId, String>,
}

impl Own {
    fn ids(&self) -> impl Iterator<Item = ObjectId> {
        let disks = self.disks.iter().map(ObjectId::disk);
        let networks = self.networks.iter().map(ObjectId::network);
        disks.chain(networks).chain(self.instances.iter().map(ObjectId::instance))
    }
}

impl<'a> Permits<'a> {
    pub(super) fn new(policies: &'a Policies, facts: &'a HostFacts, explain: bool) -> Self {
        Self { policies, facts, explain, own: BTreeMap::new(), nothing: Own::default() }
    }

    /// Notes that a source describes an object, if it matters.
    pub(super) fn describes(&mut self, source: &str, id: &ObjectId) {
        if self.policies.of(source).allows_all() && !self.explain {
            return;
        }
        let own = self.own.entry(source.to_owned()).or_default();
        match id.kind {
            Kind::Disk => own.disks.insert(id.name.clone()),
            Kind::Network => own.networks.insert(id.name.clone()),
            Kind::Instance => own.instances.insert(id.name.clone()),
        };
    }

    /// Notes what sources describe and is somebody else's. `owners` is asked only if a source may
    /// not do everything.
    pub(super) fn disown<E>(
        &mut self,
        owners: impl FnOnce() -> Result<BTreeMap<ObjectId, Owner>, E>,
    ) -> Result<(), E> {
        let policies = self.policies;
        let bound = |(source, _): &(&String, &mut Own)| !policies.of(source).allows_all();
        let mut bound: Vec<_> = self.own.iter_mut().filter(bound).collect();
        if bound.is_empty() {
            return Ok(());
        }
        let (owners, home) = (owners()?, &self.facts.lima_home);
        for (source, own) in &mut bound {
            let owner = |id: ObjectId| Some((owners.get(&id)?.origin.source.clone(), id));
            let others = own.ids().filter_map(owner).filter(|(owner, _)| owner != *source);
            own.of_others = others.map(|(owner, id)| (id, owner)).collect();
            let mine = |id: ObjectId| !is_foreign(&id, source, &owners, home);
            own.disks.retain(|name| mine(ObjectId::disk(name)));
            own.networks.retain(|name| mine(ObjectId::network(name)));
        }
        Ok(())
    }

    pub(super) fn policy(&self, source: &str) -> &'a HostPolicy {
        self.policies.of(source)
    }

    /// What the policy of a source says of one of its objects; of what is allowed only if that is
    /// to be told. `filled` is an instance's template.
    pub(super) fn judge(
        &self,
        source: &str,
        manifest: &Manifest,
        filled: Option<&Lima>,
    ) -> Vec<Verdict> {
        let policy = self.policy(source);
        if policy.allows_all() && !self.explain {
            return Vec::new();
        }
        let own = self.own.get(source).unwrap_or(&self.nothing);
        let (own_disks, own_networks) = (&own.disks, &own.networks);
        let ground = Ground { facts: self.facts, resolve: &real_path, own_disks, own_networks };
        let name = manifest.name();
        let mut verdicts = match (manifest, filled) {
            (Manifest::Instance(_), Some(filled)) => {
                policy::instance(policy, &ground, name, filled)
            }
            (Manifest::Instance(_), None) => Vec::new(),
            (Manifest::Disk(disk), _) => policy::disk(policy, &ground, name, &disk.spec),
            (Manifest::Network(network), _) => {
                policy::network(policy, &ground, name, &network.spec)
            }
        };
        let owner = own.of_others.get(&ObjectId::new(manifest.kind(), name.clone()));
        verdicts.extend(owner.map(|owner| policy::take_over(policy, name, owner)));
        verdicts.extend(policy::retained(policy, manifest));
        verdicts.retain(|verdict| self.explain || !verdict.allowed);
        verdicts
    }

    /// What is too much for the quotas of the sources, by object.
    pub(super) fn over_quota(
        &self,
        shares: BTreeMap<String, BTreeMap<ObjectId, Share>>,
        existing: &Existing,
    ) -> BTreeMap<ObjectId, Vec<Verdict>> {
        let (mut denied, nothing) = (BTreeMap::new(), BTreeMap::new());
        for (source, shares) in shares {
            let there = existing.of_source(&source).unwrap_or(&nothing);
            denied.extend(over_quota(self.policy(&source), &shares, there));
        }
        denied
    }
}

/// Denials of an object that has no template, as errors of its fields.
pub(super) fn errors(verdicts: &[Verdict]) -> Vec<FieldError> {
    let denied = verdicts.iter().filter(|verdict| !verdict.allowed);
    let error = |it: &Verdict| with_hint(FieldError::new(it.path.as_str(), it.message()), it);
    denied.map(error).collect()
}

/// Denials of an instance, as errors of its fields, in the document where each was written.
pub(super) fn instance_errors(
    verdicts: &[Verdict],
    instance: &Instance,
    filled: &Filled,
    facts: &HostFacts,
) -> Vec<FieldError> {
    let denied = verdicts.iter().filter(|verdict| !verdict.allowed);
    let error = |it: &Verdict| {
        let template = &instance.spec.template;
        let error = match it.path.strip_prefix("spec.template.") {
            Some(path) => filled.error(path, it.message(), template, facts),
            None => FieldError::new(it.path.as_str(), it.message()),
        };
        with_hint(error, it)
    };
    denied.map(error).collect()
}

fn with_hint(error: FieldError, verdict: &Verdict) -> FieldError {
    match &verdict.hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
