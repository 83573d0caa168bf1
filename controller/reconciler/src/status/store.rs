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

    /// Fills in the times of conditions that still are as they were after the last run.
    pub fn date(&self, id: &ObjectId, conditions: &mut [Condition]) {
        date(self.read().get(id).map_or(&[], Vec::as_slice), conditions, None);
    }

    /// The conditions of an object that only whoever has the manifests can tell, as they were
    /// after the last run or look of a controller.
    pub(crate) fn of_manifests(&self, id: &ObjectId) -> Vec<Condition> {
        let all = self.read().remove(id).unwrap_or_default();
        let told = |one: &Condition| matches!(one.type_.as_str(), "Reconciling" | "Stalled");
        all.into_iter().filter(told).collect()
    }

    fn read(&self) -> Table {
        self.stored().map(|stored| stored.conditions).unwrap_or_default()
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
