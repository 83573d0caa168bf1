//! How much there may be: of one object, and of all of a source.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use limekiln_api::{ByteSize, DiskSpec, Lima};
use limekiln_model::ObjectId;

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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
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
        Self { disk: spec.size.bytes(), ..Self::default() }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            instances: self.instances.saturating_add(other.instances),
            cpus: self.cpus.saturating_add(other.cpus),
            memory: self.memory.saturating_add(other.memory),
            disk: self.disk.saturating_add(other.disk),
        }
    }
}

/// The objects of one source that are too much for its quotas, each with its denials.
///
/// Objects that exist come first, small ones before large ones, so that one that is new or has
/// grown is denied rather than the others; what is denied leaves room for what comes after it.
/// `existing` is asked only if it is too much.
pub(crate) fn over_quota<E>(
    policy: &HostPolicy,
    shares: &BTreeMap<ObjectId, Share>,
    existing: impl FnOnce() -> Result<BTreeSet<ObjectId>, E>,
) -> Result<BTreeMap<ObjectId, Vec<Verdict>>, E> {
    let mut denied = BTreeMap::new();
    let whole = shares.values().fold(Share::default(), |sum, share| sum.plus(*share));
    if exceeded(policy, whole).is_empty() {
        return Ok(denied);
    }
    let existing = existing()?;
    let mut order: Vec<_> = shares.iter().collect();
    order.sort_by_key(|(id, share)| (!existing.contains(id), **share, *id));
    let mut sum = Share::default();
    for (id, share) in order {
        let with = sum.plus(*share);
        let over = exceeded(policy, with);
        if over.is_empty() {
            sum = with;
            continue;
        }
        denied.insert(id.clone(), over.into_iter().map(|over| over.verdict(policy, id)).collect());
    }
    Ok(denied)
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

fn exceeded(policy: &HostPolicy, sum: Share) -> Vec<Over> {
    let quotas = &policy.rules().quotas;
    let count = |limit: Option<u64>, total: u64| {
        limit.filter(|limit| total > *limit).map(|limit| (total.to_string(), limit.to_string()))
    };
    let size = |limit: Option<ByteSize>, total: u64| {
        let limit = limit.filter(|limit| total > limit.bytes());
        limit.map(|limit| (ByteSize(total).to_string(), limit.to_string()))
    };
    let totals = [
        ("quotas.instances", "metadata.name", count(quotas.instances, sum.instances)),
        ("quotas.cpus", "cpus", count(quotas.cpus, sum.cpus)),
        ("quotas.memory", "memory", size(quotas.memory, sum.memory)),
        ("quotas.disk", "disk", size(quotas.disk, sum.disk)),
    ];
    let over = totals.into_iter().filter_map(|(rule, field, over)| {
        over.map(|(total, limit)| Over { rule, field, total, limit })
    });
    over.collect()
}
