//! A daemon, as a process of its own.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running daemon; killed when dropped.
pub struct Daemon {
    child: Child,
    dir: TempDir,
    words: Vec<String>,
    /// Takes the place of the host's `/etc/resolv.conf`.
    resolver: Option<PathBuf>,
}

impl Daemon {
    /// Starts one, with these words besides its sockets and files.
    pub fn start(words: &[&str]) -> Self {
        Self::start_with(words, None)
    }

    /// Starts one with this name server instead of the host's, by a mount that it alone sees.
    /// `None` if this user may make none.
    pub fn start_with_name_server(server: std::net::Ipv4Addr) -> Option<Self> {
        let may = Command::new("unshare").args(["-m", "true"]).stderr(Stdio::null()).status();
        may.ok().filter(std::process::ExitStatus::success)?;
        Some(Self::start_with(&[], Some(&format!("nameserver {server}\n"))))
    }

    fn start_with(words: &[&str], resolver: Option<&str>) -> Self {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let resolver = resolver.map(|text| {
            let path = dir.path().join("resolv.conf");
            std::fs::write(&path, text).expect("a file can be written");
            path
        });
        let child = spawn(dir.path(), &words, resolver.as_deref());
        let daemon = Self { child, dir, words, resolver };
        daemon.wait();
        daemon
    }

    /// Starts it again in the same place.
    pub fn restart(&mut self) {
        self.child = spawn(self.dir.path(), &self.words, self.resolver.as_deref());
        self.wait();
    }

    /// As the kernel ends it.
    pub fn kill(&mut self) {
        self.child.kill().expect("it lives");
        self.child.wait().expect("it ends");
    }

    /// Asks it to end; returns whether it did so in order.
    pub fn stop(&mut self) -> bool {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a pid"), rustix::process::Signal::TERM)
            .expect("it lives");
        self.child.wait().expect("it ends").success()
    }

    fn wait(&self) {
        let start = Instant::now();
        while UnixStream::connect(self.path("fd.sock")).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "no socket: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// A file of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks its API; returns the status and the body.
    pub fn api(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = UnixStream::connect(self.path("ep.sock")).expect("it serves an API");
        let length = body.len();
        write!(stream, "{method} {path} HTTP/1.1\r\nHost: lima\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
            .expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status.expect("HTTP"), body.to_owned())
    }

    /// Connections through the gateway.
    pub fn connections(&self) -> u64 {
        let stats: serde_json::Value =
            serde_json::from_str(&self.api("GET", "/stats", "").1).expect("JSON");
        stats["connections"].as_u64().expect("a number")
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("it lives").count()
    }

    /// Its threads.
    pub fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("it lives").count()
    }

    /// Its private memory in KiB.
    pub fn private(&self) -> u64 {
        let path = format!("/proc/{}/smaps_rollup", self.pid());
        let text = std::fs::read_to_string(path).expect("it lives");
        let private = text.lines().filter(|line| line.starts_with("Private_"));
        private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the daemon's log:\n{}", self.log());
        }
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(dir: &Path, words: &[String], resolver: Option<&Path>) -> Child {
    let log = std::fs::File::options().append(true).create(true).open(dir.join("log"));
    let file = |name: &str| dir.join(name).into_os_string();
    let mut command = program();
    if let Some(resolver) = resolver {
        command = behind(resolver, &command);
    }
    command
        .args(["--pidfile".into(), file("usernet_n.pid"), "--endpoint".into(), file("ep.sock")])
        .args(["--listen-qemu".into(), file("qemu.sock"), "--listen".into(), file("fd.sock")])
        .args(["--leases-file".into(), file("leases.json")])
        .args(["--state-file".into(), file("state.json")])
        .args(["--subnet", "192.168.104.0/24"])
        .args(words)
        .stdin(Stdio::null())
        .stderr(log.expect("a log can be written"))
        .spawn()
        .expect("the daemon starts")
}

/// The same command, for which the file is `/etc/resolv.conf`.
fn behind(resolver: &Path, command: &Command) -> Command {
    let mut shell = Command::new("unshare");
    shell.args(["-m", "sh", "-ec", "mount --bind \"$0\" /etc/resolv.conf; exec \"$@\""]);
    shell.arg(resolver).arg(command.get_program()).args(command.get_args());
    shell
}

/// The daemon that cargo built for the tests, or the program that measurements name.
fn program() -> Command {
    if let Some(program) = option_env!("CARGO_BIN_EXE_usernet-under-test") {
        return Command::new(program);
    }
    let program = std::env::var_os("LIMEKILN").expect("LIMEKILN names the program to measure");
    let mut command = Command::new(program);
    command.arg("usernet");
    command
}
