//! What the guest is told, it does.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use limekiln_hostagent::api::Order;

use crate::agent::{Agent, until};
use crate::disks::order;
use crate::instance::Instance;

const GOOD: &str = r#"
additionalDisks: [data]
env: {COLOUR: "light blue"}
param: {WORD: "$(id) 'x'"}
provision:
- mode: data
  path: /etc/app/conf
  content: "a = 1\n"
  owner: lima:lima
  permissions: 600
- mode: yq
  path: /etc/docker/daemon.json
  expression: .features.containerd-snapshotter = true
  owner: lima
- mode: yq
  path: /etc/app/conf
  expression: .b.c = 2
  format: ini
  owner: lima:lima
  permissions: 600
- mode: system
  script: |
    #!/bin/sh
    printf %s "$PARAM_WORD" >/var/system
    printf %s "$http_proxy" >/var/proxy
- mode: user
  script: |
    #!/bin/sh
    printf %s "$PARAM_WORD" >~/user
user: {name: lima, uid: 1234}
hostResolver: {hosts: {db.test: 10.0.0.9, alias.test: db.test}}
probes:
- description: the system step has run
  script: |
    #!/bin/bash
    [[ -e /var/system && $PARAM_WORD == *id* ]]
"#;

#[test]
fn disks_files_scripts_and_probes() {
    let Some(instance) = Instance::new(GOOD) else { return };
    let disk = instance.home().join("_disks/data");
    std::fs::create_dir_all(&disk).unwrap();
    let mut create = Command::new("qemu-img");
    create.args(["create", "-q", "-f", "qcow2"]).arg(disk.join("datadisk")).arg("64M");
    assert!(create.status().unwrap().success());

    let mut agent = Agent::start_with(&instance, "http_proxy", "http://u:p@localhost:3128");
    let ready = agent.wait_for(|status| status.running);
    assert_eq!(ready.status.errors, [""; 0]);
    assert!(disk.join("in_use_by").is_symlink());
    assert_eq!(instance.output("sudo cat /etc/app/conf"), "a = 1\n\n[b]\nc = 2");
    let made =
        instance.output("cat /etc/docker/daemon.json; stat -c %U:%a /etc/docker/daemon.json");
    let made: String = made.split_whitespace().collect();
    assert_eq!(made, "{\"features\":{\"containerd-snapshotter\":true}}lima:644");
    assert_eq!(instance.output("stat -c %U:%a /etc/app/conf"), "lima:600");
    assert_eq!(instance.output("cat /var/system"), "$(id) 'x'");
    assert_eq!(instance.output("cat user; id -u"), "$(id) 'x'1234");
    assert_eq!(instance.output("grep COLOUR /etc/environment"), "COLOUR=light blue");
    let proxy = "http://u:p@192.168.5.2:3128";
    let twins = format!("HTTP_PROXY={proxy}\nhttp_proxy={proxy}");
    assert_eq!(instance.output("grep -i ^http_proxy /etc/environment"), twins);
    assert_eq!(instance.output("cat /var/proxy"), proxy);
    let mounts = instance.output("grep /mnt/lima-data /proc/mounts");
    assert!(mounts.contains(" ext4 rw"), "{mounts}");
    for (name, address) in
        [("db.test", "10.0.0.9"), ("alias.test", "10.0.0.9"), ("host.lima.internal", "192.168.5.2")]
    {
        // Asked of the server, for the host's name is in the guest's own table, too.
        let found = instance.output(&format!("nslookup -type=a {name} 192.168.5.3"));
        assert!(
            found.contains(&format!("Address: {address}\n")) || found.ends_with(address),
            "{found}"
        );
    }
    let ping = instance.output("ping -c 1 -W 1 db.test 2>&1 | head -n 1");
    assert!(ping.contains("10.0.0.9"), "programs ask it, too: {ping}");
    files_that_somebody_changes_are_told(&instance, &agent);
    agent.interrupt();
    assert!(agent.wait().success());
    assert!(!disk.join("in_use_by").is_symlink());
}

