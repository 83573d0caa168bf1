//! Faults of the disk, for the simulation: compiled in only with the feature `faults`.

use std::cell::RefCell;
use std::io;
use std::path::Path;

type Hook = Box<dyn Fn(&Path) -> io::Result<()>>;

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// Asks this before each change of one of our own files on this thread. An error is what the
/// change fails with; [`io::ErrorKind::BrokenPipe`] means that the process dies in the middle of
/// it, and half of the new file stays behind.
pub fn set(hook: Option<Hook>) {
    HOOK.set(hook);
}

pub(crate) fn at(path: &Path) -> io::Result<()> {
    HOOK.with_borrow(|hook| hook.as_ref().map_or(Ok(()), |hook| hook(path)))
}
