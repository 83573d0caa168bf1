//! Port forwards into a real guest.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use limekiln_hostagent::api::Phase;
use limekiln_hostagent::events::{PortForward, PortForwardType, Status};
use limekiln_hostagent::guest::Transport;

use crate::agent::{Agent, block_on, until};
use crate::instance::Instance;

/// A free port of the host.
/// One below those that VMs get for their SSH, and below those that the kernel gives to whoever asks
/// for any: nobody else comes to have it by chance while nothing listens there. Another test gets
/// another one.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let own = u16::try_from(std::process::id() % 90).unwrap() * 100;
    loop {
        let port = 10_000 + own + NEXT.fetch_add(1, Ordering::Relaxed) % 100;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// An instance with these forwards; `None` where there is no guest, or no agent for it.
fn instance(forwards: &str) -> Option<Instance> {
    Instance::new(&format!("portForwards:\n{forwards}"))
}

fn ready(instance: &Instance) -> Agent {
    let mut agent = Agent::start(instance);
    let ready = agent.wait_for(|status| status.running);
    assert_eq!(ready.status.errors, [""; 0]);
    agent
}

fn stop(mut agent: Agent) {
    agent.interrupt();
    assert!(agent.wait().success());
}

/// A server in the guest that answers each connection with a word; ends with the VM.
fn serve(instance: &Instance, port: u16, word: &str) {
    let command =
        format!("setsid nc -ll -p {port} -e echo {word} >/dev/null 2>&1 </dev/null & echo started");
    assert_eq!(instance.output(&command), "started");
}

/// What a port of the host says, if anything.
fn says(port: u16) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn is(status: &Status, kind: PortForwardType, host: &str) -> bool {
    let event: Option<&PortForward> = status.port_forward.as_ref();
    event.is_some_and(|event| event.r#type == kind && event.host_addr == host)
}

#[test]
fn a_port_comes_and_goes_with_what_listens() {
    let port = free_port();
    let yaml = format!("- {{guestPort: 8080, hostPort: {port}, proto: tcp}}");
    let Some(instance) = instance(&yaml) else { return };
    let mut agent = ready(&instance);
    assert_eq!(agent.status().guest_agent, Some(Transport::VirtioSerial));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nothing listens yet");

    serve(&instance, 8080, "hello");
    let host = format!("127.0.0.1:{port}");
    agent.wait_for(|status| is(status, PortForwardType::Forwarding, &host));
    assert_eq!(says(port).as_deref(), Some("hello"));

    instance.output("killall nc");
    agent.wait_for(|status| is(status, PortForwardType::Stopping, &host));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "it is closed on the host, too");
    stop(agent);
}

/// From the word to open a port, which a process in the guest must be started for, to an answer.
#[test]
fn many_ports_are_there_at_once_and_soon() {
    // Above those of the other tests, and below those that VMs get for their SSH.
    let first = 19_900_u16;
    let Some(instance) =
        instance("- {guestPortRange: [9000, 9063], hostPortRange: [19900, 19963]}")
    else {
        return;
    };
    let agent = ready(&instance);
    let mut shell = std::process::Command::new("ssh");
    shell.arg("-F").arg(instance.dir().join("ssh.config"));
    shell
        .args(["lima-it", "while read p; do nc -ll -p $p -e echo $p >/dev/null 2>&1 & done; wait"]);
    let mut shell = shell.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut words = shell.stdin.take().unwrap();
    let mut times: Vec<Duration> = (0..64)
        .map(|number| {
            let start = Instant::now();
            writeln!(words, "{}", 9000 + number).unwrap();
            let wanted = (9000 + number).to_string();
            until("an answer", || says(first + number).as_ref() == Some(&wanted));
            start.elapsed()
        })
        .collect();
    for number in 0..64 {
        assert_eq!(says(first + number), Some((9000 + number).to_string()), "all 64 at once");
    }
    times.sort_unstable();
    println!("a port is reachable after {:?} (median), {:?} at most", times[32], times[63]);
    // 300 ms are promised of a machine that has time; tests run side by side.
    assert!(times[32] < Duration::from_secs(1), "{:?}", times[32]);
    shell.kill().unwrap();
    shell.wait().unwrap();
    stop(agent);
}

/// All that is needed of a new rule is that it stands in the file, and a word to the host agent.
#[test]
fn rules_change_while_the_vm_runs() {
    let (before, after) = (free_port(), free_port());
    let rule = |port: u16| format!("- {{guestPort: 8080, hostPort: {port}, proto: tcp}}");
    let Some(instance) = instance(&rule(before)) else { return };
    let agent = ready(&instance);
    serve(&instance, 8080, "hello");
    until("the first port", || says(before).as_deref() == Some("hello"));

    let yaml = instance.dir().join("lima.yaml");
    let text = std::fs::read_to_string(&yaml).unwrap();
    std::fs::write(&yaml, text.replace(&rule(before), &rule(after))).unwrap();
    block_on(agent.client().reload_forwards()).unwrap();
    until("the second port", || says(after).as_deref() == Some("hello"));
    assert!(TcpStream::connect(("127.0.0.1", before)).is_err());

    std::fs::write(&yaml, "portForwards: 7\n").unwrap();
    let error = block_on(agent.client().reload_forwards()).unwrap_err().to_string();
    assert!(error.contains("lima.yaml"), "{error}");
    assert_eq!(says(after).as_deref(), Some("hello"), "what was good stays");
    stop(agent);
}

#[test]
fn a_port_that_is_taken_is_told_and_had_as_soon_as_it_is_free() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let yaml = format!("- {{guestPort: 8080, hostPort: {port}, proto: tcp}}");
    let Some(instance) = instance(&yaml) else { return };
    let mut agent = ready(&instance);
    serve(&instance, 8080, "hello");
    let host = format!("127.0.0.1:{port}");
    let event = agent.wait_for(|status| is(status, PortForwardType::Failed, &host));
    let said = event.status.port_forward.unwrap().error;
    assert!(said.contains("taken on the host"), "{said}");
    assert!(event.status.running, "readers go by the last event");
    // nc listens for both families.
    let in_status = format!("tcp {host} to [::]:8080");
    assert!(agent.status().forwards[&in_status].is_some(), "{:?}", agent.status().forwards);
    drop(holder);
    let freed = Instant::now();
    agent.wait_for(|status| is(status, PortForwardType::Forwarding, &host));
    assert!(freed.elapsed() < Duration::from_secs(4), "{:?}", freed.elapsed());
    assert_eq!(agent.status().forwards[&in_status], None);
    stop(agent);
}

