//! Templates that are part of this program.
//!
//! Names and image addresses are Lima's, so that a manifest means the same where Lima is installed
//! and where it is not. They differ in one point: they mount nothing of the host. A VM sees what its
//! manifest says, and a repository may build on them under a policy that allows it no mounts;
//! `_default/mounts` is there for those who want Lima's.

/// Names and texts of `builtin/`.
macro_rules! templates {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!("builtin/", $name, ".yaml")))),*]
    };
}

const TEMPLATES: &[(&str, &str)] = templates![
    "_default/mounts",
    "_images/almalinux",
    "_images/almalinux-10",
    "_images/almalinux-8",
    "_images/almalinux-9",
    "_images/alpine",
    "_images/alpine-3.21",
    "_images/alpine-3.22",
    "_images/alpine-3.23",
    "_images/archlinux",
    "_images/centos-stream",
    "_images/centos-stream-10",
    "_images/centos-stream-9",
    "_images/debian",
    "_images/debian-11",
    "_images/debian-12",
    "_images/debian-13",
    "_images/fedora",
    "_images/fedora-41",
    "_images/fedora-42",
    "_images/fedora-43",
    "_images/fedora-44",
    "_images/opensuse-leap",
    "_images/opensuse-leap-15",
    "_images/opensuse-leap-16",
    "_images/oraclelinux",
    "_images/oraclelinux-10",
    "_images/oraclelinux-8",
    "_images/oraclelinux-9",
    "_images/rocky",
    "_images/rocky-10",
    "_images/rocky-8",
    "_images/rocky-9",
    "_images/ubuntu",
    "_images/ubuntu-20.04",
    "_images/ubuntu-22.04",
    "_images/ubuntu-24.04",
    "_images/ubuntu-24.10",
    "_images/ubuntu-25.04",
    "_images/ubuntu-25.10",
    "_images/ubuntu-26.04",
    "_images/ubuntu-lts",
    "almalinux",
    "almalinux-10",
    "almalinux-8",
    "almalinux-9",
    "alpine",
    "alpine-3.21",
    "alpine-3.22",
    "alpine-3.23",
    "archlinux",
    "centos-stream",
    "centos-stream-10",
    "centos-stream-9",
    "debian",
    "debian-11",
    "debian-12",
    "debian-13",
    "default",
    "fedora",
    "fedora-41",
    "fedora-42",
    "fedora-43",
    "fedora-44",
    "opensuse",
    "opensuse-leap",
    "opensuse-leap-15",
    "opensuse-leap-16",
    "oraclelinux",
    "oraclelinux-10",
    "oraclelinux-8",
    "oraclelinux-9",
    "rocky",
    "rocky-10",
    "rocky-8",
    "rocky-9",
    "ubuntu",
    "ubuntu-20.04",
    "ubuntu-22.04",
    "ubuntu-24.04",
    "ubuntu-24.10",
    "ubuntu-25.04",
    "ubuntu-25.10",
    "ubuntu-26.04",
    "ubuntu-lts",
];

/// The text of a file.
pub(super) fn text(file: &str) -> Option<&'static str> {
    let name = file.strip_suffix(".yaml")?;
    TEMPLATES.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

/// All names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TEMPLATES.iter().map(|(name, _)| *name)
}