/// A later step may edit a file that an earlier one wrote.
fn files_that_somebody_changes_are_told(instance: &Instance, agent: &Agent) {
    let changed = || {
        order(agent, &Order::Provision).expect("nothing to run");
        let steps = agent.status().steps.expect("the guest has told");
        steps.iter().map(|step| step.changed).collect::<Vec<_>>()
    };
    assert_eq!(changed(), [false; 5]);
    instance.output("sudo cp -p /etc/app/conf /tmp/conf && echo x = 1 | sudo tee -a /etc/app/conf");
    assert_eq!(changed(), [true, false, false, false, false]);
    instance.output("sudo cp -p /tmp/conf /etc/app/conf");
    assert_eq!(changed(), [false; 5]);
    // What an edit left is the guest's own; the edit is not.
    let json = "/etc/docker/daemon.json";
    instance
        .output(&format!("sudo cp -p {json} /tmp/json && sudo sed -i '1s/{{/{{\"a\": 1,/' {json}"));
    assert_eq!(changed(), [false; 5]);
    instance.output(&format!("sudo sed -i s/true/false/ {json}"));
    assert_eq!(changed(), [false, true, false, false, false]);
    instance.output(&format!("sudo cp -p /tmp/json {json} && sudo rm /etc/app/conf"));
    assert_eq!(changed(), [true, false, true, false, false]);
    // Nor is anything left of the looks.
    assert_eq!(instance.output("sudo ls /var/lib/limekiln | grep '^edits'"), "edits");
}

/// What came of the steps, as the host agent tells it, in the order in which they ended.
fn exit_codes(agent: &Agent) -> Vec<i32> {
    let steps = agent.status().steps.expect("the guest has told");
    let now = jiff::Timestamp::now().as_second();
    assert!(steps.iter().all(|step| (now - step.at).abs() < 3600), "{steps:?}");
    steps.iter().map(|step| step.exit_code).collect()
}

#[test]
fn a_failed_step_shows_as_degraded_and_is_mended_while_the_guest_runs() {
    let yaml = "provision: [{script: \"#!/bin/sh\\nexit 7\\n\"}, {script: \"echo x >>/var/second\"}, \
        {mode: dependency, script: \"#!/bin/sh\\nexit 3\\n\"}]";
    let Some(instance) = Instance::new(yaml) else { return };
    let mut agent = Agent::start(&instance);
    let ready = agent.wait_for(|status| status.running);
    assert!(ready.status.degraded);
    let errors =
        ["provision.dependency/00000002 ended with 3", "provision.system/00000000 ended with 7"];
    assert_eq!(ready.status.errors, errors);
    assert_eq!(exit_codes(&agent), [3, 7, 0]);
    assert_eq!(agent.status().errors, ready.status.errors);
    assert_eq!(instance.output("cat /var/second"), "x");
    let ledger =
        "sudo cut -d' ' -f 2-3 /var/lib/limekiln/provision; sudo stat -c %a /var/lib/limekiln";
    let kept = instance.output(ledger);
    let wanted = "3 provision.dependency/00000002\n7 provision.system/00000000\n\
        0 provision.system/00000001\n700";
    assert_eq!(kept, wanted);

    // A step that fails says so, and the ones before it are not run again.
    let more = "\n- {mode: data, path: /etc/new, content: 'no newline'}\n\
        - {mode: user, script: \"echo ran >>~/ran\"}\n- {script: \"test -e /var/let\"}\n";
    let path = instance.dir().join("lima.yaml");
    let before = std::fs::read_to_string(&path).unwrap();
    let (template, _) = before.split_once("provision:").unwrap();
    let second = "\n- {script: \"echo x >>/var/second\"}";
    std::fs::write(&path, format!("{template}provision:{second}{more}")).unwrap();
    let failed = order(&agent, &Order::Provision).unwrap_err();
    assert!(failed.contains("provision.system/00000003 ended with 1"), "{failed}");
    let mut codes = exit_codes(&agent);
    codes.sort_unstable();
    assert_eq!(codes, [0, 0, 0, 1, 3, 7], "what came of the new ones is known, too");
    instance.output("sudo touch /var/let");
    order(&agent, &Order::Provision).unwrap();
    order(&agent, &Order::Provision).unwrap();
    assert_eq!(instance.output("cat /var/second ~/ran /etc/new"), "x\nran\nno newline");
    // What failed at boot is not wanted any more.
    assert_eq!(agent.status().errors, [""; 0]);
    let early = format!("{template}provision: [{{mode: boot, script: early}}]\n");
    std::fs::write(&path, early).unwrap();
    let refused = order(&agent, &Order::Provision).unwrap_err();
    assert!(refused.contains("provision.boot/00000000 runs at boot only"), "{refused}");
    agent.interrupt();
    assert!(agent.wait().success());
}

