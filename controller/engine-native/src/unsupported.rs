//! What this engine cannot honour yet.

/// Fields and reasons, in the form of [`limekiln_api::unsupported`].
pub(crate) const UNSUPPORTED: &[(&str, &str)] = &[
    ("vmType!=qemu", "this engine runs QEMU only"),
    ("os!=Linux", "this engine runs Linux guests only"),
    (
        "mounts.sshfs.sftpDriver=builtin",
        "OpenSSH's sftp-server serves the files; leave it out, or write `openssh-sftp-server`",
    ),
    ("networks.vzNAT", "it belongs to macOS's own virtualization; `lima: user-v2` needs none"),
    ("rosetta", "it belongs to macOS's own virtualization"),
    ("vmOpts.vz", "this engine runs QEMU only"),
    ("ssh.overVsock", "SSH goes over the network"),
    ("provision.mode=ansible", "run `ansible-playbook` yourself when the instance is ready"),
    ("osOpts", "it belongs to Windows guests"),
];
