//! Guests that do not stop when they are asked to.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::agent::Agent;
use crate::instance::Instance;

/// A guest without a handler of its power button.
const DEAF: &str = r#"
provision:
- script: |
    #!/bin/sh
    rm -f /etc/acpi/PWRF/00000080
"#;

#[test]
fn a_guest_that_ignores_the_power_button_loses_its_power_at_the_deadline() {
    let Some(instance) = Instance::new(DEAF) else { return };
    let mut args = instance.args();
    args.stop_timeout = Duration::from_secs(4);
    let mut agent = Agent::spawn(&args);
    agent.wait_for(|status| status.running);
    let asked = Instant::now();
    agent.interrupt();
    agent.wait_for(|status| status.exiting);
    assert!(agent.wait().success(), "it was asked for");
    let after = asked.elapsed();
    assert!(after >= args.stop_timeout && after < Duration::from_secs(20), "{after:?}");
    let log = std::fs::read_to_string(instance.dir().join("ha.stderr.log")).unwrap();
    assert!(log.contains("the guest did not switch itself off in time"), "{log}");
    assert!(!instance.dir().join("qemu.pid").exists());
    // QEMU was not killed in the middle of a write: the disk image has no fault.
    let check = Command::new("qemu-img").arg("check").arg(instance.dir().join("disk")).output();
    assert!(check.as_ref().unwrap().status.success(), "{check:?}");
}

#[test]
fn a_second_signal_does_not_wait() {
    let Some(instance) = Instance::new(DEAF) else { return };
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    agent.interrupt();
    std::thread::sleep(Duration::from_millis(300));
    let asked = Instant::now();
    agent.interrupt();
    assert!(agent.wait().success());
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
}

/// QEMU is stopped, as a debugger stops it, and hears nothing.
#[test]
fn a_frozen_hypervisor_is_killed() {
    let Some(instance) = Instance::new("") else { return };
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    let pid = agent.qemu_pid().to_string();
    assert!(Command::new("kill").args(["-STOP", &pid]).status().unwrap().success());
    agent.interrupt();
    assert!(agent.wait().success());
    assert!(!limekiln_hostagent::process::exists(pid.parse().unwrap()));
}
