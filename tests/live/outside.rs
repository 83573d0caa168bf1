//! The world beyond the host: an HTTP server in a network namespace of its own, which the host
//! reaches over a cable.
//!
//! What stands for the host is a network namespace, too, in which the whole test runs: nothing is
//! put into the host's own network, whatever becomes of the test.

use std::io::{Read, Seek, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The host's end of the cable, and the server's. (For documentation, RFC 5737: nobody's.)
const HOST: &str = "198.51.100.1";
const SERVER: &str = "198.51.100.2";
const PORT: u16 = 80;

/// What it answers.
pub const ANSWER: &str = "from outside";

/// Set in a test that runs in a network namespace of its own.
const APART: &str = "LIMEKILN_TEST_APART";

/// What is needed in one: its own interface, and a cable.
const TRIAL: &str = "ip link set lo up; ip link add cable type veth peer name eth0";

/// Runs the test of this name once more, in a network namespace of its own; whether it did, so that
/// there is nothing left to do. Where this user can make none, the test runs without one, and says so
/// when it comes to the world outside.
///
/// # Panics
/// The test failed there, or there is none of this name.
pub fn ran_apart(test: &str) -> bool {
    if std::env::var_os(APART).is_some() || may().is_err() {
        return false;
    }
    let own = std::env::current_exe().expect("the test has a name");
    let mut apart = apart("ip link set lo up; exec \"$@\"");
    apart.arg("sh").arg(own).args(["--exact", test, "--nocapture"]).env(APART, "1");
    // No pipe: a process that outlives the test would keep it open.
    let mut said = tempfile::tempfile().expect("a temporary file");
    apart.stdout(said.try_clone().expect("a descriptor"));
    let ended = apart.status().expect("unshare was there just now");
    let mut text = Vec::new();
    said.rewind().and_then(|()| said.read_to_end(&mut text)).expect("ours");
    std::io::stdout().write_all(&text).expect("stdout");
    assert!(ended.success(), "it failed there");
    // A name of no test runs nothing, and that succeeds.
    let ran = String::from_utf8_lossy(&text).contains("test result: ok. 1 passed;");
    assert!(ran, "{test} did not run there");
    true
}

/// A name that is none must not look like a test that passed.
#[test]
fn what_did_not_run_apart_did_not_pass() {
    if std::env::var_os(APART).is_some() || may().is_err() {
        println!("SKIPPED: this user can make no network namespace");
        return;
    }
    let ran = std::panic::catch_unwind(|| ran_apart("outside::no_such_test"));
    assert!(ran.is_err(), "nothing ran, and that was taken for success");
}

/// A script in a network namespace of its own. Who is not root is so in a user namespace.
fn apart(script: &str) -> Command {
    let mut command = Command::new("unshare");
    let namespaces = if run("[ $(id -u) = 0 ]").is_ok() { "-n" } else { "-Urn" };
    command.args([namespaces, "sh", "-ec", script]).stdin(Stdio::null());
    command
}

/// The server; it and its cable end with it.
pub struct Outside {
    server: Child,
}

impl Outside {
    /// Starts the server.
    ///
    /// # Errors
    /// The test does not run in a network namespace of its own; why this user can make none, in words.
    ///
    /// # Panics
    /// It does, and something fails.
    pub fn start() -> Result<Self, String> {
        if std::env::var_os(APART).is_none() {
            return Err(may().err().unwrap_or_default());
        }
        let server = Command::new("unshare")
            .arg("-n")
            .arg(std::env::current_exe().expect("the test has a name"))
            .args(["--exact", "outside::serve", "--ignored"])
            .env("LIMEKILN_OUTSIDE", "1")
            .stdout(Stdio::null())
            .spawn()
            .expect("unshare was there just now");
        let outside = Self { server };
        outside.plug().unwrap_or_else(|reason| panic!("no cable to the outside: {reason}"));
        Ok(outside)
    }

    /// Where it is found.
    pub fn url() -> String {
        format!("http://{SERVER}:{PORT}/")
    }

    fn plug(&self) -> Result<(), String> {
        let pid = self.server.id();
        let inside = format!("nsenter -t {pid} -n");
        // Until it has a network of its own, what follows would change this one.
        run(&format!(
            "for i in $(seq 100); do \
               [ \"$(readlink /proc/{pid}/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ] && break; sleep 0.1; done; \
             [ \"$(readlink /proc/{pid}/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]"
        ))?;
        run(&format!("ip link add cable type veth peer name eth0 netns {pid}"))?;
        run(&format!("ip address add {HOST}/30 dev cable && ip link set cable up"))?;
        run(&format!(
            "{inside} ip address add {SERVER}/30 dev eth0 && {inside} ip link set eth0 up"
        ))
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // It may be gone; the cable goes with its network.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Whether this user can make what is needed.
fn may() -> Result<(), String> {
    succeed(&mut apart(TRIAL))
}

fn run(script: &str) -> Result<(), String> {
    succeed(Command::new("sh").args(["-c", script]).stdin(Stdio::null()))
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// The server's process; it ends with the test, or by itself.
#[test]
#[ignore = "the server that another test starts"]
fn serve() {
    if std::env::var_os("LIMEKILN_OUTSIDE").is_none() {
        return;
    }
    let listener = TcpListener::bind(("0.0.0.0", PORT)).expect("a network of its own");
    let length = ANSWER.len();
    let answer = format!("HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n{ANSWER}");
    let begun = Instant::now();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            // Who goes away needs no answer.
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    let parent = std::os::unix::process::parent_id();
    while begun.elapsed() < Duration::from_secs(1800)
        && std::os::unix::process::parent_id() == parent
    {
        std::thread::sleep(Duration::from_secs(1));
    }
}
