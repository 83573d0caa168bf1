//! What a script plays on: a home, a directory of manifests, an engine, and time that is paused.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use limekiln_api::HostFacts;
use limekiln_engine_sim::SimEngine;
use limekiln_model::{Event, Plan, StepOutcome};
use limekiln_reconciler::{Home, Limits, OnEvent, Planned, Reconciler, Run, Settled};
use tokio_util::sync::CancellationToken;

use crate::faulty::FaultyEngine;
use crate::resident::Resident;
use crate::shown;

/// Everything that lasts from command to command.
pub struct Stage {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    pub sim: Arc<SimEngine>,
    pub engine: Arc<FaultyEngine>,
    pub reconciler: Reconciler,
    /// A controller that runs.
    pub resident: Option<Resident>,
}

impl Stage {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(dir.path().join("m")).expect("a new directory is writable");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime without input and output");
        let sim = Arc::new(SimEngine::new(1));
        let engine = Arc::new(FaultyEngine::new(Arc::clone(&sim)));
        let reconciler = reconciler(&dir, &engine);
        Self { dir, runtime, sim, engine, reconciler, resident: None }
    }

    /// As after the end of the process: nothing is kept but files and what exists.
    pub fn reopen(&mut self) {
        self.reconciler = reconciler(&self.dir, &self.engine);
    }

    /// Starts a controller, as in a process of its own.
    pub fn reside(&mut self, start: impl FnOnce(Reconciler) -> Resident) {
        assert!(self.resident.is_none(), "a controller runs");
        let _runtime = self.runtime.enter();
        self.resident = Some(start(reconciler(&self.dir, &self.engine)));
    }

    /// A file of the scripts' directory; manifests are in `m`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The directory of manifests.
    pub fn manifests(&self) -> PathBuf {
        self.path("m")
    }

    /// The host.
    pub fn facts(&self) -> HostFacts {
        facts(&self.dir)
    }

    /// Writes a manifest that has been quiet for long.
    pub fn put(&self, file: &str, text: &str) {
        let path = self.manifests().join(file);
        fs::write(&path, text).expect("the directory is there");
        let file = File::options().write(true).open(&path).expect("just written");
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("ours");
    }

    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Runs a plan until nothing is left to do, and tells each step's end.
    pub fn settle(&mut self, planned: Planned) -> String {
        let told = Arc::new(Mutex::new(String::new()));
        let before = planned.report.clone();
        let run = run(&told);
        self.engine.begin(run.cancel.clone());
        let settled: Result<Settled, _> =
            self.runtime.block_on(self.reconciler.settle(planned, &run));
        let mut out = std::mem::take(&mut *told.lock().unwrap_or_else(PoisonError::into_inner));
        if self.engine.died() {
            self.reopen();
            return out + "the controller died\n";
        }
        out += &match settled {
            Ok(settled) => shown::end(&settled, &before),
            Err(error) => shown::error(&error),
        };
        out
    }

    /// The text without what differs from run to run.
    pub fn redact(&self, text: &str) -> String {
        let dir = self.dir.path().display().to_string();
        let real = self.dir.path().canonicalize().unwrap_or_default().display().to_string();
        let text = text.replace(&format!("process {}", std::process::id()), "process PID");
        text.replace(&format!("{dir}/"), "").replace(&format!("{real}/"), "")
    }
}

fn facts(dir: &tempfile::TempDir) -> HostFacts {
    let lima_home = dir.path().join("lima");
    HostFacts { lima_home, containerd: false, ..HostFacts::example() }
}

fn reconciler(dir: &tempfile::TempDir, engine: &Arc<FaultyEngine>) -> Reconciler {
    let facts = facts(dir);
    let lima_home = facts.lima_home.clone();
    // One after the other, so that steps have one order.
    let limits = Limits { downloads: 1, boots: 1, light: 1, ..Limits::default() };
    let engine: Arc<FaultyEngine> = Arc::clone(engine);
    Reconciler::new(engine, Home::new(&lima_home), facts).with_limits(limits)
}

/// A run whose steps are told into a text.
fn run(told: &Arc<Mutex<String>>) -> Run {
    Run { cancel: CancellationToken::new(), on_event: teller(told) }
}

/// Tells each step's end into a text.
pub fn teller(told: &Arc<Mutex<String>>) -> OnEvent {
    let told = Arc::clone(told);
    Arc::new(move |plan: &Plan, event: &Event| {
        let line = match event {
            Event::Retrying { step, error, .. } => shown::step(plan, *step, "again", Some(error)),
            Event::Finished { step, outcome } => match outcome {
                StepOutcome::Done => shown::step(plan, *step, "done", None),
                StepOutcome::Failed { error, .. } => {
                    shown::step(plan, *step, "failed", Some(error))
                }
                StepOutcome::Skipped => shown::step(plan, *step, "skipped", None),
                StepOutcome::Cancelled => shown::step(plan, *step, "cancelled", None),
            },
            Event::Started { .. } | Event::Progressed { .. } => return,
        };
        told.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line);
    })
}
