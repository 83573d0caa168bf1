//! Network daemons as the engine runs them: the real daemon, without a VM.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use limekiln_api::NetworkSpec;
use limekiln_engine::{ActionContext, Engine, EngineError, ErrorClass};
use limekiln_engine_native::{NativeConfig, NativeEngine, host_facts};
use limekiln_model::{Action, Name, NetworkPhase, ObjectId};

/// The program with the `usernet` subcommand: `$LIMEKILN_USERNET_EXE`, `$LIMEKILN_BIN`, or the
/// one that was built last.
fn program() -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).map(PathBuf::from);
    let beside = || {
        let test = std::env::current_exe().ok()?;
        Some(test.ancestors().nth(2)?.join("limekiln"))
    };
    let program = named("LIMEKILN_USERNET_EXE").or_else(|| named("LIMEKILN_BIN")).or_else(beside);
    let program = program.filter(|path| path.exists());
    if program.is_none() {
        println!("SKIPPED: the program is not built; `cargo xtask test` builds it");
    }
    program
}

struct Lan {
    dir: tempfile::TempDir,
    program: PathBuf,
}

impl Lan {
    async fn new() -> Option<Self> {
        let program = program()?;
        let dir = tempfile::Builder::new().prefix("lkn").tempdir_in("/tmp").unwrap();
        let lan = Self { dir, program };
        let spec = NetworkSpec { gateway: "10.81.0.1".parse().ok(), ..NetworkSpec::default() };
        let define = Action::DefineNetwork { network: name(), spec };
        lan.perform(&define).await.unwrap();
        Some(lan)
    }

    fn home(&self) -> PathBuf {
        self.dir.path().join("h")
    }

    /// A new engine each time, as each command has its own.
    fn engine(&self) -> NativeEngine {
        NativeEngine::new(NativeConfig {
            facts: host_facts(&self.home()).unwrap(),
            cache_dir: self.dir.path().join("cache"),
            agent_exe: self.program.clone(),
            usernet_exe: self.program.clone(),
        })
    }

    async fn perform(&self, action: &Action) -> Result<(), EngineError> {
        self.engine().perform(action, &ActionContext::silent()).await
    }

    async fn start(&self) -> Result<(), EngineError> {
        self.perform(&Action::StartNetwork { network: name() }).await
    }

    async fn stop(&self) -> Result<(), EngineError> {
        self.perform(&Action::StopNetwork { network: name() }).await
    }

    async fn phase(&self) -> NetworkPhase {
        self.engine().observe().await.unwrap().networks[&name()].phase.clone()
    }

    fn file(&self, file: &str) -> PathBuf {
        self.home().join("_networks/lan").join(file)
    }

    fn pid(&self) -> Option<u32> {
        fs::read_to_string(self.file("usernet_lan.pid")).ok()?.trim().parse().ok()
    }

    fn kill(&self) {
        let pid = self.pid().unwrap().to_string();
        assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    }

    /// Something that counts as an instance's host agent, because it names its directory.
    fn instance(&self, yaml: &str) -> Child {
        let dir = self.home().join("vm");
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("lima.yaml"), yaml).unwrap();
        let words = [PathBuf::from("-f"), dir.join("lima.yaml")];
        let mut command = Command::new("tail");
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        // Linux wakes whoever spawned a program a moment before it shows that program's words.
        let words = format!("/proc/{}/cmdline", child.id());
        let deadline = Instant::now() + Duration::from_secs(10);
        while fs::read(&words).unwrap().is_empty() {
            assert!(Instant::now() < deadline, "it has ended");
            std::thread::sleep(Duration::from_millis(1));
        }
        fs::write(dir.join("ha.pid"), format!("{}\n", child.id())).unwrap();
        child
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        if self.pid().is_some_and(|pid| Path::new(&format!("/proc/{pid}")).exists()) {
            self.kill();
        }
    }
}

fn name() -> Name {
    Name::new("lan").unwrap()
}

#[tokio::test]
async fn many_that_start_one_daemon_at_once_start_one() {
    let Some(lan) = Lan::new().await else { return };
    let lan = Arc::new(lan);
    assert_eq!(lan.phase().await, NetworkPhase::Stopped);
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let lan = Arc::clone(&lan);
        starts.spawn(async move { lan.start().await });
    }
    while let Some(started) = starts.join_next().await {
        started.unwrap().unwrap();
    }
    assert_eq!(lan.phase().await, NetworkPhase::Running);
    let pids = Command::new("pgrep").args(["-f", lan.home().to_str().unwrap()]).output().unwrap();
    let pids = String::from_utf8_lossy(&pids.stdout).lines().count();
    assert_eq!(pids, 1, "one daemon");
    lan.stop().await.unwrap();
    lan.stop().await.unwrap();
    assert_eq!((lan.phase().await, lan.pid()), (NetworkPhase::Stopped, None));
}

#[tokio::test]
async fn a_network_that_is_used_is_neither_stopped_nor_changed() {
    let Some(lan) = Lan::new().await else { return };
    lan.start().await.unwrap();
    let spec = NetworkSpec { gateway: "10.82.0.1".parse().ok(), ..NetworkSpec::default() };
    let define = Action::DefineNetwork { network: name(), spec };
    let refused = lan.perform(&define).await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Precondition, "its daemon runs");
    let mut user = lan.instance("networks: [{lima: lan}]\n");
    let refused = lan.stop().await.unwrap_err();
    assert_eq!(refused.class, ErrorClass::Precondition);
    assert!(refused.message.contains("instance/vm"), "{}", refused.message);
    user.kill().unwrap();
    user.wait().unwrap();
    let mut other = lan.instance("networks: [{lima: other}]\n");
    lan.stop().await.unwrap();
    other.kill().unwrap();
    other.wait().unwrap();
    lan.perform(&define).await.unwrap();
}

#[tokio::test]
async fn after_a_kill_or_a_reboot_the_daemon_starts_clean() {
    let Some(lan) = Lan::new().await else { return };
    lan.start().await.unwrap();
    let first = lan.pid().unwrap();
    lan.kill();
    while lan.phase().await == NetworkPhase::Running {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Its sockets and its pid file are still there, and the number is somebody else's by now.
    assert!(lan.file("lan_ep.sock").exists());
    fs::write(lan.file("usernet_lan.pid"), format!("{}\n", std::process::id())).unwrap();
    assert_eq!(lan.phase().await, NetworkPhase::Stopped, "a stranger is no daemon");
    lan.start().await.unwrap();
    assert_ne!(lan.pid(), Some(first));
    assert_eq!(lan.phase().await, NetworkPhase::Running);
    lan.stop().await.unwrap();
}

#[tokio::test]
async fn a_network_is_parked_and_comes_back() {
    let Some(lan) = Lan::new().await else { return };
    let object = ObjectId::network(&name());
    let before = lan.engine().observe().await.unwrap().networks[&name()].clone();
    lan.perform(&Action::Park { object: object.clone() }).await.unwrap();
    lan.perform(&Action::Park { object: object.clone() }).await.unwrap();
    let seen = lan.engine().observe().await.unwrap();
    assert!(!seen.networks.contains_key(&name()));
    let [parked] = seen.parked.as_slice() else { panic!("{:?}", seen.parked) };
    let restore = Action::Restore { object, key: parked.key.clone() };
    lan.perform(&restore).await.unwrap();
    lan.perform(&restore).await.unwrap();
    let seen = lan.engine().observe().await.unwrap();
    assert_eq!((&seen.networks[&name()], seen.parked.len()), (&before, 0));
}
