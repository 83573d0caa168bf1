//! What must hold when something goes wrong in a real VM.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use limekiln_tests::{Home, skip};

use crate::guest::{inside, instance, tiny, uptime};

fn pid(file: &Path) -> String {
    fs::read_to_string(file).expect("the pid file is there").trim().to_owned()
}

fn kill(signal: &str, pid: &str) {
    let status = Command::new("kill").args([signal, pid]).status().expect("kill starts");
    assert!(status.success(), "kill {signal} {pid}");
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} did not happen");
        sleep(Duration::from_millis(50));
    }
}

/// Row 10: the host agent is killed; the VM goes on and is adopted. Its port is a fixed one, which
/// QEMU has all the while.
#[test]
fn a_killed_host_agent_is_replaced_and_the_guest_goes_on() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    let ssh = format!("ssh: {{localPort: {}}}\n", free.expect("a port").port());
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, &ssh)));
    home.run("apply -f {m} --yes").ok();
    let boot = inside(&home, "vm", "cat /proc/sys/kernel/random/boot_id");
    let (before, seen) = (uptime(&home, "vm"), Instant::now());
    kill("-KILL", &pid(&home.instance("vm").join("ha.pid")));
    home.run("apply -f {m} --yes").ok();
    assert_eq!(inside(&home, "vm", "cat /proc/sys/kernel/random/boot_id"), boot, "the same boot");
    let grown = uptime(&home, "vm") - before;
    assert!(grown > seen.elapsed().as_secs_f64() - 5.0, "it did not stand still: {grown} s");
    home.run("stop vm").ok();
}

/// The host agent is killed and nobody adopts the VM: its guest is still asked, and writes what it
/// has in memory.
#[test]
fn a_vm_without_its_host_agent_stops_in_order() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("vm.yaml", &instance("vm", "runStrategy: Manual", &tiny(&guest, "")));
    home.run("apply -f {m} --yes").ok();
    home.run("start vm").ok();
    inside(&home, "vm", "echo unwritten > ~/note");
    kill("-KILL", &pid(&home.instance("vm").join("ha.pid")));
    let shown = home.run("describe vm").ok().out;
    assert!(shown.contains("runs without a host agent"), "{shown}");
    home.run("stop vm").ok();
    assert!(!home.instance("vm").join("qemu.pid").exists());
    home.run("start vm").ok();
    assert_eq!(inside(&home, "vm", "cat ~/note"), "unwritten");
}

/// Row 9, the host agent's side: it is frozen, which is said, and a stop does not wait for it.
#[test]
fn a_frozen_host_agent_is_reported_and_does_not_keep_the_vm() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, "")));
    home.run("apply -f {m} --yes").ok();
    inside(&home, "vm", "echo unwritten > ~/note");
    kill("-STOP", &pid(&home.instance("vm").join("ha.pid")));
    let shown = home.run("describe vm").ok().out;
    assert!(shown.contains("does not answer") && shown.contains("its VM runs"), "{shown}");
    home.run("stop vm").ok();
    assert!(!home.instance("vm").join("qemu.pid").exists());
    home.run("start vm").ok();
    assert_eq!(inside(&home, "vm", "cat ~/note"), "unwritten");
}

/// Row 35: the deletion of a running VM is interrupted again and again; the last one completes
/// it, and what was deleted comes back whole.
#[test]
fn an_interrupted_delete_loses_nothing() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("vm.yaml", &instance("vm", "runStrategy: Manual", &tiny(&guest, "")));
    home.run("apply -f {m} --yes").ok();
    home.run("start vm").ok();
    inside(&home, "vm", "echo kept > ~/note && sync");
    for milliseconds in [20, 60, 150, 300] {
        let mut delete = home
            .command(&["delete", "vm", "--yes"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        sleep(Duration::from_millis(milliseconds));
        delete.kill().expect("it is ours");
        delete.wait().expect("it is ours");
        home.run("list").ok();
        home.run("get --deleted").ok();
    }
    if home.instance("vm").exists() {
        home.run("delete vm --yes").ok();
    }
    assert!(!home.instance("vm").exists());
    home.run("undelete vm").ok();
    home.run("start vm").ok();
    assert_eq!(inside(&home, "vm", "cat ~/note"), "kept");
}

/// Row 8, the part without the controller: QEMU is killed, which is noticed, and `apply` mends it.
#[test]
fn a_killed_qemu_is_noticed_and_started_again() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, "")));
    home.run("apply -f {m} --yes").ok();
    kill("-KILL", &pid(&home.instance("vm").join("qemu.pid")));
    until("the agent's end", || !home.instance("vm").join("ha.pid").exists());
    assert!(home.run("get instances").ok().out.contains("Stopped"));
    home.run("apply -f {m} --yes").ok();
    assert_eq!(inside(&home, "vm", "echo up"), "up");
}

