//! Sudden deaths.

use std::process::Command;
use std::time::Instant;

use limekiln_hostagent::api::Phase;

use crate::agent::{Agent, until};
use crate::instance::Instance;

#[test]
fn a_killed_vm_is_noticed_at_once() {
    let Some(instance) = Instance::new("") else { return };
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    let killed = Instant::now();
    kill(agent.qemu_pid());
    let event = agent.wait_for(|status| status.exiting);
    assert!(killed.elapsed().as_millis() < 1000, "{:?}", killed.elapsed());
    assert!(event.status.errors[0].contains("SIGKILL"), "{:?}", event.status.errors);
    assert!(!agent.wait().success());
    assert!(!instance.dir().join("qemu.pid").exists());
}

#[test]
fn a_vm_outlives_its_host_agent_and_is_adopted() {
    let Some(instance) = Instance::new("") else { return };
    let mut first = Agent::start(&instance);
    first.wait_for(|status| status.running);
    let boot = "cat /proc/sys/kernel/random/boot_id";
    let (pid, id) = (first.qemu_pid(), instance.output(boot));
    let started = first.status().started_at;
    first.kill();
    assert!(!Agent::start(&instance).wait().success(), "a second VM on the disk");

    let mut second = Agent::adopt(&instance);
    until("an answer", || second.client_answers());
    let status = second.status();
    assert_eq!((status.phase, status.driver_pid), (Phase::Running, Some(pid)));
    assert_eq!(status.started_at, started);
    assert_eq!(instance.output(boot), id);
    second.interrupt();
    assert!(second.wait().success());
    assert!(!instance.dir().join("qemu.pid").exists());
}

#[test]
fn a_vm_is_adopted_in_the_middle_of_its_boot() {
    let Some(instance) = Instance::new("") else { return };
    let mut first = Agent::start(&instance);
    // The VM that will boot, not one that is given up under an accelerator that does not work.
    first.wait_for(|status| status.running);
    first.interrupt();
    assert!(first.wait().success());
    let mut first = Agent::start(&instance);
    first.wait_for(|status| status.ssh_local_port != 0);
    let pid = first.qemu_pid();
    first.kill();
    let mut second = Agent::adopt(&instance);
    second.wait_for(|status| status.running);
    assert_eq!(second.qemu_pid(), pid);
    second.interrupt();
    assert!(second.wait().success());
}

#[test]
fn a_vm_that_died_with_its_host_agent_is_not_adopted() {
    let Some(instance) = Instance::new("") else { return };
    let mut first = Agent::start(&instance);
    first.wait_for(|status| status.running);
    // What the guest has not written would be lost, as by a power cut.
    instance.output("sync");
    let pid = first.qemu_pid();
    first.kill();
    kill(pid);
    until("the VM's end", || !limekiln_hostagent::process::exists(pid));
    assert!(!Agent::adopt(&instance).wait().success());
    // Stale files, as after a reboot of the host, do not prevent a start.
    let mut second = Agent::start(&instance);
    second.wait_for(|status| status.running);
    second.interrupt();
    assert!(second.wait().success());
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
}
