//! Devices that a guest has only if it asks for them, on the real QEMU.

use std::fs;
use std::io::Read;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use limekiln_hostagent::api::Phase;

use crate::agent::Agent;
use crate::instance::Instance;

const ALL: &str = "
video: {display: vnc, vnc: {display: '127.0.0.1:20,to=50'}}
audio: {device: 'wav,path=/dev/null'}
tpm: true
nestedVirtualization: true
";

fn has_swtpm() -> bool {
    let mut swtpm = Command::new("swtpm");
    let found = swtpm.arg("--version").stdout(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    if !found {
        println!("SKIPPED: swtpm is not installed");
    }
    found
}

/// The kinds of authentication that the VNC server offers (RFC 6143, 7.1.2).
fn vnc_security(port: u16) -> Vec<u8> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut version = [0; 12];
    server.read_exact(&mut version).unwrap();
    assert!(version.starts_with(b"RFB 003."), "{version:?}");
    std::io::Write::write_all(&mut server, &version).unwrap();
    let mut count = [0];
    server.read_exact(&mut count).unwrap();
    let mut kinds = vec![0; count[0].into()];
    server.read_exact(&mut kinds).unwrap();
    kinds
}

/// Pids of swtpm of this instance.
fn tpm(dir: &Path) -> Option<String> {
    let pid = fs::read_to_string(dir.join("swtpm.pid")).ok()?;
    let pid = pid.trim().to_owned();
    Path::new("/proc").join(&pid).join("exe").exists().then_some(pid)
}

fn kill(pid: &str) {
    assert!(Command::new("kill").args(["-9", pid]).status().expect("kill runs").success());
}

#[test]
fn a_display_sound_a_tpm_and_guests_of_the_guest() {
    if !has_swtpm() {
        return;
    }
    let Some(instance) = Instance::new(ALL) else { return };
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    let read = |name: &str| {
        let path = instance.dir().join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        fs::read_to_string(path).unwrap()
    };
    assert_eq!(read("vncpassword").len(), 8);
    let display = read("vncdisplay");
    let number: u16 = display.strip_prefix("127.0.0.1:").unwrap().parse().unwrap();
    assert!((20..=50).contains(&number), "{display}");
    assert_eq!(vnc_security(5900 + number), [2], "by password, and nothing else");

    let pci = instance.output("cat /sys/bus/pci/devices/*/device");
    for (what, id) in [("virtio-vga", "0x1050"), ("Intel's sound card", "0x293e")] {
        assert!(pci.lines().any(|line| line == id), "{what}: {pci}");
    }
    let acpi = instance.output("ls /sys/bus/acpi/devices");
    assert!(acpi.contains("MSFT0101"), "a TPM 2.0: {acpi}");
    assert_eq!(instance.output("grep -c '^flags.* svm' /proc/cpuinfo"), "1");

    let state = instance.dir().join("swtpm");
    assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(tpm(&instance.dir()).is_some());
    agent.interrupt();
    assert!(agent.wait().success());
    assert_eq!(tpm(&instance.dir()), None, "it ended with its QEMU");
    for name in ["vncpassword", "vncdisplay", "swtpm.sock"] {
        assert!(!instance.dir().join(name).exists(), "{name} is left behind");
    }
    assert!(fs::read_dir(&state).unwrap().count() > 0, "what it remembers stays");
}

/// Also by a host agent that did not start it.
#[test]
fn a_tpm_that_dies_is_told() {
    if !has_swtpm() {
        return;
    }
    let Some(instance) = Instance::new("tpm: true\n") else { return };
    let mut agent = Agent::start(&instance);
    agent.wait_for(|status| status.running);
    agent.kill();
    let mut agent = Agent::adopt(&instance);
    agent.wait_for(|status| status.running && !status.degraded);
    kill(&tpm(&instance.dir()).expect("it runs"));
    let told = agent.wait_for(|status| status.degraded);
    assert!(told.status.errors[0].contains("the TPM is gone"), "{:?}", told.status.errors);
    let status = agent.status();
    assert_eq!((status.phase, status.errors), (Phase::Degraded, told.status.errors));
    assert_eq!(instance.output("echo still here"), "still here");
    agent.interrupt();
    assert!(agent.wait().success());
}
