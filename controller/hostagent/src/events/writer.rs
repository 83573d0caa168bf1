//! Appends to the event log.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{Event, Status};
use crate::Error;

/// The event log, open for appending.
#[derive(Debug)]
pub(crate) struct EventWriter {
    path: PathBuf,
    file: File,
}

impl EventWriter {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().create(true).append(true).open(path);
        Ok(Self { path: path.to_owned(), file: file.map_err(Error::file("open", path))? })
    }

    /// Appends one event and makes it durable. A full disk must not take a VM down, so a failure
    /// is only logged.
    pub(crate) fn emit(&mut self, status: Status) {
        let event = Event { time: Timestamp::now(), status };
        let written =
            serde_json::to_vec(&event).map_err(std::io::Error::other).and_then(|mut line| {
                line.push(b'\n');
                // One write, so that a reader never sees half of a line.
                self.file.write_all(&line)?;
                self.file.sync_data()
            });
        if let Err(error) = written {
            tracing::error!("cannot write {}: {error}", self.path.display());
        }
    }
}