#[test]
fn a_killed_guest_agent_is_back_and_so_are_the_ports() {
    let port = free_port();
    let yaml = format!("- {{guestPort: 8080, hostPort: {port}, proto: tcp}}");
    let Some(instance) = instance(&yaml) else { return };
    let agent = ready(&instance);
    serve(&instance, 8080, "hello");
    until("an answer", || says(port).as_deref() == Some("hello"));
    let pid = instance.output("pidof lima-guestagent");
    instance.output(&format!("sudo kill -9 {pid}"));
    let killed = Instant::now();
    until("another one", || {
        instance.ssh("pidof lima-guestagent").status.success()
            && instance.output("pidof lima-guestagent") != pid
    });
    until("an answer again", || says(port).as_deref() == Some("hello"));
    assert!(killed.elapsed() < Duration::from_secs(20), "{:?}", killed.elapsed());
    stop(agent);
}

/// As Lima does it: over SSH, and TCP by SSH's own forwards, the dynamic ones, too.
#[test]
fn ssh_carries_what_it_is_asked_to() {
    let (port, dynamic) = (free_port(), free_port());
    let yaml = format!(
        "- {{guestPort: 8080, hostPort: {port}, proto: tcp, static: true}}\n\
         - {{guestPort: 9090, hostPort: {dynamic}, proto: tcp}}"
    );
    let Some(instance) = instance(&yaml) else { return };
    let mut agent = Agent::start_forwarding_by_ssh(&instance);
    let host = format!("127.0.0.1:{port}");
    // From the boot on, whether or not anything listens.
    agent.wait_for(|status| is(status, PortForwardType::Forwarding, &host));
    until("a guest that is ready", || agent.status().phase == Phase::Running);
    serve(&instance, 8080, "static");
    until("an answer", || says(port).as_deref() == Some("static"));
    // Another connection takes over what the first one carried.
    let mut ssh = std::process::Command::new("ssh");
    let config = instance.dir().join("ssh.config");
    ssh.arg("-F").arg(&config).args(["-O", "exit", "lima-it"]);
    assert!(ssh.output().unwrap().status.success());
    assert_eq!(instance.output("echo new"), "new");
    until("an answer again", || says(port).as_deref() == Some("static"));

    serve(&instance, 9090, "dynamic");
    let host = format!("127.0.0.1:{dynamic}");
    agent.wait_for(|status| is(status, PortForwardType::Forwarding, &host));
    // Through a tunnel of the guest agent nothing would come now.
    instance.output("sudo kill -STOP $(pidof lima-guestagent)");
    assert_eq!(says(dynamic).as_deref(), Some("dynamic"));
    instance.output("sudo kill -CONT $(pidof lima-guestagent); killall nc");
    agent.wait_for(|status| is(status, PortForwardType::Stopping, &host));
    stop(agent);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_port_of_the_guest_becomes_a_socket_of_the_host() {
    let Some(instance) = instance("- {guestPort: 8080, hostSocket: web.sock}") else { return };
    let agent = ready(&instance);
    serve(&instance, 8080, "socket");
    let socket = instance.dir().join("sock/web.sock");
    let says = |path: &Path| -> Option<String> {
        let mut stream = UnixStream::connect(path).ok()?;
        stream.write_all(b"\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text.trim().to_owned())
    };
    until("an answer", || says(&socket).as_deref() == Some("socket"));
    stop(agent);
    assert!(!socket.exists());
}
