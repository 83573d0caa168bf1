//! Host directories in real guests.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use limekiln_hostagent::accel::Accelerator;
use limekiln_hostagent::api::{MountState, MountStatus};
use tempfile::TempDir;

use crate::agent::{Agent, block_on, until};
use crate::instance::Instance;

/// Two host directories, and the part of a template that mounts them.
struct Shared {
    dir: TempDir,
}

impl Shared {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["ro", "rw", "new"] {
            fs::create_dir(dir.path().join(name)).unwrap();
            fs::write(dir.path().join(name).join("file"), format!("{name}\n")).unwrap();
            // Who runs the tests may be root, whom no guest's user is.
            let all = fs::Permissions::from_mode(0o777);
            fs::set_permissions(dir.path().join(name), all).unwrap();
        }
        Self { dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn yaml(&self, kind: &str) -> String {
        format!("mountType: {kind}\nmounts:\n{}{}", self.entry("ro", ""), self.entry("rw", "true"))
    }

    fn entry(&self, name: &str, writable: &str) -> String {
        let path = self.path(name);
        format!("- {{location: {path:?}, mountPoint: \"/mnt/{name} x\", writable: {writable}}}\n")
    }
}

fn mount(agent: &Agent, name: &str) -> MountStatus {
    let point = format!("/mnt/{name} x");
    let mounts = agent.status().mounts;
    mounts.into_iter().find(|mount| mount.mount_point == point).expect("it is listed")
}

fn is_mounted(agent: &Agent, name: &str) -> bool {
    mount(agent, name).state == MountState::Mounted
}

/// Rewrites the mounts of `lima.yaml`, and returns when the host agent has done what it says.
fn change(instance: &Instance, agent: &Agent, mounts: &str) -> Duration {
    let path = instance.dir().join("lima.yaml");
    let text = fs::read_to_string(&path).unwrap();
    let before = text.split("mounts:").next().unwrap();
    fs::write(&path, format!("{before}mounts:{mounts}")).unwrap();
    let start = Instant::now();
    let asked = block_on(agent.client().reload()).unwrap().reload;
    until("the change", || {
        let status = agent.status();
        status.reloads >= asked
            && status.mounts.iter().all(|mount| mount.state != MountState::Mounting)
    });
    start.elapsed()
}

fn boot(kind: &str) -> Option<(Shared, Instance, Agent)> {
    boot_with(kind, "")
}

/// virtiofs is skipped where the host has no virtiofsd.
fn boot_with(kind: &str, more: &str) -> Option<(Shared, Instance, Agent)> {
    let shared = Shared::new();
    let yaml = format!("{more}{}", shared.yaml(kind));
    // The small kernel has no 9p.
    let instance = if kind == "9p" { Instance::generic(&yaml) } else { Instance::new(&yaml) }?;
    let mut agent = Agent::start(&instance);
    if kind == "virtiofs" && agent.ended_without("virtiofsd is not installed") {
        println!("SKIPPED: there is no virtiofsd on this host");
        return None;
    }
    let ready = agent.wait_for(|status| status.running);
    assert_eq!(ready.status.errors, [""; 0]);
    Some((shared, instance, agent))
}

fn stop(mut agent: Agent) {
    agent.interrupt();
    assert!(agent.wait().success());
}

/// What every kind of mount does.
fn files_are_shared(shared: &Shared, instance: &Instance) {
    let (ro, rw) = (shared.dir.path().join("ro"), shared.dir.path().join("rw"));
    assert_eq!(instance.output("cat '/mnt/ro x/file' '/mnt/rw x/file'"), "ro\nrw");
    // Read-only is read-only, for the guest's root, too.
    for user in ["", "sudo "] {
        let output = instance.ssh(&format!("{user}touch '/mnt/ro x/new'"));
        assert!(!output.status.success(), "{output:?}");
    }
    assert!(!ro.join("new").exists());
    // What the guest writes is on the host at once, and the other way round.
    instance.output("cd '/mnt/rw x' && mkdir -p d/e && printf guest >d/e/f && chmod 640 d/e/f");
    assert_eq!(fs::read_to_string(rw.join("d/e/f")).unwrap(), "guest");
    assert_eq!(fs::metadata(rw.join("d/e/f")).unwrap().permissions().mode() & 0o777, 0o640);
    fs::write(rw.join("from-host"), "host").unwrap();
    fs::set_permissions(rw.join("from-host"), fs::Permissions::from_mode(0o754)).unwrap();
    assert_eq!(instance.output("cat '/mnt/rw x/from-host'"), "host");
    assert_eq!(instance.output("stat -c %a '/mnt/rw x/from-host'"), "754");
    instance.output("cd '/mnt/rw x' && mv from-host d/moved && rm -r d/e");
    instance.output("sudo truncate -s 3 '/mnt/rw x/d/moved'");
    assert_eq!(fs::read_to_string(rw.join("d/moved")).unwrap(), "hos");
    assert!(!rw.join("d/e").exists());
}

fn links(shared: &Shared, instance: &Instance) {
    let rw = shared.dir.path().join("rw");
    fs::write(shared.dir.path().join("outside"), "secret").unwrap();
    symlink("file", rw.join("link")).unwrap();
    symlink(shared.dir.path().join("outside"), rw.join("out")).unwrap();
    assert_eq!(instance.output("cat '/mnt/rw x/link'"), "rw");
    assert_eq!(instance.output("readlink '/mnt/rw x/link'"), "file");
    // It leads to a path of the guest, where there is nothing.
    assert!(!instance.ssh("cat '/mnt/rw x/out'").status.success());
    instance.output("ln -s file '/mnt/rw x/made'");
    assert_eq!(fs::read_link(rw.join("made")).unwrap(), Path::new("file"));
}

/// A large file arrives whole, both ways: the guest sums up what it reads, and copies it.
fn large_file(shared: &Shared, instance: &Instance, agent: &Agent) {
    let (rw, mebibytes) = (shared.dir.path().join("rw"), mebibytes(agent));
    let script = format!(
        "head -c {} /dev/zero | openssl enc -aes-128-ctr -pass pass:x -nosalt 2>/dev/null >big",
        mebibytes << 20
    );
    assert!(Command::new("sh").args(["-c", &script]).current_dir(&rw).status().unwrap().success());
    let sum = Command::new("sha256sum").arg("big").current_dir(&rw).output().unwrap();
    let sum = String::from_utf8(sum.stdout).unwrap();
    let start = Instant::now();
    // In parts so large that an emulated guest does not spend its time on calls.
    let read = instance
        .slow("cd '/mnt/rw x' && dd if=big bs=256k | sha256sum && dd if=big of=copy bs=256k");
    println!("{mebibytes} MiB there and back: {:?}", start.elapsed());
    assert_eq!(read.split(' ').next(), sum.split(' ').next());
    assert_eq!(fs::metadata(rw.join("copy")).unwrap().size(), mebibytes << 20);
    let same = Command::new("cmp").args(["big", "copy"]).current_dir(&rw).status().unwrap();
    assert!(same.success());
}

/// A gigabyte where the guest is quick, and less under emulation, which takes minutes for that.
fn mebibytes(agent: &Agent) -> u64 {
    let asked = std::env::var("LIMEKILN_TEST_LARGE_MIB").ok();
    let emulated = agent.status().accelerator == Some(Accelerator::Tcg);
    asked.and_then(|text| text.parse().ok()).unwrap_or(if emulated { 64 } else { 1024 })
}

#[test]
fn reverse_sshfs_shares_files() {
    let Some((shared, instance, agent)) = boot("reverse-sshfs") else { return };
    files_are_shared(&shared, &instance);
    links(&shared, &instance);
    large_file(&shared, &instance, &agent);
    stop(agent);
}

#[test]
fn reverse_sshfs_mounts_come_and_go_while_the_guest_runs() {
    let Some((shared, instance, agent)) = boot("reverse-sshfs") else { return };
    let id = instance.output("cat /proc/sys/kernel/random/boot_id");
    let (ro, rw) = (shared.entry("ro", ""), shared.entry("rw", "true"));

    // One is added; those that stay are not touched.
    instance.output("exec 3>'/mnt/rw x/open'; sleep 30 >&3 &");
    let took = change(&instance, &agent, &format!("\n{ro}{rw}{}", shared.entry("new", "")));
    println!("added in {took:?}");
    assert!(is_mounted(&agent, "new"));
    assert_eq!(instance.output("cat '/mnt/new x/file'"), "new");
    assert_eq!(mount(&agent, "rw").restored, 0);

    // One becomes writable.
    assert!(!instance.ssh("touch '/mnt/new x/touched'").status.success());
    let took = change(&instance, &agent, &format!("\n{ro}{rw}{}", shared.entry("new", "true")));
    println!("changed in {took:?}");
    instance.output("touch '/mnt/new x/touched'");

    let took = change(&instance, &agent, &format!("\n{ro}{rw}"));
    println!("removed in {took:?}");
    assert!(!instance.ssh("test -e '/mnt/new x/file'").status.success());

    // All go, the one in use, too: those who use it get five seconds.
    let took = change(&instance, &agent, " []\n");
    println!("removed in use in {took:?}");
    assert_eq!(agent.status().mounts, []);
    // A busy guest needs a moment to see that the connections of those in use have ended.
    until("an end of all mounts", || {
        instance.output("grep -c fuse.sshfs /proc/mounts; true") == "0"
    });
    assert_eq!(instance.output("cat /proc/sys/kernel/random/boot_id"), id);
    stop(agent);
}

fn changes_are_touched(kind: &str) {
    let Some((shared, _instance, agent)) = boot_with(kind, "mountInotify: true\n") else { return };
    let file = shared.dir.path().join("rw/file");
    // The guest agent sets the time that the file has already. Through the mount that comes back
    // to the host, where it shows as a later change of the file's own entry.
    until("the watch", || {
        fs::write(&file, "changed on the host").unwrap();
        let written = fs::metadata(&file).unwrap();
        std::thread::sleep(Duration::from_secs(1));
        let now = fs::metadata(&file).unwrap();
        let touched = |data: &fs::Metadata| (data.ctime(), data.ctime_nsec());
        // The protocol of the mount knows whole seconds only.
        assert_eq!(now.mtime(), written.mtime());
        touched(&now) > touched(&written)
    });
    stop(agent);
}

#[test]
fn what_changes_on_the_host_is_touched_in_the_guest() {
    for kind in ["reverse-sshfs", "9p", "virtiofs"] {
        changes_are_touched(kind);
    }
}

/// Processes on the host whose command line holds both.
fn processes(program: &str, argument: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(program) && line.contains(argument)
    })
    .collect()
}

