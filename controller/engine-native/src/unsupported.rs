//! What this engine cannot honour yet.

/// Fields and reasons, in the form of [`limekiln_api::unsupported`].
pub(crate) const UNSUPPORTED: &[(&str, &str)] = &[
    ("vmType!=qemu", "this engine runs QEMU only"),
    ("os!=Linux", "this engine runs Linux guests only"),
    ("mounts.sshfs.sftpDriver=builtin", "OpenSSH's sftp-server serves the files"),
    ("networks.vzNAT", "it belongs to macOS's own virtualization; `lima: user-v2` needs none"),
    ("containerd.system", "containerd is not installed for you; a provisioning script can"),
    ("containerd.user", "containerd is not installed for you; a provisioning script can"),
    ("containerd.archives", "containerd is not installed for you"),
    ("audio.device", "guests have no sound"),
    ("video.display!=none", "guests have no display"),
    ("video.vnc.display", "guests have no display"),
    ("tpm", "guests have no TPM"),
    (
        "nestedVirtualization",
        "it depends on the host's accelerator, which is chosen at every start",
    ),
    ("firmware.images", "only installed firmware is used"),
    ("rosetta", "it belongs to macOS's own virtualization"),
    ("vmOpts.vz", "this engine runs QEMU only"),
    ("vmOpts.qemu.minimumVersion", "QEMU's version is not checked"),
    ("ssh.overVsock", "SSH goes over the network"),
    ("provision.mode=yq|ansible", "use `system`, `user` or `data`"),
    ("osOpts", "it belongs to Windows guests"),
];
