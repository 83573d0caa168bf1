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
    /// What is done before it starts, in namespaces of its own (unshare(1)).
    before: Option<[String; 2]>,
}

impl Daemon {
    /// Starts one, with these words besides its sockets and files.
    pub fn start(words: &[&str]) -> Self {
        Self::start_with(words, None)
    }

    /// Starts one in namespaces of its own, by their letter for unshare(1), after a shell script
    /// there. `None` if this user may make none.
    pub fn start_apart(namespaces: &str, script: &str) -> Option<Self> {
        Self::may(namespaces, script).then(|| Self::start_within(namespaces, script, &[]))
    }

    /// Whether this user can make such namespaces and run the script there.
    pub fn may(namespaces: &str, script: &str) -> bool {
        let before = [namespaces.to_owned(), script.to_owned()];
        let may = apart(&before, &Command::new("true")).stderr(Stdio::null()).status();
        may.is_ok_and(|status| status.success())
    }

    /// Starts one there, with these words, whether or not the script can be run.
    pub fn start_within(namespaces: &str, script: &str, words: &[&str]) -> Self {
        Self::start_with(words, Some([namespaces.to_owned(), script.to_owned()]))
    }

    fn start_with(words: &[&str], before: Option<[String; 2]>) -> Self {
        let dir = tempfile::tempdir().expect("a directory can be made");
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let child = spawn(dir.path(), &words, before.as_ref());
        let daemon = Self { child, dir, words, before };
        daemon.wait();
        daemon
    }

    /// Starts it again in the same place.
    pub fn restart(&mut self) {
        self.child = spawn(self.dir.path(), &self.words, self.before.as_ref());
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

    /// Its log, as soon as it says this: nothing waits until a line is written.
    pub fn log_saying(&self, words: &str) -> String {
        let start = Instant::now();
        loop {
            let log = self.log();
            if log.contains(words) {
                return log;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "no {words:?} in {log}");
            std::thread::sleep(Duration::from_millis(10));
        }
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

fn spawn(dir: &Path, words: &[String], before: Option<&[String; 2]>) -> Child {
    let log = std::fs::File::options().append(true).create(true).open(dir.join("log"));
    let file = |name: &str| dir.join(name).into_os_string();
    let mut command = program();
    if let Some(before) = before {
        command = apart(before, &command);
    }
    if !words.iter().any(|word| word == "--subnet") {
        command.args(["--subnet", "192.168.104.0/24"]);
    }
    command
        .args(["--pidfile".into(), file("usernet_n.pid"), "--endpoint".into(), file("ep.sock")])
        .args(["--listen-qemu".into(), file("qemu.sock"), "--listen".into(), file("fd.sock")])
        .args(["--leases-file".into(), file("leases.json")])
        .args(["--state-file".into(), file("state.json")])
        .args(["--cards-file".into(), file("cards.json")])
        .args(words)
        .stdin(Stdio::null())
        .stderr(log.expect("a log can be written"))
        .spawn()
        .expect("the daemon starts")
}

/// The same command in namespaces of its own, after a script.
fn apart([namespaces, script]: &[String; 2], command: &Command) -> Command {
    let mut shell = Command::new("unshare");
    shell.args([namespaces, "sh", "-ec", &format!("{script}; exec \"$@\""), "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
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
