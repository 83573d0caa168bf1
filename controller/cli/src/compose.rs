//! Puts the parts together: which engine, which home.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use limekiln_api::HostFacts;
use limekiln_engine_native::{NativeConfig, NativeEngine};
use limekiln_model::Observed;
use limekiln_reconciler::{Home, Reconciler};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};

/// All that a command needs.
pub struct App {
    /// Observes, plans, executes.
    pub reconciler: Reconciler,
    facts: HostFacts,
    runtime: tokio::runtime::Runtime,
}

impl App {
    /// Opens `$LIMA_HOME`. Nothing is written and no lock is taken.
    ///
    /// # Errors
    /// If there is no home directory.
    pub fn open() -> anyhow::Result<Self> {
        let lima_home = lima_home()?;
        let facts = limekiln_engine_native::host_facts(&lima_home);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let engine = Arc::new(NativeEngine::new(NativeConfig::new(facts.clone())));
        let reconciler = Reconciler::new(engine, Home::new(&lima_home), facts.clone());
        Ok(Self { reconciler, facts, runtime })
    }

    /// Where the instances are.
    pub fn lima_home(&self) -> &Path {
        &self.facts.lima_home
    }

    /// Facts about the host.
    pub fn facts(&self) -> &HostFacts {
        &self.facts
    }

    /// Templates and scripts, each fetched once in the store's life.
    pub fn template_store(&self) -> TemplateStore {
        TemplateStore::new(TemplateSettings::from_environment(&self.facts))
    }

    /// Runs asynchronous work to its end.
    pub fn block_on<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// What exists.
    ///
    /// # Errors
    /// If the home cannot be read.
    pub fn observe(&self) -> anyhow::Result<Observed> {
        self.block_on(self.reconciler.observe()).map_err(told)
    }

    /// The path with `~` for the home directory.
    pub fn short_path(&self, path: &Path) -> String {
        match path.strip_prefix(&self.facts.home) {
            Ok(rest) => format!("~/{}", rest.display()),
            Err(_) => path.display().to_string(),
        }
    }
}

/// `$LIMA_HOME`, or `~/.lima`; made absolute and, if it exists, free of symbolic links, as Lima
/// does before it derives anything from it.
pub fn lima_home() -> anyhow::Result<PathBuf> {
    let home = match std::env::var_os("LIMA_HOME").filter(|home| !home.is_empty()) {
        Some(home) => PathBuf::from(home),
        None => {
            std::env::home_dir().context("there is no home directory; set LIMA_HOME")?.join(".lima")
        }
    };
    Ok(home.canonicalize().or_else(|_| std::path::absolute(&home))?)
}

/// Says once that root is not the usual user.
pub fn warn_about_root() {
    if rustix::process::geteuid().is_root() {
        let warning = crate::output::style::Styled(crate::output::style::CHANGE, "warning:");
        anstream::eprintln!(
            "{warning} running as root: Lima itself refuses to; the guest's user is `lima`"
        );
    }
}

/// A reconciler's error as the program's: with its hint, and with the exit code that bad input
/// has.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub fn told(error: limekiln_reconciler::ReconcileError) -> anyhow::Error {
    use limekiln_reconciler::ReconcileError;
    let exit = match &error {
        ReconcileError::Source(_) | ReconcileError::Saved(_) => crate::exit::Exit::BadInput,
        _ => crate::exit::Exit::Failed,
    };
    let mut message = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        message += &format!(": {inner}");
        cause = inner.source();
    }
    let failure = crate::exit::Failure::new(exit, message);
    match error.hint() {
        Some(hint) => failure.hint(hint).into(),
        None => failure.into(),
    }
}
