//! Work on many things at once.

use std::thread;

/// Fewer than these are done faster than a thread begins.
const LEAST: usize = 16;

/// Applies `work` to each, on all processors, and returns the results in order.
pub(super) fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, usize::from).min(8);
    let share = items.len().div_ceil(processors).max(LEAST);
    if items.len() <= share {
        return items.iter().map(work).collect();
    }
    let work = &work;
    let (own, others) = items.split_at(share);
    let all = move |part: &[T]| part.iter().map(work).collect::<Vec<_>>();
    thread::scope(|scope| {
        let threads: Vec<_> =
            others.chunks(share).map(|part| scope.spawn(move || all(part))).collect();
        let mut results = all(own);
        for thread in threads {
            // What made a part panic must not pass for an empty one.
            results.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    })
}
