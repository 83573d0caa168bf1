//! Ways of booting, and what a boot runs.

use std::fs;

use limekiln_tests::{Home, skip};

use crate::guest::{inside, instance, tiny};

#[test]
fn provisioning_runs_and_probes_are_waited_for() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    let extra = "provision:\n- mode: system\n  script: |\n    #!/bin/sh\n    echo \"root as $(id -un)\" > /run/system\n- mode: user\n  script: |\n    #!/bin/sh\n    id -un > /tmp/user\n- mode: data\n  path: /etc/motd-{{.Name}}\n  content: from the manifest\n  permissions: 600\nprobes:\n- description: the script has run\n  script: |\n    #!/bin/sh\n    test -e /run/system\nmessage: |\n  {{.Name}} is at {{.SSHAddress}}";
    let copied = home.manifests().with_file_name("copies").join("motd");
    // Only the guest's root may read the first of them.
    let copies = format!(
        "{extra}\ncopyToHost:\n- {{guest: \"/etc/motd-{{{{.Name}}}}\", host: {copied:?}, deleteOnStop: true}}\n- {{guest: /nowhere, host: {}, skipIfMissing: true}}",
        copied.with_file_name("nothing").display()
    );
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, &copies)));
    let said = home.run("apply -f {m} --yes").ok().out;
    assert!(said.contains("message of instance/vm:\n  vm is at 127.0.0.1\n"), "{said}");
    assert_eq!(
        inside(
            &home,
            "vm",
            "cat /run/system; cat /tmp/user | tr -d '\\n' | wc -c | grep -c '^0'; sudo cat /etc/motd-vm"
        ),
        "root as root\n0\nfrom the manifest"
    );
    assert_eq!(inside(&home, "vm", "stat -c %a /etc/motd-vm"), "600");
    let mut shell =
        home.command(&["shell", "--preserve-env", "vm", "--", "sh", "-c", "echo \"$WORDS\""]);
    let printed = shell.env("WORDS", "two  words").env("LD_SECRET", "no").output().expect("ssh");
    assert_eq!(String::from_utf8_lossy(&printed.stdout), "two  words\n");
    assert_eq!(fs::read_to_string(&copied).expect("it was copied"), "from the manifest");
    assert!(!copied.with_file_name("nothing").exists());
    home.run("stop vm").ok();
    assert!(!copied.exists(), "it goes with the VM");
}

#[test]
fn a_failed_script_is_reported_and_the_vm_stays() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    let extra = "provision:\n- mode: system\n  script: |\n    #!/bin/sh\n    exit 7";
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, extra)));
    let failed = home.run("apply -f {m} --yes").expect(1);
    let said = failed.out + &failed.err;
    assert!(said.contains("provision"), "{said}");
    assert!(home.run("get instances").ok().out.contains("Degraded"));
    assert_eq!(inside(&home, "vm", "echo up"), "up");
}

#[test]
fn limas_files_are_where_lima_looks() {
    let Some(guest) = skip::tiny_guest() else { return };
    let home = Home::new();
    home.write("vm.yaml", &instance("vm", "", &tiny(&guest, "")));
    home.run("apply -f {m} --yes").ok();
    let dir = home.instance("vm");
    for file in [
        "lima.yaml",
        "lima-version",
        "cloud-config.yaml",
        "cidata.iso",
        "disk",
        "kernel",
        "initrd",
        "ssh.config",
        "ha.pid",
        "ha.sock",
        "qemu.pid",
        "qmp.sock",
        "serial.log",
        "ha.stdout.log",
        "ha.stderr.log",
    ] {
        assert!(dir.join(file).exists(), "{file} is missing");
    }
    let events = fs::read_to_string(dir.join("ha.stdout.log")).expect("readable");
    let last: serde_json::Value =
        serde_json::from_str(events.lines().last().expect("events")).expect("JSON");
    assert_eq!(last["status"]["running"], true, "{events}");
    let log = fs::read_to_string(dir.join("ha.stderr.log")).expect("readable");
    assert!(log.lines().count() > 1, "{log}");
    for line in log.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(entry["level"].is_string() && entry["msg"].is_string(), "{line}");
    }
    let port = last["status"]["sshLocalPort"].as_u64().expect("a port");
    let config = fs::read_to_string(dir.join("ssh.config")).expect("readable");
    assert!(
        config.contains("Host lima-vm\n") && config.contains(&format!("Port {port}")),
        "{config}"
    );
    let plain = std::process::Command::new("ssh")
        .arg("-F")
        .arg(dir.join("ssh.config"))
        .args(["lima-vm", "true"])
        .status();
    assert!(plain.expect("ssh starts").success(), "plain ssh -F works");
    home.run("stop vm").ok();
    let events = fs::read_to_string(dir.join("ha.stdout.log")).expect("readable");
    assert!(
        events.lines().last().is_some_and(|line| line.contains("\"exiting\":true")),
        "{events}"
    );
    for file in ["ha.pid", "ha.sock", "qemu.pid", "qmp.sock"] {
        assert!(!dir.join(file).exists(), "{file} was left");
    }
}

#[test]
fn a_guest_of_another_architecture_boots() {
    let Some(guest) = skip::tiny_guest() else { return };
    let guest = guest.with_file_name("tiny-aarch64");
    let home = Home::new();
    let template = tiny(&guest, "").replace("x86_64", "aarch64").replace("ttyS0", "ttyAMA0");
    home.write("arm.yaml", &instance("arm", "", &template));
    if cfg!(target_arch = "aarch64") {
        home.run("apply -f {m} --yes").ok();
    } else {
        // There is no guest agent for it; all else works without.
        let said = home.run("apply -f {m} --yes").expect(1);
        let said = said.out + &said.err;
        assert!(said.contains("limekiln-guestagent.Linux-aarch64"), "{said}");
    }
    assert_eq!(inside(&home, "arm", "uname -m"), "aarch64");
}
