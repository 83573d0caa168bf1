//! The controller as a service, and what it tells the manager.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use limekiln_tests::{Controller, Home};

/// A systemctl that writes down what it is asked for.
fn manager(home: &Home) -> (std::path::PathBuf, String) {
    let bin = home.manifests().with_file_name("bin");
    fs::create_dir(&bin).expect("new");
    let log = home.manifests().with_file_name("asked");
    let text = format!("#!/bin/sh\necho \"$@\" >>{}\n", log.display());
    fs::write(bin.join("systemctl"), text).expect("writable");
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(bin.join("systemctl"), mode).expect("ours");
    let path = std::env::var("PATH").unwrap_or_default();
    (log, format!("{}:{path}", bin.display()))
}

#[test]
#[cfg(target_os = "linux")]
fn a_unit_is_installed_and_removed() {
    let home = Home::new();
    let (log, path) = manager(&home);
    let config = home.manifests().with_file_name("config");
    let manifests = home.manifests().display().to_string();
    let call = |words: &[&str]| {
        let mut command = home.command(words);
        let output = command.env("PATH", &path).env("XDG_CONFIG_HOME", &config).output();
        let output = output.expect("it starts");
        let text = String::from_utf8(output.stdout).expect("text");
        (output.status.code(), text, String::from_utf8(output.stderr).expect("text"))
    };
    let unit = config.join("systemd/user/limekiln.service");
    let (code, _, error) = call(&["service", "install", "--", "-f", &manifests, "--prun"]);
    assert!(code == Some(3) && error.contains("--prune"), "{error}");
    let (code, printed, _) = call(&["service", "install", "--print", "--", "-f", &manifests]);
    assert!(code == Some(0) && !unit.exists() && printed.contains("[Service]"), "{printed}");
    assert_eq!(call(&["service", "status"]).0, Some(1));

    let (code, told, error) = call(&["service", "install", "--", "-f", &manifests]);
    assert_eq!(code, Some(0), "{error}");
    assert!(told.contains("systemd runs it"), "{told}");
    let text = fs::read_to_string(&unit).expect("written");
    assert_eq!(text, printed);
    // The path by which it was called outlives an upgrade; what it leads to may not.
    let link = log.with_file_name("bin").join("limekiln");
    let program = home.command(&[]).get_program().to_owned();
    std::os::unix::fs::symlink(program, &link).expect("new");
    let mut command = Command::new("limekiln");
    command.args(["service", "install", "--print", "--", "-f", &manifests]).env("PATH", &path);
    let printed = command.env("LIMA_HOME", home.lima()).output().expect("it starts").stdout;
    let printed = String::from_utf8(printed).expect("text");
    assert!(printed.contains(&format!("ExecStart=\"{}\" \"run\"", link.display())), "{printed}");
    assert!(text.contains(&format!("\"run\" \"-f\" \"{manifests}\"")), "{text}");
    assert_eq!(call(&["service", "status"]).0, Some(0));
    assert_eq!(call(&["service", "uninstall"]).0, Some(0));
    assert!(!unit.exists());
    assert!(call(&["service", "uninstall"]).1.contains("was not installed"));
    let asked = fs::read_to_string(&log).expect("asked");
    let asked: Vec<_> = asked.lines().collect();
    assert_eq!(
        asked,
        [
            "--user daemon-reload",
            "--user enable limekiln.service",
            "--user restart limekiln.service",
            "--user --no-pager status limekiln.service",
            "--user disable --now limekiln.service",
        ]
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_manager_is_told_when_the_first_look_is_done_and_that_it_goes_on() {
    let home = Home::new();
    let socket = home.manifests().with_file_name("notify");
    let manager = UnixDatagram::bind(&socket).expect("a short path");
    manager.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let mut bytes = [0; 1024];
    let mut told = || {
        let length = manager.recv(&mut bytes).expect("it tells");
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    };
    let controller = Controller::with(&home, &[], &[("NOTIFY_SOCKET", &socket)]);
    assert_eq!(told().trim(), "READY=1");
    let looked = told();
    assert!(
        looked.contains("WATCHDOG=1") && looked.contains("STATUS=all is as wanted"),
        "{looked}"
    );
    assert!(told().contains("WATCHDOG=1"), "again and again");
    controller.end();
    let last = std::iter::from_fn(|| Some(told())).find(|text| !text.contains("WATCHDOG"));
    assert_eq!(last.expect("one more").trim(), "STOPPING=1");
}
