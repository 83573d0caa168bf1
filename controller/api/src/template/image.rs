//! An image where a template is expected.

use std::fmt::Write;

use crate::Arch;

const FORMATS: [&str; 5] = ["img", "qcow2", "raw", "iso", "ipsw"];
const COMPRESSIONS: [&str; 4] = ["gz", "xz", "bz2", "zstd"];
/// Words in file names that tell the architecture.
const ARCHES: [(&str, Arch); 10] = [
    ("aarch64", Arch::Aarch64),
    ("arm64", Arch::Aarch64),
    ("amd64", Arch::X86_64),
    ("x86_64", Arch::X86_64),
    ("armhf", Arch::Armv7l),
    ("armv7l", Arch::Armv7l),
    ("ppc64el", Arch::Ppc64le),
    ("ppc64le", Arch::Ppc64le),
    ("riscv64", Arch::Riscv64),
    ("s390x", Arch::S390x),
];

/// A template for the image that a locator leads to, if its name is an image's: `limactl` takes
/// one wherever it takes a template. `host` is the architecture when the name tells none.
pub fn image_template(locator: &str, host: Arch) -> Option<String> {
    let stem = strip_format(locator)?;
    let file = stem.rsplit('/').next().unwrap_or(stem);
    let lower = locator.to_ascii_lowercase();
    let apple = lower.ends_with(".ipsw") || has_word(&lower, "macos");
    let os = if apple {
        "Darwin"
    } else if has_word(&lower, "freebsd") {
        "FreeBSD"
    } else {
        "Linux"
    };
    let known = ARCHES.iter().find(|(word, _)| has_word(&file.to_ascii_lowercase(), word));
    let arch = known.map_or(if apple { Arch::Aarch64 } else { host }, |(_, arch)| *arch);
    let mut yaml = String::new();
    // Writing to a string can't fail.
    let _ = writeln!(yaml, "os: {os}\narch: {arch}\nimages:");
    let quoted = serde_json::Value::from(locator);
    let _ = writeln!(yaml, "- location: {quoted}\n  arch: {arch}");
    Some(yaml)
}

/// The name without the ending that makes it an image's: a format, perhaps compressed.
pub(super) fn strip_format(name: &str) -> Option<&str> {
    let plain = match name.rsplit_once('.') {
        Some((stem, end)) if COMPRESSIONS.contains(&end) => stem,
        _ => name,
    };
    let (stem, format) = plain.rsplit_once('.')?;
    FORMATS.contains(&format).then_some(stem)
}

/// Whether the word stands there with no letter or digit beside it.
fn has_word(text: &str, word: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        !inside(text[..at].chars().next_back()) && !inside(text[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_what_it_is() {
        for (locator, os, arch) in [
            ("https://h/debian-12-genericcloud-arm64.qcow2", "Linux", "aarch64"),
            ("/i/noble-server-cloudimg-amd64.img", "Linux", "x86_64"),
            ("FreeBSD-15.0-RELEASE-riscv64.raw.xz", "FreeBSD", "riscv64"),
            ("https://h/Restore.ipsw", "Darwin", "aarch64"),
            ("plain.iso", "Linux", "x86_64"),
        ] {
            let yaml = image_template(locator, Arch::X86_64).expect(locator);
            assert!(yaml.starts_with(&format!("os: {os}\narch: {arch}\n")), "{yaml}");
            assert!(yaml.contains(&format!("location: \"{locator}\"")), "{yaml}");
        }
    }

    #[test]
    fn other_names_are_templates() {
        for locator in ["debian.yaml", "x.gz", "qcow2", "a.qcow2/x", "template:debian"] {
            assert_eq!(image_template(locator, Arch::X86_64), None, "{locator}");
        }
    }
}
