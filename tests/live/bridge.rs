//! A guest on a real bridge and a real tap of Linux, in a network namespace that the test makes.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use limekiln_tests::{Home, Outcome, skip};

use crate::guest::{instance, tiny};

/// A bridge that QEMU's helper may join, and a tap, each with an address of the host's. What this
/// needs of `/etc` is seen here alone.
const SETUP: &str = "
    mount -t sysfs sysfs /sys
    layers=$(mktemp -d); mount -t tmpfs tmpfs $layers; mkdir $layers/upper $layers/work
    mount -t overlay overlay -o lowerdir=/etc,upperdir=$layers/upper,workdir=$layers/work /etc
    mkdir -p /etc/qemu; echo allow lkbr0 >/etc/qemu/bridge.conf
    ip link set lo up
    ip link add lkbr0 type bridge; ip address add 10.98.0.1/24 dev lkbr0; ip link set lkbr0 up
    ip tuntap add lktap0 mode tap; ip address add 10.98.1.1/24 dev lktap0; ip link set lktap0 up
    echo ready; exec sleep 600";

/// Namespaces with that network, as long as it lives.
struct Apart(Child);

impl Apart {
    /// `None`, with the reason printed, if they cannot be made here.
    fn new() -> Option<Self> {
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "sh", "-ec", SETUP]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().ok()?;
        let mut said = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut said).ok()?;
        }
        let apart = Self(child);
        if said.trim() == "ready" {
            return Some(apart);
        }
        println!(
            "SKIPPED: this user can make no bridge in a namespace (root, iproute2, overlayfs)"
        );
        None
    }

    /// Runs a command of the home's there; words are split at spaces.
    fn run(&self, home: &Home, line: &str) -> Outcome {
        let line = line.replace("{m}", &home.manifests().display().to_string());
        self.call(home, &line.split(' ').collect::<Vec<_>>())
    }

    fn call(&self, home: &Home, words: &[&str]) -> Outcome {
        let inner = home.command(words);
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.0.id().to_string(), "--net", "--mount"]);
        command.arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.stdin(Stdio::null()).output().expect("nsenter is where unshare is").into()
    }

    /// What a shell there prints.
    fn shell(&self, line: &str) -> String {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.0.id().to_string(), "--net", "--mount", "sh", "-c", line]);
        let output = command.output().expect("nsenter is where unshare is");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn has_helper() -> bool {
    let places = ["/usr/lib/qemu/qemu-bridge-helper", "/usr/libexec/qemu-bridge-helper"];
    let found = places.iter().any(|place| std::path::Path::new(place).exists());
    if !found {
        println!("SKIPPED: qemu-bridge-helper is not installed");
    }
    found
}

#[test]
fn a_guest_is_on_a_bridge_and_on_a_tap() {
    let Some(guest) = skip::tiny_guest() else { return };
    let Some(apart) = has_helper().then(Apart::new).flatten() else { return };
    let home = Home::new();
    for (name, spec) in [
        ("wire", "{mode: bridged, interface: lkbr0}"),
        ("tap", "{mode: host, gateway: 10.98.1.1, interface: lktap0}"),
    ] {
        let head = "apiVersion: lima-vm.io/v1alpha1\nkind: Network";
        home.write(
            &format!("{name}.yaml"),
            &format!("{head}\nmetadata: {{name: {name}}}\nspec: {spec}\n"),
        );
    }
    let template = tiny(&guest, "networks: [{lima: wire}, {lima: tap}]");
    home.write("a.yaml", &instance("a", "", &template));

    // Outside of the namespace there is neither, and that is found before anything is done.
    let plan = home.run("plan -f {m}");
    let plan = plan.out + &plan.err;
    assert!(plan.contains("lkbr0") && plan.contains("mode user-v2"), "{plan}");

    apart.run(&home, "apply -f {m} --yes").ok();
    let (bridge, tap) = ("eth1", "eth2");
    let mut script = String::new();
    for (card, own, host) in [(bridge, "10.98.0.9", "10.98.0.1"), (tap, "10.98.1.9", "10.98.1.1")] {
        script += &format!(
            "sudo ip addr add {own}/24 dev {card} && sudo ping -c 1 -W 10 {host} >/dev/null && echo {card} && "
        );
    }
    let reached = apart.call(&home, &["shell", "a", "--", "sh", "-c", &(script + "true")]).ok().out;
    assert_eq!(reached.split_whitespace().collect::<Vec<_>>(), [bridge, tap]);
    let ports = "ls /sys/class/net/lkbr0/brif";
    assert_eq!(apart.shell(ports).lines().count(), 1, "the guest is a port of the bridge");

    apart.run(&home, "stop --force a").ok();
    assert_eq!(apart.shell(ports), "", "and is none when it is gone");

    // A bridge that the helper may not join is refused with what to do.
    apart.shell("echo deny all >/etc/qemu/bridge.conf");
    let refused = apart.run(&home, "start a").expect(1).err;
    assert!(refused.contains("denied by acl file"), "{refused}");
    assert!(refused.contains("/etc/qemu/bridge.conf"), "{refused}");
}
