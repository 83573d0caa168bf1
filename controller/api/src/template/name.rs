//! The name of an instance, from where its template is.

use super::image::strip_format;
use crate::{Arch, Name};

/// Words of image names that say nothing about the instance.
const NOISE: [&str; 22] = [
    "base",
    "basic",
    "cloud",
    "cloudimg",
    "cloudinit",
    "current",
    "daily",
    "default",
    "generic",
    "genericcloud",
    "kvm",
    "latest",
    "linux",
    "minimal",
    "openstack",
    "release",
    "restore",
    "server",
    "std",
    "stream",
    "uefi",
    "vm",
];
/// Architectures as images name them; the host's own says nothing about the instance.
const ARCHES: [(&str, Arch); 4] = [
    ("amd64", Arch::X86_64),
    ("x86_64", Arch::X86_64),
    ("arm64", Arch::Aarch64),
    ("aarch64", Arch::Aarch64),
];

/// The name that an instance gets when none was given: from the last part of the locator, without
/// its ending. `None` when that is no name.
pub fn instance_name(locator: &str, host: Arch) -> Option<Name> {
    let plain = locator.split(['?', '#']).next().unwrap_or(locator);
    let file = plain.rsplit(['/', ':']).next().unwrap_or(plain).to_ascii_lowercase();
    let name = match strip_format(&file) {
        Some(image) => image_name(image, host),
        None => file.trim_end_matches(".yaml").trim_end_matches(".yml").to_owned(),
    };
    Name::new(name).ok()
}

/// An image's name without the words that every image's has.
fn image_name(stem: &str, host: Arch) -> String {
    let stem = stem.trim_start_matches("nocloud_");
    let mut kept = String::new();
    let mut rest = stem;
    while !rest.is_empty() {
        let end = rest[1..].find(['-', '_', '.']).map_or(rest.len(), |at| at + 1);
        // `x86_64` has a separator inside.
        let end = if rest[..end].ends_with("x86") && rest[end..].starts_with("_64") {
            end + 3
        } else {
            end
        };
        let (part, tail) = rest.split_at(end);
        let word = part.trim_start_matches(['-', '_', '.']);
        let first = kept.is_empty();
        if first || !is_noise(word, host) {
            kept.push_str(part);
        }
        rest = tail;
    }
    kept.replace("x86_64", "x86-64").trim_matches(['-', '_', '.']).to_owned()
}

fn is_noise(word: &str, host: Arch) -> bool {
    let is_date =
        word.len() >= 8 && word.starts_with("20") && word.bytes().all(|byte| byte.is_ascii_digit());
    let native = ARCHES.iter().any(|(name, arch)| *name == word && *arch == host);
    NOISE.contains(&word) || is_date || native
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_last_part() {
        for (locator, name) in [
            ("template:debian-12", "debian-12"),
            ("https://h/t/K8s.yaml?raw=1", "k8s"),
            ("/t/web.yml", "web"),
            ("https://h/debian-12-genericcloud-amd64-20261101.qcow2", "debian-12"),
            ("/i/noble-server-cloudimg-arm64.img", "noble-arm64"),
            ("Fedora-Cloud-Base-Generic-43-1.6.x86_64.qcow2", "fedora-43-1.6"),
        ] {
            let found = instance_name(locator, Arch::X86_64).map(|name| name.to_string());
            assert_eq!(found.as_deref(), Some(name), "{locator}");
        }
        assert_eq!(instance_name("/t/-.yaml", Arch::X86_64), None);
    }
}
