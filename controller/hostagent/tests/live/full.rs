//! The full guest: systemd runs the guest agent, and OpenSSH forwards sockets.

use std::io::{Read, Write};
use std::net::UdpSocket;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use limekiln_hostagent::api::Order;
use limekiln_hostagent::guest::Transport;

use crate::agent::{Agent, until};
use crate::disks::{attach, detach, make_disk, order};
use crate::instance::Instance;

/// Serves a unix socket and a UDP port, each an echo.
const SERVERS: &str = "\
import socket, threading
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(('127.0.0.1', 5353))
def udp():
    while True:
        data, peer = u.recvfrom(2000)
        u.sendto(data, peer)
threading.Thread(target=udp, daemon=True).start()
s = socket.socket(socket.AF_UNIX)
s.bind('/tmp/g.sock')
s.listen()
while True:
    c, _ = s.accept()
    c.sendall(c.recv(100))
    c.close()
";

/// Connects to a socket in the guest and prints what it says.
const CLIENT: &str = "\
import socket
c = socket.socket(socket.AF_UNIX)
c.connect('/tmp/r.sock')
print(c.recv(100).decode())
";

/// Of an authority of nobody's, made for this test; its key is thrown away.
const CERTIFICATE: &str = include_str!("ca.pem");

/// Programs of the guest take the authority's word.
fn is_trusted(instance: &Instance) {
    let trusted = instance.output("cat /etc/ssl/certs/ca-certificates.crt");
    assert!(trusted.contains(CERTIFICATE.trim()), "it is not among those that are trusted");
    assert!(trusted.matches("BEGIN CERTIFICATE").count() > 1, "the distribution's own stay");
}

fn python(instance: &Instance, script: &str, rest: &str) -> String {
    let name = format!("/tmp/{}.py", script.len());
    instance.output(&format!("cat >{name} <<'END'\n{script}END\npython3 {name} {rest}"))
}

#[test]
fn sockets_both_ways_udp_and_lima_s_transport() {
    let socket = tempfile::Builder::new().prefix("lk-").tempdir_in("/tmp").unwrap();
    let on_host = socket.path().join("host.sock");
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let yaml = format!(
        "user: {{passwordlessSudo: false}}\n\
         timezone: Pacific/Chatham\n\
         caCerts: {{certs: [{CERTIFICATE:?}]}}\n\
         additionalDisks: [data]\n\
         provision: [{{script: 'id -un >/var/boot'}}]\n\
         hostResolver: {{hosts: {{db.test: 10.0.0.9}}}}\n\
         portForwards:\n\
         - {{guestPort: 5353, hostPort: {port}, proto: udp}}\n\
         - {{guestSocket: /tmp/g.sock, hostSocket: g.sock}}\n\
         - {{guestSocket: /tmp/r.sock, hostSocket: {}, reverse: true}}\n",
        on_host.display()
    );
    let Some(instance) = Instance::full(&yaml) else { return };
    make_disk(&instance, "data", "qcow2");
    let listener = UnixListener::bind(&on_host).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"from the host");
        }
    });
    let mut agent = Agent::start(&instance);
    let ready = agent.wait_for(|status| status.running);
    assert_eq!(ready.status.errors, [""; 0]);
    assert_eq!(agent.status().guest_agent, Some(Transport::VirtioSerial));
    assert_eq!(instance.output("systemctl is-active lima-guestagent"), "active");
    root_takes_a_password(&instance, &agent);
    assert_eq!(
        instance.output("readlink -f /etc/localtime"),
        "/usr/share/zoneinfo/Pacific/Chatham"
    );
    assert_eq!(instance.output("date -d @0 +%R"), "12:45");
    is_trusted(&instance);
    // By way of systemd-resolved, which asks by the card.
    assert_eq!(instance.output("getent ahostsv4 db.test | awk 'NR==1 {print $1}'"), "10.0.0.9");

    python(&instance, SERVERS, ">/dev/null 2>&1 </dev/null &");
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    udp.connect(("127.0.0.1", port)).unwrap();
    let mut buffer = [0; 2000];
    until("a datagram back", || {
        let _ = udp.send(&[5; 1400]);
        udp.recv(&mut buffer).is_ok_and(|length| buffer[..length] == [5; 1400])
    });
    until("an answer of the guest's socket", || echo(&instance).as_deref() == Some("hello"));
    until("an answer of the host's socket", || {
        python(&instance, CLIENT, "2>/dev/null || true") == "from the host"
    });

    // Without the port, the agent is reached as Lima reaches it.
    root(&instance, "sed -i 's/guest_agent.0/none/' /etc/systemd/system/lima-guestagent.service");
    root(&instance, "systemctl daemon-reload");
    root(&instance, "systemctl restart lima-guestagent");
    until("SSH", || agent.status().guest_agent == Some(Transport::Ssh));
    until("a datagram over SSH", || {
        let _ = udp.send(&[6; 1400]);
        udp.recv(&mut buffer).is_ok_and(|length| buffer[..length] == [6; 1400])
    });
    agent.interrupt();
    assert!(agent.wait().success());
    for left in ["ga.sock", "ga-port.sock", "sock/g.sock"] {
        assert!(!instance.dir().join(left).exists(), "{left} is left behind");
    }
}

/// What root's command prints, for a user who has read the password.
fn root(instance: &Instance, command: &str) -> String {
    instance.output(&format!("sudo -k -S -p '' {command} <~/password"))
}

/// What the host agent does as root while the guest runs is done all the same.
fn root_takes_a_password(instance: &Instance, agent: &Agent) {
    assert!(!instance.ssh("sudo -n true").status.success(), "nothing asks");
    assert_eq!(root(instance, "cat /var/boot"), "root");
    order(agent, &detach("data")).unwrap();
    order(agent, &attach("data")).unwrap();
    assert!(instance.output("findmnt -no SOURCE /mnt/lima-data").starts_with("/dev/vd"));
    let path = instance.dir().join("lima.yaml");
    let yaml = std::fs::read_to_string(&path).unwrap();
    let step = "{mode: data, path: /var/later, content: later}";
    std::fs::write(&path, yaml.replace("provision: [", &format!("provision: [{step}, "))).unwrap();
    order(agent, &Order::Provision).unwrap();
    assert_eq!(instance.output("cat /var/later"), "later");
    // Who takes the password away is told why nothing works.
    instance.output("mv password elsewhere");
    let refused = order(agent, &detach("data")).unwrap_err();
    assert!(refused.contains("password is required"), "{refused}");
    instance.output("mv elsewhere password");
}

/// What the guest's socket answers to a word.
fn echo(instance: &Instance) -> Option<String> {
    let mut stream = UnixStream::connect(instance.dir().join("sock/g.sock")).ok()?;
    stream.write_all(b"hello").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text)
}
