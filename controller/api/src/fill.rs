//! Lima's defaults.

use std::path::Path;

use crate::lima::{
    AdditionalDisk, CaCerts, Containerd, Firmware, HostResolver, Image, InstanceNetwork, Int,
    Mount, MountType, NineP, Os, PortForward, Probe, ProbeMode, Proto, Provision, ProvisionMode,
    Ssh, User, Video,
};
use crate::strings::{Variables, expand};
use crate::{ByteSize, HostFacts, Lima, Name};

/// The template with every default filled in and every template string expanded: what is
/// compared and what is run. Filling twice changes nothing.
///
/// The defaults are Lima's, with two exceptions: `vmType` is `qemu` on every host, because that
/// is what the native engine runs, and containerd is off unless asked for.
#[must_use]
pub fn fill(template: &Lima, name: &Name, host: &HostFacts) -> Lima {
    let mut lima = template.clone();
    fill_machine(&mut lima, host);
    fill_user(&mut lima, name, host);
    expand_strings(&mut lima, name, host);
    fill_lists(&mut lima);
    fill_services(&mut lima, host);
    if lima.plain == Some(true) {
        make_plain(&mut lima);
    }
    lima
}

fn fill_machine(lima: &mut Lima, host: &HostFacts) {
    lima.vm_type.get_or_insert_with(|| "qemu".to_owned());
    lima.os.get_or_insert(Os::Linux);
    let arch = *lima.arch.get_or_insert(host.arch);
    if lima.cpus.is_none_or(|cpus| cpus.0 == 0) {
        lima.cpus = Some(Int::from(host.cpus.clamp(1, 4)));
    }
    lima.memory.get_or_insert_with(|| default_memory(host.memory));
    lima.disk.get_or_insert(ByteSize::gib(100));
    for image in lima.images.iter_mut().flatten() {
        fill_image(image, arch);
    }
    let firmware = lima.firmware.get_or_insert_with(Firmware::default);
    firmware.legacy_bios.get_or_insert(false);
    lima.video.get_or_insert_with(Video::default).display.get_or_insert_with(|| "none".to_owned());
    lima.nested_virtualization.get_or_insert(false);
    lima.tpm.get_or_insert(false);
    lima.plain.get_or_insert(false);
}

/// The smaller of 4GiB and half of the host's, in whole MiB so that it prints well.
fn default_memory(host: u64) -> ByteSize {
    ByteSize(ByteSize::gib(4).0.min(host / 2) >> 20 << 20)
}

fn fill_image(image: &mut Image, arch: crate::Arch) {
    let arch = *image.arch.get_or_insert(arch);
    if let Some(kernel) = &mut image.kernel {
        kernel.arch.get_or_insert(arch);
    }
    if let Some(initrd) = &mut image.initrd {
        initrd.arch.get_or_insert(arch);
    }
}

fn fill_user(lima: &mut Lima, name: &Name, host: &HostFacts) {
    let param = lima.param.clone();
    let user = lima.user.get_or_insert_with(User::default);
    let login = user.name.get_or_insert_with(|| guest_user_name(&host.user_name)).clone();
    // Lima refuses uid 0 in the guest, so a host user who is root becomes an ordinary one.
    let uid = *user.uid.get_or_insert(if host.user_uid == 0 { 1000 } else { host.user_uid });
    user.comment.get_or_insert_with(|| host.user_comment.clone());
    user.shell.get_or_insert_with(|| "/bin/bash".to_owned());
    user.passwordless_sudo.get_or_insert(true);
    let hostname = name.hostname();
    let variables = Variables {
        name: name.as_str(),
        hostname: &hostname,
        user: &login,
        uid,
        param: param.as_ref(),
        ..Variables::default()
    };
    let home = user.home.get_or_insert_with(|| "/home/{{.User}}.guest".to_owned());
    *home = expand(home, &variables);
}

