//! Every field of a manifest, and which rule is asked for it.

/// What a policy has to say of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A rule of the policy file decides, or several.
    Rule(&'static str),
    /// No rule is asked, for this reason.
    Free(&'static str),
}

use Class::{Free, Rule};

/// Every field of every kind, without positions in lists. Those that begin with a dot are below
/// `instance.spec.template`.
///
/// A field that is in none of the groups makes a test fail, until somebody decides.
pub const FIELDS: &[(Class, &[&str])] = &[
    (
        Rule("names, takeOver"),
        &["instance.metadata.name", "disk.metadata.name", "network.metadata.name"],
    ),
    (
        Rule("templates.locations, templates.files"),
        &[".base", ".provision.file.url", ".probes.file.url"],
    ),
    (
        Rule("images.locations, images.roots"),
        &[
            ".images.location",
            ".images.kernel.location",
            ".images.initrd.location",
            ".firmware.images.location",
            ".containerd.archives.location",
            ".osOpts.Windows.virtioWin.location",
        ],
    ),
    (
        Rule("images.requireDigest"),
        &[
            ".images.digest",
            ".images.kernel.digest",
            ".images.initrd.digest",
            ".firmware.images.digest",
            ".containerd.archives.digest",
            ".osOpts.Windows.virtioWin.digest",
        ],
    ),
    (Rule("mounts.roots, protected"), &[".mounts.location", ".mounts.writable"]),
    (Rule("mounts.types"), &[".mountType"]),
    (Rule("mounts.securityModels"), &[".mounts.9p.securityModel"]),
    (Rule("mounts.followSymlinks"), &[".mounts.sshfs.followSymlinks"]),
    (Rule("copyToHost.roots, protected"), &[".copyToHost.host"]),
    (Rule("caCerts.roots, protected"), &[".caCerts.files"]),
    (Rule("networks.names"), &[".networks.lima"]),
    (Rule("networks.sockets"), &[".networks.socket"]),
    (Rule("networks.vzNAT"), &[".networks.vzNAT"]),
    (Rule("networks.modes"), &["network.spec.mode"]),
    (Rule("networks.allow"), &["network.spec.allow"]),
    (Rule("portForwards.addresses"), &[".portForwards.hostIP"]),
    (
        Rule("portForwards.ports"),
        &[".portForwards.hostPort", ".portForwards.hostPortRange", ".ssh.localPort"],
    ),
    (Rule("portForwards.sockets, protected"), &[".portForwards.hostSocket"]),
    (Rule("portForwards.reverse"), &[".portForwards.reverse"]),
    (Rule("ssh.forwardAgent"), &[".ssh.forwardAgent"]),
    (Rule("ssh.forwardX11"), &[".ssh.forwardX11", ".ssh.forwardX11Trusted"]),
    (Rule("ssh.loadDotSSHPubKeys"), &[".ssh.loadDotSSHPubKeys"]),
    (Rule("scripts.provision, scripts.onHost"), &[".provision.mode", ".provision.playbook"]),
    (Rule("scripts.probes"), &[".probes.script"]),
    (Rule("disks.names"), &[".additionalDisks.name"]),
    (Rule("machine.drivers"), &[".vmType"]),
    (Rule("machine.cpuTypes"), &[".vmOpts.qemu.cpuType", ".cpuType"]),
    (Rule("machine.nestedVirtualization"), &[".nestedVirtualization"]),
    (Rule("machine.audio"), &[".audio.device"]),
    (Rule("machine.displays"), &[".video.display"]),
    (Rule("machine.vnc"), &[".video.vnc.display"]),
    (Rule("proxyEnv"), &[".propagateProxyEnv"]),
    (Rule("quotas.perInstance, quotas"), &[".cpus", ".memory", ".disk"]),
    (Rule("quotas.perDisk, quotas"), &["disk.spec.size"]),
    (Rule("quotas"), &["instance.spec.deletionPolicy"]),
    (
        Free("it is only compared, or chooses among what rules decide"),
        &[
            "instance.metadata.labels",
            "disk.metadata.labels",
            "network.metadata.labels",
            ".minimumLimaVersion",
            ".provision.file.digest",
            ".probes.file.digest",
            ".vmOpts.qemu.minimumVersion",
            ".os",
            ".arch",
            ".images.arch",
            ".images.variant",
            ".images.archVariant",
            ".images.kernel.arch",
            ".images.initrd.arch",
            ".firmware.images.arch",
            ".firmware.images.vmType",
            ".containerd.archives.arch",
            ".osOpts.Windows.virtioWin.arch",
            ".mountTypesUnsupported",
            ".portForwards.ignore",
            ".portForwards.static",
            ".portForwards.proto",
        ],
    ),
    (
        Free("when limekiln acts on the source's own objects"),
        &[
            "instance.spec.runStrategy",
            "instance.spec.dependsOn.kind",
            "instance.spec.dependsOn.name",
            "instance.spec.dependsOn.condition",
            "instance.spec.maxDisruption",
            "instance.spec.hostSelector.matchLabels",
            "instance.spec.suspend",
            "disk.spec.deletionPolicy",
        ],
    ),
    (
        Free("how something is stored or served that a rule allowed already"),
        &[
            "disk.spec.format",
            ".vmOpts.vz.diskImageFormat",
            ".mounts.sshfs.cache",
            ".mounts.sshfs.sftpDriver",
            ".mounts.9p.protocolVersion",
            ".mounts.9p.msize",
            ".mounts.9p.cache",
            ".mounts.virtiofs.queueSize",
            ".mountInotify",
            ".ssh.overVsock",
            ".audio.interface",
            ".copyToHost.skipIfMissing",
            ".copyToHost.deleteOnStop",
            ".networks.macAddress",
            "network.spec.gateway",
            "network.spec.netmask",
            "network.spec.interface",
            "network.spec.dhcpEnd",
            "network.spec.mtu",
        ],
    ),
    (
        Free("it stays in the guest"),
        &[
            ".images.kernel.cmdline",
            ".additionalDisks.format",
            ".additionalDisks.fsType",
            ".additionalDisks.fsArgs",
            ".mounts.mountPoint",
            ".firmware.legacyBIOS",
            ".provision.script",
            ".provision.skipDefaultDependencyResolution",
            ".provision.path",
            ".provision.content",
            ".provision.overwrite",
            ".provision.owner",
            ".provision.permissions",
            ".provision.expression",
            ".provision.format",
            ".upgradePackages",
            ".containerd.system",
            ".containerd.user",
            ".guestInstallPrefix",
            ".probes.mode",
            ".portForwards.guestIP",
            ".portForwards.guestIPMustBeZero",
            ".portForwards.guestPort",
            ".portForwards.guestPortRange",
            ".portForwards.guestSocket",
            ".copyToHost.guest",
            ".networks.interface",
            ".networks.metric",
            ".env",
            ".param",
            ".dns",
            ".caCerts.removeDefaults",
            ".caCerts.certs",
            ".plain",
            ".timezone",
            ".user.name",
            ".user.comment",
            ".user.home",
            ".user.shell",
            ".user.uid",
            ".user.passwordlessSudo",
        ],
    ),
    (Free("it is only shown"), &[".message", ".probes.description", ".probes.hint"]),
    (
        Free("the host answers as it answers every guest on its network"),
        &[
            ".hostResolver.enabled",
            ".hostResolver.ipv6",
            ".hostResolver.hosts",
            "network.spec.hosts",
        ],
    ),
    (
        Free("the host lends a program or a process that keeps its state with the instance"),
        &[
            ".vmOpts.vz.rosetta.enabled",
            ".vmOpts.vz.rosetta.binfmt",
            ".rosetta.enabled",
            ".rosetta.binfmt",
            ".tpm",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use limekiln_api::explain::lookup;

    use super::*;

    /// The fields of a kind that have no fields below them.
    fn leaves(path: &str, found: &mut BTreeSet<String>) {
        let explained = lookup(path).expect(path);
        if explained.children.is_empty() {
            found.insert(path.to_owned());
        }
        for (name, ..) in explained.children {
            leaves(&format!("{path}.{name}"), found);
        }
    }

    fn whole(field: &str) -> String {
        match field.starts_with('.') {
            true => format!("instance.spec.template{field}"),
            false => field.to_owned(),
        }
    }

    #[test]
    fn every_field_is_classified_once() {
        let mut fields = BTreeSet::new();
        for kind in ["instance", "disk", "network"] {
            for part in ["spec", "metadata"] {
                leaves(&format!("{kind}.{part}"), &mut fields);
            }
        }
        // They say nothing that anybody acts on.
        fields.retain(|field| !field.ends_with(".metadata.annotations"));
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for field in FIELDS.iter().flat_map(|(_, fields)| fields.iter()) {
            *counts.entry(whole(field)).or_default() += 1;
        }
        let known: BTreeSet<_> = counts.keys().cloned().collect();
        let missing: Vec<_> = fields.difference(&known).collect();
        let gone: Vec<_> = known.difference(&fields).collect();
        assert!(missing.is_empty(), "decide what the policy says of {missing:#?}");
        assert!(gone.is_empty(), "these do not exist: {gone:#?}");
        counts.retain(|_, count| *count > 1);
        assert!(counts.is_empty(), "{counts:?}");
    }

    /// Every rule that is named is one of the policy file, and every rule of the file is named.
    #[test]
    fn every_rule_has_fields() {
        let rules = serde_json::to_value(crate::policy::PolicyRules::default()).expect("json");
        let mut known = BTreeSet::new();
        for (key, value) in rules.as_object().expect("a mapping") {
            match value.as_object() {
                Some(inner) if key != "quotas" => {
                    known.extend(inner.keys().map(|name| format!("{key}.{name}")));
                }
                _ => {
                    known.insert(key.clone());
                }
            }
        }
        // It is about objects that no manifest describes any more.
        known.remove("pruneBudget");
        let named: BTreeSet<String> = FIELDS
            .iter()
            .filter_map(|(class, _)| match class {
                Rule(rules) => Some(rules.split(", ")),
                Free(_) => None,
            })
            .flatten()
            .map(|rule| if rule.starts_with("quotas") { "quotas" } else { rule }.to_owned())
            .collect();
        assert_eq!(named, known);
    }

    /// `docs/policy.md` has each group as a row.
    #[test]
    fn the_documentation_lists_every_field() {
        let doc = include_str!("../../../../docs/policy.md");
        for (class, fields) in FIELDS {
            let names = fields.iter().map(|field| {
                let name = field.strip_prefix('.').unwrap_or(field);
                format!("`{name}`")
            });
            let names = names.collect::<Vec<_>>().join(", ");
            let row = match class {
                Rule(rules) => format!("| {names} | `{}` |", rules.replace(", ", "`, `")),
                Free(why) => format!("| {names} | {why} |"),
            };
            assert!(doc.contains(&row), "this row is missing in docs/policy.md:\n{row}");
        }
    }
}
