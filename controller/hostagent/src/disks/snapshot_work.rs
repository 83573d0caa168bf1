//! Work on the snapshots of disks, and what is left when it is killed.
//!
//! QEMU changes a qcow2 file in several steps. Killed while it goes back to a snapshot, it leaves
//! clusters that count as the disk's own although the snapshot has them, too: what is written next
//! changes the snapshot (seen with QEMU 7.2; `qemu-img check` speaks of `OFLAG_COPIED`). So a mark
//! stands beside a disk while such work goes on, and who finds one mends the disk before anything
//! is written to it. Of several disks some may have gone back and others not, which is told.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Error, atomic};

/// What `qemu-img check -r all` exits with if all is well, or clusters are left that nobody uses.
const MENDED: [i32; 2] = [0, 3];

/// Work that goes on. If it is dropped without [`Self::end`], the disks are mended before their
/// next use.
#[derive(Debug)]
#[must_use]
pub struct SnapshotWork {
    marks: Vec<PathBuf>,
}

impl SnapshotWork {
    /// Marks the disks. `what` is what a user is told if it does not end: a phrase.
    ///
    /// # Errors
    /// A mark can't be written; then nothing may be begun.
    pub fn begin<'a>(disks: impl IntoIterator<Item = &'a Path>, what: &str) -> Result<Self, Error> {
        let marks: Vec<PathBuf> = disks.into_iter().map(mark).collect();
        marks.iter().try_for_each(|mark| atomic::write(mark, what.as_bytes(), 0o600))?;
        Ok(Self { marks })
    }

    /// It went well, or failed in an orderly way.
    pub fn end(self) {
        for mark in &self.marks {
            // One that stays makes for a look at the disk that finds nothing.
            let _ = fs::remove_file(mark);
        }
    }
}

fn mark(disk: &Path) -> PathBuf {
    let mut name = disk.file_name().unwrap_or_default().to_owned();
    name.push(".snapshot-work");
    disk.with_file_name(name)
}

