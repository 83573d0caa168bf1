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
use super::words;

/// How often a plain line tells the bytes of a download.
const LINES: Duration = Duration::from_secs(10);
/// An image that was there at once is no news, nor is how long a quick step took.
const NEWS: Duration = Duration::from_secs(1);
/// Names longer than this do not push the others' columns away.
const NAME: usize = 32;

/// Draws a run from its events, on standard error.
#[derive(Clone)]
pub struct Progress(Arc<Mutex<State>>);

struct State {
    bars: Option<MultiProgress>,
    /// Of the objects' column.
    width: usize,
    running: BTreeMap<StepId, Running>,
}

struct Running {
    bar: Option<ProgressBar>,
    since: Instant,
    told: Instant,
    said: BTreeSet<String>,
}

impl Progress {
    /// For a run of this plan: bars if standard error is a terminal that can move its cursor.
    pub fn new(plan: &Plan) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let bars = (std::io::stderr().is_terminal() && !dumb).then(MultiProgress::new);
        let names = plan.steps.iter().map(|step| step.action.object().to_string().len());
        let width = names.filter(|length| *length <= NAME).max().unwrap_or_default();
        Self(Arc::new(Mutex::new(State { bars, width, running: BTreeMap::new() })))
    }

    /// Prints a line above the bars.
    pub fn say(&self, text: &str) {
        self.lock().line(text);
    }

    /// A panic elsewhere must not hide what goes on here.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows one event.
    pub fn on_event(&self, plan: &Plan, event: &Event) {
        let mut state = self.lock();
        match event {
            Event::Started { step } => state.start(plan, *step),
            Event::Progressed { step, progress } => state.progress(plan, *step, progress),
            Event::Retrying { step, attempt, delay_ms, error } => {
                let text = format!(
                    "try {attempt} failed ({error}); again in {:.1}s",
                    *delay_ms as f64 / 1e3
                );
                let name = state.label(plan, *step);
                state.line(&format!("  {name}  {}", Styled(CHANGE, &text)));
            }
            Event::Finished { step, outcome } => state.finish(plan, *step, outcome),
        }
    }
}

fn verb(plan: &Plan, step: StepId) -> &'static str {
    plan.step(step).map(|step| step.action.verb()).unwrap_or_default()
}

impl State {
    /// The step's object, padded to the others.
    fn label(&self, plan: &Plan, step: StepId) -> String {
        let name = plan.step(step).map(|step| step.action.object().to_string()).unwrap_or_default();
        format!("{name:0$}", self.width)
    }

    fn line(&self, text: &str) {
        match &self.bars {
            // The bars are redrawn below the line.
            Some(bars) => bars.suspend(|| errln!("{text}")),
            None => errln!("{text}"),
        }
    }

    fn start(&mut self, plan: &Plan, step: StepId) {
        let label = self.label(plan, step);
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner().with_style(spinner()));
            bar.set_prefix(label);
            bar.set_message(verb(plan, step));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let now = Instant::now();
        self.running.insert(step, Running { bar, since: now, told: now, said: BTreeSet::new() });
    }

    fn progress(&mut self, plan: &Plan, step: StepId, progress: &Step) {
        let (plain, label) = (self.bars.is_none(), self.label(plan, step));
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
            errln!("  {label}  {}", Styled(DIM, &text));
        }
    }

    fn finish(&mut self, plan: &Plan, step: StepId, outcome: &StepOutcome) {
        let Some(running) = self.running.remove(&step) else {
            return self.never_begun(plan, step, outcome);
        };
        if let Some(bar) = &running.bar {
            bar.finish_and_clear();
        }
        let time = running.since.elapsed();
        let (name, what) = (self.label(plan, step), verb(plan, step));
        match outcome {
            StepOutcome::Done => self.done(plan, step, time),
            StepOutcome::Failed { error, hint } => {
                self.line(&format!("{} {name}  {what}: {error}", Styled(BAD, "✗")));
                if let Some(hint) = hint {
                    self.line(&format!("  {}", Styled(DIM, &format!("→ {hint}"))));
                }
            }
            StepOutcome::Skipped | StepOutcome::Cancelled => {
                self.line(&format!("{} {name}  {what}: stopped", Styled(CHANGE, "-")));
            }
        }
    }

    fn done(&self, plan: &Plan, step: StepId, time: Duration) {
        let Some(action) = plan.step(step).map(|step| &step.action) else { return };
        let fetched = matches!(action, Action::FetchImage { .. } | Action::FetchContainerd { .. });
        if fetched && time < NEWS {
            return;
        }
        let (name, what) = (self.label(plan, step), words::done(action));
        let time = if time < NEWS { String::new() } else { format!("  {}", elapsed(time)) };
        self.line(&format!("{} {name}  {what}{}", Styled(GOOD, "✓"), Styled(DIM, &time)));
    }

    /// A step after one that failed, or after the run was stopped.
    fn never_begun(&self, plan: &Plan, step: StepId, outcome: &StepOutcome) {
        let why = match outcome {
            StepOutcome::Cancelled => "not begun",
            _ => "not done, because of the failure above",
        };
        let (name, what) = (self.label(plan, step), verb(plan, step));
        self.line(&format!("{} {name}  {what}: {why}", Styled(DIM, "-")));
    }
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
    style("{spinner} {prefix}  {wide_bar} {bytes} of {total_bytes}, {eta} left")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
