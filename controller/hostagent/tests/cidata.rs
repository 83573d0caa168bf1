//! What the seed volume holds.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Write;
use std::process::{Command, Stdio};

use limekiln_api::NetworkSpec;
use limekiln_hostagent::cidata::{Archive, Contents, Seed, contents};
use limekiln_hostagent::spec::{
    AttachedDisk, ContainerdSpec, DiskFormat, GuestSpec, Link, MountKind, MountSpec, Nic,
    ResolverSpec, Step, StepKind, UserV2,
};

fn nine_p(location: &str, mount_point: &str, writable: bool) -> MountSpec {
    MountSpec {
        location: location.into(),
        mount_point: mount_point.to_owned(),
        writable,
        kind: MountKind::NineP {
            security_model: "none".to_owned(),
            protocol_version: "9p2000.L".to_owned(),
            msize: 128 << 10,
            cache: if writable { "mmap" } else { "fscache" }.to_owned(),
        },
    }
}

fn guest() -> GuestSpec {
    let step = |kind, text: &str| Step { kind, text: text.to_owned() };
    GuestSpec {
        name: "web_1".to_owned(),
        hostname: "lima-web-1".to_owned(),
        user: "alice".to_owned(),
        uid: 1000,
        comment: "Alice, \"A\"\nB".to_owned(),
        home: "/home/alice.guest".to_owned(),
        shell: "/bin/bash".to_owned(),
        passwordless_sudo: true,
        plain: false,
        containerd: ContainerdSpec::default(),
        install_prefix: "/opt/lima".to_owned(),
        upgrade_packages: true,
        timezone: "Europe/Berlin".to_owned(),
        dns: vec!["192.0.2.1".parse().unwrap()],
        resolver: ResolverSpec::default(),
        hosts: vec!["10.0.0.9 db.test".to_owned()],
        ca_certs: vec!["-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n".to_owned()],
        remove_default_certs: false,
        env: [("EDITOR".to_owned(), "vi -u 'x'".to_owned())].into(),
        param: [("KEY".to_owned(), "$(reboot) 'it''s'".to_owned())].into(),
        disks: vec![AttachedDisk {
            name: "data".to_owned(),
            serial: AttachedDisk::serial_of("data"),
            path: "/lima/_disks/data/datadisk".into(),
            format: DiskFormat::Qcow2,
            make_fs: true,
            fs_type: "ext4".to_owned(),
            fs_args: vec!["-m".to_owned(), "0".to_owned()],
        }],
        mounts: vec![nine_p("/src", "/mnt/a b", false), nine_p("/home/alice", "/home/alice", true)],
        skip_dependencies: false,
        host_home: Some("/home/alice".to_owned()),
        steps: vec![
            step(StepKind::System, "#!/bin/sh\necho system\n"),
            step(StepKind::Boot, "echo boot\n"),
            step(StepKind::User, "#!/bin/sh\necho user\n"),
            step(
                StepKind::Data {
                    path: "/etc/motd".to_owned(),
                    owner: "root:root".to_owned(),
                    permissions: "644".to_owned(),
                    overwrite: true,
                },
                "hello\n",
            ),
        ],
        probes: Vec::new(),
        copies: Vec::new(),
        nics: vec![Nic {
            id: "net0".to_owned(),
            mac: "52:55:55:01:02:03".to_owned(),
            interface: "eth0".to_owned(),
            metric: 200,
            link: Link::User,
        }],
        load_dot_ssh: false,
        forward_agent: false,
        forward_x11: false,
        forward_x11_trusted: false,
    }
}

fn files() -> Contents {
    let keys = ["ssh-ed25519 AAAA lima".to_owned()];
    contents(&Seed {
        guest: &guest(),
        instance_id: "iid-1",
        keys: &keys,
        guest_agent: None,
        containerd: None,
        dns: None,
    })
}

#[test]
fn generated_files() {
    let files = files();
    for name in
        ["meta-data", "user-data", "network-config", "lima.env", "param.env", "etc_environment"]
    {
        insta::assert_snapshot!(name, files[name]);
    }
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    insta::assert_snapshot!("names", names.join("\n"));
}

