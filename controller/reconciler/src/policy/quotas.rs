//! How much there may be: of one object, and of all of a source.

use std::collections::BTreeMap;
use std::fmt::Display;

use limekiln_api::{ByteSize, DeletionPolicy, DiskSpec, Lima, Manifest};
use limekiln_model::{ObjectId, ObservedInstance};
use serde::Serialize;

use super::existing::Shares;
use super::judge::{Denial, Judge, denied, written};
use super::judged::of_template;
use super::{HostPolicy, Verdict};

pub(super) fn judge(judge: &mut Judge<'_>, lima: &Lima) {
    let Share { cpus, memory, disk, .. } = Share::of_instance(lima);
    let rules = &judge.rules().quotas.per_instance;
    most(judge, "quotas.perInstance.cpus", "cpus", cpus, rules.cpus);
    most(judge, "quotas.perInstance.memory", "memory", ByteSize(memory), rules.memory);
    most(judge, "quotas.perInstance.disk", "disk", ByteSize(disk), rules.disk);
}

pub(super) fn judge_disk(judge: &mut Judge<'_>, spec: &DiskSpec) {
    let limit = judge.rules().quotas.per_disk;
    if let Some(limit) = limit {
        let denial = over("quotas.perDisk", &spec.size, &limit);
        judge.note("quotas.perDisk", "spec.size", spec.size, denial);
    }
}

fn most<T: Display + PartialOrd>(
    judge: &mut Judge<'_>,
    rule: &str,
    field: &str,
    value: T,
    limit: Option<T>,
) {
    if let Some(limit) = limit {
        let denial = over(rule, &value, &limit);
        judge.note(rule, of_template(field), value, denial);
    }
}

fn over<T: Display + PartialOrd>(rule: &str, value: &T, limit: &T) -> Option<Denial> {
    (value > limit)
        .then(|| denied(format!("{value} is more than {limit}"), written(rule, &value.to_string())))
}

/// What an object takes of its source's quotas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Share {
    instances: u64,
    cpus: u64,
    memory: u64,
    disk: u64,
}

impl Share {
    /// An instance's, with its template filled in.
    pub(crate) fn of_instance(filled: &Lima) -> Self {
        Self {
            instances: 1,
            cpus: filled.cpus.and_then(|cpus| u64::try_from(cpus.0).ok()).unwrap_or_default(),
            memory: filled.memory.map_or(0, ByteSize::bytes),
            disk: filled.disk.map_or(0, ByteSize::bytes),
        }
    }

    /// A Disk's.
    pub(crate) fn of_disk(spec: &DiskSpec) -> Self {
        Self::of_bytes(spec.size.bytes())
    }

    /// That of a disk of so many bytes.
    pub(super) fn of_bytes(disk: u64) -> Self {
        Self { disk, ..Self::default() }
    }

    /// That of an instance that is there: of what it runs with and what it will run with the
    /// larger. `None` if neither is known.
    pub(super) fn of_observed(seen: &ObservedInstance) -> Option<Self> {
        let known = [&seen.config, &seen.booted].into_iter().flatten();
        let most = known.map(|lima| Self::of_instance(lima)).reduce(Self::most)?;
        Some(Self { disk: seen.disk_bytes.unwrap_or(most.disk), ..most })
    }

    fn each(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            instances: of(self.instances, other.instances),
            cpus: of(self.cpus, other.cpus),
            memory: of(self.memory, other.memory),
            disk: of(self.disk, other.disk),
        }
    }

    fn plus(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    fn most(self, other: Self) -> Self {
        self.each(other, u64::max)
    }

    /// What of this is more than another.
    fn beyond(self, other: Self) -> Self {
        self.each(other, u64::saturating_sub)
    }
}

