//! Instances whose host agents are one small program, and sockets that do what a test wants.
//!
//! Shared by the tests and by the example that `cargo xtask bench agents` runs.

use std::fs;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use limekiln_engine_native::{NativeConfig, NativeEngine, host_facts};

/// Instances that run, as far as their files tell.
pub struct Home {
    dir: tempfile::TempDir,
    agent: Child,
}

impl Home {
    /// So many, each with a living host agent.
    pub fn new(instances: usize) -> Self {
        let dir = tempfile::Builder::new().prefix("lka").tempdir_in("/tmp").expect("a directory");
        let dirs: Vec<_> = (0..instances).map(|n| dir.path().join(format!("vm{n}"))).collect();
        // One process that names all of the directories is the host agent of each.
        let mut command = Command::new("sh");
        command.args(["-c", "read line", "agent"]).args(&dirs).stdin(Stdio::piped());
        let agent = command.spawn().expect("a shell");
        for dir in &dirs {
            fs::create_dir(dir).expect("writable");
            fs::write(dir.join("lima.yaml"), "cpus: 1\n").expect("writable");
            fs::write(dir.join("ha.pid"), format!("{}\n", agent.id())).expect("writable");
        }
        Self { dir, agent }
    }

    /// The directory of one.
    pub fn instance(&self, number: usize) -> PathBuf {
        self.dir.path().join(format!("vm{number}"))
    }

    /// An engine that has seen nothing yet.
    pub fn engine(&self) -> NativeEngine {
        NativeEngine::new(NativeConfig {
            facts: host_facts(self.dir.path()).expect("a home without files"),
            cache_dir: self.dir.path().join("_cache"),
            agent_exe: "/nonexistent".into(),
            usernet_exe: "/nonexistent".into(),
        })
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // Gone already is fine, too.
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}

/// Accepts at the instance's socket and hands each connection over.
pub fn serve(dir: &Path, answer: impl Fn(UnixStream) + Send + 'static) {
    let listener = UnixListener::bind(dir.join("ha.sock")).expect("a socket");
    std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
}

/// Accepts, and says nothing for as long as the test runs. Counts.
pub fn silent(dir: &Path, connections: &Arc<AtomicUsize>) {
    let connections = Arc::clone(connections);
    serve(dir, move |stream| {
        connections.fetch_add(1, Ordering::SeqCst);
        std::mem::forget(stream);
    });
}
