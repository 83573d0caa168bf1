//! What many files are at one moment.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::SystemTime;

use limekiln_api::Stamp;

/// Fewer are looked at faster than a thread begins.
const LEAST: usize = 128;
/// More threads wait for each other in the kernel.
const THREADS: usize = 4;

/// The stamp of each file `now`, in order; `None` of one that cannot be had.
pub(crate) fn all(files: &[PathBuf], now: SystemTime) -> Vec<Option<Stamp>> {
    let look = |part: &[PathBuf]| -> Vec<_> {
        let mut parent = Parent::default();
        part.iter().map(|file| parent.stamp(file, now)).collect()
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS);
    let share = files.len().div_ceil(threads).max(LEAST).min(files.len());
    let (own, others) = files.split_at(share);
    thread::scope(|scope| {
        let others = others.chunks(share.max(1));
        let others: Vec<_> = others.map(|part| scope.spawn(move || look(part))).collect();
        let mut all = look(own);
        for part in others {
            all.extend(part.join().expect("looking at files does not panic"));
        }
        all
    })
}

/// The directory of the last file: most lie beside each other.
#[derive(Default)]
struct Parent<'a>(Option<(&'a Path, Option<File>)>);

impl<'a> Parent<'a> {
    fn stamp(&mut self, file: &'a Path, now: SystemTime) -> Option<Stamp> {
        let (dir, name) = (file.parent()?, file.file_name()?);
        let opened = match &self.0 {
            Some((last, opened)) if last.as_os_str() == dir.as_os_str() => opened,
            _ => &self.0.insert((dir, File::open(dir).ok())).1,
        };
        Stamp::below(opened.as_ref()?, name, now).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_of_several_directories_come_in_order() {
        let top = tempfile::tempdir().expect("a directory");
        let file = |number: usize| top.path().join(format!("{}/{number}.yaml", number % 3));
        let files: Vec<_> = (0..3 * LEAST).map(file).collect();
        (0..2).for_each(|dir| fs::create_dir(top.path().join(dir.to_string())).expect("writable"));
        let there = |path: &PathBuf| fs::write(path, path.as_os_str().as_encoded_bytes()).is_ok();
        let written: Vec<_> = files.iter().map(there).collect();
        let now = SystemTime::now();
        let stamps = all(&files, now);
        let right = |file: &PathBuf| fs::metadata(file).ok().map(|data| Stamp::of(&data, now));
        assert!(stamps.iter().eq(&files.iter().map(right).collect::<Vec<_>>()));
        assert!(stamps.iter().map(Option::is_some).eq(written), "a third has no directory");
    }
}
