//! Planning 10,000 instances: the figures that `cargo xtask bench planner` holds against their
//! bounds. Prints one JSON object per figure.

use std::time::Instant;

use limekiln_model::{Capabilities, Desired, Host, InstancePhase, Observed, Policy};
use limekiln_testkit::{Ledger, desired, instance, observed_instance};

const INSTANCES: usize = 10_000;
const RUNS: usize = 9;

/// As long as a usual template: a script, a mount, a forward.
fn yaml(number: usize) -> String {
    format!(
        "cpus: {}\nmemory: 2GiB\ndisk: 20GiB\nmounts: [{{location: ~/src, writable: true}}]\n\
         portForwards: [{{guestPort: 80, hostPort: 8080}}]\nparam: {{ONE: a, TWO: b}}\n\
         provision: [{{mode: system, script: \"#!/bin/sh\\napt-get install -y nginx\\n\"}}]\n",
        number % 4 + 1
    )
}

fn name(number: usize) -> String {
    format!("vm{number}")
}

fn manifests() -> Desired {
    desired((0..INSTANCES).map(|number| instance(&name(number), &yaml(number), |_| {})))
}

/// All of them run, and are ours.
fn running() -> Observed {
    let mut observed = host();
    for number in 0..INSTANCES {
        let of = name(number);
        let ready = observed_instance(&of, &yaml(number), InstancePhase::Ready);
        observed.instances.insert(limekiln_testkit::name(&of), ready.into());
    }
    observed.owners = Ledger::of_all(&observed).owners.into();
    observed
}

fn host() -> Observed {
    let facts = limekiln_api::HostFacts { memory: 1 << 50, ..limekiln_api::HostFacts::example() };
    Observed {
        host: Some(Host { facts, taken_ports: Default::default(), interfaces: Vec::new() }),
        ..Observed::default()
    }
}

/// The median of some runs, in milliseconds. The plan must have this many steps per instance.
fn measure(name: &str, desired: &Desired, observed: &Observed, steps: usize) {
    let capabilities = Capabilities { engine: "bench".to_owned(), ..Capabilities::default() };
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let begun = Instant::now();
            let made = limekiln_planner::plan(desired, observed, &capabilities, &Policy::default());
            let took = begun.elapsed().as_secs_f64() * 1e3;
            assert_eq!(made.0.steps.len(), steps * INSTANCES, "{name}");
            assert!(made.1.is_empty(), "{name}");
            took
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let row = serde_json::json!({ "name": name, "value": times[RUNS / 2], "unit": "ms" });
    println!("{row}");
}

fn main() {
    let desired = manifests();
    measure("unchanged", &desired, &running(), 0);
    measure("creations", &desired, &host(), 4);
}
