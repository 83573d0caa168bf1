//! Since when conditions are as they are.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use limekiln_api::Condition;
use limekiln_model::ObjectId;

use crate::{Home, atomic};

type Table = BTreeMap<ObjectId, Vec<Condition>>;

/// The file `status.json`: the conditions after the last run. It only adds times; without it
/// nothing is lost but them.
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

    fn read(&self) -> Table {
        let bytes = std::fs::read(&self.path).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Notes conditions; those that changed get the present time.
    pub(crate) fn note(
        &self,
        current: impl Iterator<Item = (ObjectId, Vec<Condition>)>,
    ) -> std::io::Result<()> {
        let before = self.read();
        let now = Timestamp::now().to_string();
        let table: Table = current
            .map(|(id, mut conditions)| {
                let old = before.get(&id).map_or(&[][..], Vec::as_slice);
                date(old, &mut conditions, Some(&now));
                (id, conditions)
            })
            .collect();
        if table == before {
            return Ok(());
        }
        atomic::write(&self.path, &serde_json::to_vec(&table)?)
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
