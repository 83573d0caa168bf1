//! Appends to the event log.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::{Event, PortForward, Status};
use crate::Error;

/// The event log, open for appending.
#[derive(Debug)]
pub(crate) struct EventWriter {
    path: PathBuf,
    log: Mutex<Log>,
}

#[derive(Debug)]
struct Log {
    file: File,
    /// What was said last, without a port.
    last: Status,
}

impl EventWriter {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(Error::file("open", path))?;
        let log = Mutex::new(Log { file, last: Status::default() });
        Ok(Self { path: path.to_owned(), log })
    }

    /// Appends one event and makes it durable. A full disk must not take a VM down, so a failure
    /// is only logged.
    pub(crate) fn emit(&self, status: Status) {
        self.append(|log| {
            log.last = status.clone();
            log.write(status)?;
            log.file.sync_data()
        });
    }

    /// Appends what happened to a port, with the status as it was, which readers go by. There may
    /// be many of these, and nobody relies on one after a crash, so they are not made durable.
    pub(crate) fn emit_port(&self, port: PortForward) {
        self.append(|log| {
            let status = Status { port_forward: Some(port), ..log.last.clone() };
            log.write(status)
        });
    }

    fn append(&self, work: impl FnOnce(&mut Log) -> std::io::Result<()>) {
        // A line is written whole or not at all, so that nothing is half done after a panic.
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = work(&mut log) {
            tracing::error!("cannot write {}: {error}", self.path.display());
        }
    }
}

impl Log {
    fn write(&mut self, status: Status) -> std::io::Result<()> {
        let event = Event { time: Timestamp::now(), status };
        let mut line = serde_json::to_vec(&event)?;
        line.push(b'\n');
        // One write, so that a reader never sees half of a line.
        self.file.write_all(&line)
    }
}
