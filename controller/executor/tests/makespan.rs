//! How well work is spread over the slots, under a paused clock.

mod timed;

use timed::Graph;

const GRAPHS: u64 = 200;

/// How much longer than the bound that no schedule can beat, on average and at worst.
async fn ratios(graph: fn(u64) -> Graph) -> (f64, f64) {
    let mut all = Vec::new();
    for seed in 0..GRAPHS {
        all.push(graph(seed).ratio().await);
    }
    (all.iter().sum::<f64>() / all.len() as f64, all.into_iter().fold(0.0, f64::max))
}

/// In the order in which they become ready, jobs take 1.14 times the bound.
#[tokio::test(start_paused = true)]
async fn jobs_of_unknown_length_fill_their_slots() {
    let (mean, worst) = ratios(Graph::jobs).await;
    assert!(mean <= 1.1, "{mean}");
    assert!(worst <= 1.4, "{worst}");
}

#[tokio::test(start_paused = true)]
async fn instances_that_wait_for_others_fill_downloads_and_boots() {
    let (mean, worst) = ratios(Graph::instances).await;
    assert!(mean <= 1.1, "{mean}");
    assert!(worst <= 1.4, "{worst}");
}