/// Row 30: somebody else listens on the port that the manifest fixes.
#[test]
fn a_taken_port_is_found_before_anything_is_done() {
    let Some(guest) = skip::tiny_guest() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let home = Home::new();
    home.write(
        "vm.yaml",
        &instance("vm", "", &tiny(&guest, &format!("ssh: {{localPort: {port}}}"))),
    );
    let refused = home.run("apply -f {m} --yes").expect(1);
    let said = refused.out + &refused.err;
    assert!(said.contains(&port.to_string()), "{said}");
    assert!(!home.instance("vm").join("ha.pid").exists());
    drop(listener);
    home.run("apply -f {m} --yes").ok();
    assert!(home.run("list").ok().out.contains(&format!("127.0.0.1:{port}")));
}

/// Row 31: this very kind of host. KVM opens and makes a VM; a guest in it may hang.
#[test]
fn a_guest_that_hangs_under_kvm_is_started_under_tcg() {
    let Some(guest) = skip::tiny_guest() else { return };
    if !Path::new("/dev/kvm").exists() {
        println!("SKIPPED: there is no /dev/kvm here");
        return;
    }
    let home = Home::that_knows_no_host();
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, "")));
    home.run("apply -f {m} --yes").ok();
    assert_eq!(inside(&home, "vm", "echo up"), "up");
    let described = home.run("describe vm").ok().out;
    let doctor = home.run("doctor").out;
    if described.contains("tcg") {
        assert!(described.contains("kvm"), "it says why: {described}");
        assert!(doctor.contains("tcg"), "and doctor knows: {doctor}");
        // The second start does not try again.
        home.run("stop vm").ok();
        home.run("start vm").ok();
        assert!(home.run("describe vm").ok().out.contains("tcg"));
    } else {
        assert!(described.contains("kvm"), "{described}");
    }
}

/// Row 34: the user edits and stops outside.
#[test]
fn what_the_user_changes_outside_is_shown_and_put_back() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, "")));
    home.run("apply -f {m} --yes").ok();
    let file = home.instance("vm").join("lima.yaml");
    let edited = fs::read_to_string(&file).expect("readable").replace("cpus: 1", "cpus: 3");
    fs::write(&file, edited).expect("writable");
    let diff = home.run("diff -f {m} --exit-code").expect(2);
    assert!(diff.out.contains("cpus"), "{}", diff.out);
    home.run("apply -f {m} --yes").ok();
    assert_eq!(inside(&home, "vm", "nproc"), "1");

    // What all instances have in common may change under a running VM, too.
    let config = home.lima().join("_config");
    fs::create_dir_all(&config).expect("writable");
    fs::write(config.join("default.yaml"), "env: {ASKED_FOR: later}\n").expect("writable");
    let diff = home.run("diff -f {m} --exit-code").expect(2);
    assert!(diff.out.contains("env"), "{}", diff.out);
    home.run("apply -f {m} --yes").ok();
    home.run("diff -f {m} --exit-code").ok();

    kill("-INT", &pid(&home.instance("vm").join("ha.pid")));
    until("the stop", || !home.instance("vm").join("ha.pid").exists());
    home.run("apply -f {m} --yes").ok();
    assert_eq!(inside(&home, "vm", "echo up"), "up");
}

/// The controller is killed in the middle; the next run ends where the first would have.
#[test]
fn a_killed_apply_is_finished_by_the_next() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, "")));
    for milliseconds in [30, 120, 400, 1_500] {
        let line =
            ["apply", "-f", &home.manifests().display().to_string(), "--yes"].map(str::to_owned);
        let words: Vec<&str> = line.iter().map(String::as_str).collect();
        let mut child = home
            .command(&words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        sleep(Duration::from_millis(milliseconds));
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
    }
    home.run("apply -f {m} --yes").ok();
    assert_eq!(inside(&home, "vm", "echo up"), "up");
    home.run("diff -f {m} --exit-code").ok();
}
