//! The scripts that run in the guest.

/// Path in the seed volume, and text.
pub(super) const SCRIPTS: &[(&str, &str)] = &[
    ("boot.sh", include_str!("scripts/boot.sh")),
    ("boot.Linux/05-disks.sh", include_str!("scripts/boot.Linux/05-disks.sh")),
    ("boot.Linux/06-hosts.sh", include_str!("scripts/boot.Linux/06-hosts.sh")),
    ("boot.Linux/07-environment.sh", include_str!("scripts/boot.Linux/07-environment.sh")),
    ("boot.Linux/08-mounts.sh", include_str!("scripts/boot.Linux/08-mounts.sh")),
    ("boot.Linux/25-guestagent.sh", include_str!("scripts/boot.Linux/25-guestagent.sh")),
    ("boot.Linux/26-host-services.sh", include_str!("scripts/boot.Linux/26-host-services.sh")),
    ("boot.Linux/30-dependencies.sh", include_str!("scripts/boot.Linux/30-dependencies.sh")),
    ("boot.Linux/31-sshfs.sh", include_str!("scripts/boot.Linux/31-sshfs.sh")),
    ("boot.Linux/40-containerd.sh", include_str!("scripts/boot.Linux/40-containerd.sh")),
    ("environment.sh", include_str!("scripts/environment.sh")),
    ("password.sh", include_str!("scripts/password.sh")),
    ("drift.sh", include_str!("scripts/drift.sh")),
    ("provision.sh", PROVISION),
];

/// The instance's own provisioning.
pub(crate) const PROVISION: &str = include_str!("scripts/provision.sh");

/// What cloud-init runs at every boot: mounts the seed volume and runs its boot script.
pub(super) const PER_BOOT: &str = include_str!("scripts/per-boot.sh");
