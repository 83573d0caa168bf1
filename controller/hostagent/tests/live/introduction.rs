//! A VM whose guest waits to be introduced to the daemon of its network.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use limekiln_api::Name;
use limekiln_hostagent::accel::{AccelVerdict, Accelerator, verdict};
use limekiln_hostagent::driver::qemu::qmp::{Qmp, QueryStatus};
use limekiln_hostagent::network::{Daemon, NetworkFiles, networks_config};

use crate::agent::{Agent, block_on, until};
use crate::instance::Instance;

const EXE: &str = "LIMEKILN_USERNET_EXE";

/// A daemon that is frozen and thawed at will: it accepts connections, and does not answer.
struct Frozen {
    pid: u32,
    exe: String,
}

impl Frozen {
    fn start(instance: &Instance) -> Option<Self> {
        let beside = || Some(std::env::current_exe().ok()?.ancestors().nth(2)?.join("limekiln"));
        let exe = std::env::var_os("LIMEKILN_BIN").map(PathBuf::from).or_else(beside)?;
        if !exe.exists() {
            println!("SKIPPED: the program is not built; `cargo xtask test` builds it");
            return None;
        }
        let daemon = Daemon::new(NetworkFiles::new(instance.home(), "user-v2"));
        let config = networks_config(instance.home()).unwrap();
        let spec = &config.networks[&Name::new("user-v2").unwrap()];
        block_on(daemon.ensure(&exe, spec)).unwrap();
        let frozen = Self { pid: daemon.pid().unwrap(), exe: exe.display().to_string() };
        signal("STOP", frozen.pid);
        Some(frozen)
    }

    fn agent(&self, instance: &Instance) -> Agent {
        Agent::start_with(instance, EXE, &self.exe)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        signal("KILL", self.pid);
    }
}

#[test]
fn a_guest_begins_once_it_is_introduced_whatever_happens_before() {
    let Some(instance) = Instance::new("networks: [{lima: user-v2}]") else { return };
    let Some(daemon) = Frozen::start(&instance) else { return };
    let state = instance.dir().join("hostagent.json");
    let waits = || {
        until("a VM that waits", || state.exists());
        let status = block_on(async {
            let mut qmp = Qmp::connect(&instance.dir().join("qmp.sock")).await.unwrap();
            qmp.execute(&QueryStatus).await.unwrap().status
        });
        assert_eq!(status, "prelaunch");
    };

    // A hypervisor that ends is the accelerator's fault.
    let mut agent = daemon.agent(&instance);
    waits();
    if let AccelVerdict::Usable(Accelerator::Kvm) = verdict(instance.home()) {
        let first = agent.qemu_pid();
        signal("KILL", first);
        until("the next accelerator", || {
            agent.status().accelerator == Some(Accelerator::Tcg) && agent.qemu_pid() != first
        });
        let reason = agent.status().fallback_reason.unwrap();
        assert!(reason.starts_with("kvm: ") && reason.contains("SIGKILL"), "{reason}");
    }
    // Who adopts the VM introduces it.
    waits();
    let pid = agent.qemu_pid();
    agent.kill();
    signal("CONT", daemon.pid);
    let mut args = instance.args();
    args.adopt = true;
    let mut agent = Agent::spawn_with(&args, &[(EXE, &daemon.exe)]);
    agent.wait_for(|status| status.running);
    assert_eq!(agent.qemu_pid(), pid);
    agent.interrupt();
    assert!(agent.wait().success());

    // A stop does not wait for the daemon.
    signal("STOP", daemon.pid);
    let mut agent = daemon.agent(&instance);
    waits();
    let asked = Instant::now();
    agent.interrupt();
    assert!(agent.wait().success());
    assert!(asked.elapsed() < Duration::from_secs(4), "{:?}", asked.elapsed());
    assert!(!state.exists() && !instance.dir().join("qemu.pid").exists());
}

fn signal(name: &str, pid: u32) {
    let signal = format!("-{name}");
    assert!(Command::new("kill").args([&signal, &pid.to_string()]).status().unwrap().success());
}
