//! A boot and a stop.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use limekiln_hostagent::api::Phase;

use crate::agent::{Agent, block_on};
use crate::instance::Instance;

#[test]
fn boots_to_ready_and_stops_by_a_signal() {
    let Some(instance) = Instance::new("") else { return };
    let mut agent = Agent::start(&instance);
    let booting = agent.wait_for(|status| status.ssh_local_port != 0);
    let ready = agent.wait_for(|status| status.running);
    assert!(!ready.status.degraded, "{:?}", ready.status.errors);
    assert!(booting.time < ready.time);
    let status = agent.status();
    assert_eq!((status.phase, status.waiting_for), (Phase::Running, None));
    let info = block_on(agent.client().info()).unwrap();
    assert_eq!(info.ssh_local_port, ready.status.ssh_local_port);
    assert_eq!(instance.output("hostname"), "lima-it");
    let mode = |name: &str| {
        let metadata = std::fs::metadata(instance.dir().join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    assert_eq!((mode("ha.sock"), mode("ssh.config"), mode("ha.pid")), (0o600, 0o600, 0o644));

    agent.interrupt();
    agent.wait_for(|status| status.exiting);
    assert!(!instance.dir().join("qemu.pid").exists(), "exiting comes after the VM is down");
    assert!(agent.wait().success());
    for name in ["ha.pid", "ha.sock", "qemu.pid", "qmp.sock", "ssh.sock", "hostagent.json"] {
        assert!(!instance.dir().join(name).exists(), "{name} is left behind");
    }
}

#[test]
fn a_stop_that_comes_early_is_not_lost() {
    let Some(instance) = Instance::new("") else { return };
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.ssh_local_port != 0);
    block_on(agent.client().stop(false)).unwrap();
    agent.wait_for(|status| status.exiting);
    assert!(agent.wait().success());
}

#[test]
fn a_second_host_agent_is_refused() {
    let Some(instance) = Instance::new("") else { return };
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.ssh_local_port != 0);
    assert!(!Agent::start(&instance).wait().success());
    block_on(agent.client().stop(true)).unwrap();
    assert!(agent.wait().success());
}

#[test]
fn a_taken_port_is_refused_and_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let Some(instance) = Instance::new(&format!("ssh: {{localPort: {port}}}")) else { return };
    assert!(!Agent::start(&instance).wait().success());
    let log = std::fs::read_to_string(instance.dir().join("ha.stderr.log")).unwrap();
    let said = format!("port {port} on 127.0.0.1, which ssh.localPort asks for, is taken");
    assert!(log.contains(&said), "{log}");
    assert!(!instance.dir().join("ha.pid").exists());
}