#[test]
fn a_probe_that_never_succeeds_shows_as_degraded() {
    let yaml = "probes: [{description: a miracle, hint: wait, script: \"#!/bin/sh\\nexit 1\\n\"}]";
    let Some(instance) = Instance::new(yaml) else { return };
    let mut args = instance.args();
    args.boot_timeout = Duration::from_secs(60);
    let mut agent = Agent::spawn(&args);
    let ready = agent.wait_for(|status| status.running);
    let wanted = "waited 60 s in vain for the probe \"a miracle\" (wait)";
    assert_eq!(ready.status.errors, [wanted]);
    agent.interrupt();
    assert!(agent.wait().success());
}

#[test]
fn the_ssh_agent_of_the_host_has_a_place_in_the_guest() {
    let yaml = "ssh: {forwardAgent: true}\nuser: {name: lima, uid: 1234}\n";
    let Some(instance) = Instance::new(yaml) else { return };
    let socket = instance.home().join("agent.sock");
    let _keys = SshAgent::start(&socket);
    let mut agent = Agent::start_with(&instance, "SSH_AUTH_SOCK", socket.to_str().unwrap());
    agent.wait_for(|status| status.running);
    // This guest's server takes the socket itself away with the command; OpenSSH's keeps it.
    let linked = instance.output("readlink /run/host-services/ssh-auth.sock");
    assert!(linked.starts_with("/tmp/"), "{linked}");
    assert_eq!(instance.output("stat -c %U:%a /run/host-services"), "lima:700");
    agent.interrupt();
    assert!(agent.wait().success());
}

/// One without keys, which ends with this.
struct SshAgent(Child);

impl SshAgent {
    fn start(socket: &Path) -> Self {
        let mut command = Command::new("ssh-agent");
        let agent =
            Self(command.args(["-D", "-a"]).arg(socket).stdout(Stdio::null()).spawn().unwrap());
        until("the agent's socket", || socket.exists());
        agent
    }
}

impl Drop for SshAgent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The guest has no chpasswd(8): this one keeps what it is told.
const WITH_PASSWORD: &str = "
plain: true
user: {name: lima, uid: 1234, passwordlessSudo: false}
provision:
- mode: data
  path: /usr/sbin/chpasswd
  permissions: 755
  content: \"#!/bin/sh\\ncat >/var/told\\n\"
";

#[test]
fn a_user_whose_sudo_asks_has_a_password() {
    let Some(instance) = Instance::new(WITH_PASSWORD) else { return };
    let mut agent = Agent::start(&instance);
    let ready = agent.wait_for(|status| status.running);
    assert_eq!(ready.status.errors, [""; 0]);
    assert_eq!(instance.output("stat -c %U:%a password"), "lima:600");
    let password = instance.output("cat password");
    assert_eq!(password.len(), 24);
    assert_eq!(instance.output("sudo cat /var/told"), format!("lima:{password}"));
    agent.interrupt();
    assert!(agent.wait().success());
}