fn kill(pids: &[u32]) {
    assert!(!pids.is_empty());
    for pid in pids {
        // Those that depend on another of them may be gone by now.
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).output().unwrap();
    }
}

#[test]
fn a_lost_reverse_sshfs_mount_comes_back() {
    let Some((shared, instance, agent)) = boot("reverse-sshfs") else { return };
    let restored = |times: u64| {
        until("the mount's return", || {
            let mount = mount(&agent, "rw");
            mount.restored >= times && mount.state == MountState::Mounted
        });
        assert_eq!(instance.output("cat '/mnt/rw x/file'"), "rw");
    };
    let start = Instant::now();
    kill(&processes("sftp-server", &shared.path("rw")));
    restored(1);
    println!("after the SFTP server's death: {:?}", start.elapsed());
    instance.output("sudo kill -9 $(pidof sshfs)");
    restored(2);
    let master = instance.dir().join("mnt.sock").display().to_string();
    kill(&processes("ssh", &master));
    restored(3);
    assert!(is_mounted(&agent, "ro"));
    stop(agent);
}

#[test]
fn a_mount_outlives_its_host_agent() {
    let Some((shared, instance, mut first)) = boot("reverse-sshfs") else { return };
    let before = processes("sftp-server", &shared.path("rw"));
    first.kill();
    assert_eq!(instance.output("cat '/mnt/rw x/file'"), "rw");
    let mut second = Agent::adopt(&instance);
    until("an answer", || second.client_answers());
    until("the mounts", || is_mounted(&second, "rw") && is_mounted(&second, "ro"));
    assert_eq!(processes("sftp-server", &shared.path("rw")), before);
    kill(&before);
    until("the mount's return", || mount(&second, "rw").restored == 1 && is_mounted(&second, "rw"));
    stop(second);
    assert_eq!(processes("sftp-server", &shared.path("rw")), [0; 0]);
}

