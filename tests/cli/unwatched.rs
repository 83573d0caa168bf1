//! Row 4: changes of files that no event tells of. In a user namespace of its own the controller
//! is given no inotify.

use std::process::Command;
use std::time::Duration;

use limekiln_tests::{Controller, Home};

use crate::controller::halted;

/// A controller whose user may have so many of a kind of inotify's things; `None`, and said so,
/// where no user namespace can be had.
fn limited(home: &Home, limit: &str) -> Option<Controller> {
    let become_limited = format!("echo 0 > /proc/sys/user/{limit}");
    let mut able = Command::new("unshare");
    able.args(["--map-root-user", "sh", "-c", &become_limited]);
    let able = able.output().expect("util-linux is everywhere");
    if !able.status.success() {
        println!("SKIPPED: no user namespace: {}", String::from_utf8_lossy(&able.stderr));
        return None;
    }
    let words = ["run", "-f", &home.manifests().display().to_string(), "--resync", "1s"];
    let run = home.command(&words);
    let mut command = Command::new("unshare");
    let script = format!("{become_limited} && exec \"$0\" \"$@\"");
    command.args(["--map-root-user", "sh", "-c", &script]).arg(run.get_program());
    command.args(run.get_args());
    command.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Some(Controller::by(command))
}

#[test]
fn without_events_the_periodic_look_finds_what_changed() {
    for (limit, said) in [
        // No watch at all, and none of the directory.
        ("max_inotify_instances", "file changes can't be watched"),
        ("max_inotify_watches", "file changes can't be watched"),
    ] {
        let home = Home::new();
        home.write("web.yaml", &halted(&home, "web", 1));
        let Some(mut controller) = limited(&home, limit) else { return };
        controller.until("1 object is as wanted");
        // What was done to the VM itself is noticed by other means, within a second.
        std::thread::sleep(Duration::from_millis(2_500));
        home.write("web.yaml", &halted(&home, "web", 2));
        controller.until("instance/web          edit: done");
        std::thread::sleep(Duration::from_millis(2_500));
        home.write("db.yaml", &halted(&home, "db", 1));
        controller.until("instance/db           create: done");
        controller.until("2 objects are as wanted");
        controller.signal("-TERM");
        let (code, err) = controller.ended();
        assert_eq!(code, Some(0), "{err}");
        assert!(err.contains(said) && err.contains("fs.inotify"), "{limit}: {err}");
    }
}