#[test]
fn a_guest_gets_containerd_where_its_archive_is_there() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("data"), "packed").unwrap();
    let archive = Archive::new(&dir.path().join("data")).unwrap();
    let mut guest = guest();
    guest.containerd = ContainerdSpec { system: true, user: false };
    let mut seed = Seed {
        guest: &guest,
        instance_id: "iid-1",
        keys: &[],
        guest_agent: None,
        containerd: Some(&archive),
        dns: None,
    };
    let env = contents(&seed)["lima.env"].clone();
    for line in ["SYSTEM=1\n", "USER=\n", "ARCHIVE=nerdctl-full.tgz\n", "ARCHIVE_ID=6-"] {
        assert!(env.contains(&format!("LIMA_CIDATA_CONTAINERD_{line}")), "{line}: {env}");
    }
    seed.containerd = None;
    let env = contents(&seed)["lima.env"].clone();
    assert!(env.contains("CONTAINERD_SYSTEM=\n") && !env.contains("CONTAINERD_ARCHIVE"), "{env}");
    assert!(env.contains("CONTAINERD_UNKNOWN=1\n"), "not the same as: not wanted");
    let not_wanted = files()["lima.env"].clone();
    assert!(!not_wanted.contains("CONTAINERD_UNKNOWN"), "{not_wanted}");
}

#[test]
fn the_scripts_are_posix_shell() {
    for (name, text) in files().iter().filter(|(name, _)| name.ends_with(".sh")) {
        let mut shell =
            Command::new("sh").args(["-n"]).stdin(Stdio::piped()).spawn().expect("sh runs");
        shell.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(shell.wait().unwrap().success(), "{name}");
    }
}

#[test]
fn scripts_have_the_environment_of_sessions() {
    let mut guest = guest();
    for (key, value) in [
        ("http_proxy", "http://u:$(id)'p@10.0.0.1:3128/?a=b"),
        ("QUOTED", "'a b'"),
        ("COMMENTED", "a # b"),
        ("LIMA_CIDATA_MNT", "/elsewhere"),
        ("LINES", "a\nb"),
    ] {
        guest.env.insert(key.to_owned(), value.to_owned());
    }
    let keys = [];
    let seed = Seed {
        guest: &guest,
        instance_id: "iid-1",
        keys: &keys,
        guest_agent: None,
        containerd: None,
        dns: None,
    };
    let files = contents(&seed);
    let dir = tempfile::tempdir().unwrap();
    for name in ["environment.sh", "etc_environment"] {
        std::fs::write(dir.path().join(name), &files[name]).unwrap();
    }
    let output = Command::new("sh")
        .args(["-c", ". \"$LIMA_CIDATA_MNT/environment.sh\"; env"])
        .env_clear()
        .env("LIMA_CIDATA_MNT", dir.path())
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "http_proxy=http://u:$(id)'p@10.0.0.1:3128/?a=b",
        "EDITOR=vi -u 'x'",
        "QUOTED=a b",
        "COMMENTED=a ",
        &format!("LIMA_CIDATA_MNT={}", dir.path().display()),
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    assert!(!text.contains("LINES"), "{text}");
}

#[test]
fn names_fit_the_volume() {
    for path in files().keys() {
        for name in path.split('/') {
            assert!(name.len() <= 30, "{path}: Lima keeps names to 30 characters");
        }
    }
}

#[test]
fn a_guest_on_a_network() {
    let mut guest = guest();
    let files = limekiln_hostagent::network::NetworkFiles::new("/lima".as_ref(), "team");
    guest.nics[0].link = Link::UserV2(UserV2 {
        name: "team".to_owned(),
        spec: NetworkSpec { gateway: "10.7.0.1".parse().ok(), ..NetworkSpec::default() },
        daemon: limekiln_hostagent::network::Daemon::new(files),
    });
    guest.nics.push(Nic {
        id: "net2".to_owned(),
        mac: "52:55:55:01:02:04".to_owned(),
        interface: "lima1".to_owned(),
        metric: 100,
        link: Link::Tap("tap0".to_owned()),
    });
    guest.param.insert("internal_netplanOptional".to_owned(), "true".to_owned());
    let files = contents(&Seed {
        guest: &guest,
        instance_id: "iid-1",
        keys: &[],
        guest_agent: None,
        containerd: None,
        dns: None,
    });
    insta::assert_snapshot!("network-config-of-two", files["network-config"]);
    let env = &files["lima.env"];
    assert!(
        env.contains("SLIRP_GATEWAY=10.7.0.2\n") && env.contains("SLIRP_DNS=10.7.0.2\n"),
        "{env}"
    );
    assert!(env.contains("SLIRP_IP_ADDRESS=\n"), "{env}");
}