/// The host user's name where it can be one in the guest, else `lima`.
fn guest_user_name(host: &str) -> String {
    let mut bytes = host.bytes();
    let starts = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let goes_on = bytes.all(|byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-'
    });
    let usable = starts && goes_on && host != "root" && host != "admin";
    if usable { host.to_owned() } else { "lima".to_owned() }
}

fn expand_strings(lima: &mut Lima, name: &Name, host: &HostFacts) {
    let user = lima.user.clone().unwrap_or_default();
    let param = lima.param.clone();
    let hostname = name.hostname();
    let guest = Variables {
        name: name.as_str(),
        hostname: &hostname,
        user: user.name.as_deref().unwrap_or_default(),
        uid: user.uid.unwrap_or_default(),
        home: user.home.as_deref().unwrap_or_default(),
        param: param.as_ref(),
        ..Variables::default()
    };
    expand_guest_strings(lima, &guest);
    let dir = host.lima_home.join(name.as_str());
    let on_host = Variables {
        name: name.as_str(),
        user: &host.user_name,
        uid: host.user_uid,
        home: &host.home.to_string_lossy(),
        dir: Some(&dir.to_string_lossy()),
        temp_dir: Some(&host.temp_dir.to_string_lossy()),
        param: param.as_ref(),
        ..Variables::default()
    };
    expand_host_strings(lima, &on_host, &dir, &host.home);
}

fn expand_guest_strings(lima: &mut Lima, variables: &Variables<'_>) {
    let replace = |text: &mut Option<String>| {
        if let Some(text) = text {
            *text = expand(text, variables);
        }
    };
    for step in lima.provision.iter_mut().flatten() {
        replace(&mut step.script);
        replace(&mut step.content);
        replace(&mut step.expression);
        replace(&mut step.path);
        if let Some(owner) = &mut step.owner {
            owner.0 = expand(&owner.0, variables);
        }
    }
    lima.probes.iter_mut().flatten().for_each(|probe| replace(&mut probe.script));
    lima.port_forwards.iter_mut().flatten().for_each(|forward| replace(&mut forward.guest_socket));
    lima.copy_to_host.iter_mut().flatten().for_each(|copy| replace(&mut copy.guest));
    lima.mounts.iter_mut().flatten().for_each(|mount| replace(&mut mount.mount_point));
}

fn expand_host_strings(lima: &mut Lima, variables: &Variables<'_>, dir: &Path, home: &Path) {
    for mount in lima.mounts.iter_mut().flatten() {
        mount.location = at_home(&expand(&mount.location, variables), home);
    }
    for forward in lima.port_forwards.iter_mut().flatten() {
        if let Some(socket) = &mut forward.host_socket {
            let path = expand(socket, variables);
            *socket = dir.join("sock").join(path).to_string_lossy().into_owned();
        }
    }
    for copy in lima.copy_to_host.iter_mut().flatten() {
        if let Some(path) = &mut copy.host {
            *path = at_home(&expand(path, variables), home);
        }
    }
}

/// `~` and `~/x` below the home directory.
fn at_home(path: &str, home: &Path) -> String {
    match path.strip_prefix('~') {
        Some("") => home.to_string_lossy().into_owned(),
        Some(rest) if rest.starts_with('/') => home.join(&rest[1..]).to_string_lossy().into_owned(),
        _ => path.to_owned(),
    }
}

fn fill_lists(lima: &mut Lima) {
    lima.additional_disks.iter_mut().flatten().for_each(fill_disk);
    let mount_type = *lima.mount_type.get_or_insert(MountType::NineP);
    lima.mounts.iter_mut().flatten().for_each(|mount| fill_mount(mount, mount_type));
    lima.provision.iter_mut().flatten().for_each(fill_provision);
    let probes = lima.probes.as_ref().map_or(0, Vec::len);
    for (index, probe) in lima.probes.iter_mut().flatten().enumerate() {
        fill_probe(probe, index + 1, probes);
    }
    lima.port_forwards.iter_mut().flatten().for_each(fill_forward);
    for (index, network) in lima.networks.iter_mut().flatten().enumerate() {
        fill_network(network, index);
    }
}

