//! `-f`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use limekiln_api::template::Fetch;
use limekiln_model::Policy;
use limekiln_reconciler::policy::{Existing, Policies};
use limekiln_reconciler::{Files, Input, Loaded, Planned, ReadOptions, Templates};
use limekiln_sources::WatchRoot;
use limekiln_sources::lock::{Checked, Lock};

use crate::compose::{App, told};
use crate::exit::Failure;
use crate::locked;
use crate::output::log::Log;
use crate::quote::quote;

/// Where manifests come from.
#[derive(Args, Clone)]
pub struct SourceArgs {
    /// A file or directory of manifests; `-` is standard input
    #[arg(short, long = "filename", value_name = "FILE")]
    filename: Vec<PathBuf>,
    /// Read directories below directories, too
    #[arg(short = 'R', long)]
    recursive: bool,
    /// Refuse templates and images other than those in the lock file
    #[arg(long)]
    locked: bool,
    /// The lock file, limekiln.lock beside the first -f unless set; implies --locked
    #[arg(long, value_name = "FILE")]
    lock_file: Option<PathBuf>,
}

impl SourceArgs {
    /// Whether nothing was named.
    pub fn is_empty(&self) -> bool {
        self.filename.is_empty()
    }

    /// The same words again, for the command that one would want next.
    pub fn words(&self) -> String {
        let mut words = String::new();
        for path in &self.filename {
            words += &format!(" -f {}", quote(&path.display().to_string()));
        }
        words += if self.recursive { " -R" } else { "" };
        words += if self.locked { " --locked" } else { "" };
        if let Some(file) = &self.lock_file {
            words += &format!(" --lock-file {}", quote(&file.display().to_string()));
        }
        words
    }

    /// Reads and checks all manifests, and prints what is wrong with them.
    ///
    /// # Errors
    /// If nothing was named, or an input cannot be read whole.
    pub fn load(&self, app: &App) -> anyhow::Result<Loaded> {
        let store = app.template_store();
        if !self.locked && self.lock_file.is_none() {
            return self.load_with(app, Templates { fetch: &store, lock: None });
        }
        let lock = self.lock()?;
        let fetch = Checked::new(&store, &lock);
        let mut loaded = self.read(app, Templates { fetch: &fetch, lock: Some(&lock) })?;
        locked::check_files(&lock, &mut loaded, app);
        tell(&loaded);
        Ok(loaded)
    }

