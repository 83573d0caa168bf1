//! `KEY=VALUE` files. Values are not quoted, so none may hold a line break.

use std::fmt::{Display, Write};

use super::{Archive, Seed};
use crate::mounts::in_proc;
use crate::spec::{ContainerdSpec, GuestSpec, Step, StepKind};
use crate::user_network::{DNS, GUEST};

struct Env(String);

impl Env {
    fn set(&mut self, key: &str, value: impl Display) {
        let value = value.to_string().replace(['\n', '\r'], " ");
        // Writing to a string can't fail.
        let _ = writeln!(self.0, "LIMA_CIDATA_{key}={value}");
    }
}

/// What the scripts in the guest need to know.
pub(super) fn lima_env(seed: &Seed<'_>) -> String {
    let guest = seed.guest;
    let mut env = Env(String::new());
    env.set("DEBUG", false);
    env.set("IID", seed.instance_id);
    env.set("NAME", &guest.name);
    user(&mut env, guest);
    mounts(&mut env, guest);
    disks(&mut env, guest);
    steps(&mut env, guest);
    env.set("GUEST_INSTALL_PREFIX", &guest.install_prefix);
    env.set("UPGRADE_PACKAGES", guest.upgrade_packages);
    containerd(&mut env, seed);
    gateway(&mut env, guest);
    env.set("UDP_DNS_LOCAL_PORT", seed.dns.map_or(0, |ports| ports.udp));
    env.set("TCP_DNS_LOCAL_PORT", seed.dns.map_or(0, |ports| ports.tcp));
    env.set("VMTYPE", "qemu");
    env.set("VSOCK_PORT", 0);
    env.set("VIRTIO_PORT", "");
    env.set("PLAIN", guest.plain);
    env.set("NO_CLOUD_INIT", false);
    env.set("PASSWORDLESS_SUDO", if guest.passwordless_sudo { "1" } else { "" });
    env.0
}

/// Of QEMU's own network, or of the user-v2 network in its place.
fn gateway(env: &mut Env, guest: &GuestSpec) {
    let (dns, own) = match guest.user_v2_gateway() {
        Some(gateway) => (gateway, String::new()),
        None => (DNS, GUEST.to_string()),
    };
    env.set("SLIRP_DNS", dns);
    env.set("SLIRP_GATEWAY", guest.host_address());
    env.set("SLIRP_IP_ADDRESS", own);
}

/// The archive's id is ours: Lima goes by the age of a program in it. So is that it is not known
/// here: neither flag set would have a guest stop what it has.
fn containerd(env: &mut Env, seed: &Seed<'_>) {
    let wanted = seed.containerd.map_or_else(ContainerdSpec::default, |_| seed.guest.containerd);
    let flag = |wanted| if wanted { "1" } else { "" };
    env.set("CONTAINERD_USER", flag(wanted.user));
    env.set("CONTAINERD_SYSTEM", flag(wanted.system));
    match seed.containerd {
        Some(archive) => {
            env.set("CONTAINERD_ARCHIVE", Archive::NAME);
            env.set("CONTAINERD_ARCHIVE_ID", archive.id());
        }
        None if seed.guest.containerd != ContainerdSpec::default() => {
            env.set("CONTAINERD_UNKNOWN", 1);
        }
        None => {}
    }
}

fn user(env: &mut Env, guest: &GuestSpec) {
    env.set("USER", &guest.user);
    env.set("UID", guest.uid);
    env.set("COMMENT", &guest.comment);
    env.set("HOME", &guest.home);
    env.set("SHELL", &guest.shell);
    env.set("HOSTHOME_MOUNTPOINT", guest.host_home.as_deref().unwrap_or_default());
}

/// The tag, the place as `/proc/mounts` has it and the options are ours: Lima leaves what comes as a
/// device to cloud-init alone.
fn mounts(env: &mut Env, guest: &GuestSpec) {
    env.set("MOUNTS", guest.mounts.len());
    for (index, mount) in guest.mounts.iter().enumerate() {
        env.set(&format!("MOUNTS_{index}_MOUNTPOINT"), &mount.mount_point);
        if let Some(options) = mount.guest_options() {
            env.set(&format!("MOUNTS_{index}_TAG"), mount.tag());
            env.set(&format!("MOUNTS_{index}_PROC"), in_proc(&mount.mount_point));
            env.set(&format!("MOUNTS_{index}_OPTIONS"), options);
        }
    }
    env.set("MOUNTTYPE", guest.mounts.first().map_or("", |mount| mount.kind.word()));
    let skip = if guest.skip_dependencies { "1" } else { "" };
    env.set("SKIP_DEFAULT_DEPENDENCY_RESOLUTION", skip);
}

fn disks(env: &mut Env, guest: &GuestSpec) {
    env.set("DISKS", guest.disks.len());
    for (index, disk) in guest.disks.iter().enumerate() {
        let letter = u8::try_from(index).map_or('?', |index| char::from(b'b' + index.min(24)));
        env.set(&format!("DISK_{index}_NAME"), &disk.name);
        env.set(&format!("DISK_{index}_DEVICE"), format!("vd{letter}"));
        // Ours: Lima goes by the device's name.
        env.set(&format!("DISK_{index}_SERIAL"), disk.serial());
        env.set(&format!("DISK_{index}_FORMAT"), disk.make_fs);
        env.set(&format!("DISK_{index}_FSTYPE"), &disk.fs_type);
        env.set(&format!("DISK_{index}_FSARGS"), disk.fs_args.join(" "));
    }
}

fn steps(env: &mut Env, guest: &GuestSpec) {
    for (index, step) in guest.steps.iter().enumerate() {
        for (key, value) in step_variables(index, step) {
            env.set(&key, value);
        }
    }
}

/// What the provisioning script must know of a step, beside its file. The digest is ours.
pub(crate) fn step_variables(index: usize, step: &Step) -> Vec<(String, String)> {
    let mut variables = vec![(format!("STEP_{index:08}_DIGEST"), step.digest())];
    if let StepKind::Data { path, owner, permissions, overwrite } = &step.kind {
        let of_file = |key: &str, value: String| (format!("DATAFILE_{index:08}_{key}"), value);
        variables.push(of_file("OVERWRITE", overwrite.to_string()));
        variables.push(of_file("OWNER", owner.clone()));
        variables.push(of_file("PATH", path.clone()));
        variables.push(of_file("PERMISSIONS", permissions.clone()));
    }
    if let StepKind::Yq { path, format, owner, permissions } = &step.kind {
        let of_file =
            |key: &str, value: &str| (format!("YQ_PROVISION_{index:08}_{key}"), value.to_owned());
        variables.push(of_file("FORMAT", format));
        variables.push(of_file("OWNER", owner));
        variables.push(of_file("PATH", path));
        variables.push(of_file("PERMISSIONS", permissions));
    }
    variables
}

/// Parameters, for scripts and probes.
pub(super) fn param_env(guest: &GuestSpec) -> String {
    guest.param.iter().map(|(key, value)| format!("PARAM_{key}={value}\n")).collect()
}

/// The block that goes into `/etc/environment`.
pub(super) fn etc_environment(guest: &GuestSpec) -> String {
    let lines: String = guest
        .env
        .iter()
        .filter(|(_, value)| !value.is_empty() && !value.contains(['\n', '\r']))
        .map(|(key, value)| format!("{key}={value}\n"))
        .collect();
    format!("#LIMA-START\n{lines}#LIMA-END\n")
}
