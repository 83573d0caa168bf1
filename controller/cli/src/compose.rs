//! Puts the parts together: which engine, which home.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use limekiln_api::{HostFacts, Lima, fill_as, read_lima};
use limekiln_engine_native::{ByHand, NativeConfig, NativeEngine};
use limekiln_hostagent::InstanceFiles;
use limekiln_model::{Name, Observed};
use limekiln_reconciler::{Home, Reconciler};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};

use crate::exit::{Exit, Failure};

/// All that a command needs.
pub struct App {
    /// Observes, plans, executes.
    pub reconciler: Arc<Reconciler>,
    facts: HostFacts,
    runtime: Option<tokio::runtime::Runtime>,
}

/// What still looks at files, or waits for a server, is not waited for: nobody needs it any more.
impl Drop for App {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(LEFT);
        }
    }
}

/// So long what was begun away from the runtime's thread has to end, as a file that is written.
const LEFT: Duration = Duration::from_millis(500);

impl App {
    /// Opens `$LIMA_HOME`. Nothing is written and no lock is taken.
    ///
    /// # Errors
    /// If there is no home directory, or a file that all instances depend on is wrong.
    pub fn open() -> anyhow::Result<Self> {
        let lima_home = lima_home()?;
        let facts = limekiln_engine_native::host_facts(&lima_home).map_err(wrong_layer)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let engine = Arc::new(NativeEngine::new(NativeConfig::new(facts.clone())));
        let reconciler = Reconciler::new(engine, Home::new(&lima_home), facts.clone());
        Ok(Self { reconciler: Arc::new(reconciler), facts, runtime: Some(runtime) })
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
        self.runtime.as_ref().expect("it is there until the end").block_on(work)
    }

    /// What exists.
    ///
    /// # Errors
    /// If the home cannot be read.
    pub fn observe(&self) -> anyhow::Result<Observed> {
        self.block_on(self.reconciler.observe()).map_err(told)
    }

    /// An instance's configuration, filled in.
    ///
    /// # Errors
    /// If there is no such instance, or its file cannot be read.
    pub fn instance(&self, name: &Name) -> anyhow::Result<Lima> {
        let dir = InstanceFiles::new(self.lima_home().join(name.as_str()));
        let Ok(text) = std::fs::read_to_string(dir.lima_yaml()) else {
            let failure = Failure::bad_input(format!("there is no instance {name}"));
            return Err(failure.hint("`limekiln list` shows those that exist").into());
        };
        let lima = read_lima(&text)
            .with_context(|| format!("{} cannot be read", dir.lima_yaml().display()))?;
        Ok(fill_as(&lima, name, &self.facts, &dir.creator()))
    }

    /// As [`Self::by_hand`], for who makes something: our own directories are there then.
    ///
    /// # Errors
    /// If they cannot be made, or others can write to them.
    pub fn by_hand_anew(&self) -> anyhow::Result<ByHand> {
        self.reconciler.home().prepare().map_err(|error| told(error.into()))?;
        Ok(self.by_hand())
    }

    /// What is done by hand beside all plans.
    pub fn by_hand(&self) -> ByHand {
        ByHand::new(&self.facts)
    }

    /// The path with `~` for the home directory.
    pub fn short_path(&self, path: &Path) -> String {
        match path.strip_prefix(&self.facts.home) {
            Ok(rest) => format!("~/{}", rest.display()),
            Err(_) => path.display().to_string(),
        }
    }
}

/// `$LIMA_HOME`, or `~/.lima`; made absolute and free of symbolic links, as Lima does before it
/// derives anything from it. What does not exist yet is no link: the path must not change when it
/// does, for running VMs are known by it.
pub fn lima_home() -> anyhow::Result<PathBuf> {
    let home = match std::env::var_os("LIMA_HOME").filter(|home| !home.is_empty()) {
        Some(home) => PathBuf::from(home),
        None => {
            std::env::home_dir().context("there is no home directory; set LIMA_HOME")?.join(".lima")
        }
    };
    Ok(resolved(&std::path::absolute(&home)?))
}

fn resolved(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => resolved(parent).join(name),
        _ => path.to_owned(),
    }
}

/// Nothing is sure while what all instances have in common is not.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
fn wrong_layer(error: limekiln_engine_native::LayerError) -> anyhow::Error {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    let message = format!("{error}{}", cause.unwrap_or_default());
    Failure::bad_input(message).hint(error.hint()).into()
}

/// Says once that root is not the usual user.
pub fn warn_about_root() {
    if rustix::process::geteuid().is_root() {
        let warning = crate::output::style::Styled(crate::output::style::CHANGE, "warning:");
        errln!("{warning} running as root: Lima itself refuses to; the guest's user is `lima`");
    }
}

/// A reconciler's error as the program's: with its hint, and with the exit code that bad input
/// has.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub fn told(error: limekiln_reconciler::ReconcileError) -> anyhow::Error {
    use limekiln_reconciler::ReconcileError;
    let exit = match &error {
        ReconcileError::Source(_) | ReconcileError::Saved(_) => Exit::BadInput,
        _ => Exit::Failed,
    };
    let failure = Failure::new(exit, error.chain());
    match error.hint() {
        Some(hint) => failure.hint(hint).into(),
        None => failure.into(),
    }
}

/// An engine's error as the program's, with its hint.
pub fn refused(error: limekiln_engine::EngineError) -> anyhow::Error {
    let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
    let failure =
        Failure::new(Exit::Failed, format!("{}{}", error.message, cause.unwrap_or_default()));
    match error.hint {
        Some(hint) => failure.hint(hint).into(),
        None => failure.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::resolved;

    #[test]
    fn a_home_that_does_not_exist_yet_has_the_path_that_it_will_have() {
        let dir = tempfile::tempdir().expect("a directory");
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        std::fs::create_dir(&real).expect("writable");
        std::os::unix::fs::symlink(&real, &link).expect("writable");
        let before = resolved(&link.join("deep/home"));
        std::fs::create_dir_all(link.join("deep/home")).expect("writable");
        assert_eq!(resolved(&link.join("deep/home")), before);
        assert!(before.ends_with("real/deep/home"), "{}", before.display());
    }
}
