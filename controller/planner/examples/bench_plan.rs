//! How long planning takes with 10,000 instances; one JSON object per figure, in milliseconds.
//!
//! `cargo xtask bench planner` runs it and holds the figures against their bounds.

use std::time::Instant;

use limekiln_model::{Capabilities, Desired, InstancePhase, Observed, Owner, Policy};
use limekiln_testkit::{desired, instance, observed_instance};

const INSTANCES: usize = 10_000;
const RUNS: usize = 5;
const TEMPLATE: &str = "cpus: 2\nmemory: 1GiB\ndisk: 10GiB\nprovision:\n- script: |\n    #!/bin/sh\n    echo one\nparam: {A: b}\n";

fn main() {
    let wanted = wanted();
    // Each is fetched, made, started and waited for.
    report("10,000 creations", &wanted, &Observed::default(), 4 * INSTANCES);
    report("10,000 unchanged", &wanted, &observed(&wanted), 0);
}

fn wanted() -> Desired {
    desired((0..INSTANCES).map(|number| instance(&format!("vm{number}"), TEMPLATE, |_| {})))
}

fn observed(desired: &Desired) -> Observed {
    let mut observed = Observed::default();
    for (name, wanted) in &desired.instances {
        let instance = observed_instance(name.as_str(), TEMPLATE, InstancePhase::Ready);
        observed.instances.insert(name.clone(), instance);
        let owner = Owner {
            origin: wanted.origin.clone(),
            deletion_policy: limekiln_api::DeletionPolicy::Delete,
        };
        observed.owners.insert(limekiln_model::ObjectId::instance(name), owner);
    }
    observed
}

/// The median; the number of steps is checked, lest something else be measured.
fn report(name: &str, desired: &Desired, observed: &Observed, steps: usize) {
    let (capabilities, policy) = (Capabilities::default(), Policy::default());
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            let (plan, report) = limekiln_planner::plan(desired, observed, &capabilities, &policy);
            let time = start.elapsed().as_secs_f64() * 1e3;
            assert!(report.is_empty(), "{:?}", report.waiting.first_key_value());
            assert_eq!(plan.steps.len(), steps);
            time
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{}", serde_json::json!({"name": name, "value": times[RUNS / 2], "unit": "ms"}));
}
