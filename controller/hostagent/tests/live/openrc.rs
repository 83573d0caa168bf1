//! The guest agent where OpenRC is the guest's init.

use limekiln_hostagent::guest::Transport;

use crate::agent::{Agent, until};
use crate::instance::Instance;

fn boot(instance: &Instance) -> Agent {
    let mut agent = Agent::start(instance);
    let ready = agent.wait_for(|status| status.running);
    assert_eq!(ready.status.errors, [""; 0]);
    until("the guest agent", || agent.status().guest_agent == Some(Transport::VirtioSerial));
    agent
}

/// What is asked after each boot: it is a service, and runs once.
fn is_a_service(instance: &Instance) {
    let status = instance.output("sudo rc-service lima-guestagent status");
    assert!(status.contains("started"), "{status}");
    assert_eq!(agents(instance).len(), 1);
    let supervisor = instance.output("pidof supervise-daemon");
    assert_eq!(supervisor.split(' ').count(), 1, "{supervisor}");
}

/// Their processes. What is found by a name may end before it is looked at.
fn agents(instance: &Instance) -> Vec<String> {
    let pids = instance.ssh("pidof lima-guestagent").stdout;
    String::from_utf8(pids).unwrap().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn openrc_keeps_the_guest_agent_and_starts_it_at_each_boot() {
    let Some(instance) = Instance::openrc("") else { return };
    let agent = boot(&instance);
    is_a_service(&instance);
    let enabled = instance.output("sudo rc-update show default");
    assert!(enabled.contains("lima-guestagent"), "{enabled}");

    let killed = agents(&instance);
    instance.output(&format!("sudo kill -9 {}", killed.join(" ")));
    until("another one", || {
        let now = agents(&instance);
        !now.is_empty() && now != killed
    });
    is_a_service(&instance);
    stop(agent);

    // It is installed already, and OpenRC starts it beside the boot script.
    let agent = boot(&instance);
    is_a_service(&instance);
    stop(agent);
}

fn stop(mut agent: Agent) {
    agent.interrupt();
    assert!(agent.wait().success());
}
