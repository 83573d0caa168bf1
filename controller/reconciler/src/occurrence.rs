//! Equal records of one object as one, with a count.

use std::collections::HashMap;

use jiff::Timestamp;
use limekiln_model::ObjectId;
use serde::Serialize;

use crate::{Record, RecordOutcome};

/// What happens again within so many seconds is the same once more; later it is news.
const TOGETHER: i64 = 3_600;

/// Equal records of one object. As JSON it is a record with two members more.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Occurrence {
    /// The last one; its time is the last time.
    #[serde(flatten)]
    pub record: Record,
    /// When it happened first.
    pub first_at: Timestamp,
    /// How often.
    pub count: u64,
}

impl Occurrence {
    /// A record that is the only one.
    pub fn once(record: Record) -> Self {
        Self { first_at: record.at, count: 1, record }
    }

    /// Counts a record that is equal, a little later; false if it is another one, or news.
    pub fn again(&mut self, record: &Record) -> bool {
        let near = record.at.as_second().saturating_sub(self.record.at.as_second()) <= TOGETHER;
        let same = near && key(&self.record) == key(record);
        if same {
            self.record.at = record.at;
            self.count += 1;
        }
        same
    }
}

/// Folds records, the oldest first, into occurrences, those that happened last at the end.
pub fn occurrences(records: Vec<Record>) -> Vec<Occurrence> {
    let mut all: Vec<Occurrence> = Vec::new();
    let mut newest: HashMap<Key, usize> = HashMap::new();
    for record in records {
        let key = owned(&record);
        let known = newest.get(&key).is_some_and(|index| all[*index].again(&record));
        if !known {
            newest.insert(key, all.len());
            all.push(Occurrence::once(record));
        }
    }
    // Stable: what happened at the same time stays in its order.
    all.sort_by_key(|occurrence| occurrence.record.at);
    all
}

type Key = (ObjectId, String, RecordOutcome, Option<String>, String);

fn owned(record: &Record) -> Key {
    let Record { object, verb, outcome, message, revision, .. } = record.clone();
    (object, verb, outcome, message, revision)
}

fn key(record: &Record) -> (&ObjectId, &str, RecordOutcome, Option<&str>, &str) {
    let Record { object, verb, outcome, message, revision, .. } = record;
    (object, verb, *outcome, message.as_deref(), revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(second: i64, verb: &str) -> Record {
        Record {
            at: Timestamp::from_second(second).expect("in range"),
            object: "instance/web".parse().expect("an id"),
            verb: verb.to_owned(),
            outcome: RecordOutcome::Done,
            message: None,
            revision: String::new(),
        }
    }

    #[test]
    fn equal_records_are_counted_and_the_last_comes_last() {
        let records = [(1, "start"), (2, "stop"), (3, "start"), (4, "start")];
        let all = occurrences(records.map(|(at, verb)| record(at, verb)).to_vec());
        let told: Vec<_> = all
            .iter()
            .map(|one| (one.record.verb.as_str(), one.count, one.first_at.as_second()))
            .collect();
        assert_eq!(told, [("stop", 1, 2), ("start", 3, 1)]);
        assert_eq!(all[1].record.at.as_second(), 4);
    }

    #[test]
    fn what_happens_again_much_later_is_news() {
        let all =
            occurrences(vec![record(0, "start"), record(3_600, "start"), record(7_201, "start")]);
        assert_eq!(all.iter().map(|one| one.count).collect::<Vec<_>>(), [2, 1]);
    }
}
