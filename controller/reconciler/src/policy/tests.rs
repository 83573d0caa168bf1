//! A table of rules, each denied by the closed policy and allowed by a line of a policy file.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use limekiln_api::{HostFacts, Lima, Name, fill, read_lima, to_yaml};
use proptest::prelude::*;

use super::{Class, FIELDS, Ground, HostPolicy, PolicyRules, Verdict, instance};

/// What is at fault, what allows it, and a template that wants it.
const TABLE: &[(&str, &str, &str)] = &[
    ("names", "names: [web]", ""),
    ("images.locations", "images: {locations: ['http://*']}", "images: [{location: 'http://h/a'}]"),
    ("images.locations", "images: {locations: ['s3://*']}", "images: [{location: 's3://h/a'}]"),
    ("images.roots", "images: {roots: [/srv]}", "images: [{location: /srv/a.img}]"),
    ("images.roots", "images: {roots: [~/i]}", "images: [{location: '~/i/a.img'}]"),
    ("images.roots", "images: {roots: [/srv]}", "images: [{location: 'file:///srv/a'}]"),
    (
        "images.roots",
        "images: {roots: [/srv]}",
        "images: [{location: 'https://h/a', kernel: {location: /srv/vmlinuz}}]",
    ),
    (
        "images.roots",
        "images: {roots: [/srv]}",
        "images: [{location: 'https://h/a', initrd: {location: /srv/initrd}}]",
    ),
    ("images.roots", "images: {roots: [/srv]}", "firmware: {images: [{location: /srv/efi.fd}]}"),
    (
        "images.roots",
        "images: {roots: [/srv]}",
        "containerd: {user: true, archives: [{location: /srv/n.tgz}]}",
    ),
    (
        "images.roots",
        "images: {roots: [/srv]}",
        "osOpts: {Windows: {virtioWin: [{location: /srv/v.iso}]}}",
    ),
    ("images.requireDigest", "images: {requireDigest: false}", "images: [{location: 'https://h'}]"),
    ("mounts.roots", "mounts: {roots: [{path: /srv}]}", "mounts: [{location: /srv/a}]"),
    (
        "mounts.roots",
        "mounts: {roots: [{path: /srv}, {path: /srv/a, writable: true}]}",
        "mounts: [{location: /srv/a/b, writable: true}]",
    ),
    (
        "mounts.types",
        "mounts: {types: [reverse-sshfs]}",
        "mounts: [{location: /a}]\nmountType: reverse-sshfs",
    ),
    (
        "mounts.securityModels",
        "mounts: {securityModels: [passthrough]}",
        "mounts: [{location: /a, 9p: {securityModel: passthrough}}]",
    ),
    (
        "mounts.followSymlinks",
        "mounts: {followSymlinks: true}",
        "mounts: [{location: /a, sshfs: {followSymlinks: true}}]",
    ),
    (
        "protected",
        "mounts: {roots: [{path: '~'}]}\nprotected: []",
        "mounts: [{location: '~/.ssh/x'}]",
    ),
    ("copyToHost.roots", "copyToHost: {roots: [/out]}", "copyToHost: [{guest: /a, host: /out/a}]"),
    ("caCerts.roots", "caCerts: {roots: [/etc/ssl]}", "caCerts: {files: [/etc/ssl/a.pem]}"),
    ("networks.names", "networks: {names: ['te*']}", "networks: [{lima: team}]"),
    ("networks.sockets", "networks: {sockets: true}", "networks: [{socket: /run/x.sock}]"),
    ("networks.vzNAT", "networks: {vzNAT: true}", "networks: [{vzNAT: true}]"),
    (
        "portForwards.addresses",
        "portForwards: {addresses: [0.0.0.0]}",
        "portForwards: [{guestPort: 8080, hostIP: 0.0.0.0}]",
    ),
    (
        "portForwards.addresses",
        "portForwards: {addresses: ['*']}",
        "portForwards: [{guestPort: 8080, hostIP: '::ffff:0.0.0.0'}]",
    ),
    ("portForwards.ports", "portForwards: {ports: [[80, 80]]}", "portForwards: [{guestPort: 80}]"),
    (
        "portForwards.ports",
        "portForwards: {ports: [[1, 65535]]}",
        "portForwards: [{guestIP: 0.0.0.0}]",
    ),
    ("portForwards.ports", "portForwards: {ports: [[22, 22]]}", "ssh: {localPort: 22}"),
    (
        "portForwards.sockets",
        "portForwards: {sockets: [/run/vms]}",
        "portForwards: [{guestSocket: /a, hostSocket: /run/vms/a.sock}]",
    ),
    (
        "portForwards.reverse",
        "portForwards: {reverse: true}",
        "portForwards: [{guestSocket: /a, hostSocket: a, reverse: true}]",
    ),
    ("ssh.forwardAgent", "ssh: {forwardAgent: true}", "ssh: {forwardAgent: true}"),
    ("ssh.forwardX11", "ssh: {forwardX11: true}", "ssh: {forwardX11: true}"),
    ("ssh.forwardX11", "ssh: {forwardX11: true}", "ssh: {forwardX11Trusted: true}"),
    ("ssh.loadDotSSHPubKeys", "ssh: {loadDotSSHPubKeys: true}", "ssh: {loadDotSSHPubKeys: true}"),
    ("scripts.provision", "scripts: {provision: true}", "provision: [{script: '#!/bin/sh'}]"),
    ("scripts.probes", "scripts: {probes: true}", "probes: [{script: '#!/bin/sh'}]"),
    ("scripts.onHost", "scripts: {onHost: true}", "provision: [{mode: ansible, playbook: a.yml}]"),
    ("disks.names", "disks: {names: [data]}", "additionalDisks: [data]"),
    ("machine.drivers", "machine: {drivers: [krunkit]}", "vmType: krunkit"),
    ("machine.drivers", "machine: {drivers: [qemu, krunkit]}", "vmOpts: {krunkit: {a: 1}}"),
    (
        "machine.cpuTypes",
        "machine: {cpuTypes: ['host*']}",
        "vmOpts: {qemu: {cpuType: {x86_64: 'host,+x'}}}",
    ),
    ("machine.cpuTypes", "machine: {cpuTypes: [max]}", "cpuType: {x86_64: max}"),
    (
        "machine.nestedVirtualization",
        "machine: {nestedVirtualization: true}",
        "nestedVirtualization: true",
    ),
    ("machine.audio", "machine: {audio: ['*']}", "audio: {device: 'wav,path=/home/alice/.bashrc'}"),
    ("machine.displays", "machine: {displays: [gtk]}", "video: {display: gtk}"),
    (
        "machine.vnc",
        "machine: {displays: [vnc], vnc: ['0.0.0.0:1']}",
        "video: {display: vnc, vnc: {display: '0.0.0.0:1'}}",
    ),
    ("proxyEnv", "proxyEnv: true", "propagateProxyEnv: true"),
    ("quotas.perInstance.cpus", "quotas: {perInstance: {cpus: 9}}", "cpus: 9"),
    ("quotas.perInstance.memory", "quotas: {perInstance: {memory: 9GiB}}", "memory: 9GiB"),
    ("quotas.perInstance.disk", "quotas: {perInstance: {disk: 200GiB}}", "disk: 200GiB"),
];

