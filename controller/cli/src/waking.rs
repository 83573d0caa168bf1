//! What wakes a controller up before its time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use limekiln_reconciler::{Handle, Home};
use limekiln_sources::{DirectoryWatch, WatchRoot};

/// How often it is looked whether somebody asked for something by hand.
const LOOK: Duration = Duration::from_secs(1);

/// Watches files until it is told to end.
pub struct Waking(Arc<AtomicBool>);

impl Waking {
    /// Begins to watch manifests, and what `suspend`, `ack` and `notify` write.
    pub fn start(handle: Handle, roots: Vec<WatchRoot>, home: &Home) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let (end, requests) = (Arc::clone(&ended), home.requests());
        thread::spawn(move || watch(&handle, roots, &requests, &end));
        Self(ended)
    }

    /// Ends it, within a second.
    pub fn end(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn watch(handle: &Handle, roots: Vec<WatchRoot>, requests: &[PathBuf], end: &AtomicBool) {
    // Without a watch, the periodic look finds what changed.
    let mut watch = match DirectoryWatch::new(roots) {
        Ok(watch) => Some(watch),
        Err(error) => {
            errln!("warning: {error}: {}", error.hint().unwrap_or_default());
            None
        }
    };
    let mut asked = times(requests);
    while !end.load(Ordering::Relaxed) {
        let changed = match &mut watch {
            Some(watch) => watch.changed(LOOK),
            None => {
                thread::sleep(LOOK);
                false
            }
        };
        let now = times(requests);
        if changed || now != asked {
            asked = now;
            handle.wake();
        }
    }
}

fn times(files: &[PathBuf]) -> Vec<Option<SystemTime>> {
    let time = |file: &PathBuf| Path::new(file).metadata().ok()?.modified().ok();
    files.iter().map(time).collect()
}
