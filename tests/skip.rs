//! Tests that cannot run everywhere say so, in a line that `cargo xtask test` counts.

use std::path::PathBuf;

/// The folder of the tiny x86_64 guest; `None`, with the reason printed, if there is none.
pub fn tiny_guest() -> Option<PathBuf> {
    from_env("LIMEKILN_TEST_GUEST").map(|dir| dir.join("tiny-x86_64"))
}

/// The full Debian image; `None`, with the reason printed, if there is none.
pub fn full_image() -> Option<PathBuf> {
    from_env("LIMEKILN_TEST_FULL")
}

/// The archive of containerd; `None`, with the reason printed, if there is none.
pub fn containerd() -> Option<PathBuf> {
    let archive = from_env("LIMEKILN_TEST_GUEST")?.join("containerd/nerdctl-full.tar.gz");
    let there = archive.exists();
    if !there {
        println!("SKIPPED: there is no {}; `cargo xtask images` makes it", archive.display());
    }
    there.then_some(archive)
}

fn from_env(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if found.is_none() {
        println!("SKIPPED: {name} is not set; `cargo xtask test` builds the guests and sets it");
    }
    found
}