fn fill_disk(disk: &mut AdditionalDisk) {
    disk.format.get_or_insert(true);
}

fn fill_mount(mount: &mut Mount, mount_type: MountType) {
    mount.mount_point.get_or_insert_with(|| mount.location.clone());
    let writable = *mount.writable.get_or_insert(false);
    match mount_type {
        MountType::ReverseSshfs => {
            let sshfs = mount.sshfs.get_or_insert_default();
            sshfs.cache.get_or_insert(true);
            sshfs.follow_symlinks.get_or_insert(false);
        }
        MountType::NineP => fill_nine_p(mount.nine_p.get_or_insert_default(), writable),
        MountType::Virtiofs => {
            mount.virtiofs.get_or_insert_default().queue_size.get_or_insert(1024);
        }
        MountType::Wsl2 => {}
    }
}

fn fill_nine_p(settings: &mut NineP, writable: bool) {
    settings.security_model.get_or_insert_with(|| "none".to_owned());
    settings.protocol_version.get_or_insert_with(|| "9p2000.L".to_owned());
    settings.msize.get_or_insert(ByteSize(128 << 10));
    settings.cache.get_or_insert_with(|| if writable { "mmap".into() } else { "fscache".into() });
}

fn fill_provision(step: &mut Provision) {
    let mode = *step.mode.get_or_insert(ProvisionMode::System);
    if matches!(mode, ProvisionMode::Data | ProvisionMode::Yq) {
        step.owner.get_or_insert_with(|| "root:root".into());
        step.permissions.get_or_insert_with(|| "644".into());
    }
    match mode {
        ProvisionMode::Data => {
            step.overwrite.get_or_insert(true);
        }
        ProvisionMode::Yq => {
            step.format.get_or_insert_with(|| "auto".to_owned());
        }
        ProvisionMode::Dependency => {
            step.skip_default_dependency_resolution.get_or_insert(false);
        }
        _ => {}
    }
}

fn fill_probe(probe: &mut Probe, number: usize, of: usize) {
    probe.mode.get_or_insert(ProbeMode::Readiness);
    probe.description.get_or_insert_with(|| format!("user probe {number}/{of}"));
}

/// In Lima's order, in which each default may depend on the ones before it.
fn fill_forward(forward: &mut PortForward) {
    let zero = std::net::IpAddr::from([0, 0, 0, 0]);
    let local = std::net::IpAddr::from([127, 0, 0, 1]);
    forward.proto.get_or_insert(Proto::Any);
    let must_be_zero = forward.guest_ip_must_be_zero == Some(true);
    let guest_ip = *forward.guest_ip.get_or_insert(if must_be_zero { zero } else { local });
    forward.guest_ip_must_be_zero.get_or_insert(guest_ip == zero);
    forward.host_ip.get_or_insert(local);
    let whole = [Int(1), Int(65535)];
    let guest = *forward
        .guest_port_range
        .get_or_insert(forward.guest_port.map_or(whole, |port| [port, port]));
    if forward.host_socket.is_none() {
        forward.host_port_range.get_or_insert(forward.host_port.map_or(guest, |port| [port, port]));
    }
    forward.reverse.get_or_insert(false);
    forward.ignore.get_or_insert(false);
    forward.static_.get_or_insert(false);
}

fn fill_network(network: &mut InstanceNetwork, index: usize) {
    network.interface.get_or_insert_with(|| format!("lima{index}"));
    network.metric.get_or_insert(100);
}

