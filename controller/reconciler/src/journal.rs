//! What was done, for `limekiln events`.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use limekiln_model::{Event, ObjectId, Plan, StepOutcome};
use serde::{Deserialize, Serialize};

use crate::Home;

/// When the file is this large it becomes the old one, and the old one goes.
const LARGEST: u64 = 1 << 20;

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RecordOutcome {
    /// Done.
    Done,
    /// Failed, and tried again.
    Retrying,
    /// Failed for good.
    Failed,
    /// Not begun, because something before it failed.
    Skipped,
    /// Cancelled.
    Cancelled,
}

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// When.
    pub at: Timestamp,
    /// On which object.
    pub object: ObjectId,
    /// What, as [`limekiln_model::Action::verb`] says it.
    pub verb: String,
    /// How it went.
    pub outcome: RecordOutcome,
    /// The error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The revision of the manifests, when there were any.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revision: String,
}

impl Record {
    /// The record of an event; beginnings and progress are not kept.
    pub fn of(plan: &Plan, event: &Event) -> Option<Self> {
        record(plan, event)
    }
}

fn record(plan: &Plan, event: &Event) -> Option<Record> {
    let (step, outcome, message) = match event {
        Event::Retrying { step, error, .. } => (step, RecordOutcome::Retrying, Some(error.clone())),
        Event::Finished { step, outcome } => {
            let (outcome, message) = match outcome {
                StepOutcome::Done => (RecordOutcome::Done, None),
                StepOutcome::Failed { error, .. } => (RecordOutcome::Failed, Some(error.clone())),
                StepOutcome::Skipped => (RecordOutcome::Skipped, None),
                StepOutcome::Cancelled => (RecordOutcome::Cancelled, None),
            };
            (step, outcome, message)
        }
        Event::Started { .. } | Event::Progressed { .. } => return None,
    };
    let action = &plan.step(*step)?.action;
    Some(Record {
        at: Timestamp::now(),
        object: action.object(),
        verb: action.verb().to_owned(),
        outcome,
        message,
        revision: plan.basis.revision.clone(),
    })
}

/// The file `events.jsonl` and its predecessor.
#[derive(Clone, Debug)]
pub struct Journal {
    path: PathBuf,
    old: PathBuf,
}

impl Journal {
    /// The journal of a home.
    pub fn new(home: &Home) -> Self {
        Self { path: home.dir().join("events.jsonl"), old: home.dir().join("events.jsonl.1") }
    }

    /// All records, the oldest first. Lines that a crash has cut are left out.
    ///
    /// # Errors
    /// If a file is there and cannot be read.
    pub fn read(&self) -> io::Result<Vec<Record>> {
        let mut records = Vec::new();
        for path in [&self.old, &self.path] {
            let bytes = match fs::read(path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let lines = bytes.split(|byte| *byte == b'\n');
            records.extend(lines.filter_map(|line| serde_json::from_slice(line).ok()));
        }
        Ok(records)
    }

    /// Adds a record. Only the holder of the home's lock writes.
    pub(crate) fn append(&self, record: &Record) -> io::Result<()> {
        #[cfg(feature = "faults")]
        crate::faults::at(&self.path)?;
        let mut file = open(&self.path)?;
        if file.metadata()?.len() >= LARGEST {
            fs::rename(&self.path, &self.old)?;
            file = open(&self.path)?;
        }
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        if is_cut(&mut file)? {
            line.insert(0, b'\n');
        }
        file.write_all(&line)
    }
}

/// Opens a file of lines to add to it.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).read(true).open(path)
}

/// Whether the last line has no end: a crash in the middle of it.
pub(crate) fn is_cut(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> (tempfile::TempDir, Journal) {
        let dir = tempfile::tempdir().expect("dir");
        let home = Home::new(dir.path());
        home.prepare().expect("home");
        let journal = Journal::new(&home);
        (dir, journal)
    }

    fn record(verb: &str) -> Record {
        Record {
            at: Timestamp::UNIX_EPOCH,
            object: "instance/web".parse().expect("an id"),
            verb: verb.to_owned(),
            outcome: RecordOutcome::Done,
            message: None,
            revision: String::new(),
        }
    }

    #[test]
    fn a_cut_line_costs_only_itself() {
        let (_dir, journal) = journal();
        for verb in ["create", "start"] {
            journal.append(&record(verb)).expect("append");
        }
        let text = fs::read(&journal.path).expect("read");
        fs::write(&journal.path, &text[..text.len() - 5]).expect("cut");
        journal.append(&record("stop")).expect("append");
        assert_eq!(journal.read().expect("read"), [record("create"), record("stop")]);
    }

    #[test]
    fn it_is_bounded() {
        let (_dir, journal) = journal();
        let long = record(&"x".repeat(1 << 18));
        for _ in 0..20 {
            journal.append(&long).expect("append");
        }
        let size = |path| fs::metadata(path).expect("there").len();
        assert!(size(&journal.path) + size(&journal.old) < 3 * LARGEST);
        assert!(journal.read().expect("read").len() >= 4);
    }
}
