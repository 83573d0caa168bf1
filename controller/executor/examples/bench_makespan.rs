//! Makespans of random graphs: the figures that `cargo xtask bench makespan` holds against their
//! bounds. Prints one JSON object per figure. The clock is virtual, so the machine does not matter.

#[path = "../tests/timed/mod.rs"]
mod timed;

use timed::Graph;

const GRAPHS: u64 = 1_000;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    for (name, graph) in
        [("jobs", Graph::jobs as fn(u64) -> Graph), ("instances", Graph::instances)]
    {
        let mut all = Vec::new();
        for seed in 0..GRAPHS {
            all.push(graph(seed).ratio().await);
        }
        all.sort_by(f64::total_cmp);
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        for (figure, value) in [("mean", mean), ("9 of 10", all[all.len() * 9 / 10])] {
            let name = format!("{name}, {figure}");
            println!("{}", serde_json::json!({ "name": name, "value": value, "unit": "×" }));
        }
    }
}
