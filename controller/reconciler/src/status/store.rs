//! Since when conditions are as they are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use limekiln_api::Condition;
use limekiln_model::ObjectId;
use serde::{Deserialize, Serialize};

use crate::{Home, atomic};

type Table = BTreeMap<ObjectId, Vec<Condition>>;

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
#[derive(Clone, Debug)]
pub struct StatusStore {
    path: PathBuf,
}

impl StatusStore {
    /// The store of a home.
    pub fn new(home: &Home) -> Self {
        Self { path: home.dir().join("status.json") }
    }

    /// What was noted of all objects.
    pub(crate) fn table(&self) -> Noted {
        Noted(self.stored().map(|stored| stored.conditions).unwrap_or_default())
    }

    /// `None` if a later version wrote it.
    fn stored(&self) -> Option<Stored> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u64,
        }
        let bytes = std::fs::read(&self.path).unwrap_or_default();
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
                let old = before.get(&id).map_or(&[][..], Vec::as_slice);
                date(old, &mut conditions, Some(&now));
                (id, conditions)
            })
            .collect();
        if version == VERSION && conditions == before {
            return Ok(());
        }
        atomic::write(&self.path, &serde_json::to_vec(&Stored { version: VERSION, conditions })?)
    }
}

/// What was noted of all objects when somebody last worked or looked.
pub(crate) struct Noted(Table);

impl Noted {
    fn of(&self, id: &ObjectId) -> &[Condition] {
        self.0.get(id).map_or(&[], Vec::as_slice)
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