/// What the closed policy allows is denied by these lines.
const STRICT: &str = "names: [a-*]
scripts: {provision: false, probes: false}
proxyEnv: false
quotas: {perInstance: {cpus: 8, memory: 8GiB, disk: 100GiB}}";

fn policy(text: &str) -> HostPolicy {
    HostPolicy::parse(text.as_bytes(), Path::new("p.yaml")).expect(text)
}

/// A host without links: `..` is where it seems to be.
fn no_links(path: &Path) -> Result<PathBuf, String> {
    let mut real = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                real.pop();
            }
            Component::CurDir => {}
            part => real.push(part),
        }
    }
    Ok(real)
}

fn judge_lima(policy: &HostPolicy, lima: &Lima) -> Vec<Verdict> {
    let name = Name::new("web").expect("a name");
    let facts = HostFacts::example();
    let none = BTreeSet::new();
    let ground =
        Ground { facts: &facts, resolve: &no_links, own_disks: &none, own_networks: &none };
    instance(policy, &ground, &name, &fill(lima, &name, &facts))
}

fn judge(policy: &HostPolicy, template: &str) -> Vec<Verdict> {
    judge_lima(policy, &read_lima(template).expect(template))
}

fn denied_by(verdicts: &[Verdict], rule: &str) -> bool {
    verdicts.iter().any(|verdict| !verdict.allowed && verdict.rule == rule)
}

