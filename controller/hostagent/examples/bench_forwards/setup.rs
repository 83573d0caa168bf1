//! Both chains, up.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;

use crate::load;
use crate::process::Process;

/// Ports at which the same servers can be reached by either chain.
pub struct Setup {
    pub echo: u16,
    pub relayed_echo: u16,
    pub relayed_sink: u16,
    pub relayed_source: u16,
    pub forwarded_echo: u16,
    pub forwarded_sink: u16,
    pub forwarded_source: u16,
    guest: Process,
    host: Process,
    _relays: Vec<Process>,
    _dir: TempDir,
}

impl Setup {
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("lk-").tempdir_in("/tmp").unwrap();
        let instance = dir.path().join("it");
        std::fs::create_dir(&instance).unwrap();
        let servers = [load::echo(), load::sink(), load::source()];
        let forwarded = servers.map(|_| free_port());
        let rules: String = servers
            .iter()
            .zip(forwarded)
            .map(|(guest, host)| {
                format!("- {{guestPort: {guest}, hostPort: {host}, proto: tcp}}\n")
            })
            .collect();
        let rest = "- {guestIP: 0.0.0.0, guestIPMustBeZero: false, ignore: true}";
        let yaml = format!("images: [{{location: /none}}]\nportForwards:\n{rules}{rest}\n");
        std::fs::write(instance.join("lima.yaml"), yaml).unwrap();
        let socket = instance.join("ga-port.sock").display().to_string();
        let program = std::env::var_os("LIMEKILN_GUESTAGENT").expect("LIMEKILN_GUESTAGENT is set");
        let words = ["daemon", "--no-clock", "--socket", &socket, "--virtio-port", "none"];
        let guest = Process::start(program, &words);
        let host = Process::part(&["forward", &instance.display().to_string()]);
        let mut relays = Vec::new();
        let relayed = servers.map(|port| relay(dir.path(), port, &mut relays));
        forwarded.iter().chain(&relayed).for_each(|port| until_open(*port));
        Self {
            echo: servers[0],
            relayed_echo: relayed[0],
            relayed_sink: relayed[1],
            relayed_source: relayed[2],
            forwarded_echo: forwarded[0],
            forwarded_sink: forwarded[1],
            forwarded_source: forwarded[2],
            guest,
            host,
            _relays: relays,
            _dir: dir,
        }
    }

    pub fn guest_pid(&self) -> u32 {
        self.guest.0.id()
    }

    pub fn host_pid(&self) -> u32 {
        self.host.0.id()
    }
}

/// Two hops to a port; returns the port before them.
fn relay(dir: &Path, to: u16, relays: &mut Vec<Process>) -> u16 {
    let (port, socket) = (free_port(), dir.join(format!("relay-{to}")).display().to_string());
    relays.push(Process::part(&["relay", &socket, &format!("127.0.0.1:{to}")]));
    relays.push(Process::part(&["relay", &format!("127.0.0.1:{port}"), &socket]));
    port
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn until_open(port: u16) {
    for _ in 0..500 {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return;
        }
        sleep(Duration::from_millis(20));
    }
    panic!("port {port} does not open");
}
