//! 10,000 instances on the simulated engine, from nothing to Ready: the figures that `cargo xtask
//! bench fleet` holds against their bounds. Prints one JSON object per figure.
//!
//! Actions take no time, so what is measured is ours: reading, planning, the ledger, the journal.
//! These files are in memory, because what a disk takes to make 20,000 claims durable is not ours.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use limekiln_api::HostFacts;
use limekiln_engine_sim::SimEngine;
use limekiln_model::InstancePhase;
use limekiln_reconciler::{
    Controller, ControllerOptions, ControllerState, Files, Home, Input, ReadOptions, Reconciler,
};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};
use tokio_util::sync::CancellationToken;

// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const INSTANCES: usize = 10_000;
const LOOKS: usize = 9;

fn write_manifests(dir: &Path) {
    fs::create_dir_all(dir).expect("writable");
    for number in 0..INSTANCES {
        let text = format!(
            "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: vm{number}}}\nspec:\n  template:\n    images: [{{location: 'https://example.com/a.img'}}]\n    cpus: 1\n    memory: 1GiB\n    provision: [{{mode: system, script: \"#!/bin/sh\\napt-get install -y nginx\\n\"}}]\n"
        );
        fs::write(dir.join(format!("vm{number}.yaml")), text).expect("writable");
    }
}

fn controller(top: &Path, engine: &Arc<SimEngine>) -> Controller {
    let lima_home = top.join("h");
    let example = HostFacts::example();
    let facts = HostFacts { lima_home: lima_home.clone(), memory: 1 << 50, cpus: 8, ..example };
    let store = TemplateStore::new(TemplateSettings::new(&facts));
    let home = Home::new(&lima_home);
    let reconciler = Arc::new(Reconciler::new(Arc::clone(engine) as Arc<_>, home, facts));
    let inputs = vec![Input::Path(top.join("m"))];
    let intake = Files::new(inputs, ReadOptions::default(), Arc::new(store));
    let (options, on_event) = (ControllerOptions::default(), Arc::new(|_: &_, _: &_| {}));
    Controller::new(reconciler, Box::new(intake), options, on_event)
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    // In memory where there is such a place: how long a disk takes to sync is not ours.
    let place = ["/dev/shm", "/tmp"].into_iter().find(|place| Path::new(place).is_dir());
    let place = place.expect("a place");
    let dir = tempfile::Builder::new().prefix("lkb").tempdir_in(place).expect("a directory");
    write_manifests(&dir.path().join("m"));
    std::thread::sleep(ReadOptions::default().quiet);
    let engine = Arc::new(SimEngine::new(1));
    let controller = controller(dir.path(), &engine);
    let (handle, stop) = (controller.handle(), CancellationToken::new());
    let begun = Instant::now();
    let work = tokio::spawn(controller.run(stop.clone()));
    let mut state = handle.state();
    state.wait_for(ControllerState::is_settled).await.expect("it runs");
    print("converge", begun.elapsed().as_secs_f64(), "s");
    let peak = peak_mib();
    let ready = engine.look();
    let ready = ready.instances.values().filter(|it| it.phase == InstancePhase::Ready);
    assert_eq!(ready.count(), INSTANCES);
    print("memory", peak, "MiB");
    print("look", looks(&handle).await, "ms");
    stop.cancel();
    work.await.expect("no panic").expect("nobody else is there");
}

/// Milliseconds of a look at which nothing is new, the median.
async fn looks(handle: &limekiln_reconciler::Handle) -> f64 {
    let mut state = handle.state();
    let mut times = Vec::new();
    for _ in 0..LOOKS {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let passes = state.borrow().passes;
        let begun = Instant::now();
        handle.wake();
        state.wait_for(|state| state.passes > passes).await.expect("it runs");
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    times[LOOKS / 2]
}

/// The most memory that the process has had, the world that is simulated included.
fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    number.unwrap_or(f64::NAN) / 1024.0
}

fn print(name: &str, value: f64, unit: &str) {
    println!("{}", serde_json::json!({ "name": name, "value": value, "unit": unit }));
}
