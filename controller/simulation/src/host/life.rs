//! One life of a controller.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use limekiln_api::HostFacts;
use limekiln_model::Policy;
use limekiln_reconciler::{
    Configured, Controller, ControllerOptions, Files, Handle, Home, Input, Intake, Limits,
    ReadOptions, ReconcileError, Reconciler,
};
use limekiln_sources::git::{GitConfig, GitReference};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};
use limekiln_sources::{DirectoryConfig, SourceConfig, SourceKind};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Machine;
use super::engine::LifeEngine;
use super::repository::BRANCH;
use crate::story::Source;

/// How long parked objects are kept.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Guests that may boot at once.
pub(super) const BOOTS: usize = 2;

/// A controller from its start to its end.
pub struct Life {
    /// Which, from 1.
    pub number: u64,
    /// What it does.
    pub handle: Handle,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ReconcileError>>,
}

impl Life {
    /// Starts a controller.
    ///
    /// # Errors
    /// If its configuration cannot be used.
    pub fn start(
        machine: &Machine,
        number: u64,
        policy: Policy,
        sources: &[Source],
    ) -> anyhow::Result<Self> {
        let engine = LifeEngine { shared: machine.shared.clone(), life: number };
        let facts = facts(machine.lima_home());
        let intake = intake(machine, sources, &facts)?;
        machine.lock().alive.insert(number);
        let longest = Default::default();
        let limits = Limits { boots: BOOTS, seed: 1, longest, ..Limits::default() };
        let home = Home::new(&facts.lima_home);
        let reconciler = Reconciler::new(Arc::new(engine), home, facts).with_limits(limits);
        let options = ControllerOptions {
            policy,
            resync: Duration::from_secs(60),
            keep_parked: Some(KEPT),
            clock: machine.clock(),
            seed: 1,
            ..ControllerOptions::default()
        };
        let silent = Arc::new(|_: &_, _: &_| {});
        let controller = Controller::new(Arc::new(reconciler), intake, options, silent);
        let (handle, stop) = (controller.handle(), CancellationToken::new());
        let task = tokio::spawn(controller.run(stop.clone()));
        Ok(Self { number, handle, stop, task })
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// It is killed: nothing of it goes on.
    pub async fn kill(self) {
        self.task.abort();
        // Its files are closed, and its lock free, when it is dropped.
        let _ = self.task.await;
    }

    /// It is told to end, and waited for.
    ///
    /// # Errors
    /// What it ended with.
    pub async fn terminate(self) -> Result<(), String> {
        self.stop.cancel();
        match self.task.await {
            Ok(ended) => ended.map_err(|error| error.chain()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// One directory is as with `-f`; several, and repositories, are those of a configuration.
fn intake(
    machine: &Machine,
    sources: &[Source],
    facts: &HostFacts,
) -> anyhow::Result<Box<dyn Intake>> {
    // Manifests of stories build on nothing that is elsewhere.
    let templates = Arc::new(TemplateStore::new(TemplateSettings::new(facts)));
    // Files that were touched in the last hour count as being written.
    let read = ReadOptions {
        quiet: Duration::from_secs(3_600),
        patience: Duration::ZERO,
        ..ReadOptions::default()
    };
    if sources.len() == 1 && !sources[0].git {
        let inputs = vec![Input::Path(machine.manifests(0))];
        return Ok(Box::new(Files::new(inputs, read, templates)));
    }
    let config = |(number, source): (usize, &Source)| SourceConfig {
        name: source_name(number),
        kind: kind(machine.manifests(number), source.git),
        prune: source.prune,
        policy: source.has_policy().then(|| machine.policy(number)),
        interval: source.slow.then_some(60),
    };
    let configs = sources.iter().enumerate().map(config).collect();
    let configured = Configured::new(configs, &machine.home(), templates)?;
    Ok(Box::new(configured.reading(&read)))
}

fn kind(path: PathBuf, git: bool) -> SourceKind {
    if git {
        let branch = GitReference::Branch(BRANCH.to_owned());
        return SourceKind::Git(GitConfig::new(path.to_string_lossy(), branch));
    }
    SourceKind::Directory(DirectoryConfig { path, recursive: false })
}

/// What a source is called.
pub fn source_name(number: usize) -> String {
    format!("source-{number}")
}

/// The machine that manifests are filled in for.
pub(super) fn facts(lima_home: PathBuf) -> HostFacts {
    HostFacts { lima_home, memory: 64 << 30, containerd: false, ..HostFacts::example() }
}
