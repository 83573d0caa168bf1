//! What a run is doing: bars on a terminal, plain lines elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use limekiln_api::ByteSize;
use limekiln_model::{Action, Event, Plan, Progress as Step, StepId, StepOutcome};

use super::style::{BAD, CHANGE, DIM, GOOD, Styled};
use super::time::elapsed;

/// How often a plain line tells the bytes of a download.
const LINES: Duration = Duration::from_secs(10);

/// Draws a run from its events, on standard error.
#[derive(Clone)]
pub struct Progress(Arc<Mutex<State>>);

struct State {
    bars: Option<MultiProgress>,
    running: BTreeMap<StepId, Running>,
}

struct Running {
    bar: Option<ProgressBar>,
    since: Instant,
    told: Instant,
    said: BTreeSet<String>,
}

impl Progress {
    /// Bars if standard error is a terminal.
    pub fn new() -> Self {
        let bars = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self(Arc::new(Mutex::new(State { bars, running: BTreeMap::new() })))
    }

    /// Shows one event.
    pub fn on_event(&self, plan: &Plan, event: &Event) {
        // A panic elsewhere must not hide what goes on here.
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { step } => state.start(plan, *step),
            Event::Progressed { step, progress } => state.progress(plan, *step, progress),
            Event::Retrying { step, attempt, delay_ms, error } => {
                let text = format!(
                    "try {attempt} failed ({error}); again in {:.1}s",
                    *delay_ms as f64 / 1e3
                );
                state.line(&format!("{}  {}", label(plan, *step), Styled(CHANGE, &text)));
            }
            Event::Finished { step, outcome } => state.finish(plan, *step, outcome),
        }
    }
}

fn label(plan: &Plan, step: StepId) -> String {
    plan.step(step).map(|step| step.action.object().to_string()).unwrap_or_default()
}

fn verb(plan: &Plan, step: StepId) -> &'static str {
    plan.step(step).map(|step| step.action.verb()).unwrap_or_default()
}

impl State {
    fn line(&self, text: &str) {
        match &self.bars {
            // The bars are redrawn below the line.
            Some(bars) => bars.suspend(|| anstream::eprintln!("{text}")),
            None => anstream::eprintln!("{text}"),
        }
    }

    fn start(&mut self, plan: &Plan, step: StepId) {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner().with_style(spinner()));
            bar.set_prefix(label(plan, step));
            bar.set_message(verb(plan, step));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let now = Instant::now();
        self.running.insert(step, Running { bar, since: now, told: now, said: BTreeSet::new() });
    }

    fn progress(&mut self, plan: &Plan, step: StepId, progress: &Step) {
        let plain = self.bars.is_none();
        let Some(running) = self.running.get_mut(&step) else { return };
        let (text, quiet) = match progress {
            Step::Message { text } => (text.clone(), false),
            Step::Bytes { what, done, total } => (bytes(what, *done, *total), true),
        };
        match (&running.bar, progress) {
            (Some(bar), Step::Bytes { done, total: Some(total), .. }) => {
                bar.set_style(counter());
                bar.set_length(*total);
                bar.set_position(*done);
            }
            (Some(bar), _) => {
                bar.set_style(spinner());
                bar.set_message(text.clone());
            }
            (None, _) => {}
        }
        let due = !quiet || running.told.elapsed() >= LINES;
        // What is waited for may alternate for minutes; a log needs each of it once.
        if plain && due && running.said.insert(text.clone()) {
            running.told = Instant::now();
            anstream::eprintln!("{}  {}", label(plan, step), Styled(DIM, &text));
        }
    }

    fn finish(&mut self, plan: &Plan, step: StepId, outcome: &StepOutcome) {
        let running = self.running.remove(&step);
        if let Some(bar) = running.as_ref().and_then(|running| running.bar.as_ref()) {
            bar.finish_and_clear();
        }
        let time = running.map(|running| elapsed(running.since.elapsed())).unwrap_or_default();
        let (name, what) = (label(plan, step), verb(plan, step));
        match outcome {
            StepOutcome::Done if is_silent(plan, step) => {}
            StepOutcome::Done => {
                self.line(&format!("{} {name}  {what}  {}", Styled(GOOD, "✓"), Styled(DIM, &time)));
            }
            StepOutcome::Failed { error, hint } => {
                self.line(&format!("{} {name}  {what}: {error}", Styled(BAD, "✗")));
                if let Some(hint) = hint {
                    self.line(&format!("  {}", Styled(DIM, &format!("→ {hint}"))));
                }
            }
            StepOutcome::Skipped => {
                self.line(&format!("{} {name}  {what}: not done", Styled(DIM, "-")));
            }
            StepOutcome::Cancelled => {
                self.line(&format!("{} {name}  {what}: cancelled", Styled(CHANGE, "-")));
            }
        }
    }
}

/// A cached or local image is no news.
fn is_silent(plan: &Plan, step: StepId) -> bool {
    plan.step(step).is_some_and(|step| matches!(step.action, Action::FetchImage { .. }))
}

fn bytes(what: &str, done: u64, total: Option<u64>) -> String {
    let mib = |bytes: u64| ByteSize(bytes >> 20 << 20);
    match total {
        Some(total) if total > 0 => {
            format!("{what} {} of {} ({}%)", mib(done), mib(total), done * 100 / total)
        }
        _ => format!("{what} {}", mib(done)),
    }
}

fn spinner() -> ProgressStyle {
    style("{spinner} {prefix}  {wide_msg} {elapsed}")
}

fn counter() -> ProgressStyle {
    style("{spinner} {prefix}  {wide_bar} {bytes}/{total_bytes} {eta}")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
