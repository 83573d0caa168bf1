//! The stamps of several files in one directory.

use std::fs;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::SystemTime;

use limekiln_api::Stamp;

/// The stamps of a few files; `None` is a file that is not there.
#[derive(Debug)]
pub(super) struct Stamps<const N: usize>([Option<Stamp>; N]);

impl<const N: usize> Stamps<N> {
    /// Of these files in the directory; the empty name is the directory itself.
    pub(super) fn of(dir: &Path, files: [&str; N], now: SystemTime) -> Self {
        let stamp = |file| fs::metadata(dir.join(file)).map(|data| Stamp::of(&data, now)).ok();
        Self(files.map(stamp))
    }

    /// The same of an instance's directory, by its name in the home, which is open.
    pub(super) fn below(
        home: BorrowedFd<'_>,
        name: &str,
        files: [&str; N],
        now: SystemTime,
    ) -> Self {
        let mut path = String::with_capacity(64);
        let stamp = |file: &str| {
            path.clear();
            path.push_str(name);
            path.push('/');
            path.push_str(file);
            Stamp::below(home, &path, now).ok()
        };
        Self(files.map(stamp))
    }

    /// Whether what was read under these stamps is still so. A file that was not there, and is not
    /// there now, is the same as long as its directory is, which is among these if that matters.
    pub(super) fn hold(&self, now: &Self) -> bool {
        self.0.iter().zip(&now.0).all(|pair| match pair {
            (Some(before), Some(now)) => before.holds(now),
            (None, None) => true,
            _ => false,
        })
    }
}
