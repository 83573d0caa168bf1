//! Host directories, as the program mounts them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use limekiln_tests::{Home, skip};
use tempfile::TempDir;

use crate::guest::{inside, instance, tiny, uptime};

/// A host directory with one file in it.
fn shared() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("file"), "from the host\n").expect("writable");
    // Who runs the tests may be root, whom no guest's user is.
    let all = fs::Permissions::from_mode(0o777);
    fs::set_permissions(dir.path(), all).expect("ours");
    dir
}

fn entry(dir: &Path, point: &str, rest: &str) -> String {
    format!("{{location: {:?}, mountPoint: {point}{rest}}}", dir.display().to_string())
}

fn template(guest: &Path, mounts: &[String]) -> String {
    tiny(guest, &format!("mountType: reverse-sshfs\nmounts: [{}]", mounts.join(", ")))
}

#[test]
fn mounts_change_while_the_guest_runs() {
    let Some(guest) = skip::tiny_guest() else { return };
    let (home, one, two) = (Home::new(), shared(), shared());
    let one = |rest: &str| entry(one.path(), "/mnt/one", rest);
    let write = |mounts: &[String]| {
        home.write("web.yaml", &instance("web", "", &template(&guest, mounts)));
    };
    write(&[one("")]);
    home.run("apply -f {m} --yes").ok();
    assert_eq!(inside(&home, "web", "cat /mnt/one/file"), "from the host");
    let id = inside(&home, "web", "cat /proc/sys/kernel/random/boot_id");

    // Nothing but what is live is allowed, and it is enough.
    write(&[one(", writable: true"), entry(two.path(), "/mnt/two", "")]);
    let plan = home.run("plan -f {m}").ok().out;
    assert!(plan.contains("edit, mount  live") && !plan.contains("restart"), "{plan}");
    home.run("apply -f {m} --yes --max-disruption live").ok();
    assert_eq!(inside(&home, "web", "touch /mnt/one/new && cat /mnt/two/file"), "from the host");
    home.run("diff -f {m} --exit-code").ok();
    let shown = home.run("describe web").ok().out;
    assert!(shown.contains("at /mnt/two, reverse-sshfs, read only: mounted"), "{shown}");

    write(&[]);
    home.run("apply -f {m} --yes --max-disruption live").ok();
    assert_eq!(inside(&home, "web", "grep -c fuse.sshfs /proc/mounts; true"), "0");
    assert_eq!(inside(&home, "web", "cat /proc/sys/kernel/random/boot_id"), id);
    assert!(uptime(&home, "web") > 0.0);

    // Another kind of mount comes with the machine.
    let devices = tiny(&guest, &format!("mountType: 9p\nmounts: [{}]", one("")));
    home.write("web.yaml", &instance("web", "", &devices));
    let plan = home.run("plan -f {m}").ok().out;
    assert!(plan.contains("live only with `mountType: reverse-sshfs`"), "{plan}");
}

#[test]
fn a_mount_that_fails_says_why_and_comes_back_by_itself() {
    let Some(guest) = skip::tiny_guest() else { return };
    let (home, dir) = (Home::new(), shared());
    let place = dir.path().join("made");
    let mounts = [entry(&place, "/mnt/made", "")];
    home.write("web.yaml", &instance("web", "", &template(&guest, &mounts)));
    home.run("apply -f {m} --yes").ok();
    assert_eq!(inside(&home, "web", "ls /mnt/made | wc -l"), "0", "made, and empty");

    fs::remove_dir(&place).expect("empty");
    fs::write(&place, "").expect("writable");
    inside(&home, "web", "sudo kill -9 $(pidof sshfs)");
    let shows = |wide: &str, described: &str| {
        until("it is shown", || {
            home.run("get instances -o wide").ok().out.contains(wide)
                && home.run("describe web").ok().out.contains(described)
        });
    };
    shows("0 of 1", "not mounted: cannot use");
    fs::remove_file(&place).expect("ours");
    shows("  1  ", "read only: mounted");
}

/// Waits until something holds; a test that waits in vain fails, and does not hang.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(120), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
