//! Row 15: what a host leaves behind that went down in the middle of everything.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Child, Command};

use limekiln_tests::{Controller, Home};

use crate::controller::halted;

/// A process that has nothing to do with us, and a number that we once had.
struct Stranger(Child);

impl Stranger {
    fn start() -> Self {
        Self(Command::new("sleep").arg("600").spawn().expect("sleep is everywhere"))
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().expect("ours").is_none()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The files of a VM that ran, with numbers that are somebody else's now.
fn went_down(instance: &Path, pid: u32) {
    for name in ["ha.pid", "qemu.pid"] {
        fs::write(instance.join(name), format!("{pid}\n")).expect("writable");
    }
    for name in ["ha.sock", "qmp.sock", "serial.sock", "ssh.sock"] {
        // Nobody listens any more, and the file stays.
        drop(UnixListener::bind(instance.join(name)).expect("a short path"));
    }
    let state = format!(
        r#"{{"version":1,"driverPid":{pid},"driverStartTime":1,"sshLocalPort":60022,"instanceId":"web","accelerator":"tcg","fallbackReason":null,"startedAt":"2026-01-01T00:00:00Z","ready":true,"errors":[]}}"#
    );
    fs::write(instance.join("hostagent.json"), state).expect("writable");
}

#[test]
fn after_a_reboot_the_controller_starts_clean() {
    let home = Home::new();
    let disk = "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\nspec: {size: 1MiB, format: raw}\n";
    home.write("data.yaml", disk);
    home.write("web.yaml", &halted(&home, "web", 1));
    let mut controller = Controller::start(&home, &["--prune"]);
    controller.until("2 objects are as wanted");
    controller.kill();

    let mut stranger = Stranger::start();
    let pid = stranger.0.id();
    let ours = home.lima().join("_limekiln");
    fs::write(ours.join("lock"), format!("{pid} controller\n")).expect("writable");
    fs::write(ours.join("requests.lock"), "").expect("writable");
    // Halves of files whose writer went down.
    for half in ["status.json", "owners/instance-web.json", "requests.json"] {
        let half = ours.join(half);
        let name = format!(".new-{}", half.file_name().expect("a file").to_string_lossy());
        fs::write(half.with_file_name(name), "{\"vers").expect("writable");
    }
    fs::create_dir_all(ours.join("staging/web-of-then")).expect("writable");
    fs::write(ours.join("staging/web-of-then/disk"), "half").expect("writable");
    went_down(&home.instance("web"), pid);
    symlink(home.instance("web"), home.lima().join("_disks/data/in_use_by")).expect("new");

    let mut controller = Controller::start(&home, &["--prune"]);
    controller.until("2 objects are as wanted");
    let listed = home.run("get web").ok().out;
    assert!(listed.contains("Stopped"), "{listed}");
    // What needs a VM that is stopped, and a disk that is free, is done at once.
    home.write("web.yaml", &halted(&home, "web", 2));
    controller.until("instance/web          edit: done");
    home.write("data.yaml", &disk.replace("1MiB", "2MiB"));
    controller.until("disk/data             resize: done");
    // What was half made goes when the next object is made.
    home.write("db.yaml", &halted(&home, "db", 1));
    controller.until("instance/db           create: done");
    controller.until("3 objects are as wanted");
    let (_, code) = controller.end();
    assert_eq!(code, Some(0));
    assert!(stranger.lives(), "a stranger got a signal");
    let halves = fs::read_dir(&ours).expect("ours").flatten();
    let halves: Vec<_> = halves.map(|entry| entry.file_name()).collect();
    assert!(halves.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{halves:?}");
    assert_eq!(fs::read_dir(ours.join("staging")).map_or(0, Iterator::count), 0);
}
