//! Reads the event log while it grows.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Event;

/// Reads an event log from its start; call [`EventReader::poll`] again for what was added since.
#[derive(Debug)]
pub struct EventReader {
    path: PathBuf,
    open: Option<(BufReader<File>, u64)>,
    partial: Vec<u8>,
}

impl EventReader {
    /// A reader of the log at `path`, which need not exist yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None, partial: Vec::new() }
    }

    /// Events since the last call. A log that was replaced is read from its start. Lines that
    /// are no events are skipped: one bad line must not hide the others.
    ///
    /// # Errors
    /// The log exists and can't be read.
    pub fn poll(&mut self) -> io::Result<Vec<Event>> {
        if !self.follow()? {
            return Ok(Vec::new());
        }
        let mut events = Vec::new();
        let Some((reader, _)) = &mut self.open else { return Ok(events) };
        while reader.read_until(b'\n', &mut self.partial)? > 0 {
            if self.partial.last() != Some(&b'\n') {
                break;
            }
            events.extend(serde_json::from_slice(&self.partial));
            self.partial.clear();
        }
        Ok(events)
    }

    /// Opens the log if it is new; false if there is none.
    fn follow(&mut self) -> io::Result<bool> {
        let inode = match self.path.metadata() {
            Ok(metadata) => metadata.ino(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        if self.open.as_ref().is_none_or(|(_, known)| *known != inode) {
            self.open = Some((BufReader::new(File::open(&self.path)?), inode));
            self.partial.clear();
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::EventReader;

    #[test]
    fn half_lines_are_kept_and_replaced_logs_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let mut reader = EventReader::new(&path);
        assert_eq!(reader.poll().unwrap().len(), 0);
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        file.write_all(b"no event\n{\"time\":\"2026-08-21T18:27:58Z\",").unwrap();
        assert_eq!(reader.poll().unwrap().len(), 0);
        file.write_all(b"\"status\":{\"running\":true}}\n").unwrap();
        assert!(reader.poll().unwrap()[0].status.running);
        let other = dir.path().join("other");
        std::fs::write(&other, "{\"time\":\"2026-08-21T18:27:58Z\",\"status\":{}}\n").unwrap();
        std::fs::rename(other, &path).unwrap();
        assert_eq!(reader.poll().unwrap().len(), 1);
    }
}
