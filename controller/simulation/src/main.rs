//! `limekiln-simulate`: plays many stories, and says which ended badly.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
use limekiln_simulation::story::{Fault, Story};
use limekiln_simulation::{Verdict, check};

/// Plays stories of the whole controller on virtual time, with faults, from seeds.
#[derive(Parser)]
struct Args {
    /// How many.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Shows what happened in each story.
    #[arg(long)]
    log: bool,
    /// How many are played at once; one for each processor if nothing is said.
    #[arg(long)]
    jobs: Option<usize>,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    // Panics that a story is about are not worth a line each.
    std::panic::set_hook(Box::new(|info| {
        let text = info.payload_as_str().unwrap_or_default();
        if !text.starts_with("an injected panic") {
            eprintln!("{info}");
        }
    }));
    let begun = Instant::now();
    let verdicts = play_all(&args)?;
    let bad: Vec<_> = verdicts.iter().filter(|verdict| !verdict.wrong.is_empty()).collect();
    for verdict in &bad {
        tell(verdict, args.log);
    }
    let mut fired = BTreeMap::<Fault, u64>::new();
    for fault in verdicts.iter().flat_map(|verdict| &verdict.fired) {
        *fired.entry(*fault).or_default() += 1;
    }
    let actions: usize = verdicts.iter().map(|verdict| verdict.actions).sum();
    println!(
        "{} schedules, {actions} actions, {} kinds of faults, {:.1} s: {} ended badly",
        verdicts.len(),
        fired.len(),
        begun.elapsed().as_secs_f64(),
        bad.len()
    );
    for fault in Fault::ALL {
        println!("  {:>6}  {fault:?}", fired.get(&fault).copied().unwrap_or_default());
    }
    Ok(if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn play_all(args: &Args) -> anyhow::Result<Vec<Verdict>> {
    let (next, end) = (AtomicU64::new(args.from), args.from + args.seeds);
    let verdicts = Mutex::new(Vec::new());
    let jobs = args.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let work = || -> anyhow::Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return Ok(());
            }
            let verdict = check(seed)?;
            if args.log && verdict.wrong.is_empty() && args.seeds == 1 {
                tell(&verdict, true);
            }
            verdicts.lock().expect("no thread panics while it holds this").push(verdict);
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("stories do not panic"))
    })?;
    let mut verdicts = verdicts.into_inner().expect("no thread panics while it holds this");
    verdicts.sort_by_key(|verdict| verdict.seed);
    Ok(verdicts)
}

fn tell(verdict: &Verdict, log: bool) {
    println!("seed {}:", verdict.seed);
    for wrong in &verdict.wrong {
        println!("  {wrong}");
    }
    if log {
        let Story { prune, rapid, strangers, chapters, .. } = Story::of(verdict.seed);
        println!("  prune {prune}, rapid {rapid}, strangers {:?}", strangers.ids());
        for (number, chapter) in chapters.iter().enumerate() {
            println!("  chapter {number}: {} {:?}", chapter.deed, chapter.faults);
        }
        verdict.log.iter().for_each(|line| println!("  {line}"));
    }
}
