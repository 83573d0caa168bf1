//! A home and a directory of manifests in real files, and the simulated engine.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use limekiln_api::{HostFacts, read_lima};
use limekiln_engine_sim::{FaultKind, SimEngine};
use limekiln_model::{Name, ObjectId, Policy};
use limekiln_reconciler::{
    Configured, Files, Home, Input, Limits, Loaded, Planned, ReadOptions, ReconcileError,
    Reconciler, Run, Settled, Templates,
};
use limekiln_sources::git::{GitConfig, GitReference};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};
use limekiln_sources::{DirectoryConfig, SourceConfig, SourceKind};

pub struct Fixture {
    dir: tempfile::TempDir,
    pub engine: Arc<SimEngine>,
    pub reconciler: Reconciler,
}

pub fn id(text: &str) -> ObjectId {
    text.parse().expect("an id")
}

pub fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub fn instance(name: &str, cpus: u32) -> String {
    format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: {name}}}\nspec:\n  template:\n    images: [{{location: 'https://example.com/a.img'}}]\n    cpus: {cpus}\n"
    )
}

pub fn disk(name: &str) -> String {
    format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {{name: {name}}}\nspec: {{size: 1GiB, deletionPolicy: Delete}}\n"
    )
}

pub fn prune() -> Policy {
    Policy { prune: true, ..Policy::default() }
}

impl Fixture {
    pub fn new() -> Self {
        Self::with(SimEngine::new(1))
    }

    pub fn with(engine: SimEngine) -> Self {
        let dir = tempfile::tempdir().expect("dir");
        fs::create_dir(dir.path().join("m")).expect("dir");
        let engine = Arc::new(engine);
        let reconciler = reconciler(&dir, &engine);
        Self { dir, engine, reconciler }
    }

    /// As after the end of the process: nothing is kept but files and the world.
    pub fn restart(&mut self) {
        self.reconciler = reconciler(&self.dir, &self.engine);
    }

    /// Another reconciler of the same home and world, as another process has it.
    pub fn fresh(&self) -> Arc<Reconciler> {
        Arc::new(reconciler(&self.dir, &self.engine))
    }

    /// The manifests, for a controller.
    pub fn intake(&self) -> Box<Files> {
        self.intake_of(&["m"])
    }

    /// These directories beside the home.
    pub fn intake_of(&self, dirs: &[&str]) -> Box<Files> {
        let facts = HostFacts { lima_home: self.path("lima"), ..HostFacts::example() };
        let store = TemplateStore::new(TemplateSettings::new(&facts));
        let inputs = dirs.iter().map(|dir| Input::Path(self.path(dir))).collect();
        Box::new(Files::new(inputs, ReadOptions::default(), Arc::new(store)))
    }

    /// The same, each a source by itself.
    pub fn sources_of(&self, dirs: &[&str]) -> Box<Configured> {
        Box::new(self.sources(dirs.iter().map(|dir| self.directory(dir)).collect()))
    }

    pub fn sources(&self, configs: Vec<SourceConfig>) -> Configured {
        let store = TemplateStore::new(TemplateSettings::new(&self.facts()));
        Configured::new(configs, self.reconciler.home(), Arc::new(store)).expect("sound")
    }

    pub fn directory(&self, name: &str) -> SourceConfig {
        let kind =
            SourceKind::Directory(DirectoryConfig { path: self.path(name), recursive: false });
        SourceConfig { name: name.to_owned(), kind, interval: None, prune: true, policy: None }
    }

