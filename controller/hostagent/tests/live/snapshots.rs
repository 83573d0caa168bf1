//! States of a running VM that can be gone back to.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, sleep};
use std::time::Duration;

use limekiln_hostagent::api::{MountState, Order};

use crate::agent::{Agent, block_on, until};
use crate::disks::{attach, detach, make_disk, order};
use crate::instance::Instance;

fn save(tag: &str) -> Order {
    Order::SaveSnapshot { tag: tag.to_owned() }
}

fn load(tag: &str) -> Order {
    Order::LoadSnapshot { tag: tag.to_owned() }
}

#[test]
fn memory_disks_and_mounts_are_as_they_were() {
    let host = tempfile::tempdir().unwrap();
    let place = host.path().display();
    let yaml = format!(
        "additionalDisks: [data]\nmountType: reverse-sshfs\nmounts: [{{location: {place}, mountPoint: /mnt/host, writable: true}}]\n"
    );
    let Some(instance) = Instance::new(&yaml) else { return };
    make_disk(&instance, "data", "qcow2");
    let mut agent = Agent::start(&instance);
    assert_eq!(agent.wait_for(|status| status.running).status.errors, [""; 0]);
    let write = |what: &str| {
        instance.output(&format!(
            "echo {what} | sudo tee /tmp/memory /mnt/lima-data/file /var/file && sync"
        ));
    };
    write("before");
    order(&agent, &save("good")).unwrap();
    assert!(order(&agent, &save("good")).unwrap_err().contains("another tag"));
    write("after");
    order(&agent, &load("good")).unwrap();
    let seen = instance.output("cat /tmp/memory /mnt/lima-data/file /var/file");
    assert_eq!(seen, "before\nbefore\nbefore");
    // Connections of then are no connections any more, and come back.
    until("the mount", || {
        instance.ssh("echo back >/mnt/host/file").status.success()
            && agent.status().mounts.iter().all(|mount| mount.state == MountState::Mounted)
    });
    assert_eq!(std::fs::read_to_string(host.path().join("file")).unwrap(), "back\n");
    until("the guest agent", || agent.status().guest_agent.is_some());

    // Another machine's state is not loaded into this one.
    order(&agent, &detach("data")).unwrap();
    let other = order(&agent, &load("good")).unwrap_err();
    assert!(other.contains("another one"), "{other}");
    order(&agent, &attach("data")).unwrap();
    order(&agent, &load("good")).unwrap();
    order(&agent, &Order::SaveDisks { tag: "disks".to_owned() }).unwrap();
    assert!(order(&agent, &load("disks")).unwrap_err().contains("no memory"));
    assert!(order(&agent, &load("none")).unwrap_err().contains("no snapshot none"));

    // A host agent that comes later goes back, too.
    agent.kill();
    let mut agent = Agent::adopt(&instance);
    until("an answer", || agent.client_answers());
    order(&agent, &load("good")).unwrap();
    for tag in ["good", "disks", "disks"] {
        order(&agent, &Order::DeleteSnapshot { tag: tag.to_owned() }).unwrap();
    }
    assert!(order(&agent, &load("good")).is_err());
    agent.interrupt();
    assert!(agent.wait().success());
}

#[test]
fn what_cannot_be_kept_is_told_before_anything_is_done() {
    let Some(instance) = Instance::new("additionalDisks: [data]\n") else { return };
    make_disk(&instance, "data", "raw");
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    let refused = order(&agent, &save("one")).unwrap_err();
    assert!(refused.contains("raw"), "{refused}");
    order(&agent, &detach("data")).unwrap();
    order(&agent, &save("one")).unwrap();
    agent.interrupt();
    assert!(agent.wait().success());
}

