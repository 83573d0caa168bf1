//! What holds for every template that is filled.

use limekiln_api::{HostFacts, Lima, LimaVersion, Name, complete, fill, read_lima, to_yaml};
use proptest::prelude::*;

/// Lines of templates: of each group one or none is taken.
const LINES: &[&[&str]] = &[
    &["os: Darwin", "os: FreeBSD", "os: default"],
    &["arch: aarch64", "arch: s390x"],
    &["vmType: vz", "vmType: wsl2", "vmType: other"],
    &["cpus: 0", "cpus: '3'"],
    &["memory: 1.5GiB", "memory: 123456789"],
    &["mountType: virtiofs", "mountTypesUnsupported: [9p]"],
    &["images: [{location: /a}, {location: /b, arch: aarch64, kernel: {location: /k}}]"],
    &[
        "mounts: [{location: '~/a/../b'}, {location: '{{.Dir}}', mountPoint: '/m/{{.Name}}'}]",
        "mounts: [{location: /a}, {location: /a, writable: true, 9p: {cache: loose}}]",
    ],
    &["networks: [{lima: a}, {socket: /s, interface: x}, {lima: c, interface: x}]"],
    &[
        "portForwards: [{guestPort: 80}, {guestSocket: '/{{.UID}}', hostSocket: 's'}, {static: true}]",
    ],
    &[
        "provision: [{script: 'echo {{.User}}'}, {mode: data, path: '{{.Home}}/x'}, {mode: yq, path: /a, expression: .b}]",
        "provision: [{script: '{{.Broken'}, {mode: dependency, script: \"a\\n\\tb: # c\\n\"}]",
    ],
    &["probes: [{script: '#!/bin/sh'}, {script: '#!a', description: d}]"],
    &["additionalDisks: [a, {name: b, fsArgs: [-x]}]"],
    &["env: {A: 1, B: 'yes'}", "env: {}"],
    &["param: {p: '007'}\nmessage: '{{.Param.p}}'"],
    &["cpuType: {x86_64: max}", "rosetta: {enabled: true}"],
    &["containerd: {system: true}", "containerd: {user: false, archives: []}"],
    &["user: {name: bob, home: '/h/{{.User}}'}", "user: {uid: 7}"],
    &["caCerts: {files: [a, a], certs: [\"-----BEGIN\\n\"]}", "hostResolver: {hosts: {a: b}}"],
    &["plain: true", "timezone: ''"],
    &["copyToHost: [{guest: '{{.Home}}/a', host: '~/b'}]", "dns: [1.1.1.1, '::1']"],
    &["vmOpts: {qemu: {minimumVersion: 1.2.3}}", "osOpts: {Windows: {virtioWin: []}}"],
    &["audio: {device: pa}", "video: {display: vnc, vnc: {display: ':1'}}"],
];

fn template() -> impl Strategy<Value = Lima> {
    let lines: Vec<_> = LINES
        .iter()
        .map(|lines| proptest::option::of(proptest::sample::select(lines.to_vec())))
        .collect();
    lines.prop_map(|lines| {
        let text = lines.into_iter().flatten().collect::<Vec<_>>().join("\n");
        read_lima(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
    })
}

fn name() -> Name {
    Name::new("web").expect("a name")
}

proptest! {
    #[test]
    fn filling_what_is_filled_changes_nothing(template in template()) {
        let host = HostFacts::example();
        let once = fill(&template, &name(), &host);
        prop_assert_eq!(fill(&once, &name(), &host), once);
    }

    /// With further layers, too: they are in it already and are left out the second time.
    #[test]
    fn layers_are_filled_in_once(y in template(), defaults in template(), overrides in template()) {
        let layered = HostFacts { defaults, overrides, ..HostFacts::example() };
        let once = fill(&y, &name(), &layered);
        prop_assert_eq!(fill(&once, &name(), &HostFacts::example()), once);
    }

    #[test]
    fn what_is_printed_is_read_back(template in template()) {
        let filled = fill(&template, &name(), &HostFacts::example());
        let printed = to_yaml(&filled);
        prop_assert_eq!(read_lima(&printed).expect("our own YAML"), filled);
    }
}

#[test]
fn an_empty_template_gets_limas_defaults() {
    let template = read_lima("images: [{location: /d.img}]").expect("yaml");
    insta::assert_snapshot!(to_yaml(&fill(&template, &name(), &HostFacts::example())));
}

#[test]
fn problems_name_their_fields() {
    let template = read_lima("provision: [{script: '{{.Nmae}} ${{ x }}'}]").expect("yaml");
    let filled = complete(&template, &name(), &HostFacts::example(), &LimaVersion::current());
    let notes: Vec<_> = filled.notes.iter().map(ToString::to_string).collect();
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].starts_with("spec.template.provision[0].script: "), "{notes:?}");
}
