//! The life of an instance: made, changed, stopped, deleted, brought back.

use std::fs;

use limekiln_tests::{Home, skip};

use crate::guest::{inside, instance, tiny};

#[test]
fn an_instance_lives_as_its_manifest_says() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("web.yaml", &instance("web", "", &tiny(&guest, "")));
    let applied = home.run("apply -f {m} --yes").ok();
    assert!(applied.out.contains("instance/web"), "{}", applied.out);
    assert_eq!(inside(&home, "web", "hostname; nproc"), "lima-web\n1");
    home.run("diff -f {m} --exit-code").ok();
    assert_eq!(huge_pages(&home, "web"), "0 kB", "a host agent is small");

    // Another size takes a restart, and the guest sees it.
    home.write(
        "web.yaml",
        &instance("web", "", &tiny(&guest, "cpus: 2\nmemory: 384MiB\ndisk: 1GiB")),
    );
    let diff = home.run("diff -f {m} --exit-code").expect(2);
    assert!(diff.out.contains("cpus") && diff.out.contains("restart"), "{}", diff.out);
    inside(&home, "web", "echo kept > ~/note && sync");
    home.run("apply -f {m} --yes").ok();
    assert_eq!(inside(&home, "web", "nproc; cat ~/note"), "2\nkept");
    let memory = "awk '/^MemTotal/ {print ($2 > 300000 && $2 < 393216)}' /proc/meminfo";
    assert_eq!(inside(&home, "web", memory), "1", "384 MiB less what the kernel takes");
    let kib: u64 =
        inside(&home, "web", "df -k / | tail -1 | awk '{print $2}'").parse().expect("a number");
    assert!(kib > 900_000, "the file system has {kib} KiB");

    // No manifest: parked, and nothing is lost.
    fs::remove_file(home.manifests().join("web.yaml")).expect("it is there");
    home.write("keep.yaml", "# a directory that is not empty\n");
    home.run("apply -f {m} --prune --prune-all").expect(4);
    assert!(home.instance("web").exists(), "nobody agreed");
    home.run("apply -f {m} --prune --prune-all --yes").ok();
    assert!(!home.instance("web").exists());
    assert!(home.run("get --deleted").ok().out.contains("instance/web"));
    home.run("undelete web").ok();
    home.run("start web").ok();
    assert_eq!(inside(&home, "web", "cat ~/note"), "kept");

    home.run("delete web --purge").expect(4);
    home.run("delete web --purge --yes").ok();
    assert!(!home.instance("web").exists());
    assert!(!home.run("get --deleted").ok().out.contains("instance/web"));
}

/// What the instance's host agent has in huge pages.
fn huge_pages(home: &Home, name: &str) -> String {
    let pid = fs::read_to_string(home.instance(name).join("ha.pid")).expect("it runs");
    let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", pid.trim())).expect("Linux");
    let line = rollup.lines().find_map(|line| line.strip_prefix("AnonHugePages:"));
    line.expect("the kernel tells").trim().to_owned()
}

#[test]
fn a_dependency_is_ready_first() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("web.yaml", &instance("web", "dependsOn: [{name: db}]", &tiny(&guest, "")));
    home.write("db.yaml", &instance("db", "", &tiny(&guest, "")));
    home.run("apply -f {m} --yes").ok();
    let events = home.run("events -o json").ok().out;
    let position = |object: &str, verb: &str| {
        events.lines().position(|line| {
            line.contains(object)
                && line.contains(&format!("\"{verb}\""))
                && line.contains("\"done\"")
        })
    };
    let ready = position("instance/db", "wait until ready");
    let started = position("instance/web", "start");
    assert!(ready.is_some() && ready < started, "{events}");
}

#[test]
fn stop_start_and_restart_by_hand() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("vm.yaml", &instance("vm", "runStrategy: Manual", &tiny(&guest, "")));
    home.run("apply -f {m} --yes").ok();
    assert!(home.run("list").ok().out.contains("Stopped"), "Manual is not started");
    home.run("start vm").ok();
    assert!(home.run("get instances").ok().out.contains("Ready"));
    let first = inside(&home, "vm", "cat /proc/sys/kernel/random/boot_id");
    home.run("restart vm").ok();
    assert_ne!(inside(&home, "vm", "cat /proc/sys/kernel/random/boot_id"), first);
    home.run("stop vm").ok();
    assert!(!home.instance("vm").join("ha.pid").exists());
    let refused = home.run("shell vm -- true").expect(1);
    assert!(refused.err.contains("limekiln start vm"), "{}", refused.err);
}

#[test]
fn an_additional_disk_outlives_its_instance() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("disk.yaml", "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\nspec: {size: 64MiB}\n");
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, "additionalDisks: [{name: data}]")));
    home.run("apply -f {m} --yes").ok();
    assert_eq!(inside(&home, "vm", "cat /sys/block/vdb/size"), "131072", "64 MiB in sectors");
    home.run("delete vm --yes").ok();
    assert!(home.lima().join("_disks/data/datadisk").exists());
    let disks = home.run("get disks").ok().out;
    assert!(disks.contains("data") && disks.contains("64MiB"), "{disks}");
}

#[test]
fn files_are_copied_both_ways() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, "")));
    home.run("apply -f {m} --yes").ok();
    let file = home.write("hello.txt", "hello\n");
    home.run(&format!("copy {} vm:/tmp/hello.txt", file.display())).ok();
    assert_eq!(inside(&home, "vm", "cat /tmp/hello.txt"), "hello");
    home.run("copy vm:/tmp/hello.txt {m}/back.txt").ok();
    assert_eq!(fs::read_to_string(home.manifests().join("back.txt")).expect("copied"), "hello\n");
    assert_eq!(home.run("shell vm -- false").code, 1, "the command's own code");
}
