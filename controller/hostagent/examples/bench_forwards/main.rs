//! Forwarded TCP against a raw relay with as many hops: both agents are processes on the host,
//! joined by a unix socket, and so are the relay's two halves. Prints one JSON line per figure.
//!
//! The guest agent is the one that `LIMEKILN_GUESTAGENT` names: the real, static program.

#![expect(clippy::unwrap_used, reason = "a benchmark has nobody to hand an error to")]

mod load;
mod process;
mod relay;
mod setup;

use std::net::TcpListener;
use std::time::Duration;

use mimalloc::MiMalloc;
use setup::Setup;

// As the program has it.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Rounds; the median counts, for other programs come and go.
const ROUNDS: usize = 5;
/// What listens in an idle guest, beside the servers.
const LISTENING: usize = 50;
/// The guest agent looks more often for 10 s after a change.
const SETTLE: Duration = Duration::from_secs(12);
const WATCH: Duration = Duration::from_secs(60);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["forward", dir] => {
            limekiln_hostagent::huge_pages::refuse();
            process::forward(dir);
        }
        ["relay", from, to] => relay::run(from, to),
        _ => measure(),
    }
}

fn measure() {
    let setup = Setup::new();
    let listening = || TcpListener::bind("127.0.0.1:0").unwrap();
    let _listening: Vec<_> = std::iter::repeat_with(listening).take(LISTENING).collect();
    std::thread::sleep(SETTLE);
    figure("memory", process::private_kib(setup.guest_pid()) / 1024.0);
    figure("idle", process::busy_percent(setup.guest_pid(), WATCH));
    throughput("upload", &setup, load::upload);
    throughput("download", &setup, load::download);
    let mut added = Vec::new();
    let mut over_relay = Vec::new();
    for _ in 0..ROUNDS {
        let [direct, relayed, forwarded] =
            [setup.echo, setup.relayed_echo, setup.forwarded_echo].map(load::round_trip_us);
        added.push(forwarded - direct);
        over_relay.push(forwarded - relayed);
    }
    figure("latency", median(added));
    figure("over relay", median(over_relay));
    figure("after load", process::private_kib(setup.guest_pid()) / 1024.0);
    figure("host after load", process::private_kib(setup.host_pid()) / 1024.0);
}

/// How much quicker the relay is; 1 means equally quick.
fn throughput(name: &str, setup: &Setup, load: fn(u16) -> f64) {
    let ports = match name {
        "upload" => [setup.relayed_sink, setup.forwarded_sink],
        _ => [setup.relayed_source, setup.forwarded_source],
    };
    let mut ratios = Vec::new();
    let mut best = [0.0_f64; 2];
    for _ in 0..ROUNDS {
        let [relayed, forwarded] = ports.map(load);
        best = [best[0].max(relayed), best[1].max(forwarded)];
        ratios.push(relayed / forwarded);
    }
    eprintln!("{name}: relay {:.0} MB/s, forwarded {:.0} MB/s", best[0], best[1]);
    figure(name, median(ratios));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn figure(name: &str, value: f64) {
    println!("{}", serde_json::json!({"name": name, "value": value}));
}
