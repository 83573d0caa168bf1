//! Defaults of what surrounds the machine.

use crate::lima::{CaCerts, Containerd, File, HostResolver, Os, Ssh};
use crate::{Arch, HostFacts, Lima};

/// nerdctl-full as Lima 2.2 installs it: architecture, its name in the URL, digest.
const NERDCTL: [(Arch, &str, &str); 2] = [
    (
        Arch::X86_64,
        "amd64",
        "sha256:b697295c623639734aaab737523c808fd3cc8d3046039fd94fff1744e4c317aa",
    ),
    (
        Arch::Aarch64,
        "arm64",
        "sha256:6e4b687f1d138e750a3c8372abc0f81d3d7490b6359c48c0562fc7dfe98859b2",
    ),
];
const NERDCTL_VERSION: &str = "2.3.5";

/// Fills in SSH, containerd, name resolution and the rest.
pub(super) fn fill(lima: &mut Lima, host: &HostFacts) {
    let ssh = lima.ssh.get_or_insert_with(Ssh::default);
    ssh.local_port.get_or_insert_default();
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
    containerd(lima, host);
    lima.guest_install_prefix.get_or_insert_with(|| "/usr/local".to_owned());
    let resolver = lima.host_resolver.get_or_insert_with(HostResolver::default);
    resolver.enabled.get_or_insert(true);
    resolver.ipv6.get_or_insert(false);
    lima.propagate_proxy_env.get_or_insert(true);
    lima.ca_certs.get_or_insert_with(CaCerts::default).remove_defaults.get_or_insert(false);
    lima.timezone.get_or_insert_with(|| host.timezone.clone());
}

/// The archives are filled in only where they are installed; Lima always names them.
fn containerd(lima: &mut Lima, host: &HostFacts) {
    let arch = lima.arch.unwrap_or(host.arch);
    let has_nerdctl = NERDCTL.iter().any(|(known, ..)| *known == arch);
    let by_default = host.containerd && lima.os == Some(Os::Linux) && has_nerdctl;
    let plain = lima.plain == Some(true);
    let containerd = lima.containerd.get_or_insert_with(Containerd::default);
    let system = *containerd.system.get_or_insert(false);
    let user = *containerd.user.get_or_insert(by_default);
    for archive in containerd.archives.iter_mut().flatten() {
        archive.arch.get_or_insert(arch);
    }
    let missing = containerd.archives.as_ref().is_none_or(Vec::is_empty);
    if (system || user) && !plain && missing {
        containerd.archives = Some(NERDCTL.map(archive).to_vec());
    }
}

fn archive((arch, word, digest): (Arch, &str, &str)) -> File {
    let version = NERDCTL_VERSION;
    let location = format!(
        "https://github.com/containerd/nerdctl/releases/download/v{version}/nerdctl-full-{version}-linux-{word}.tar.gz"
    );
    File { location, arch: Some(arch), digest: Some(digest.to_owned()) }
}
