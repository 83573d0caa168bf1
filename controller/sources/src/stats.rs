//! What many files are at one moment.

use std::fs::{self, Metadata};
use std::path::PathBuf;
use std::thread;

/// Fewer are looked at faster than a thread begins.
const LEAST: usize = 128;
/// More threads wait for each other in the kernel.
const THREADS: usize = 4;

/// The metadata of each file, in order; `None` of one that cannot be had.
pub(crate) fn all(files: &[PathBuf]) -> Vec<Option<Metadata>> {
    let look =
        |part: &[PathBuf]| -> Vec<_> { part.iter().map(|file| fs::metadata(file).ok()).collect() };
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
