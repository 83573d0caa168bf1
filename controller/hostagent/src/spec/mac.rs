//! Network addresses that stay the same for an instance, as Lima computes them.

use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

/// The address of the card that belongs to `unique`: Lima's prefix and three bytes of a digest.
pub(super) fn address(unique: &Path) -> String {
    digest(&machine_id(), unique)
}

fn digest(machine: &str, unique: &Path) -> String {
    let mut hasher = Sha256::new();
    hasher.update(machine);
    hasher.update(unique.as_os_str().as_encoded_bytes());
    let bytes = hasher.finalize();
    format!("52:55:55:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2])
}

/// What tells this host from others, so that two hosts on one network differ.
fn machine_id() -> String {
    ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .iter()
        .find_map(|path| fs::read_to_string(path).ok())
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn the_address_is_limas() {
        // printf 'abc/home/a/.lima/x' | sha256sum
        assert_eq!(super::digest("abc", Path::new("/home/a/.lima/x")), "52:55:55:cd:d7:99");
    }
}