fn fill_services(lima: &mut Lima, host: &HostFacts) {
    let ssh = lima.ssh.get_or_insert_with(Ssh::default);
    ssh.local_port.get_or_insert(Int(0));
    for flag in [
        &mut ssh.load_dot_ssh_pub_keys,
        &mut ssh.forward_agent,
        &mut ssh.forward_x11,
        &mut ssh.forward_x11_trusted,
    ] {
        flag.get_or_insert(false);
    }
    lima.mount_inotify.get_or_insert(false);
    lima.upgrade_packages.get_or_insert(false);
    let containerd = lima.containerd.get_or_insert_with(Containerd::default);
    containerd.system.get_or_insert(false);
    containerd.user.get_or_insert(false);
    lima.guest_install_prefix.get_or_insert_with(|| "/usr/local".to_owned());
    let resolver = lima.host_resolver.get_or_insert_with(HostResolver::default);
    resolver.enabled.get_or_insert(true);
    resolver.ipv6.get_or_insert(false);
    lima.propagate_proxy_env.get_or_insert(true);
    lima.ca_certs.get_or_insert_with(CaCerts::default).remove_defaults.get_or_insert(false);
    lima.timezone.get_or_insert_with(|| host.timezone.clone());
}

/// Lima's plain mode, applied last: only static forwards stay, no mounts, no containerd.
fn make_plain(lima: &mut Lima) {
    if let Some(forwards) = &mut lima.port_forwards {
        forwards.retain(|forward| forward.static_ == Some(true));
    }
    lima.mounts = None;
    lima.containerd = Some(Containerd { system: Some(false), user: Some(false), archives: None });
    lima.timezone = Some(String::new());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_lima;

    fn filled(yaml: &str) -> Lima {
        let name = Name::new("web_1.x").expect("a name");
        fill(&read_lima(yaml).expect("yaml"), &name, &HostFacts::example())
    }

    #[test]
    fn an_empty_template_gets_limas_defaults() {
        insta::assert_snapshot!(crate::to_yaml(&filled("images: [{location: /d.img}]")));
    }

    #[test]
    fn filling_twice_changes_nothing() {
        let once = filled(
            "mounts: [{location: '~'}]\nprovision: [{script: 'echo {{.User}}'}]\nportForwards: [{guestPort: 80}, {guestSocket: /a.sock, hostSocket: a.sock}]\nadditionalDisks: [data]\nnetworks: [{lima: user-v2}]\nprobes: [{script: '#!/bin/sh'}]",
        );
        let twice = fill(&once, &Name::new("web_1.x").expect("a name"), &HostFacts::example());
        assert_eq!(once, twice);
    }

    #[test]
    fn root_becomes_an_ordinary_user() {
        let host = HostFacts { user_name: "root".into(), user_uid: 0, ..HostFacts::example() };
        let user =
            fill(&Lima::default(), &Name::new("a").expect("a name"), &host).user.expect("filled");
        assert_eq!(
            (user.name.as_deref(), user.uid, user.home.as_deref()),
            (Some("lima"), Some(1000), Some("/home/lima.guest"))
        );
    }

    #[test]
    fn strings_are_expanded() {
        let lima = filled(
            "param: {V: 2}\nmounts: [{location: '~/src', mountPoint: '{{.Home}}/src'}]\nprovision: [{script: 'echo {{.Hostname}} {{.Param.V}}'}]",
        );
        let mount = &lima.mounts.expect("mounts")[0];
        assert_eq!(
            (mount.location.as_str(), mount.mount_point.as_deref()),
            ("/home/alice/src", Some("/home/alice.guest/src"))
        );
        assert_eq!(
            lima.provision.expect("provision")[0].script.as_deref(),
            Some("echo lima-web-1-x 2")
        );
    }

    #[test]
    fn plain_mode_takes_things_away() {
        let lima = filled(
            "plain: true\nmounts: [{location: /a}]\nportForwards: [{guestPort: 80}, {guestPort: 81, static: true}]",
        );
        assert_eq!(lima.mounts, None);
        assert_eq!(lima.port_forwards.expect("forwards").len(), 1);
    }
}
