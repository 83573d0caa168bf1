//! What a controller needs that stays: a look at 1,000 instances at which nothing changed, and the
//! time from a manifest's rename to the plan. One JSON object per figure; `cargo xtask bench
//! resident` holds them to their bounds.
//!
//! The engine, the watch and the files are the real ones, put together as `limekiln run` does.

mod home;

#[path = "../../src/waking.rs"]
mod waking;

use std::time::{Duration, Instant, SystemTime};

use limekiln_reconciler::ControllerState;
use tokio::sync::watch::Receiver;

use home::{Home, Resident};

// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const INSTANCES: usize = 1_000;
const LOOKS: usize = 50;
const RENAMES: usize = 300;
/// How long events are collected before anybody looks, and how long a file must have rested.
const DEBOUNCE: Duration = Duration::from_millis(20);
const QUIET: Duration = Duration::from_millis(200);

fn main() {
    let home = Home::new(INSTANCES);
    let mut resident = home.run();
    resident.settled();
    // The first looks after the beginning fill what later ones use.
    std::thread::sleep(Duration::from_secs(3));
    print("look at nothing new", &mut looks(&mut resident));
    print("renamed, old file", &mut renames(&home, &mut resident, true));
    print("renamed, new file", &mut renames(&home, &mut resident, false));
    resident.stop();
}

/// Milliseconds that each look takes.
fn looks(resident: &mut Resident) -> Vec<f64> {
    let look = |_| {
        // Well apart, so that none waits for the rest after another.
        std::thread::sleep(Duration::from_millis(40));
        let passes = resident.state().passes;
        let begun = Instant::now();
        resident.wake();
        resident.until(|state| state.passes > passes);
        begun.elapsed().as_secs_f64() * 1e3
    };
    (0..LOOKS).map(look).collect()
}

/// Milliseconds from the end of the quiet window to the plan, each time that a changed manifest is
/// renamed to its place: one that was written long before, or just then.
fn renames(home: &Home, resident: &mut Resident, old: bool) -> Vec<f64> {
    let rename = |number: usize| {
        let (new, place) = home.changed(number * 7 % INSTANCES, number);
        if old {
            std::thread::sleep(QUIET + QUIET / 2);
        }
        let before = revision(&resident.state());
        let written = new.metadata().and_then(|data| data.modified()).expect("it is there");
        let begun = Instant::now();
        std::fs::rename(&new, &place).expect("renamed");
        let rests =
            QUIET.saturating_sub(SystemTime::now().duration_since(written).unwrap_or(QUIET));
        let window = rests.max(DEBOUNCE);
        resident.until(|state| revision(state) != before);
        let took = begun.elapsed().as_secs_f64() * 1e3 - window.as_secs_f64() * 1e3;
        resident.settled();
        std::thread::sleep(Duration::from_millis(100));
        took
    };
    (0..RENAMES).map(rename).collect()
}

fn revision(state: &ControllerState) -> String {
    state.planned.as_ref().map(|planned| planned.desired.revision.clone()).unwrap_or_default()
}

fn print(name: &str, times: &mut [f64]) {
    times.sort_by(f64::total_cmp);
    for (share, at) in [("p50", times.len() / 2), ("p99", times.len() * 99 / 100)] {
        let name = format!("{name}, {share}");
        println!("{}", serde_json::json!({ "name": name, "value": times[at], "unit": "ms" }));
    }
}

/// Until a state is as it is to be.
async fn until(state: &mut Receiver<ControllerState>, like: impl Fn(&ControllerState) -> bool) {
    let found = tokio::time::timeout(Duration::from_secs(600), state.wait_for(|state| like(state)));
    drop(found.await.expect("within ten minutes").expect("the controller runs"));
}