#[test]
fn what_cannot_be_mounted_says_why_and_is_tried_again() {
    let shared = Shared::new();
    let file = shared.dir.path().join("ro/file");
    let yaml = format!(
        "mountType: reverse-sshfs\nmounts: [{{location: {file:?}, mountPoint: \"/mnt/ro x\"}}]"
    );
    let Some(instance) = Instance::new(&yaml) else { return };
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    let failed = mount(&agent, "ro");
    assert_eq!(failed.state, MountState::Failed);
    assert!(failed.reason.as_deref().unwrap().contains("not a directory"), "{failed:?}");
    fs::remove_file(&file).unwrap();
    until("the mount", || is_mounted(&agent, "ro"));
    stop(agent);
}

#[test]
fn links_are_followed_on_the_host_if_that_is_asked_for() {
    let shared = Shared::new();
    let path = shared.path("rw");
    let yaml = format!(
        "mountType: reverse-sshfs\nmounts: [{{location: {path:?}, mountPoint: \"/mnt/rw x\", \
         sshfs: {{followSymlinks: true, cache: false}}}}]"
    );
    let Some(instance) = Instance::new(&yaml) else { return };
    fs::write(shared.dir.path().join("outside"), "outside").unwrap();
    symlink("../outside", shared.dir.path().join("rw/out")).unwrap();
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    assert_eq!(mount(&agent, "rw").reason, None);
    assert_eq!(instance.output("cat '/mnt/rw x/out'"), "outside");
    stop(agent);
}

