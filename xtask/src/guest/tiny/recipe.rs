//! What goes into the tiny guest.

use super::super::Arch;
use super::super::apt;
use super::openrc;

/// Raised when the code that assembles the guest changes.
const VERSION: u32 = 3;

/// Packages beside the kernel; only some of their files are used.
pub const PACKAGES: &[&str] = &[
    "bash",
    "busybox-static",
    "dropbear-bin",
    "e2fsprogs",
    "libaudit1",
    "libblkid1",
    "libc6",
    "libcap-ng0",
    "libcom-err2",
    "libcrypt1",
    "libext2fs2",
    "libfuse3-3",
    "libglib2.0-0",
    "libgmp10",
    "libpam-modules",
    "libpam0g",
    "libpcre2-8-0",
    "libselinux1",
    "libtinfo6",
    "libtomcrypt1",
    "libtommath1",
    "libuuid1",
    "openssh-sftp-server",
    "sshfs",
    "sudo",
    "util-linux",
    "zlib1g",
];

/// Modules that the initramfs needs to reach the root disk. Names that a kernel has built in, or
/// doesn't have, are passed over.
pub const BOOT_MODULES: &[&str] = &["virtio_pci", "virtio_blk", "ext4", "crc32c_generic"];

/// Modules that the system loads afterwards, soonest needed first.
pub const LATER_MODULES: &[&str] = &[
    "virtio_scsi",
    "sr_mod",
    "isofs",
    "virtio_net",
    "button",
    "evdev",
    // The power button of QEMU's virt machine when it boots a kernel without firmware.
    "gpio_pl061",
    "gpio_keys",
    "af_packet",
    "virtio_console",
    "virtio_rng",
    "fuse",
];

/// What the kernel asks for when a file system is mounted, and the modules that serve it. Most tests
/// mount none, and should not wait for these.
pub const MODULES_ON_DEMAND: &[(&str, &[&str])] =
    &[("fs-9p", &["9p"]), ("9p-virtio", &["9pnet_virtio"]), ("fs-virtiofs", &["virtiofs"])];

/// Programs that are taken from the packages; busybox stands in for all others.
pub const PROGRAMS: &[&str] = &[
    "bin/bash",
    "bin/busybox",
    "sbin/blkid",
    "sbin/e2fsck",
    "sbin/mke2fs",
    "sbin/resize2fs",
    "usr/bin/dropbearkey",
    "usr/bin/sshfs",
    "usr/bin/sudo",
    "usr/sbin/dropbear",
];

/// The scripts and tables that are ours, as path in the guest, mode and text.
pub const FILES: &[(&str, u32, &str)] = &[
    ("etc/acpi/PWRF/00000080", 0o755, include_str!("shutdown.sh")),
    ("etc/group", 0o644, "root:x:0:\ntty:x:5:\ndisk:x:6:\nsudo:x:27:\nnogroup:x:65534:\n"),
    ("etc/hosts", 0o644, "127.0.0.1 localhost\n"),
    ("etc/inittab", 0o644, include_str!("inittab")),
    ("etc/nsswitch.conf", 0o644, "passwd: files\ngroup: files\nhosts: files dns\n"),
    (
        "etc/os-release",
        0o644,
        "ID=limekiln-tiny\nID_LIKE=debian\nPRETTY_NAME=\"Limekiln tiny test guest\"\n",
    ),
    (
        "etc/pam.d/other",
        0o644,
        "auth required pam_permit.so\naccount required pam_permit.so\nsession required pam_permit.so\npassword required pam_permit.so\n",
    ),
    (
        "etc/passwd",
        0o644,
        "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    ),
    (
        "etc/profile",
        0o644,
        "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n",
    ),
    ("etc/rc", 0o755, include_str!("rc.sh")),
    ("etc/shadow", 0o640, "root:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n"),
    ("etc/shells", 0o644, "/bin/sh\n/bin/bash\n"),
    (
        "etc/sudoers",
        0o440,
        "Defaults secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
    ),
    ("etc/udhcpc.sh", 0o755, include_str!("udhcpc.sh")),
    ("usr/sbin/modprobe", 0o755, include_str!("modprobe.sh")),
];

/// The first process of the initramfs.
pub const INITRAMFS: &str = include_str!("initramfs.sh");

/// Names under which busybox is called in the guest.
pub fn applets() -> impl Iterator<Item = &'static str> {
    include_str!("applets.txt").split_whitespace()
}

/// Everything that decides the result, for the build stamp.
pub fn fingerprint(arch: Arch, kernel: &str, openrc: bool) -> impl std::hash::Hash {
    let lists = [PACKAGES, BOOT_MODULES, LATER_MODULES, PROGRAMS];
    let applets: Vec<_> = applets().collect();
    (
        VERSION,
        arch.lima(),
        kernel.to_owned(),
        lists.map(<[_]>::to_vec),
        MODULES_ON_DEMAND,
        FILES,
        INITRAMFS,
        applets,
        apt::sources(),
        openrc.then_some((openrc::PACKAGES, openrc::SERVICE)),
    )
}
