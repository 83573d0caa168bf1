//! Questions to file systems that others serve, and that may never answer: a home directory's
//! server that is away must not keep every manifest waiting.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// For so long it is known what is mounted.
const FRESH: Duration = Duration::from_secs(1);

/// How kinds of file systems begin whose answers come from another machine or program.
const REMOTE: [&str; 11] =
    ["9p", "afs", "autofs", "ceph", "cifs", "coda", "fuse", "lustre", "nfs", "smb", "virtiofs"];

// A file system is silent for this whole process, whoever asks.
static SILENT: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());
static MOUNTS: Mutex<Option<(Instant, Vec<Mount>)>> = Mutex::new(None);
static LATE: AtomicU64 = AtomicU64::new(0);

/// The answer to a question about a path; `None` if its file system does not answer. One that is
/// silent is asked no more until it has answered. A link that leads to one is not seen through.
pub(super) fn ask<T: Send + 'static>(
    path: &Path,
    question: impl FnOnce(&Path) -> T + Send + 'static,
) -> Option<T> {
    let Some(mount) = mount_of(path) else { return Some(question(path)) };
    if silent().contains_key(&mount) {
        return None;
    }
    let (tell, told) = mpsc::channel();
    let (path, of) = (path.to_owned(), mount.clone());
    let (late, is_late) = mpsc::channel::<()>();
    let ask = move || {
        let answer = question(&path);
        let mut silent = silent();
        let _ = tell.send(answer);
        if is_late.try_recv().is_ok() {
            LATE.fetch_add(1, Ordering::Relaxed);
            if let Some(count) = silent.get_mut(&of) {
                *count -= 1;
            }
            silent.retain(|_, count| *count > 0);
        }
    };
    std::thread::Builder::new().name("ask".to_owned()).spawn(ask).ok()?;
    if let Ok(answer) = told.recv_timeout(PATIENCE) {
        return Some(answer);
    }
    // What came just now came in time.
    let mut silent = silent();
    told.try_recv().ok().or_else(|| {
        let _ = late.send(());
        *silent.entry(mount).or_default() += 1;
        None
    })
}

/// How many answers have come too late: with another number than before, something is known that
/// was not.
pub(crate) fn late() -> u64 {
    LATE.load(Ordering::Relaxed)
}

fn silent() -> MutexGuard<'static, BTreeMap<PathBuf, usize>> {
    SILENT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where something is mounted.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    place: PathBuf,
    is_remote: bool,
}

/// Where the file system is mounted that a path is on, if others serve it.
fn mount_of(path: &Path) -> Option<PathBuf> {
    let mut known = MOUNTS.lock().unwrap_or_else(PoisonError::into_inner);
    if known.as_ref().is_none_or(|(at, _)| at.elapsed() >= FRESH) {
        // Where there is no such file nothing is known of mounts, and everything is asked.
        let text = fs::read("/proc/self/mountinfo").unwrap_or_default();
        *known = Some((Instant::now(), mounts(&text)));
    }
    let (_, mounts) = known.as_ref()?;
    let above = mounts.iter().filter(|mount| path.starts_with(&mount.place));
    // Of several at one place the last one counts.
    let mount = above.max_by_key(|mount| mount.place.as_os_str().len())?;
    mount.is_remote.then(|| mount.place.clone())
}

/// What `/proc/self/mountinfo` tells (proc(5)); nothing if no file system is a remote one.
fn mounts(text: &[u8]) -> Vec<Mount> {
    let lines = text.split(|byte| *byte == b'\n');
    let mount = |line: &[u8]| {
        let mut words = line.split(|byte| *byte == b' ');
        let place = PathBuf::from(std::ffi::OsString::from_vec(unescape(words.nth(4)?)));
        let kind = String::from_utf8_lossy(words.skip_while(|word| *word != b"-").nth(1)?);
        let is_remote = REMOTE.iter().any(|remote| kind.starts_with(remote));
        Some(Mount { place, is_remote })
    };
    let mounts: Vec<_> = lines.filter_map(mount).collect();
    if mounts.iter().any(|mount| mount.is_remote) { mounts } else { Vec::new() }
}

/// Bytes of which some are written as a backslash and three octal digits.
fn unescape(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let number = after.get(..3).filter(|_| *first == b'\\');
        let number = number.and_then(|digits| std::str::from_utf8(digits).ok());
        match number.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[3..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read_as_the_kernel_writes_them() {
        let text = b"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            23 22 0:21 / /mnt/my\\040nas rw shared:2 master:1 - nfs4 nas:/x rw,hard\n\
            half a line";
        let mount = |place: &str, is_remote| Mount { place: place.into(), is_remote };
        assert_eq!(mounts(text), [mount("/", false), mount("/mnt/my nas", true)]);
        assert_eq!(mounts(&text[..54]), []);
        assert_eq!(unescape(b"a\\134b\\9"), b"a\\b\\9");
    }

    #[test]
    fn what_is_of_this_host_is_asked_at_once() {
        assert_eq!(ask(Path::new("/"), Path::is_dir), Some(true));
    }
}
