//! What is there of each source already.

use std::collections::{BTreeMap, BTreeSet};

use limekiln_model::{Desired, Fingerprint, Kind, ObjectId, Observed, fingerprint};

use super::{Policies, Share};

/// What each source has already, for its quotas: whatever its manifests have come to say since.
#[derive(Debug, Default)]
pub struct Existing(BTreeMap<String, Shares>);

/// By object; `None` of one of which nobody knows how large it is.
pub(crate) type Shares = BTreeMap<ObjectId, Option<Share>>;

impl Existing {
    /// What was observed, with its owners.
    pub fn of(observed: &Observed) -> Self {
        let mut all = BTreeMap::<String, Shares>::new();
        for (id, owner) in observed.owners.iter().filter(|(id, _)| observed.exists(id)) {
            let of_source = all.entry(owner.origin.source.clone()).or_default();
            of_source.insert(id.clone(), seen(observed, id));
        }
        Self(all)
    }

    /// With what is being made: it is there in a moment, also if its manifest has changed by then.
    #[must_use]
    pub(crate) fn and_busy(mut self, busy: &BTreeSet<ObjectId>, desired: &Desired) -> Self {
        for id in busy {
            if let (Some(origin), Some(share)) = (desired.origin(id), wanted(desired, id)) {
                let of_source = self.0.entry(origin.source.clone()).or_default();
                of_source.entry(id.clone()).or_insert(Some(share));
            }
        }
        self
    }

    /// What there is of a source.
    pub(crate) fn of_source(&self, source: &str) -> Option<&Shares> {
        self.0.get(source)
    }

    /// Whether an object of a source is there.
    pub(crate) fn has(&self, source: &str, id: &ObjectId) -> bool {
        self.of_source(source).is_some_and(|there| there.contains_key(id))
    }

    /// Another one where some quota may be held against something else.
    pub(crate) fn print(&self, policies: &Policies) -> Fingerprint {
        let counts = |source: &str| policies.of(source).rules().quotas.has_totals();
        fingerprint(&self.0.iter().filter(|(source, _)| counts(source)).collect::<Vec<_>>())
    }
}

fn seen(observed: &Observed, id: &ObjectId) -> Option<Share> {
    match id.kind {
        Kind::Instance => Share::of_observed(observed.instances.get(&id.name)?),
        Kind::Disk => observed.disks.get(&id.name).map(|disk| Share::of_bytes(disk.size)),
        Kind::Network => Some(Share::default()),
    }
}

fn wanted(desired: &Desired, id: &ObjectId) -> Option<Share> {
    match id.kind {
        Kind::Instance => {
            let wanted = desired.instances.get(&id.name)?;
            Some(Share::of_instance(&wanted.spec.filled))
        }
        Kind::Disk => desired.disks.get(&id.name).map(|disk| Share::of_disk(&disk.spec)),
        Kind::Network => None,
    }
}
