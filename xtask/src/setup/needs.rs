//! What the project needs of a system, and which package brings it.

use std::path::Path;

use crate::guest::KEYRING;
use crate::sh;

/// One thing that must be there.
pub struct Need {
    /// Its name, for people.
    pub what: &'static str,
    /// What doesn't work without it.
    pub why: &'static str,
    probe: Probe,
    /// Packages for apt, dnf and brew; `None` where the system has it or can't have it.
    pub packages: [Option<&'static str>; 3],
    /// True if it serves only to build guest images and to test.
    pub image: bool,
}

enum Probe {
    Program(&'static str),
    AnyFile(&'static [&'static str]),
}

impl Need {
    /// True if it is there.
    pub fn met(&self) -> bool {
        match self.probe {
            Probe::Program(name) => sh::has(name),
            Probe::AnyFile(files) => files.iter().any(|file| Path::new(file).exists()),
        }
    }
}

/// Everything for running VMs, and for building guest images where asked.
pub fn all(build_images: bool) -> impl Iterator<Item = &'static Need> {
    NEEDS.iter().filter(move |need| build_images || !need.image)
}

const fn run(
    what: &'static str,
    why: &'static str,
    probe: Probe,
    packages: [Option<&'static str>; 3],
) -> Need {
    Need { what, why, probe, packages, image: false }
}

const fn image(what: &'static str, probe: Probe, apt: &'static str, dnf: &'static str) -> Need {
    let why = "guest images can't be built here";
    Need { what, why, probe, packages: [Some(apt), Some(dnf), None], image: true }
}

const fn grown(program: &'static str, package: &'static str) -> Need {
    let why = "that its file systems grow can't be tested";
    let packages = [Some(package), Some(package), None];
    Need { what: program, why, probe: Probe::Program(program), packages, image: true }
}

/// For fuzzing only.
pub const COMPILER: Need = run(
    "c++",
    "fuzz targets can't be built",
    Probe::Program("c++"),
    [Some("g++"), Some("gcc-c++"), None],
);

const NEEDS: &[Need] = &[
    run(
        "qemu-system-x86_64",
        "x86_64 guests can't run",
        Probe::Program("qemu-system-x86_64"),
        [Some("qemu-system-x86"), Some("qemu-system-x86-core"), Some("qemu")],
    ),
    run(
        "qemu-system-aarch64",
        "aarch64 guests can't run",
        Probe::Program("qemu-system-aarch64"),
        [Some("qemu-system-arm"), Some("qemu-system-aarch64-core"), Some("qemu")],
    ),
    run(
        "qemu-img",
        "disks can't be made",
        Probe::Program("qemu-img"),
        [Some("qemu-utils"), Some("qemu-img"), Some("qemu")],
    ),
    run(
        "UEFI firmware for x86_64",
        "x86_64 guests boot with legacyBIOS only",
        Probe::AnyFile(&[
            "/usr/share/OVMF/OVMF_CODE.fd",
            "/usr/share/OVMF/OVMF_CODE_4M.fd",
            "/usr/share/edk2/ovmf/OVMF_CODE.fd",
            "/opt/homebrew/share/qemu/edk2-x86_64-code.fd",
            "/usr/local/share/qemu/edk2-x86_64-code.fd",
        ]),
        [Some("ovmf"), Some("edk2-ovmf"), Some("qemu")],
    ),
    run(
        "UEFI firmware for aarch64",
        "aarch64 guests need a kernel of their own",
        Probe::AnyFile(&[
            "/usr/share/AAVMF/AAVMF_CODE.fd",
            "/usr/share/edk2/aarch64/QEMU_CODE.fd",
            "/usr/share/edk2/aarch64/QEMU_EFI.fd",
            "/usr/share/qemu-efi-aarch64/QEMU_EFI.fd",
            "/opt/homebrew/share/qemu/edk2-aarch64-code.fd",
            "/usr/local/share/qemu/edk2-aarch64-code.fd",
        ]),
        [Some("qemu-efi-aarch64"), Some("edk2-aarch64"), Some("qemu")],
    ),
    run(
        "ssh",
        "guests can't be reached",
        Probe::Program("ssh"),
        [Some("openssh-client"), Some("openssh-clients"), None],
    ),
    run(
        "ssh-keygen",
        "guests can't be reached",
        Probe::Program("ssh-keygen"),
        [Some("openssh-client"), Some("openssh"), None],
    ),
    run(
        "sftp-server",
        "guests can't have host directories over SSH",
        Probe::AnyFile(&[
            "/usr/lib/openssh/sftp-server",
            "/usr/libexec/openssh/sftp-server",
            "/usr/libexec/sftp-server",
            "/usr/lib/ssh/sftp-server",
            "/opt/homebrew/opt/openssh/libexec/sftp-server",
        ]),
        [Some("openssh-sftp-server"), Some("openssh-server"), Some("openssh")],
    ),
    run(
        "swtpm",
        "guests can't have a TPM",
        Probe::Program("swtpm"),
        [Some("swtpm"), Some("swtpm"), Some("swtpm")],
    ),
    run(
        "git",
        "manifests can't come from git",
        Probe::Program("git"),
        [Some("git"), Some("git-core"), Some("git")],
    ),
    run(
        "gpg",
        "OpenPGP signatures of commits can't be checked",
        Probe::Program("gpg"),
        [Some("gnupg"), Some("gnupg2"), Some("gnupg")],
    ),
    image("apt-get", Probe::Program("apt-get"), "apt", "apt"),
    image("dpkg-deb", Probe::Program("dpkg-deb"), "dpkg", "dpkg"),
    image(
        "Debian's archive keyring",
        Probe::AnyFile(&[KEYRING]),
        "debian-archive-keyring",
        "debian-keyring",
    ),
    image("mmdebstrap", Probe::Program("mmdebstrap"), "mmdebstrap", "mmdebstrap"),
    image("newuidmap", Probe::Program("newuidmap"), "uidmap", "shadow-utils"),
    image("mke2fs", Probe::Program("mke2fs"), "e2fsprogs", "e2fsprogs"),
    image("mcopy", Probe::Program("mcopy"), "mtools", "mtools"),
    grown("mkfs.xfs", "xfsprogs"),
    grown("mkfs.btrfs", "btrfs-progs"),
    image("sfdisk", Probe::Program("sfdisk"), "fdisk", "util-linux"),
];
