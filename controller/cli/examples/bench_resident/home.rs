//! A home with many instances, and a controller that runs in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use limekiln_api::HostFacts;
use limekiln_engine_native::{NativeConfig, NativeEngine};
use limekiln_reconciler::{
    Controller, ControllerOptions, ControllerState, Files, Handle, Input, ReadOptions, Reconciler,
};
use limekiln_sources::WatchRoot;
use limekiln_sources::templates::{TemplateSettings, TemplateStore};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::waking::Waking;

/// A temporary `LIMA_HOME`, and a directory of as many manifests.
pub struct Home {
    dir: TempDir,
}

/// A controller that runs.
pub struct Resident {
    handle: Handle,
    runtime: Runtime,
    waking: Waking,
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

impl Home {
    /// Writes the manifests; the controller makes the instances.
    pub fn new(instances: usize) -> Self {
        let dir = tempfile::Builder::new().prefix("lkb").tempdir_in("/tmp").expect("a directory");
        let home = Self { dir };
        fs::create_dir_all(home.manifests()).expect("writable");
        let image = fs::File::create(home.path("image.raw")).expect("writable");
        image.set_len(1 << 20).expect("writable");
        for number in 0..instances {
            fs::write(home.manifest(number), home.text(number, "none")).expect("writable");
        }
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().canonicalize().expect("it is there").join(name)
    }

    fn manifests(&self) -> PathBuf {
        self.path("m")
    }

    fn manifest(&self, number: usize) -> PathBuf {
        self.manifests().join(format!("vm{number}.yaml"))
    }

    /// As long as a usual manifest.
    fn text(&self, number: usize, message: &str) -> String {
        let lines = |line| format!("        echo line {line} of the set-up\n");
        let script: String = (0..30).map(lines).collect();
        let image = self.path("image.raw");
        format!(
            "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: vm{number}}}\nspec:\n  runStrategy: Halted\n  template:\n    message: {message}\n    vmType: qemu\n    cpus: 2\n    memory: 512MiB\n    disk: 1MiB\n    images:\n    - location: {}\n    provision:\n    - mode: system\n      script: |\n        #!/bin/sh\n        echo $PARAM_ONE $PARAM_TWO\n{script}    probes:\n    - description: it is up\n      script: |\n        #!/bin/sh\n        true\n    param: {{ONE: a, TWO: b}}\n",
            image.display()
        )
    }

    /// Writes another version of a manifest beside it, and tells where it belongs.
    pub fn changed(&self, number: usize, version: usize) -> (PathBuf, PathBuf) {
        let new = self.path("new.yaml");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let unique = now.map(|now| now.as_nanos()).unwrap_or_default();
        fs::write(&new, self.text(number, &format!("v{version}-{unique}"))).expect("writable");
        (new, self.manifest(number))
    }

    /// Starts a controller, as `limekiln run -f` does.
    pub fn run(&self) -> Resident {
        let (lima_home, manifests) = (self.path("h"), self.manifests());
        let facts = limekiln_engine_native::host_facts(&lima_home).expect("no layers");
        let controller = controller(&lima_home, &manifests, facts);
        let home = limekiln_reconciler::Home::new(&lima_home);
        let (handle, stop) = (controller.handle(), CancellationToken::new());
        let roots = vec![WatchRoot { path: manifests, recursive: false }];
        let waking = Waking::start(handle.clone(), roots, &home);
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            runtime().block_on(controller.run(stopped)).expect("nobody else is there");
        });
        Resident { handle, runtime: runtime(), waking, stop, thread }
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn controller(lima_home: &Path, manifests: &Path, facts: HostFacts) -> Controller {
    let engine = Arc::new(NativeEngine::new(NativeConfig::new(facts.clone())));
    let store = TemplateStore::new(TemplateSettings::from_environment(&facts));
    let home = limekiln_reconciler::Home::new(lima_home);
    let reconciler = Arc::new(Reconciler::new(engine, home, facts));
    let inputs = vec![Input::Path(manifests.to_owned())];
    let intake = Files::new(inputs, ReadOptions::default(), Arc::new(store));
    let options = ControllerOptions::default();
    Controller::new(reconciler, Box::new(intake), options, Arc::new(|_, _| {}))
}

impl Resident {
    /// Makes it look.
    pub fn wake(&self) {
        self.handle.wake();
    }

    /// What it is at.
    pub fn state(&self) -> ControllerState {
        self.handle.state().borrow().clone()
    }

    /// Waits until it is so.
    pub fn until(&mut self, like: impl Fn(&ControllerState) -> bool) {
        let mut state = self.handle.state();
        self.runtime.block_on(super::until(&mut state, like));
    }

    /// Waits until nothing is left to do.
    pub fn settled(&mut self) {
        self.until(ControllerState::is_settled);
    }

    /// Stops it.
    pub fn stop(self) {
        self.waking.end();
        self.stop.cancel();
        self.thread.join().expect("it ended well");
    }
}
