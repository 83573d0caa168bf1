//! Looking again and again, as seldom as can be.

use std::collections::BTreeSet;
use std::io;
use std::time::{Duration, SystemTime};

use limekiln_proto::guest::Event;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tonic::Status;

use super::{Hint, Scan, Scanner};

/// Between two looks at the counts while something changes, and when nothing did for a while: seldom
/// enough to idle, and often enough that a port is on the host within 300 ms also then.
const QUICK: Duration = Duration::from_millis(100);
const SLOW: Duration = Duration::from_millis(150);
/// A change keeps it quick for so long.
const LIVELY: Duration = Duration::from_secs(10);
/// A socket that replaces another does not change the counts: all is looked at this often anyway,
/// while it is quick and while it is slow.
const WHOLE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// Sends what listens now, and then what changes, until nobody reads any more. A reader that is
/// slow gets fewer events, not late ones: nothing is looked at while it does not read.
pub(crate) async fn watch(events: mpsc::Sender<Result<Event, Status>>) {
    let (mut scanner, mut hint) = (Scanner::default(), Hint::new());
    let mut told = Scan::default();
    let mut first = true;
    let (mut changed_at, mut looked_at) = (Instant::now(), Instant::now());
    loop {
        let lively = changed_at.elapsed() < LIVELY;
        let due = looked_at.elapsed() >= if lively { WHOLE.0 } else { WHOLE.1 };
        if hint.changed() || due || first {
            looked_at = Instant::now();
            let scan = scanner.scan().unwrap_or_else(|error| unknown(&told, &error));
            if scan != told || first {
                changed_at = looked_at;
                // Who subscribed is told even that nothing listens: it knows then that it knows.
                if events.send(Ok(difference(&told, &scan))).await.is_err() {
                    return;
                }
                (told, first) = (scan, false);
            }
        }
        tokio::select! {
            () = sleep(if lively { QUICK } else { SLOW }) => {}
            () = events.closed() => return,
        }
    }
}

/// What cannot be looked at is taken to be as it was.
fn unknown(told: &Scan, error: &io::Error) -> Scan {
    let error = format!("cannot find out what listens: {error}");
    Scan { listeners: told.listeners.clone(), errors: vec![error] }
}

fn difference(old: &Scan, new: &Scan) -> Event {
    let only = |one: &Scan, other: &Scan| {
        let set: &BTreeSet<_> = &one.listeners;
        set.difference(&other.listeners).map(|&listener| listener.into()).collect()
    };
    Event {
        time: Some(SystemTime::now().into()),
        added_local_ports: only(new, old),
        removed_local_ports: only(old, new),
        errors: new.errors.clone(),
    }
}
