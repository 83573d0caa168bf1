//! The pid file: one daemon per network.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};

use crate::Error;

/// Ours; removed when dropped.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
    // Its lock is held for life: of two daemons that start at once, one gets it.
    _file: File,
}

impl PidFile {
    /// Takes the file for this process. One that a killed daemon left behind is no hindrance.
    ///
    /// # Errors
    /// A daemon lives that has it, or it can't be written.
    pub fn take(path: &Path) -> Result<Self, Error> {
        let failed = |error| Error::file("write", path)(error);
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(failed)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(Error::file("read", path))?;
        let pid = text.trim().parse().unwrap_or(0);
        let same = |file: &File| {
            fs::metadata(path)
                .is_ok_and(|there| file.metadata().is_ok_and(|ours| there.ino() == ours.ino()))
        };
        if file.try_lock().is_err() || !same(&file) || is_daemon(pid) {
            return Err(Error::AlreadyRunning { pid });
        }
        let line = format!("{}\n", std::process::id());
        // Readers find one pid or the other, as long as the new one isn't longer or shorter.
        file.rewind().map_err(failed)?;
        file.write_all(line.as_bytes()).map_err(failed)?;
        file.set_len(line.len() as u64).map_err(failed)?;
        Ok(Self { path: path.to_owned(), _file: file })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Nothing can be done about a failure, and readers check that the process lives.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether the process is a network daemon: Lima's takes no lock. Pids come again after a reboot.
fn is_daemon(pid: u32) -> bool {
    let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    if pid == std::process::id() || test_kill_process(process).is_err() {
        return false;
    }
    match fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(words) => words.split(|byte| *byte == 0).any(|word| word == b"usernet"),
        // No such file system: who lives is taken for it, as Lima does.
        Err(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::PidFile;
    use crate::Error;

    #[test]
    fn one_at_a_time_and_the_dead_are_no_hindrance() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("usernet_a.pid");
        // This pid is above what Linux and macOS give.
        std::fs::write(&path, "2147483646\n").unwrap();
        let first = PidFile::take(&path).unwrap();
        let own = std::process::id();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{own}\n"));
        let second = PidFile::take(&path);
        assert!(matches!(second, Err(Error::AlreadyRunning { pid }) if pid == own), "{second:?}");
        drop(first);
        assert!(!path.exists());
        drop(PidFile::take(&path).unwrap());
    }
}