    /// Plans what the manifests ask for; also tells whether any of them is wrong. The home is
    /// looked at while the manifests are read.
    ///
    /// # Errors
    /// If an input or the home cannot be read.
    pub fn plan(&self, app: &App, policy: Policy) -> anyhow::Result<(Planned, bool)> {
        let (loaded, observed) = std::thread::scope(|scope| {
            let looking = scope.spawn(|| app.observe());
            let loaded = self.load(app);
            let observed = looking.join();
            (loaded, observed.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        });
        let loaded = loaded?;
        let bad = loaded.has_errors();
        let planned = app.reconciler.plan_on(observed?, loaded.desired, policy).map_err(told)?;
        Ok((planned, bad))
    }

    /// The same for a controller, which reads them again and again.
    ///
    /// # Errors
    /// If nothing was named, or something that cannot be read twice.
    pub fn intake(&self, app: &App, log: Log) -> anyhow::Result<Files> {
        if self.is_empty() {
            let failure = Failure::bad_input("no manifests were named");
            return Err(failure.hint("name a directory: -f ~/vms").into());
        }
        if self.filename.iter().any(|path| path == Path::new("-")) {
            return Err(Failure::bad_input("standard input cannot be read again and again").into());
        }
        let lock = (self.locked || self.lock_file.is_some()).then(|| self.lock()).transpose()?;
        let inputs = self.inputs()?;
        let files = Files::new(inputs, self.options(), Arc::new(app.template_store()));
        Ok(files.with_lock(lock).telling(log.teller()))
    }

    /// What is named, for whoever watches it.
    pub fn roots(&self) -> Vec<WatchRoot> {
        let root = |path: &PathBuf| WatchRoot { path: path.clone(), recursive: self.recursive };
        self.filename.iter().map(root).collect()
    }

    fn options(&self) -> ReadOptions {
        ReadOptions { recursive: self.recursive, ..ReadOptions::default() }
    }

    /// The same, with what manifests build on from elsewhere.
    ///
    /// # Errors
    /// If nothing was named, or an input cannot be read whole.
    pub fn load_with(&self, app: &App, templates: Templates<'_>) -> anyhow::Result<Loaded> {
        let loaded = self.read(app, templates)?;
        tell(&loaded);
        Ok(loaded)
    }

    fn read(&self, app: &App, templates: Templates<'_>) -> anyhow::Result<Loaded> {
        app.reconciler.load(&self.named()?, &self.options(), templates).map_err(told)
    }

    /// The same with what policies say of each field. What is wrong with manifests is printed;
    /// denials are not.
    ///
    /// # Errors
    /// If nothing was named, or an input cannot be read whole.
    pub fn judge(&self, app: &App, policies: &Policies) -> anyhow::Result<Loaded> {
        let store = app.template_store();
        let lock = (self.locked || self.lock_file.is_some()).then(|| self.lock()).transpose()?;
        let checked = lock.as_ref().map(|lock| Checked::new(&store, lock));
        let fetch = checked.as_ref().map_or(&store as &dyn Fetch, |checked| checked);
        let snapshots = limekiln_sources::read(&self.named()?, &self.options())
            .map_err(|error| told(error.into()))?;
        let templates = Templates { fetch, lock: lock.as_ref() };
        let existing = if policies.have_totals() {
            Existing::of(&app.observe()?)
        } else {
            Existing::default()
        };
        let loaded = app.reconciler.judge_snapshots(&snapshots, templates, policies, &existing);
        let loaded = loaded.map_err(told)?;
        tell(&loaded);
        Ok(loaded)
    }

    /// The inputs, of which there must be one.
    fn named(&self) -> anyhow::Result<Vec<Input>> {
        if self.is_empty() {
            let failure = Failure::bad_input("no manifests were named");
            return Err(failure.hint("name a file or a directory: -f manifests/quickstart").into());
        }
        self.inputs()
    }

    fn lock(&self) -> anyhow::Result<Lock> {
        let path = self.lock_path()?;
        Lock::read(&path).map_err(|error| {
            let why = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            Failure::bad_input(format!("{error}{}", why.unwrap_or_default()))
                .hint("`limekiln lock` with the same -f writes it")
                .into()
        })
    }

    /// Where the lock file is.
    ///
    /// # Errors
    /// If only standard input was named.
    pub fn lock_path(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = &self.lock_file {
            return Ok(path.clone());
        }
        let first = self.filename.iter().find(|path| *path != Path::new("-"));
        let Some(first) = first else {
            let failure = Failure::bad_input("there is no file beside which a lock file could be");
            return Err(failure.hint("say where it is: --lock-file limekiln.lock").into());
        };
        let folder = if first.is_dir() { first } else { first.parent().unwrap_or(first) };
        Ok(folder.join(Lock::FILE))
    }

    fn inputs(&self) -> anyhow::Result<Vec<Input>> {
        self.filename.iter().map(|path| input(path)).collect()
    }
}

fn tell(loaded: &Loaded) {
    for diagnostic in &loaded.diagnostics {
        errln!("{}\n", crate::output::diagnostic::styled(diagnostic));
    }
}

fn input(path: &Path) -> anyhow::Result<Input> {
    if path != Path::new("-") {
        return Ok(Input::Path(path.to_owned()));
    }
    let mut bytes = Vec::new();
    std::io::stdin().read_to_end(&mut bytes)?;
    Ok(Input::Stdin(bytes))
}
