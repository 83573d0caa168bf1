//! Each rule of validation, by the field that it names.

use std::path::Path;

use limekiln_api::{HostFacts, Manifest, fill, parse_documents, validate};

/// `path: message` of every broken rule of a template.
fn broken(template: &str) -> Vec<String> {
    broken_at(template, "web", &HostFacts::example())
}

fn broken_at(template: &str, name: &str, host: &HostFacts) -> Vec<String> {
    let with_image = if template.contains("images:") {
        template.to_owned()
    } else {
        format!("{template}\nimages: [{{location: /d.img}}]\n")
    };
    let parsed = parse_documents(with_image.as_bytes(), Path::new(&format!("{name}.yaml")));
    assert_eq!(parsed.diagnostics, [], "{template}");
    let Manifest::Instance(instance) = &parsed.objects[0].manifest else { panic!("an instance") };
    let filled = fill(&instance.spec.template, &instance.metadata.name, host);
    let errors = validate(instance, &filled, host);
    for error in &errors {
        let shown = parsed.objects[0].diagnose(error);
        assert!(shown.line > 0, "{shown}");
    }
    errors
        .into_iter()
        .map(|error| error.path.trim_start_matches("spec.template.").to_owned())
        .collect()
}

#[test]
fn good_templates_break_no_rule() {
    for good in [
        "cpus: 2",
        "portForwards: [{guestPort: 80, hostPort: 8080}, {guestSocket: /a.sock, hostSocket: a.sock}, {guestPortRange: [1, 9], hostPortRange: [11, 19]}]",
        "provision: [{script: a}, {mode: data, path: /a, content: x, permissions: 644}]\nprobes: [{script: '#!/bin/sh'}]",
        "minimumLimaVersion: 2.0.0",
        "mounts: [{location: '~/src', writable: true}]",
        "networks: [{lima: team}]\nadditionalDisks: [data]",
    ] {
        assert_eq!(broken(good), [""; 0], "{good}");
    }
}

#[test]
fn each_rule_names_its_field() {
    let digest = format!("sha256:{}", "A".repeat(64));
    let cases = [
        ("images: []", "images"),
        ("arch: aarch64\nimages: [{location: /a, arch: x86_64}]", "images"),
        (&format!("images: [{{location: /a, digest: '{digest}'}}]"), "images[0].digest"),
        ("images: [{location: /a, digest: 'md5:aa'}]", "images[0].digest"),
        ("images: [{location: 'ftp://x/y'}]", "images[0].location"),
        ("images: [{location: '~bob/x'}]", "images[0].location"),
        (
            "images: [{location: /a, arch: x86_64, kernel: {location: /k, arch: aarch64}}]",
            "images[0].kernel.arch",
        ),
        ("cpus: -1", "cpus"),
        ("memory: 1MiB", "memory"),
        ("base: template:debian", "base"),
        ("minimumLimaVersion: 9.0.0", "minimumLimaVersion"),
        ("minimumLimaVersion: new", "minimumLimaVersion"),
        ("user: {shell: bash}", "user.shell"),
        ("user: {name: root}", "user.name"),
        ("user: {uid: 0}", "user.uid"),
        ("user: {passwordlessSudo: false}", "user.passwordlessSudo"),
        ("tpm: true\narch: s390x", "tpm"),
        ("dns: [1.1.1.1]", "dns"),
        ("param: {1x: a}", "param.1x"),
        ("additionalDisks: [a, a]", "additionalDisks[1].name"),
        ("additionalDisks: [a/b]", "additionalDisks[0].name"),
        ("mounts: [{location: rel}]", "mounts[0].location"),
        ("mounts: [{location: /a, mountPoint: /etc}]", "mounts[0].mountPoint"),
        ("provision: [{mode: data, path: a, content: x}]", "provision[0].path"),
        (
            "provision: [{mode: data, path: /a, content: x, permissions: '999'}]",
            "provision[0].permissions",
        ),
        ("provision: [{script: a, path: /b}]", "provision[0].path"),
        ("provision: [{}]", "provision[0]"),
        ("probes: [{script: true}]", "probes[0].script"),
        ("ssh: {localPort: 22}", "ssh.localPort"),
        ("portForwards: [{guestPort: 70000}]", "portForwards[0].guestPort"),
        ("portForwards: [{guestPortRange: [9, 1]}]", "portForwards[0].guestPortRange"),
        (
            "portForwards: [{guestPortRange: [1, 9], hostPortRange: [1, 5]}]",
            "portForwards[0].hostPortRange",
        ),
        ("portForwards: [{guestSocket: a}]", "portForwards[0].guestSocket"),
        ("portForwards: [{guestPort: 80, reverse: true}]", "portForwards[0].reverse"),
        ("networks: [{}]", "networks[0]"),
        ("networks: [{lima: a, socket: b}]", "networks[0]"),
        ("networks: [{lima: a, interface: eth0}]", "networks[0].interface"),
        ("networks: [{lima: a, macAddress: '1:2'}]", "networks[0].macAddress"),
    ];
    for (template, path) in cases {
        let template = template.replace("script: true", "script: 'true'");
        let paths = broken(&template);
        assert!(paths.iter().any(|found| found == path), "{template} broke {paths:?}, not {path}");
    }
}

#[test]
fn socket_paths_that_are_too_long_are_found_with_their_length() {
    let home =
        HostFacts { lima_home: format!("/{}", "h".repeat(77)).into(), ..HostFacts::example() };
    assert_eq!(broken_at("cpus: 1", "we", &home), [""; 0], "81 bytes are the most on Linux");
    assert_eq!(broken_at("cpus: 1", "web", &home), ["metadata.name"]);
}
