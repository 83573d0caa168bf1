//! What wakes a controller up before its time.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use limekiln_reconciler::{Handle, Home};
use limekiln_sources::{DirectoryWatch, WatchError, WatchRoot};

/// How often it is looked whether somebody asked for something by hand, or a VM ended.
const LOOK: Duration = Duration::from_secs(1);

/// Watches files until it is told to end.
pub struct Waking(Arc<AtomicBool>);

impl Waking {
    /// Begins to watch manifests, instances, and what `suspend`, `ack` and `notify` write.
    pub fn start(handle: Handle, roots: Vec<WatchRoot>, home: &Home) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (end, home) = (Arc::clone(&ended), home.clone());
        thread::spawn(move || watch(&handle, roots, &home, &end));
        Self(ended)
    }

    /// Ends it, within a second.
    pub fn end(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn watch(handle: &Handle, roots: Vec<WatchRoot>, home: &Home, end: &AtomicBool) {
    // Without a watch, the periodic look finds what changed.
    let warn = |error: &WatchError| {
        tracing::warn!("{error}: {}", error.hint().unwrap_or_default());
    };
    let mut watch = DirectoryWatch::new(roots).inspect_err(warn).ok();
    if let Some(error) = watch.as_ref().and_then(DirectoryWatch::trouble) {
        warn(error);
    }
    let (mut seen, mut looked) = (traces(home), Instant::now());
    while !end.load(Ordering::Relaxed) {
        let changed = match &mut watch {
            Some(watch) => watch.changed_soon(LOOK, || handle.soon()),
            None => {
                thread::sleep(LOOK);
                false
            }
        };
        if changed {
            handle.wake();
        }
        // Not right beside the look that was just called for, which finds all of it by itself:
        // where there are many instances this takes as long.
        if changed && looked.elapsed() < LOOK {
            continue;
        }
        looked = Instant::now();
        let now = traces(home);
        if now != seen {
            seen = now;
            handle.wake();
        }
    }
}

/// When people last asked for something, and when each instance last began or ended to run or got
/// another configuration.
fn traces(home: &Home) -> Vec<(PathBuf, SystemTime)> {
    let instances = std::fs::read_dir(home.lima_home()).into_iter().flatten().flatten();
    let files =
        instances.flat_map(|entry| ["ha.pid", "lima.yaml"].map(|file| entry.path().join(file)));
    let time = |file: PathBuf| Some((file.clone(), file.metadata().ok()?.modified().ok()?));
    let mut traces: Vec<_> = home.requests().into_iter().chain(files).filter_map(time).collect();
    traces.sort();
    traces
}