    /// A repository beside the home with one commit, of this file.
    pub fn repository(&self, name: &str, file: &str, text: &str) -> SourceConfig {
        let dir = self.path(name);
        fs::create_dir(&dir).expect("dir");
        fs::write(dir.join(file), text).expect("write");
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.arg("-C").arg(&dir).args(["-c", "user.name=T", "-c", "user.email=t@example.com"]);
            assert!(git.args(arguments).status().expect("git").success(), "{arguments:?}");
        };
        git(&["init", "--quiet", "--initial-branch", "main"]);
        git(&["add", "."]);
        git(&["-c", "commit.gpgsign=false", "commit", "--quiet", "--message", "first"]);
        let main = GitReference::Branch("main".to_owned());
        let kind = SourceKind::Git(GitConfig::new(dir.display().to_string(), main));
        SourceConfig { name: name.to_owned(), kind, interval: Some(1), prune: true, policy: None }
    }

    pub fn facts(&self) -> HostFacts {
        HostFacts { lima_home: self.path("lima"), ..HostFacts::example() }
    }

    pub fn manifests(&self) -> PathBuf {
        self.dir.path().join("m")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a manifest that has been quiet for long.
    pub fn put(&self, file: &str, text: &str) {
        self.put_bytes(file, text.as_bytes());
    }

    /// The same, also of what is no text.
    pub fn put_bytes(&self, file: &str, text: &[u8]) {
        let path = self.manifests().join(file);
        fs::write(&path, text).expect("write");
        let past = SystemTime::now() - Duration::from_secs(60);
        let file = File::options().write(true).open(&path).expect("open");
        file.set_modified(past).expect("set the time");
    }

    /// Writes `default.yaml` or `override.yaml`, and starts again.
    pub fn put_layer(&mut self, file: &str, text: &str) {
        let dir = self.path("lima").join("_config");
        fs::create_dir_all(&dir).expect("dir");
        fs::write(dir.join(file), text).expect("write");
        self.restart();
    }

    pub fn remove(&self, file: &str) {
        fs::remove_file(self.manifests().join(file)).expect("remove");
    }

    pub fn load(&self) -> Loaded {
        self.try_load(&[Input::Path(self.manifests())]).expect("load")
    }

    pub fn try_load(&self, inputs: &[Input]) -> Result<Loaded, ReconcileError> {
        self.load_as(inputs, &ReadOptions::default())
    }

    /// The manifests, with those of directories below.
    pub fn load_whole(&self) -> Loaded {
        let options = ReadOptions { recursive: true, ..ReadOptions::default() };
        self.load_as(&[Input::Path(self.manifests())], &options).expect("load")
    }

    fn load_as(&self, inputs: &[Input], options: &ReadOptions) -> Result<Loaded, ReconcileError> {
        let store = TemplateStore::new(TemplateSettings::new(&self.facts()));
        let templates = Templates { fetch: &store, lock: None };
        self.reconciler.load(inputs, options, templates)
    }

    pub async fn plan(&self, policy: Policy) -> Planned {
        self.reconciler.plan(self.load().desired, policy).await.expect("plan")
    }

    pub async fn apply(&self, policy: Policy) -> Settled {
        let planned = self.plan(policy).await;
        self.reconciler.settle(planned, &Run::silent()).await.expect("settle")
    }

    /// `create instance/web`, … of everything that was asked of the engine.
    pub fn log(&self) -> Vec<String> {
        let entries = self.engine.log().into_iter();
        entries.map(|entry| format!("{} {}", entry.action.verb(), entry.action.object())).collect()
    }

    pub fn instances(&self) -> Vec<String> {
        self.engine.look().instances.keys().map(ToString::to_string).collect()
    }

    pub fn phase(&self, instance: &str) -> &'static str {
        self.engine.look().instances.get(instance).map_or("absent", |found| found.phase.word())
    }

    pub fn cpus(&self, instance: &str) -> i64 {
        let observed = self.engine.look();
        let config = observed.instances[&name(instance)].config.clone().expect("readable");
        config.cpus.expect("filled").0
    }

    pub fn owned(&self) -> Vec<String> {
        self.reconciler.claims().expect("ledger").by_id.keys().map(ToString::to_string).collect()
    }
}

fn reconciler(dir: &tempfile::TempDir, engine: &Arc<SimEngine>) -> Reconciler {
    let lima_home = dir.path().join("lima");
    let layer = |name: &str| {
        let text = fs::read_to_string(lima_home.join("_config").join(name)).unwrap_or_default();
        read_lima(&text).expect("a layer")
    };
    let facts = HostFacts {
        lima_home: lima_home.clone(),
        defaults: layer("default.yaml"),
        overrides: layer("override.yaml"),
        ..HostFacts::example()
    };
    // One after the other, so that the log has one order.
    let limits = Limits { downloads: 1, boots: 1, light: 1, ..Limits::default() };
    let engine: Arc<SimEngine> = Arc::clone(engine);
    Reconciler::new(engine, Home::new(&lima_home), facts).with_limits(limits)
}

/// Used by the tests about crashes.
pub const CRASHES: [FaultKind; 3] = FaultKind::CRASHES;
