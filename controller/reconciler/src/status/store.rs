//! Since when conditions are as they are.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;
use limekiln_api::{Condition, Stamp};
use limekiln_model::ObjectId;
use serde::{Deserialize, Serialize};

use crate::{Home, atomic};

/// Shared: what did not change is not copied.
type Table = BTreeMap<ObjectId, Arc<Vec<Condition>>>;

/// The version of the file that this program writes.
const VERSION: u64 = 1;

/// What is in the file.
#[derive(Default, Serialize, Deserialize)]
struct Stored {
    version: u64,
    #[serde(default)]
    conditions: Table,
}

/// The file `status.json`: the conditions after the last run. It only adds times; without it
/// nothing is lost but them. A damaged one is written anew; one of a later version is left alone.
#[derive(Debug)]
pub struct StatusStore {
    path: PathBuf,
    /// What is in the file, and what that was when it was read or written.
    known: Mutex<Option<(Stamp, Table)>>,
}

impl StatusStore {
    /// The store of a home.
    pub fn new(home: &Home) -> Self {
        Self { path: home.dir().join("status.json"), known: Mutex::default() }
    }

    /// What was noted of all objects.
    pub(crate) fn table(&self) -> Noted {
        Noted(self.stored().map(|stored| stored.conditions).unwrap_or_default())
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
        if let (Some((then, table)), Some(now)) = (&*known, self.stamp())
            && then.holds(&now)
        {
            return Some(Stored { version: VERSION, conditions: table.clone() });
        }
        let bytes = fs::read(&self.path).unwrap_or_default();
        match serde_json::from_slice(&bytes) {
            Ok(Versioned { version }) if version > VERSION => None,
            _ => Some(serde_json::from_slice(&bytes).unwrap_or_default()),
        }
    }

    /// Notes conditions; those that changed get the present time.
    pub(crate) fn note(
        &self,
        current: impl Iterator<Item = (ObjectId, Vec<Condition>)>,
    ) -> std::io::Result<()> {
        let Some(Stored { version, conditions: before }) = self.stored() else { return Ok(()) };
        let now = Timestamp::now().to_string();
        let conditions: Table = current
            .map(|(id, mut conditions)| {
                let old = before.get(&id);
                date(old.map_or(&[], |old| old.as_slice()), &mut conditions, Some(&now));
                let same = old.filter(|old| ***old == conditions);
                (id, same.map_or_else(|| conditions.into(), Arc::clone))
            })
            .collect();
        if version == VERSION && conditions == before {
            return Ok(());
        }
        let stored = Stored { version: VERSION, conditions };
        atomic::write(&self.path, &serde_json::to_vec(&stored)?)?;
        // Nobody else writes it while we hold the home's lock, and a file that is put in the place
        // of another is not that one.
        let known = self.stamp().map(|stamp| (stamp.rested(), stored.conditions));
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }
}

/// What was noted of all objects when somebody last worked or looked.
pub(crate) struct Noted(Table);

impl Noted {
    fn of(&self, id: &ObjectId) -> &[Condition] {
        self.0.get(id).map_or(&[], |conditions| conditions.as_slice())
    }

    /// Fills in the times of conditions that still are as they were then.
    pub(crate) fn date(&self, id: &ObjectId, conditions: &mut [Condition]) {
        date(self.of(id), conditions, None);
    }

    /// The same, and adds behind the first those that only whoever has the manifests can tell.
    pub(crate) fn complete(&self, id: &ObjectId, conditions: &mut Vec<Condition>) {
        self.date(id, conditions);
        let told = |one: &&Condition| matches!(one.type_.as_str(), "Reconciling" | "Stalled");
        let told: Vec<_> = self.of(id).iter().filter(told).cloned().collect();
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
