//! A look at 100 instances whose host agents accept and never answer: the figure that `cargo xtask
//! bench agents` holds against its bound. Prints one JSON object per figure.

#[path = "../tests/agents/home.rs"]
mod home;

use std::sync::Arc;
use std::time::Instant;

use home::{Home, silent};
use limekiln_engine::Engine;

const INSTANCES: usize = 100;
const RUNS: usize = 9;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let home = Home::new(INSTANCES);
    let connections = Arc::default();
    (0..INSTANCES).for_each(|number| silent(&home.instance(number), &connections));
    let mut times = Vec::new();
    for _ in 0..RUNS {
        // As a command does that has just been started: it knows nothing yet.
        let engine = home.engine();
        let begun = Instant::now();
        let observed = engine.observe().await.expect("readable");
        times.push(begun.elapsed().as_secs_f64() * 1e3);
        let broken = observed.instances.values().filter(|it| it.phase.word() == "Broken");
        assert_eq!(broken.count(), INSTANCES);
    }
    times.sort_by(f64::total_cmp);
    let value = times[RUNS - 1];
    println!("{}", serde_json::json!({ "name": "silent agents", "value": value, "unit": "ms" }));
}