/// Mends a qcow2 disk that nobody has open, if work on its snapshots did not end; returns what it
/// was. Blocks; looks through the whole file's tables.
///
/// # Errors
/// What is wrong can't be mended, or somebody has the disk open.
pub fn mend(disk: &Path) -> Result<Option<String>, Error> {
    let mark = mark(disk);
    let Ok(what) = fs::read_to_string(&mark) else { return Ok(None) };
    let failed = |reason: String| Error::Unmended { path: disk.to_owned(), reason };
    let mut check = Command::new("qemu-img");
    check.args(["check", "-q", "-r", "all", "-f", "qcow2"]).arg(disk).stdin(Stdio::null());
    let output = check.output().map_err(|error| failed(format!("qemu-img: {error}")))?;
    if !output.status.code().is_some_and(|code| MENDED.contains(&code)) {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(said.lines().last().unwrap_or("qemu-img said nothing").to_owned()));
    }
    fs::remove_file(&mark).map_err(Error::file("remove", &mark))?;
    tracing::warn!("{} is whole; this was interrupted: {what}", disk.display());
    Ok(Some(what))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn run(program: &str, arguments: &[&str], disk: &Path) -> std::process::Output {
        Command::new(program).args(arguments).arg(disk).output().unwrap()
    }

    fn done(program: &str, arguments: &[&str], disk: &Path) {
        let output = run(program, arguments, disk);
        assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    }

    /// What the guest would read, of now or of the snapshot.
    fn content(disk: &Path, snapshot: &[&str]) -> Vec<u8> {
        let raw = disk.with_extension("raw");
        let convert = ["convert", "-f", "qcow2", "-O", "raw"];
        let mut img = Command::new("qemu-img");
        let output = img.args(convert).args(snapshot).arg(disk).arg(&raw).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        fs::read(raw).unwrap()
    }

    /// With a snapshot `old`, and something written since.
    fn disk(dir: &Path) -> PathBuf {
        let disk = dir.join("disk");
        let create = ["create", "-q", "-f", "qcow2"];
        let output = Command::new("qemu-img").args(create).arg(&disk).arg("1M").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        write(&disk, "write -P 1 0 1M");
        done("qemu-img", &["snapshot", "-c", "old"], &disk);
        write(&disk, "write -P 2 0 512k");
        disk
    }

    fn write(disk: &Path, what: &str) {
        done("qemu-io", &["-f", "qcow2", "-c", what], disk);
    }

    /// As a `qemu-img snapshot -a` leaves it that was killed when the snapshot's tables were the
    /// disk's and still counted as its own: bit 63 of each entry of the L1 table (QEMU's
    /// docs/interop/qcow2.txt).
    fn go_back_halfway(disk: &Path) {
        done("qemu-img", &["snapshot", "-a", "old"], disk);
        let mut bytes = fs::read(disk).unwrap();
        let entries = u32::from_be_bytes(bytes[36..40].try_into().unwrap());
        let table = u64::from_be_bytes(bytes[40..48].try_into().unwrap());
        for entry in 0..usize::try_from(entries).unwrap() {
            bytes[usize::try_from(table).unwrap() + 8 * entry] |= 0x80;
        }
        fs::write(disk, bytes).unwrap();
        let check = run("qemu-img", &["check", "-f", "qcow2"], disk);
        assert!(String::from_utf8_lossy(&check.stderr).contains("OFLAG_COPIED"), "{check:?}");
    }

    #[test]
    fn what_is_written_after_an_interruption_stays_out_of_the_snapshot() {
        let dir = tempfile::tempdir().unwrap();
        let disk = disk(dir.path());
        let old = content(&disk, &["-l", "old"]);
        go_back_halfway(&disk);
        let copy = dir.path().join("copy");
        fs::copy(&disk, &copy).unwrap();
        write(&copy, "write -P 9 0 1M");
        assert!(content(&copy, &["-l", "old"]) != old, "this is what must not be");

        drop(SnapshotWork::begin([&*disk], "going back to old").unwrap());
        assert_eq!(mend(&disk).unwrap().as_deref(), Some("going back to old"));
        write(&disk, "write -P 9 0 1M");
        assert!(content(&disk, &["-l", "old"]) == old);
        assert_eq!(mend(&disk).unwrap(), None);
    }

    #[test]
    fn whenever_it_is_killed_the_disk_is_as_before_or_after() {
        let dir = tempfile::tempdir().unwrap();
        let (whole, disk) = (disk(dir.path()), dir.path().join("copy"));
        let (before, old) = (content(&whole, &[]), content(&whole, &["-l", "old"]));
        for milliseconds in [0, 8, 16, 40] {
            fs::copy(&whole, &disk).unwrap();
            let work = SnapshotWork::begin([&*disk], "going back to old").unwrap();
            let mut img = Command::new("qemu-img");
            let mut img = img.args(["snapshot", "-a", "old"]).arg(&disk).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(milliseconds));
            img.kill().unwrap();
            img.wait().unwrap();
            drop(work);
            mend(&disk).unwrap();
            let now = content(&disk, &[]);
            assert!(now == before || now == old, "after {milliseconds} ms");
            assert!(content(&disk, &["-l", "old"]) == old, "after {milliseconds} ms");
        }
    }

    #[test]
    fn work_that_ended_leaves_nothing_and_what_cannot_be_mended_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let disk = dir.path().join("datadisk");
        fs::write(&disk, "no disk at all").unwrap();
        SnapshotWork::begin([&*disk], "x").unwrap().end();
        assert_eq!(mend(&disk).unwrap(), None);
        drop(SnapshotWork::begin([&*disk], "x").unwrap());
        let said = crate::chain(&mend(&disk).unwrap_err());
        assert!(said.contains("datadisk") && said.contains("qcow2"), "{said}");
        assert!(mark(&disk).exists(), "it is tried again");
    }
}
