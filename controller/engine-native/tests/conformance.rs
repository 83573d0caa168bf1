//! The native engine does what every engine does, with real VMs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use limekiln_api::{Lima, NetworkSpec, fill, read_lima};
use limekiln_engine::Engine;
use limekiln_engine::conformance::{self, Harness};
use limekiln_engine_native::{NativeConfig, NativeEngine, host_facts};
use limekiln_model::Name;

struct Native {
    engine: NativeEngine,
    home: PathBuf,
    guest: PathBuf,
}

impl Harness for Native {
    fn engine(&self) -> &dyn Engine {
        &self.engine
    }

    /// Under emulation, on a host that is busy with other tests.
    fn deadline(&self) -> Duration {
        Duration::from_secs(300)
    }

    fn name(&self, what: &str) -> Name {
        Name::new(what).expect("the suite's names are names")
    }

    fn network(&self) -> NetworkSpec {
        NetworkSpec { gateway: "10.83.0.1".parse().ok(), ..NetworkSpec::default() }.filled()
    }

    fn template(&self, instance: &Name, disk: Option<&Name>) -> (Lima, Lima) {
        let file = |name: &str| self.guest.join(name).display().to_string();
        let disks = disk.map(|disk| format!("additionalDisks: [{disk}]\n")).unwrap_or_default();
        let yaml = format!(
            "arch: x86_64\ncpus: 1\nmemory: 256MiB\ndisk: 256MiB\n{disks}images:\n- location: {}\n  arch: x86_64\n  kernel: {{location: {}, cmdline: \"console=ttyS0 quiet\"}}\n  initrd: {{location: {}}}\n",
            file("disk.qcow2"),
            file("vmlinuz"),
            file("initrd"),
        );
        let lima = read_lima(&yaml).expect("YAML");
        let filled = fill(&lima, instance, &host_facts(&self.home).expect("no layers"));
        (lima, filled)
    }
}

/// The program whose `hostagent` runs the VMs: `$LIMEKILN_BIN`, or the one that was built last.
fn program() -> Option<PathBuf> {
    let beside = || {
        let test = std::env::current_exe().ok()?;
        Some(test.ancestors().nth(2)?.join("limekiln"))
    };
    std::env::var_os("LIMEKILN_BIN").map(PathBuf::from).or_else(beside).filter(|path| path.exists())
}

#[tokio::test]
async fn it_conforms() {
    let Some(guest) =
        std::env::var_os("LIMEKILN_TEST_GUEST").map(|dir| Path::new(&dir).join("tiny-x86_64"))
    else {
        println!(
            "SKIPPED: LIMEKILN_TEST_GUEST is not set; `cargo xtask test` builds the guests and sets it"
        );
        return;
    };
    let Some(program) = program() else {
        println!("SKIPPED: the program is not built; `cargo xtask test` builds it");
        return;
    };
    let dir = tempfile::Builder::new().prefix("lkc").tempdir_in("/tmp").expect("/tmp is writable");
    let home = dir.path().join("h");
    let config = NativeConfig {
        cache_dir: dir.path().join("cache"),
        agent_exe: program.clone(),
        usernet_exe: program,
        facts: host_facts(&home).expect("no layers"),
    };
    conformance::run(&Native { engine: NativeEngine::new(config), home, guest }).await;
}