#[test]
fn each_rule_denies_and_allows() {
    for (rule, allowing, template) in TABLE {
        // `protected` is asked only for what another rule allows.
        let strict = match *rule {
            "protected" => "mounts: {roots: [{path: '~'}]}",
            "machine.vnc" => "machine: {displays: [vnc]}",
            _ => STRICT,
        };
        let denied = judge(&policy(strict), template);
        assert!(denied_by(&denied, rule), "{rule} does not deny {template}: {denied:#?}");
        let allowed = judge(&policy(allowing), template);
        assert!(!denied_by(&allowed, rule), "{rule} does not allow {template}: {allowed:#?}");
        assert!(allowed.iter().any(|one| one.rule == *rule) || *rule == "protected", "{rule}");
        let open = judge(&HostPolicy::open(), template);
        assert!(open.iter().all(|verdict| verdict.allowed), "{rule}: {open:#?}");
    }
}

#[test]
fn the_table_has_every_rule() {
    let tried: BTreeSet<_> = TABLE.iter().map(|(rule, ..)| *rule).collect();
    // What is left is about templates before they are filled, about Networks, Disks and totals:
    // there are tests of their own.
    let elsewhere = ["takeOver", "templates.", "networks.modes", "networks.allow", "quotas"];
    for (class, _) in FIELDS {
        let Class::Rule(rules) = class else { continue };
        for rule in rules.split(", ") {
            let known = tried.iter().any(|tried| *tried == rule)
                || elsewhere.iter().any(|start| rule.starts_with(start));
            assert!(known, "no row for {rule}");
        }
    }
}

#[test]
fn a_network_allows_its_guests_no_more_than_the_policy() {
    let judged = |rules: &str, allow: &str| {
        let (name, facts, none) =
            (Name::new("lan").expect("a name"), HostFacts::example(), BTreeSet::new());
        let ground =
            Ground { facts: &facts, resolve: &no_links, own_disks: &none, own_networks: &none };
        let spec = limekiln_api::NetworkSpec {
            allow: vec![allow.to_owned()],
            ..limekiln_api::NetworkSpec::default()
        };
        super::judged::network(&policy(rules), &ground, &name, &spec)
    };
    let some = "networks: {allow: [169.254.0.0/16]}";
    for (rules, allow, denied) in [
        (STRICT, "169.254.169.254", true),
        (some, "169.254.169.254", false),
        (some, "169.254.0.0/16", false),
        (some, "169.254.0.0/15", true),
        (some, "0.0.0.0/0", true),
        (some, "127.0.0.1", true),
        (some, "no address", true),
    ] {
        let verdicts = judged(rules, allow);
        assert_eq!(denied_by(&verdicts, "networks.allow"), denied, "{allow}: {verdicts:#?}");
    }
    let verdicts = judged(STRICT, "127.0.0.1");
    let denied = verdicts.iter().find(|verdict| verdict.rule == "networks.allow");
    let hint = denied.and_then(|denied| denied.hint.clone()).expect("a hint");
    assert!(hint.ends_with("networks: {allow: [127.0.0.1/32]}"), "{hint}");
}

