//! A daemon's life: one per network, what outlives a kill, what is left at the end, and what it
//! can't do any longer once it serves.

use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::process::Command;

use crate::peer::guest::{GATEWAY, PATIENCE};
use crate::peer::tcp::Tcp;
use crate::peer::{Daemon, Guest};

#[test]
fn names_and_forwards_outlive_a_kill_and_end_with_an_orderly_stop() {
    let mut daemon = Daemon::start(&[]);
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let forward =
        format!(r#"{{"local":"127.0.0.1:{port}","remote":"192.168.104.1:22","protocol":"tcp"}}"#);
    let zone =
        r#"{"Name":"internal.","Records":[{"Name":"lima-a","IP":"192.168.104.1"}],"DefaultIP":""}"#;
    assert_eq!(daemon.api("POST", "/services/forwarder/expose", &forward).0, 200);
    assert_eq!(daemon.api("POST", "/services/dns/add", zone).0, 200);
    let (names, forwards) = (
        daemon.api("GET", "/services/dns/all", "").1,
        daemon.api("GET", "/services/forwarder/all", "").1,
    );
    daemon.kill();
    daemon.restart();
    assert_eq!(daemon.api("GET", "/services/dns/all", "").1, names);
    assert_eq!(daemon.api("GET", "/services/forwarder/all", "").1, forwards);
    assert!(std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok());
    assert!(daemon.stop(), "{}", daemon.log());
    for name in ["state.json", "usernet_n.pid", "qemu.sock", "fd.sock", "ep.sock"] {
        assert!(!daemon.path(name).exists(), "{name}");
    }
    daemon.restart();
    assert_eq!(daemon.api("GET", "/services/dns/all", "").1, "[]");
}

#[test]
fn damaged_and_later_state_is_said_and_set_aside() {
    let mut daemon = Daemon::start(&[]);
    daemon.kill();
    let (damaged, later) = ("{\"192.168", r#"{"version":2,"forwards":[],"more":1}"#);
    std::fs::write(daemon.path("leases.json"), damaged).unwrap();
    std::fs::write(daemon.path("state.json"), later).unwrap();
    daemon.restart();
    assert_eq!(daemon.api("GET", "/services/dns/all", "").1, "[]");
    let log = daemon.log_saying("a later release wrote them");
    assert!(log.contains("the leases in") && log.contains("leases.json.set-aside-1"), "{log}");
    // It writes both anew, and neither of the old ones is lost by that.
    let zone = r#"{"Name":"a.","Records":[],"DefaultIP":""}"#;
    assert_eq!(daemon.api("POST", "/services/dns/add", zone).0, 200);
    crate::dhcp::boot(&mut Guest::plug(&daemon, 1, 99));
    let text = |name: &str| std::fs::read_to_string(daemon.path(name)).unwrap();
    assert!(text("leases.json").contains("52:55:55:00:00:01"));
    assert!(text("state.json").contains(r#""version":1"#));
    assert_eq!(text("leases.json.set-aside-1"), damaged);
    assert_eq!(text("state.json.set-aside-1"), later);
    assert!(daemon.stop());
    let later_on = std::fs::read_to_string(daemon.path("state.json.set-aside-1")).unwrap();
    assert_eq!(later_on, later);
}

#[test]
fn a_second_daemon_is_refused() {
    let daemon = Daemon::start(&[]);
    let program = std::fs::read_link(format!("/proc/{}/exe", daemon.pid())).unwrap();
    let mut second = Command::new(program);
    let output = second.arg("--pidfile").arg(daemon.path("usernet_n.pid")).output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("a daemon with pid {} serves", daemon.pid())), "{said}");
    let pid = std::fs::read_to_string(daemon.path("usernet_n.pid")).unwrap();
    assert_eq!(pid, format!("{}\n", daemon.pid()));
}

#[test]
fn guests_plug_in_again_after_a_kill() {
    let mut daemon = Daemon::start(&[]);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let at = SocketAddrV4::new(GATEWAY, listener.local_addr().unwrap().port());
    let mut guest = Guest::plug(&daemon, 1, 1);
    let old = Tcp::connect(&mut guest, 40_000, at);
    daemon.kill();
    daemon.restart();
    // As QEMU does: the same card, another connection.
    guest.stream = std::os::unix::net::UnixStream::connect(daemon.path("qemu.sock")).unwrap();
    let mut after = old.clone();
    after.send(&mut guest, smoltcp::wire::TcpControl::Psh, b"are you there?");
    let answer = old.next(&mut guest, PATIENCE).unwrap();
    assert_eq!(answer.control, smoltcp::wire::TcpControl::Rst, "the guest is told at once");
    Tcp::connect(&mut guest, 40_001, at);
}

#[test]
#[cfg(target_os = "linux")]
fn it_is_locked_in_while_it_serves() {
    let daemon = Daemon::start(&[]);
    // Its sockets are there before it locks itself in, and nothing is taken from them until then.
    assert_eq!(daemon.connections(), 0);
    for task in std::fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let value = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key)).unwrap();
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        assert_eq!(value("Seccomp:"), "2", "each thread has a filter");
        assert_eq!(value("NoNewPrivs:"), "1");
    }
    // A socket outside of the network's directory is a file that it can't make.
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().join("s.sock");
    let body = format!(
        r#"{{"local":"{}","remote":"192.168.104.1:22","protocol":"unix"}}"#,
        path.display()
    );
    let (status, text) = daemon.api("POST", "/services/forwarder/expose", &body);
    if daemon.log().contains("no Landlock") {
        println!("SKIPPED: this kernel has no Landlock");
        return;
    }
    assert_eq!(status, 500);
    assert!(text.contains("ermission denied"), "{text}");
    let inside =
        body.replace(&path.display().to_string(), &daemon.path("s.sock").display().to_string());
    assert_eq!(daemon.api("POST", "/services/forwarder/expose", &inside).0, 200);
}

#[test]
#[cfg(target_os = "linux")]
fn a_log_that_takes_nothing_holds_nobody_up() {
    use std::io::{Read, Write};
    use std::os::unix::fs::OpenOptionsExt;
    // asm-generic/fcntl.h
    const O_NONBLOCK: i32 = 0o4000;
    let mut daemon = Daemon::start(&[]);
    daemon.kill();
    let log = daemon.path("log");
    std::fs::remove_file(&log).unwrap();
    assert!(Command::new("mkfifo").arg(&log).status().unwrap().success());
    let mut options = std::fs::File::options();
    let mut pipe = options.read(true).write(true).custom_flags(O_NONBLOCK).open(&log).unwrap();
    while pipe.write(&[b'x'; 4096]).is_ok() {}
    daemon.restart();
    // Each is told when it is plugged in, and when it is not any more.
    for _ in 0..10 {
        assert!(Guest::plug(&daemon, 1, 1).is_heard(PATIENCE));
    }
    // As soon as there is room, the log has it.
    let (begun, mut text) = (std::time::Instant::now(), Vec::new());
    while !String::from_utf8_lossy(&text).contains("a VM is plugged in") {
        assert!(begun.elapsed() < PATIENCE);
        // Empty for the moment.
        let _ = pipe.read_to_end(&mut text);
    }
    assert!(daemon.stop());
}
