//! Since when conditions are as they are, and of which manifests they speak.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;
use limekiln_api::{Condition, Stamp, Status};
use limekiln_model::ObjectId;
use serde::{Deserialize, Serialize};

use crate::{Home, atomic};

/// Shared: what did not change is not copied.
type Table = BTreeMap<ObjectId, Arc<Vec<Condition>>>;

/// The version of the file that this program writes.
const VERSION: u64 = 1;

/// What is in the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Stored {
    version: u64,
    #[serde(default)]
    conditions: Table,
    /// The revision of the manifests that the conditions compare with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revision: Option<String>,
}

/// The file `status.json`: the conditions after the last run. It only adds times and a revision;
/// without it nothing is lost but them. A damaged one is written anew; one of a later version is left alone.
#[derive(Debug)]
pub struct StatusStore {
    path: PathBuf,
    /// What is in the file, and what that was when it was read or written.
    known: Mutex<Option<(Stamp, Stored)>>,
}

impl StatusStore {
    /// The store of a home.
    pub fn new(home: &Home) -> Self {
        Self { path: home.dir().join("status.json"), known: Mutex::default() }
    }

    /// What was noted of all objects.
    pub(crate) fn table(&self) -> Noted {
        Noted(self.stored().unwrap_or_default())
    }

    fn stamp(&self) -> Option<Stamp> {
        fs::metadata(&self.path).ok().map(|data| Stamp::of(&data, SystemTime::now()))
    }

    /// `None` if a later version wrote it.
    fn stored(&self) -> Option<Stored> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some((then, stored)), Some(now)) = (&*known, self.stamp())
            && then.holds(&now)
        {
            return Some(stored.clone());
        }
        let bytes = fs::read(&self.path).unwrap_or_default();
        match serde_json::from_slice(&bytes) {
            Ok(Versioned { version }) if version > VERSION => None,
            _ => Some(serde_json::from_slice(&bytes).unwrap_or_default()),
        }
    }

    /// Notes conditions and the revision that they compare with; those that changed get the present
    /// time.
    pub(crate) fn note(
        &self,
        revision: Option<&str>,
        current: impl Iterator<Item = (ObjectId, Vec<Condition>)>,
    ) -> std::io::Result<()> {
        let Some(before) = self.stored() else { return Ok(()) };
        let now = Timestamp::now().to_string();
        let conditions: Table = current
            .map(|(id, mut conditions)| {
                let old = before.conditions.get(&id);
                date(old.map_or(&[], |old| old.as_slice()), &mut conditions, Some(&now));
                let same = old.filter(|old| ***old == conditions);
                (id, same.map_or_else(|| conditions.into(), Arc::clone))
            })
            .collect();
        let stored = Stored { version: VERSION, conditions, revision: revision.map(str::to_owned) };
        if stored == before {
            return Ok(());
        }
        atomic::write(&self.path, &serde_json::to_vec(&stored)?)?;
        // Nobody else writes it while we hold the home's lock, and a file that is put in the place
        // of another is not that one.
        let known = self.stamp().map(|stamp| (stamp.rested(), stored));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }
}

/// What was noted of all objects when somebody last worked or looked.
pub(crate) struct Noted(Stored);

impl Noted {
    fn of(&self, id: &ObjectId) -> &[Condition] {
        self.0.conditions.get(id).map_or(&[], |conditions| conditions.as_slice())
    }

    /// Fills in the times of conditions that still are as they were then.
    pub(crate) fn date(&self, id: &ObjectId, conditions: &mut [Condition]) {
        date(self.of(id), conditions, None);
    }

    /// The same, and adds what only whoever has the manifests can tell: their revision, and behind
    /// the first condition those that compare with them.
    pub(crate) fn complete(&self, id: &ObjectId, status: &mut Status) {
        let conditions = &mut status.conditions;
        self.date(id, conditions);
        let told = |one: &&Condition| matches!(one.type_.as_str(), "Reconciling" | "Stalled");
        let told: Vec<_> = self.of(id).iter().filter(told).cloned().collect();
        if !told.is_empty() {
            status.observed_revision.clone_from(&self.0.revision);
        }
        let place = conditions.len().min(1);
        conditions.splice(place..place, told);
    }
}

/// As Kubernetes does it: the time is that of the last change of the status, not of the reason.
fn date(before: &[Condition], conditions: &mut [Condition], now: Option<&str>) {
    for condition in conditions {
        let old = before
            .iter()
            .find(|old| old.type_ == condition.type_ && old.status == condition.status);
        condition.last_transition_time =
            old.and_then(|old| old.last_transition_time.clone()).or_else(|| now.map(str::to_owned));
    }
}
