//! A controller that runs on the simulated engine, its server, and a client.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use limekiln_api::HostFacts;
use limekiln_engine_sim::SimEngine;
use limekiln_model::{Action, ObjectId, Policy};
use limekiln_proto::v1alpha1 as wire;
use limekiln_proto::v1alpha1::control_client::ControlClient;
use limekiln_reconciler::{
    Controller, ControllerOptions, ControllerState, Files, Handle, Home, Input, ReadOptions,
    ReconcileError, Reconciler, Templates,
};
use limekiln_server::{Desk, Feed, Server, socket_path};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

pub type Client = ControlClient<Channel>;

pub struct Fixture {
    dir: tempfile::TempDir,
    pub engine: Arc<SimEngine>,
    pub reconciler: Arc<Reconciler>,
    pub handle: Handle,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ReconcileError>>,
    server: Option<Server>,
}

pub fn id(text: &str) -> ObjectId {
    text.parse().expect("an id")
}

pub fn reference(text: &str) -> wire::ObjectRef {
    limekiln_server::convert::object_ref(&id(text))
}

pub fn named(object: Option<&wire::Object>) -> String {
    let reference = object.and_then(|object| object.r#ref.clone());
    limekiln_server::convert::object_id(reference.as_ref()).expect("named").to_string()
}

pub fn instance(name: &str, more: &str) -> String {
    format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: {name}}}\nspec:\n{more}  template:\n    images: [{{location: 'https://example.com/a.img'}}]\n    cpus: 1\n"
    )
}

/// Boots take so long, everything else no time.
pub const BOOT: Duration = Duration::from_secs(2);

pub fn slow_boots(action: &Action) -> Duration {
    match action {
        Action::AwaitReady { .. } => BOOT,
        _ => Duration::ZERO,
    }
}

impl Fixture {
    /// Over these manifests; all of them are as wanted at first.
    pub async fn new(manifests: &[(&str, &str)]) -> Self {
        Self::with(SimEngine::new(1), manifests).await
    }

    pub async fn with(engine: SimEngine, manifests: &[(&str, &str)]) -> Self {
        let dir = tempfile::Builder::new().prefix("lks").tempdir_in("/tmp").expect("a directory");
        let facts = HostFacts {
            lima_home: dir.path().join("h"),
            containerd: false,
            ..HostFacts::example()
        };
        for folder in ["m", "other"] {
            fs::create_dir(dir.path().join(folder)).expect("writable");
        }
        for (name, more) in manifests {
            put(&dir.path().join("m"), name, &instance(name, more));
        }
        let engine = Arc::new(engine);
        let home = Home::new(&facts.lima_home);
        let reconciler = Arc::new(Reconciler::new(Arc::clone(&engine) as _, home, facts.clone()));
        let store = Arc::new(TemplateStore::new(TemplateSettings::new(&facts)));
        let inputs = vec![Input::Path(dir.path().join("m"))];
        let intake = Box::new(Files::new(inputs, ReadOptions::default(), store));
        let feed = Feed::new(&reconciler.journal());
        let taken = feed.clone();
        let on_event = Arc::new(move |plan: &_, event: &_| taken.on_event(plan, event));
        let options = ControllerOptions {
            policy: Policy { prune: true, ..Policy::default() },
            resync: Duration::from_millis(200),
            seed: 1,
            ..ControllerOptions::default()
        };
        let mut controller = Controller::new(Arc::clone(&reconciler), intake, options, on_event);
        controller.lock().expect("nobody else");
        let (handle, stop) = (controller.handle(), CancellationToken::new());
        let task = tokio::spawn(controller.run(stop.clone()));
        let desk = Desk::of(Arc::clone(&reconciler), handle.clone());
        let server = Some(Server::start(desk, feed).expect("it starts"));
        Self { dir, engine, reconciler, handle, stop, task, server }
    }

    pub fn socket(&self) -> PathBuf {
        socket_path(self.reconciler.home())
    }

    pub async fn client(&self) -> Client {
        ControlClient::new(limekiln_proto::connect(&self.socket()).await.expect("it listens"))
    }

    pub async fn until(&self, what: &str, holds: impl Fn(&ControllerState) -> bool) {
        let mut state = self.handle.state();
        let found = tokio::time::timeout(Duration::from_secs(30), state.wait_for(holds)).await;
        found.unwrap_or_else(|_| panic!("{what}: not within 30 seconds")).expect("it runs");
    }

    /// Waits until it has looked and nothing is left to do. A look that is under way may have begun
    /// before what is waited for.
    pub async fn settled(&self) {
        for _ in 0..2 {
            let passes = self.handle.state().borrow().passes;
            self.handle.wake();
            self.until("a look", |state| state.passes > passes).await;
        }
        self.until("settled", ControllerState::is_settled).await;
    }

    pub fn put(&self, name: &str, more: &str) {
        put(&self.dir.path().join("m"), name, &instance(name, more));
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.dir.path().join("m").join(format!("{name}.yaml"))).expect("there");
    }

    pub fn phase(&self, name: &str) -> &'static str {
        self.engine.look().instances.get(name).map_or("absent", |found| found.phase.word())
    }

    /// The plan to apply manifests that the controller does not have, as a command makes it.
    pub async fn plan_other(&self, name: &str, more: &str) -> limekiln_reconciler::Planned {
        let folder = self.dir.path().join("other");
        put(&folder, name, &instance(name, more));
        let facts = HostFacts {
            lima_home: self.dir.path().join("h"),
            containerd: false,
            ..HostFacts::example()
        };
        let store = TemplateStore::new(TemplateSettings::new(&facts));
        let templates = Templates { fetch: &store, lock: None };
        let inputs = [Input::Path(folder)];
        let loaded = self.reconciler.load(&inputs, &ReadOptions::default(), templates);
        let desired = loaded.expect("readable").desired;
        self.reconciler.plan(desired, Policy::default()).await.expect("planned")
    }

    pub async fn end(mut self) {
        self.stop.cancel();
        (&mut self.task).await.expect("no panic").expect("no error");
        if let Some(server) = self.server.take() {
            server.stop();
        }
        assert!(!self.socket().exists(), "the socket goes with its server");
    }

    /// Ends the server only.
    pub fn end_server(&mut self) {
        if let Some(server) = self.server.take() {
            server.stop();
        }
    }

    /// A server anew, as after a restart.
    pub fn serve(&mut self) {
        let desk = Desk::of(Arc::clone(&self.reconciler), self.handle.clone());
        let feed = Feed::new(&self.reconciler.journal());
        self.server = Some(Server::start(desk, feed).expect("it starts"));
    }
}

/// Writes a manifest that has been quiet for long.
fn put(folder: &std::path::Path, name: &str, text: &str) {
    let path = folder.join(format!("{name}.yaml"));
    fs::write(&path, text).expect("writable");
    let past = SystemTime::now() - Duration::from_secs(60);
    File::options().write(true).open(&path).expect("there").set_modified(past).expect("ours");
}