/// The objects of one source that are too much for its quotas, each with its denials.
///
/// What is there counts, be it wanted still or not, and is never denied for what it is; what is new
/// is, and what has grown. Small ones come before large ones, and what is denied leaves room for
/// what comes after it.
pub(crate) fn over_quota(
    policy: &HostPolicy,
    wanted: &BTreeMap<ObjectId, Share>,
    existing: &Shares,
) -> BTreeMap<ObjectId, Vec<Verdict>> {
    // One of unknown size is taken to be what is wanted.
    let is = |(id, share): (_, &Option<Share>)| {
        share.or_else(|| wanted.get(id).copied()).unwrap_or_default()
    };
    let mut sum = existing.iter().map(is).fold(Share::default(), Share::plus);
    let more = |(id, share): (&ObjectId, &Share)| {
        let is = existing.get_key_value(id).map(is);
        (is.is_none(), share.beyond(is.unwrap_or_default()), id.clone())
    };
    let mut order: Vec<_> = wanted.iter().map(more).collect();
    order.sort();
    let mut denied = BTreeMap::new();
    for (_, more, id) in order {
        let with = sum.plus(more);
        let over = exceeded(policy, with, more);
        if over.is_empty() {
            sum = with;
        } else {
            let verdicts = over.into_iter().map(|over| over.verdict(policy, &id));
            denied.insert(id.clone(), verdicts.collect());
        }
    }
    denied
}

/// What a policy says of an instance that would be kept when its manifest goes, where it counts.
/// Disks are kept unless their manifests say otherwise: that is no reason to refuse one.
pub(crate) fn retained(policy: &HostPolicy, manifest: &Manifest) -> Option<Verdict> {
    let Manifest::Instance(instance) = manifest else { return None };
    let (after, counts) = (instance.spec.deletion_policy, policy.rules().quotas.has_totals());
    let denial = (after == DeletionPolicy::Retain).then(|| {
        let why = "what is kept when its manifest goes would count for nobody";
        Denial::unless(why, "write `deletionPolicy: Delete` into the manifest")
    });
    let verdict = || Verdict::new(policy, "quotas", RETAINED, format!("{after:?}"), denial);
    counts.then(verdict)
}

/// The field of which [`retained`] speaks.
const RETAINED: &str = "spec.deletionPolicy";

/// Of an instance that is there already, what is denied only to new ones is not.
pub(crate) fn spare_existing(verdicts: &mut Vec<Verdict>) {
    verdicts.retain(|verdict| verdict.allowed || verdict.path != RETAINED);
}

/// A total that is too much.
struct Over {
    rule: &'static str,
    field: &'static str,
    total: String,
    limit: String,
}

impl Over {
    fn verdict(self, policy: &HostPolicy, id: &ObjectId) -> Verdict {
        let Self { rule, field, total, limit } = self;
        let field = match id.kind {
            limekiln_model::Kind::Instance if field != "metadata.name" => of_template(field),
            limekiln_model::Kind::Instance => field.to_owned(),
            _ => "spec.size".to_owned(),
        };
        let why = format!("the source would have {total} in all, and may have {limit}");
        Verdict::new(policy, rule, field, &total, Some(denied(why, written(rule, &total))))
    }
}

/// The totals of a sum that are too much, of those to which the last object adds `more`.
fn exceeded(policy: &HostPolicy, sum: Share, more: Share) -> Vec<Over> {
    let quotas = &policy.rules().quotas;
    let count = |limit: Option<u64>, total: u64, more: u64| {
        let limit = limit.filter(|limit| more > 0 && total > *limit);
        limit.map(|limit| (total.to_string(), limit.to_string()))
    };
    let size = |limit: Option<ByteSize>, total: u64, more: u64| {
        let limit = limit.filter(|limit| more > 0 && total > limit.bytes());
        limit.map(|limit| (ByteSize(total).to_string(), limit.to_string()))
    };
    let instances = count(quotas.instances, sum.instances, more.instances);
    let totals = [
        ("quotas.instances", "metadata.name", instances),
        ("quotas.cpus", "cpus", count(quotas.cpus, sum.cpus, more.cpus)),
        ("quotas.memory", "memory", size(quotas.memory, sum.memory, more.memory)),
        ("quotas.disk", "disk", size(quotas.disk, sum.disk, more.disk)),
    ];
    let over = totals.into_iter().filter_map(|(rule, field, over)| {
        over.map(|(total, limit)| Over { rule, field, total, limit })
    });
    over.collect()
}
