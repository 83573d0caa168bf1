//! The controller on real VMs.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use limekiln_tests::{Controller, Home, skip};

use crate::guest::{inside, instance, tiny};

fn boot_id(home: &Home) -> String {
    inside(home, "vm", "cat /proc/sys/kernel/random/boot_id")
}

/// Rows 1 and 10: killed fifty times while it brings a VM from one revision to the next, the
/// controller interrupts no guest, and gets there.
#[test]
fn a_controller_that_is_killed_again_and_again_interrupts_no_guest() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    let write = |message: &str, cpus: u32| {
        let template = tiny(&guest, &format!("message: {message}\ncpus: {cpus}"));
        home.write("vm.yaml", &instance("vm", "", &template));
    };
    write("first", 1);
    let mut controller = Controller::start(&home, &[]);
    controller.until("1 object is as wanted");
    let boot = boot_id(&home);
    controller.kill();
    // A change that a running guest does not notice.
    write("second", 1);
    for round in 0..50_u64 {
        let controller = Controller::start(&home, &[]);
        sleep(Duration::from_millis(round * 37 % 400));
        controller.kill();
    }
    let mut controller = Controller::start(&home, &[]);
    controller.until("1 object is as wanted");
    assert_eq!(boot_id(&home), boot, "the guest went on");
    let stored = fs::read_to_string(home.instance("vm").join("lima.yaml")).expect("readable");
    assert!(stored.contains("second"), "{stored}");
    controller.kill();
    // A change that needs a restart.
    write("second", 2);
    for round in 0..10_u64 {
        let controller = Controller::start(&home, &[]);
        sleep(Duration::from_millis(100 + round * 211 % 1_500));
        controller.kill();
    }
    let mut controller = Controller::start(&home, &[]);
    controller.until("1 object is as wanted");
    assert_eq!(inside(&home, "vm", "nproc"), "2");
    controller.end();
}

/// Row 8: a VM that dies is started again by the controller, without anybody asking.
#[test]
fn a_controller_starts_a_vm_again_that_was_killed() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, "")));
    let mut controller = Controller::start(&home, &["--resync", "5m"]);
    controller.until("1 object is as wanted");
    let boot = boot_id(&home);
    let pid = fs::read_to_string(home.instance("vm").join("qemu.pid")).expect("it runs");
    let killed = Command::new("kill").args(["-KILL", pid.trim()]).status();
    assert!(killed.expect("kill is everywhere").success());
    controller.until("instance/vm           start: done");
    controller.until("1 object is as wanted");
    assert_ne!(boot_id(&home), boot);
    controller.end();
}

/// What the controller does not keep is started and stopped beside it, and what it keeps is left
/// to it.
#[test]
fn vms_are_started_and_stopped_by_hand_beside_a_controller() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, "")));
    let lone = home.manifests().with_file_name("lone.yaml");
    fs::write(&lone, instance("lone", "", &tiny(&guest, ""))).expect("writable");
    let mut controller = Controller::start(&home, &[]);
    controller.until("1 object is as wanted");
    let boot = boot_id(&home);

    let lone = lone.display().to_string();
    let applied = home.call(&["apply", "-f", &lone, "--timeout", "0s"]).expect(5);
    assert!(applied.err.contains("the time is up"), "{}", applied.err);
    let applied = home.call(&["apply", "-f", &lone]).ok();
    assert!(applied.out.contains("Done in"), "{}", applied.out);
    assert!(applied.err.contains("instance/lone  ready"), "{}", applied.err);
    inside(&home, "lone", "true");
    let stopped = home.run("stop lone").ok();
    assert!(stopped.err.contains("✓ instance/lone  stopped"), "{}", stopped.err);
    sleep(Duration::from_secs(3));
    home.run("wait lone --for phase=Stopped --timeout 1s").ok();
    home.run("start lone").ok();
    home.run("stop lone --force").ok();

    let refused = home.run("stop vm").expect(1);
    assert!(refused.err.contains("instance/vm is kept by the controller from"), "{}", refused.err);
    assert_eq!(boot_id(&home), boot, "nothing was done to it");
    home.run("restart vm").ok();
    assert_ne!(boot_id(&home), boot);
    home.run("suspend vm").ok();
    home.run("stop vm").ok();
    sleep(Duration::from_secs(3));
    home.run("wait instance/vm --for phase=Stopped --timeout 1s").ok();
    home.run("resume vm").ok();
    home.run("wait instance/vm --timeout 2m").ok();
    controller.end();
}