#[test]
fn what_is_denied_says_where_and_what_to_write() {
    let policy = policy("mounts:\n  roots:\n  - path: /srv\n");
    let verdicts = judge(&policy, "mounts: [{location: /etc, writable: true}]");
    let denied: Vec<_> = verdicts.iter().filter(|verdict| !verdict.allowed).collect();
    let [mount] = denied.as_slice() else { panic!("{denied:#?}") };
    assert_eq!(mount.path, "spec.template.mounts[0].location");
    assert_eq!((mount.rule.as_str(), mount.rule_place.as_str()), ("mounts.roots", "p.yaml:2"));
    assert_eq!(mount.why.as_deref(), Some("/etc is below none of its directories"));
    let hint = mount.hint.as_deref().expect("a hint");
    assert!(hint.ends_with("mounts: {roots: [{path: \"/etc\", writable: true}]}"), "{hint}");
    // A directory that may only be read.
    let verdicts = judge(&policy, "mounts: [{location: /srv, writable: true}]");
    assert!(denied_by(&verdicts, "mounts.roots"));
}

/// What a hint says to write is a policy file, and with it nothing of the rule is denied.
#[test]
fn hints_are_what_allows() {
    for (rule, _, template) in TABLE {
        let strict = match *rule {
            "protected" => continue,
            "machine.vnc" => "machine: {displays: [vnc]}",
            _ => STRICT,
        };
        let denied = judge(&policy(strict), template);
        let hints = denied.iter().filter(|verdict| !verdict.allowed && verdict.rule == *rule);
        for verdict in hints {
            let hint = verdict.hint.as_deref().expect("a hint");
            let (_, write) = hint.split_once("write into the policy: ").expect("what to write");
            let found = judge(&policy(write), template);
            let still = found
                .iter()
                .any(|one| !one.allowed && one.rule == *rule && one.path == verdict.path);
            assert!(!still, "{write} does not allow {template}: {found:#?}");
        }
    }
}

#[test]
fn what_is_said_of_hostile_values_commands_no_terminal() {
    let verdicts = judge(&HostPolicy::closed(), "mounts: [{location: \"/a\\e[2J\"}]");
    let denied = verdicts.iter().find(|verdict| verdict.rule == "mounts.roots").expect("denied");
    let said = format!("{} {}", denied.message(), denied.hint.as_deref().unwrap_or_default());
    assert!(said.contains("[2J") && !said.contains(char::is_control), "{said:?}");
}

#[test]
fn what_is_protected_stays_so_below_and_above() {
    let policy = policy("mounts: {roots: [{path: /}]}\ncopyToHost: {roots: ['~']}");
    for path in ["/", "~", "/home", "~/.ssh", "~/.ssh/id", "{{.Dir}}", "~/.lima/_config"] {
        let verdicts = judge(&policy, &format!("mounts: [{{location: '{path}'}}]"));
        assert!(denied_by(&verdicts, "protected"), "{path}: {verdicts:#?}");
    }
    for path in ["/srv", "~/src", "~/.sshx"] {
        let verdicts = judge(&policy, &format!("mounts: [{{location: '{path}'}}]"));
        assert!(verdicts.iter().all(|one| one.allowed || one.rule.starts_with("images")), "{path}");
    }
    let keys = "copyToHost: [{guest: /a, host: '{{.Home}}/.ssh/authorized_keys'}]";
    assert!(denied_by(&judge(&policy, keys), "protected"));
}

