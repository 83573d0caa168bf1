//! The world beyond the host: an HTTP server in a network namespace of its own, which the host
//! reaches over a cable.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The host's end of the cable, and the server's. (For documentation, RFC 5737: nobody's.)
const HOST: &str = "198.51.100.1";
const SERVER: &str = "198.51.100.2";
const PORT: u16 = 80;

/// What it answers.
pub const ANSWER: &str = "from outside";

/// The server and its cable; both end with it.
pub struct Outside {
    server: Child,
    cable: String,
}

impl Outside {
    /// Starts the server.
    ///
    /// # Errors
    /// Why this user can make no network beside the host's, in words.
    ///
    /// # Panics
    /// This user can, and something else fails.
    pub fn start() -> Result<Self, String> {
        may()?;
        // Interfaces have 15 letters.
        let cable = format!("lk{}", std::process::id());
        let server = Command::new("unshare")
            .arg("-n")
            .arg(std::env::current_exe().expect("the test has a name"))
            .args(["--exact", "outside::serve", "--ignored"])
            .env("LIMEKILN_OUTSIDE", "1")
            .stdout(Stdio::null())
            .spawn()
            .expect("unshare was there just now");
        let outside = Self { server, cable };
        outside.plug().unwrap_or_else(|reason| panic!("no cable to the outside: {reason}"));
        Ok(outside)
    }

    /// Where it is found.
    pub fn url() -> String {
        format!("http://{SERVER}:{PORT}/")
    }

    fn plug(&self) -> Result<(), String> {
        let (cable, pid) = (&self.cable, self.server.id());
        let inside = format!("nsenter -t {pid} -n");
        // Until it has a network of its own, what follows would change the host's.
        run(&format!(
            "for i in $(seq 100); do \
               [ \"$(readlink /proc/{pid}/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ] && break; sleep 0.1; done; \
             [ \"$(readlink /proc/{pid}/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]"
        ))?;
        run(&format!("ip link add {cable} type veth peer name eth0 netns {pid}"))?;
        run(&format!("ip address add {HOST}/30 dev {cable} && ip link set {cable} up"))?;
        run(&format!(
            "{inside} ip address add {SERVER}/30 dev eth0 && {inside} ip link set eth0 up"
        ))
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // Either may be gone; its other end goes with it.
        let _ = run(&format!("ip link delete {}", self.cable));
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// Whether this user can make what is needed: root's rights in the host's own network, and another.
fn may() -> Result<(), String> {
    run("[ $(id -u) = 0 ] || { echo only root lays a cable >&2; exit 1; }")?;
    run("unshare -n true")
}

fn run(script: &str) -> Result<(), String> {
    let output = Command::new("sh").args(["-c", script]).stdin(Stdio::null()).output();
    let output = output.map_err(|error| error.to_string())?;
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
