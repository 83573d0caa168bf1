//! Network addresses that stay the same for an instance, as Lima computes them.

use sha2::{Digest, Sha256};

/// The address of the card that belongs to `seed`: Lima's prefix and three bytes of a digest.
///
/// The seed of an instance's first card is its directory, that of `networks[i]` is
/// `DIRECTORY/lima.yaml#i`. `machine_id` makes the addresses of two hosts on one network differ.
pub fn mac_address(machine_id: &str, seed: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(machine_id);
    hasher.update(seed);
    let bytes = hasher.finalize();
    format!("52:55:55:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2])
}

/// A hardware address as everybody understands it, with colons and in lower case. A template may
/// have any of the forms of Go's `net.ParseMAC`, which Lima takes: six pairs with colons or dashes,
/// three fours with dots. `None` of what is in none of them.
pub fn plain_mac(text: &str) -> Option<String> {
    let is = |separator: char, count: usize, length: usize| {
        let hex = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
        text.split(separator).all(|part| part.len() == length && hex(part))
            && text.split(separator).count() == count
    };
    if !(is(':', 6, 2) || is('-', 6, 2) || is('.', 3, 4)) {
        return None;
    }
    let digits: Vec<_> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs: Vec<_> = digits.chunks(2).map(String::from_utf8_lossy).collect();
    Some(pairs.join(":").to_lowercase())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_address_is_limas() {
        // printf 'abc/home/a/.lima/x' | sha256sum
        assert_eq!(super::mac_address("abc", b"/home/a/.lima/x"), "52:55:55:cd:d7:99");
    }
}