#[test]
fn sockets_in_the_instances_own_directory_are_fine() {
    for (socket, allowed) in [
        ("a.sock", true),
        ("{{.Dir}}/sock/a", true),
        ("{{.Dir}}/ha.sock", false),
        ("../../a", false),
    ] {
        let template = format!("portForwards: [{{guestSocket: /a, hostSocket: '{socket}'}}]");
        let verdicts = judge(&HostPolicy::closed(), &template);
        assert_eq!(!denied_by(&verdicts, "portForwards.sockets"), allowed, "{socket}");
    }
}

#[test]
fn files_for_other_architectures_are_not_asked_about() {
    let template =
        "images: [{location: /x, arch: aarch64}, {location: 'https://h/a', digest: 'sha256:0'}]";
    let verdicts = judge(&HostPolicy::closed(), template);
    assert!(verdicts.iter().all(|verdict| verdict.allowed), "{verdicts:#?}");
}

#[test]
fn a_policy_that_is_printed_is_one_that_can_be_read() {
    for built_in in [HostPolicy::open(), HostPolicy::closed()] {
        let text = to_yaml(built_in.rules());
        assert_eq!(policy(&text).rules(), built_in.rules());
    }
    assert_eq!(policy("").rules(), &PolicyRules::default());
    assert!(policy(&to_yaml(&PolicyRules::open())).allows_all());
    assert!(!HostPolicy::closed().allows_all());
}

/// Each field that takes a path of the host: its path, and a template in which `@` is that.
const PATHS: &[(&str, &str)] = &[
    ("mounts[0].location", "mounts: [{location: '@'}]"),
    ("mounts[0].location", "mounts: [{location: '@', mountPoint: /m, writable: true}]"),
    ("images[0].location", "images: [{location: '@', digest: 'sha256:0'}]"),
    ("images[0].kernel.location", "images: [{location: 'https://h', kernel: {location: '@'}}]"),
    ("images[0].initrd.location", "images: [{location: 'https://h', initrd: {location: '@'}}]"),
    ("firmware.images[0].location", "firmware: {images: [{location: '@'}]}"),
    ("containerd.archives[0].location", "containerd: {system: true, archives: [{location: '@'}]}"),
    ("osOpts.Windows.virtioWin[0].location", "osOpts: {Windows: {virtioWin: [{location: '@'}]}}"),
    ("caCerts.files[0]", "caCerts: {files: ['@']}"),
    ("copyToHost[0].host", "copyToHost: [{guest: /g, host: '@'}]"),
    ("portForwards[0].hostSocket", "portForwards: [{guestSocket: /g, hostSocket: '@'}]"),
    ("networks[0].socket", "networks: [{socket: '@'}]"),
    ("provision[0].mode", "provision: [{mode: ansible, playbook: '@'}]"),
    ("audio.device", "audio: {device: 'wav,path=@'}"),
    ("video.display", "video: {display: 'vnc=unix:@'}"),
];

proptest! {
    /// The closed policy denies every path of the host, wherever it is written, and however.
    #[test]
    fn the_closed_policy_denies_every_path(
        (field, template) in proptest::sample::select(PATHS),
        start in proptest::sample::select(vec![
            "/", "~/", "{{.Home}}/", "{{.TempDir}}/", "file:///", "//", "/../", "{{.Dir}}/",
        ]),
        rest in "([a-z]{1,3}|\\.\\.|\\.)(/([a-z]{1,3}|\\.\\.|\\.)){0,4}",
    ) {
        // A socket that is no absolute path is one in the instance's directory, and its own.
        prop_assume!(field != "portForwards[0].hostSocket" || !matches!(start, "~/" | "file:///"));
        let template = template.replace('@', &format!("{start}{rest}"));
        let verdicts = judge(&HostPolicy::closed(), &template);
        let path = format!("spec.template.{field}");
        let own: Vec<_> = verdicts.iter().filter(|verdict| verdict.path == path).collect();
        prop_assert!(
            !own.is_empty() && own.iter().all(|verdict| !verdict.allowed),
            "{} is allowed: {:#?}", template, verdicts
        );
    }
}
