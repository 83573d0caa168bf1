//! cloud-init's user data.

use serde_json::{Map, Value, json};

use super::{Seed, scripts};
use crate::spec::{GuestSpec, MountSpec, StepKind};
use crate::ssh::shell;

/// The whole text.
pub(super) fn user_data(seed: &Seed<'_>) -> String {
    let mut config = common(seed);
    config.insert("write_files".into(), per_boot());
    let steps = boot_steps(seed.guest);
    if !steps.is_empty() {
        config.insert("bootcmd".into(), steps.into());
    }
    render(config)
}

/// The text without scripts, for people to read.
pub(super) fn reference(seed: &Seed<'_>) -> String {
    render(common(seed))
}

fn render(config: Map<String, Value>) -> String {
    format!("#cloud-config\n{}", limekiln_api::to_yaml(&Value::Object(config)))
}

fn common(seed: &Seed<'_>) -> Map<String, Value> {
    let guest = seed.guest;
    let mut config = Map::new();
    config.insert("growpart".into(), json!({"mode": "auto", "devices": ["/"]}));
    config.insert("users".into(), json!([user(seed)]));
    if guest.upgrade_packages {
        for key in ["package_update", "package_upgrade", "package_reboot_if_required"] {
            config.insert(key.into(), true.into());
        }
    }
    let mounts: Vec<_> = guest.mounts.iter().filter_map(device_mount).collect();
    if !mounts.is_empty() {
        config.insert("mounts".into(), mounts.into());
    }
    if !guest.timezone.is_empty() {
        config.insert("timezone".into(), guest.timezone.clone().into());
    }
    if !guest.dns.is_empty() {
        config.insert("manage_resolv_conf".into(), true.into());
        config.insert("resolv_conf".into(), json!({"nameservers": guest.dns}));
    }
    if guest.remove_default_certs || !guest.ca_certs.is_empty() {
        let certs =
            json!({"remove_defaults": guest.remove_default_certs, "trusted": guest.ca_certs});
        config.insert("ca_certs".into(), certs);
    }
    config
}

/// A line of fstab(5), as cloud-init wants it. A guest without that kind of mount boots without it.
/// cloud-init writes spaces into that file as they are, so those places are left to our script.
fn device_mount(mount: &MountSpec) -> Option<Value> {
    if mount.mount_point.contains(char::is_whitespace) {
        return None;
    }
    let options = format!("{},nofail", mount.guest_options()?);
    Some(json!([mount.tag(), mount.mount_point, mount.kind.word(), options, "0", "0"]))
}

fn user(seed: &Seed<'_>) -> Value {
    let guest = seed.guest;
    let (sudo, locked) = if guest.passwordless_sudo {
        ("ALL=(ALL) NOPASSWD:ALL", true)
    } else {
        ("ALL=(ALL) ALL", false)
    };
    json!({
        "name": guest.user,
        "uid": guest.uid,
        "gecos": guest.comment,
        "homedir": guest.home,
        "shell": guest.shell,
        "sudo": sudo,
        "lock_passwd": locked,
        "ssh_authorized_keys": seed.keys,
    })
}

fn per_boot() -> Value {
    json!([{
        "path": "/var/lib/cloud/scripts/per-boot/00-lima.boot.sh",
        "owner": "root:root",
        "permissions": "0755",
        "content": scripts::PER_BOOT,
    }])
}

/// Steps that run before the seed volume is mounted, with their parameters in front.
fn boot_steps(guest: &GuestSpec) -> Vec<Value> {
    let exports: String = guest
        .param
        .iter()
        .map(|(key, value)| format!("export PARAM_{key}={}\n", shell::word(value)))
        .collect();
    guest
        .steps
        .iter()
        .filter(|step| step.kind == StepKind::Boot)
        .map(|step| json!(["sh", "-c", format!("{exports}{}", step.text)]))
        .collect()
}
