//! What a controller does, a line at a time: for a terminal, a journal, or a program.

use std::collections::BTreeMap;
use std::fmt;

use clap::ValueEnum;
use jiff::Timestamp;
use limekiln_api::Diagnostic;
use limekiln_model::{Event, ObjectId, Plan, Report, StepOutcome};
use limekiln_planner::render::reason;
use limekiln_reconciler::{Attempt, ControllerState, Loaded};
use serde_json::{Value, json};
use tracing::Subscriber;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::plan::{news, notes};
use super::style::{BAD, CHANGE, DIM, GOOD, Styled};

/// How lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object per line
    Json,
}

/// How a line is meant.
#[derive(Clone, Copy)]
enum Level {
    Info,
    Done,
    Warn,
    Error,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Info | Self::Done => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Writes the lines to standard output.
#[derive(Clone, Copy)]
pub struct Log(pub LogFormat);

impl Log {
    /// Something about the controller itself.
    pub fn note(self, text: &str) {
        self.line(Level::Info, None, text, &json!({}));
    }

    /// Something about the controller itself that somebody should look at.
    pub fn warn(self, text: &str) {
        self.line(Level::Warn, None, text, &json!({}));
    }

    /// What happened to a step. Beginnings and progress are no news.
    pub fn event(self, plan: &Plan, event: &Event) {
        let (step, level, outcome, message) = match event {
            Event::Retrying { step, error, .. } => (step, Level::Warn, "retrying", Some(error)),
            Event::Finished { step, outcome: StepOutcome::Done } => {
                (step, Level::Done, "done", None)
            }
            Event::Finished { step, outcome: StepOutcome::Failed { error, .. } } => {
                (step, Level::Error, "failed", Some(error))
            }
            Event::Finished { .. } | Event::Started { .. } | Event::Progressed { .. } => return,
        };
        let Some(action) = plan.step(*step).map(|step| &step.action) else { return };
        let text = match message {
            Some(message) => format!("{}: {outcome}: {message}", action.verb()),
            None => format!("{}: {outcome}", action.verb()),
        };
        let data = json!({"step": action.verb(), "outcome": outcome, "error": message});
        self.line(level, Some(&action.object()), &text, &data);
    }

    /// Tells what is wrong with manifests each time that they are read.
    pub fn teller(self) -> Box<dyn Fn(&Loaded) + Send + Sync> {
        Box::new(move |loaded| loaded.diagnostics.iter().for_each(|one| self.diagnostic(one)))
    }

    fn diagnostic(self, diagnostic: &Diagnostic) {
        match self.0 {
            LogFormat::Text => errln!("{}\n", super::diagnostic::styled(diagnostic)),
            LogFormat::Json => {
                self.line(Level::Error, None, &diagnostic.to_string(), &json!({}));
            }
        }
    }

    fn line(self, level: Level, object: Option<&ObjectId>, text: &str, data: &Value) {
        let now = Timestamp::now();
        if self.0 == LogFormat::Json {
            let mut line = json!({"time": now.to_string(), "level": level.word(), "message": text});
            if let (Some(line), Some(data)) = (line.as_object_mut(), data.as_object()) {
                line.extend(object.map(|id| ("object".to_owned(), id.to_string().into())));
                let set = data.iter().filter(|(_, value)| !value.is_null());
                line.extend(set.map(|(key, value)| (key.clone(), value.clone())));
            }
            return outln!("{line}");
        }
        let time = now.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S").to_string();
        let style = match level {
            Level::Info => anstyle::Style::new(),
            Level::Done => GOOD,
            Level::Warn => CHANGE,
            Level::Error => BAD,
        };
        let time = Styled(DIM, &time);
        match object {
            Some(id) => outln!("{time}  {:20}  {}", id.to_string(), Styled(style, text)),
            None => outln!("{time}  {}", Styled(style, text)),
        }
    }
}

/// Messages from within, in the shape of the other lines for programs.
pub struct Records;

impl<S, N> FormatEvent<S, N> for Records
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut to: Writer<'_>,
        event: &tracing::Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        context.format_fields(Writer::new(&mut text), event)?;
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        let time = Timestamp::now().to_string();
        writeln!(to, "{}", json!({ "time": time, "level": level, "message": text }))
    }
}

/// Tells what changed from one look of a controller to the next.
pub struct Changes {
    log: Log,
    waiting: Report,
    errors: Vec<String>,
    attempts: BTreeMap<ObjectId, Attempt>,
    settled: bool,
}

impl Changes {
    /// Nothing was told yet.
    pub fn new(log: Log) -> Self {
        Self {
            log,
            waiting: Report::default(),
            errors: Vec::new(),
            attempts: BTreeMap::new(),
            settled: false,
        }
    }

    /// Tells what is new.
    pub fn tell(&mut self, state: &ControllerState) {
        self.errors(state);
        self.stalled(state);
        let Some(planned) = &state.planned else { return };
        let news = news(&self.waiting, &planned.report);
        for (id, note) in notes(&news) {
            let text = format!("{} → {}", note.text, note.hint);
            self.log.line(Level::Warn, Some(id), &text, &json!({"hint": null}));
        }
        for (id, waiting) in news.waiting {
            for one in waiting {
                let hint = one.hint.map(|hint| format!(" → {hint}")).unwrap_or_default();
                let text = reason(&id, &one.reason) + &hint;
                self.log.line(Level::Warn, Some(&id), &text, &json!({"hint": null}));
            }
        }
        self.waiting.clone_from(&planned.report);
        let settled = state.is_settled();
        if settled && !self.settled {
            let desired = &planned.desired;
            let objects = desired.instances.len() + desired.disks.len() + desired.networks.len();
            let waits = self.waiting.waiting.len();
            let fine = objects.saturating_sub(waits);
            let are = if fine == 1 { "is" } else { "are" };
            let text = match waits {
                0 => format!("{} {are} as wanted", super::words::count(fine, "object")),
                _ => {
                    format!("{} {are} as wanted, {waits} wait", super::words::count(fine, "object"))
                }
            };
            self.log.line(Level::Info, None, &text, &json!({}));
        }
        self.settled = settled;
    }

    fn errors(&mut self, state: &ControllerState) {
        let home = state.observe_error.iter().map(|error| format!("the home: {error}"));
        let now: Vec<_> = state.source_errors.iter().cloned().chain(home).collect();
        for error in now.iter().filter(|error| !self.errors.contains(error)) {
            let text = format!("cannot be read; what was known before holds: {error}");
            self.log.line(Level::Error, None, &text, &json!({}));
        }
        if now.is_empty() && !self.errors.is_empty() {
            self.log.line(Level::Info, None, "all can be read again", &json!({}));
        }
        self.errors = now;
    }

    fn stalled(&mut self, state: &ControllerState) {
        let was = |id: &ObjectId| self.attempts.get(id).is_some_and(|attempt| attempt.stalled);
        for (id, attempt) in state.attempts.iter().filter(|(_, attempt)| attempt.stalled) {
            if !was(id) {
                let text = match attempt.error {
                    None => "stalled: the same was done again and again and changed nothing",
                    Some(_) => {
                        "stalled: it fails each time in the same way, and is tried seldom now"
                    }
                };
                self.log.line(Level::Error, Some(id), text, &json!({}));
            }
        }
        self.attempts.clone_from(&state.attempts);
    }
}