#[test]
fn nine_p_shares_files() {
    let Some((shared, instance, agent)) = boot("9p") else { return };
    assert!(is_mounted(&agent, "ro") && is_mounted(&agent, "rw"), "{:?}", agent.status());
    files_are_shared(&shared, &instance);
    links(&shared, &instance);
    large_file(&shared, &instance, &agent);
    stop(agent);
}

#[test]
fn a_9p_mount_that_the_guest_took_away_is_put_back_when_somebody_asks() {
    let Some((_shared, instance, agent)) = boot("9p") else { return };
    instance.output("sudo umount '/mnt/rw x'");
    let asked = block_on(agent.client().reload()).unwrap().reload;
    until("the look", || agent.status().reloads >= asked);
    assert_eq!(instance.output("cat '/mnt/rw x/file'"), "rw");
    stop(agent);
}

#[test]
fn virtiofs_shares_files() {
    let Some((shared, instance, agent)) = boot("virtiofs") else { return };
    assert!(is_mounted(&agent, "ro") && is_mounted(&agent, "rw"), "{:?}", agent.status());
    files_are_shared(&shared, &instance);
    links(&shared, &instance);
    large_file(&shared, &instance, &agent);
    // What serves nobody is not left behind.
    let path = shared.path("rw");
    stop(agent);
    until("the end of virtiofsd", || processes("virtiofsd", &path).is_empty());
}

#[test]
fn a_virtiofsd_that_dies_is_told_and_the_guest_goes_on() {
    let Some((shared, instance, mut agent)) = boot("virtiofs") else { return };
    kill(&processes("virtiofsd", &shared.path("rw")));
    until("the loss", || mount(&agent, "rw").state == MountState::Failed);
    let lost = mount(&agent, "rw");
    assert!(lost.reason.as_deref().unwrap().contains("a restart mounts it anew"), "{lost:?}");
    assert_eq!(instance.output("cat '/mnt/ro x/file'"), "ro");
    assert!(is_mounted(&agent, "ro"));
    // A guest that waits for the dead may not hear the button.
    block_on(agent.client().stop(true)).unwrap();
    assert!(agent.wait().success());
    let mut again = Agent::start(&instance);
    again.wait_for(|status| status.running);
    assert_eq!(instance.output("cat '/mnt/rw x/file'"), "rw");
    stop(again);
}

#[test]
fn virtiofs_outlives_its_host_agent() {
    let Some((shared, instance, mut first)) = boot("virtiofs") else { return };
    let before = processes("virtiofsd", &shared.path("rw"));
    first.kill();
    assert_eq!(instance.output("cat '/mnt/rw x/file'"), "rw");
    let mut second = Agent::adopt(&instance);
    until("an answer", || second.client_answers());
    until("the mount", || is_mounted(&second, "rw"));
    kill(&before);
    until("the loss", || mount(&second, "rw").state == MountState::Failed);
    block_on(second.client().stop(true)).unwrap();
    assert!(second.wait().success());
}

#[test]
fn a_guest_without_the_file_system_says_so() {
    let shared = Shared::new();
    let Some(instance) = Instance::new(&shared.yaml("9p")) else { return };
    let mut agent = Agent::start(&instance);
    let ready = agent.wait_for(|status| status.running);
    assert_eq!(ready.status.errors, [""; 0]);
    let failed = mount(&agent, "rw");
    assert_eq!(failed.state, MountState::Failed);
    assert!(failed.reason.as_deref().unwrap().contains("does its kernel have 9p?"), "{failed:?}");
    stop(agent);
}

#[test]
fn a_mount_in_use_does_not_hold_up_a_stop() {
    let Some((shared, instance, agent)) = boot("reverse-sshfs") else { return };
    let script = "(cd '/mnt/rw x'; echo written >open; exec sleep 600 3<open)";
    instance.output(&format!("{script} </dev/null >/dev/null 2>&1 &"));
    until("the file", || shared.dir.path().join("rw/open").exists());
    let path = shared.path("rw");
    let asked = Instant::now();
    stop(agent);
    // Who has files open gets five seconds, but not where the guest goes down anyway.
    println!("stopped in {:?}", asked.elapsed());
    assert_eq!(fs::read_to_string(shared.dir.path().join("rw/open")).unwrap(), "written\n");
    until("the SFTP server's end", || processes("sftp-server", &path).is_empty());
}