#[test]
fn a_directory_over_9p_keeps_memory_from_being_kept() {
    let host = tempfile::tempdir().unwrap();
    let place = host.path().display();
    let yaml = format!("mountType: 9p\nmounts: [{{location: {place}, mountPoint: /mnt/host}}]\n");
    let Some(instance) = Instance::generic(&yaml) else { return };
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    let refused = order(&agent, &save("one")).unwrap_err();
    assert!(refused.contains("memory cannot be kept"), "{refused}");
    order(&agent, &Order::SaveDisks { tag: "disks".to_owned() }).unwrap();
    agent.interrupt();
    assert!(agent.wait().success());
}

/// The files of the VM's disks.
fn disks(instance: &Instance) -> [PathBuf; 2] {
    [instance.dir().join("disk"), instance.home().join("_disks/data/datadisk")]
}

fn is_marked(disk: &Path) -> bool {
    disk.with_file_name(format!("{}.snapshot-work", disk.file_name().unwrap().display())).exists()
}

/// Gives the order, and does something after this time, whether or not it has ended.
fn meanwhile(agent: &Agent, what: Order, milliseconds: u64, then: impl FnOnce()) {
    let client = agent.client();
    let ordered = thread::spawn(move || drop(block_on(client.order(&what))));
    sleep(Duration::from_millis(milliseconds));
    then();
    ordered.join().unwrap();
}

/// Whoever is killed, a snapshot is there whole or not at all, and what was gone back to is whole.
#[test]
fn kills_in_the_middle_leave_whole_snapshots() {
    let Some(instance) = Instance::new("additionalDisks: [data]\n") else { return };
    make_disk(&instance, "data", "qcow2");
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    let write = |what: &str| {
        instance.output(&format!("echo {what} | sudo tee /mnt/lima-data/file /var/file && sync"));
    };
    let seen = || instance.output("cat /mnt/lima-data/file /var/file");
    write("good");
    order(&agent, &save("good")).unwrap();
    write("later");

    // What a disk brings along from elsewhere is not taken for a part of the new one.
    order(&agent, &detach("data")).unwrap();
    order(&agent, &Order::DeleteSnapshot { tag: "good".to_owned() }).unwrap();
    order(&agent, &attach("data")).unwrap();
    let refused = order(&agent, &save("good")).unwrap_err();
    assert!(refused.contains("datadisk: choose another tag"), "{refused}");
    order(&agent, &Order::DeleteSnapshot { tag: "good".to_owned() }).unwrap();
    write("good");
    order(&agent, &save("good")).unwrap();
    write("later");

    // The host agent: QEMU goes on by itself, and the next one knows what came of it.
    let mut old = agent;
    let client = old.client();
    let ordered = thread::spawn(move || drop(block_on(client.order(&save("second")))));
    sleep(Duration::from_millis(200));
    old.kill();
    ordered.join().unwrap();
    let mut agent = Agent::adopt(&instance);
    until("an answer", || agent.client_answers());
    match order(&agent, &load("second")) {
        Ok(()) => assert_eq!(seen(), "later\nlater"),
        Err(none) => assert!(none.contains("no snapshot second"), "{none}"),
    }

    // QEMU, while it goes back.
    let pid = agent.qemu_pid().to_string();
    meanwhile(&agent, load("good"), 150, || {
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    });
    agent.wait();
    println!("killed at work: {:?}", disks(&instance).map(|disk| is_marked(&disk)));
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    assert_eq!(disks(&instance).map(|disk| is_marked(&disk)), [false; 2]);
    let now = seen();
    let told = agent.status().errors.iter().any(|error| error.contains("going back"));
    assert!(["good\ngood", "later\nlater"].contains(&&*now) || told, "{now}");
    // It is whole, whatever was written since.
    write("new");
    order(&agent, &load("good")).unwrap();
    assert_eq!(seen(), "good\ngood");
    agent.interrupt();
    assert!(agent.wait().success());
    for disk in disks(&instance) {
        let check = Command::new("qemu-img").args(["check", "-q"]).arg(&disk).output().unwrap();
        assert!([Some(0), Some(3)].contains(&check.status.code()), "{check:?}");
    }
}
