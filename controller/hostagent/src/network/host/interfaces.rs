//! The host's interfaces.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use if_addrs::{IfAddr, get_if_addrs};
use ipnet::Ipv4Net;
use limekiln_api::{HostInterface, InterfaceKind};

/// Linux's tree of interfaces.
const SYS: &str = "/sys/class/net";
/// `IFF_TAP` of if_tun.h.
const IFF_TAP: u32 = 2;

/// The interfaces by name, also those without an address. What can't be read is left out.
pub fn interfaces() -> Vec<HostInterface> {
    let mut addresses: BTreeMap<String, Vec<Ipv4Net>> = BTreeMap::new();
    for entry in fs::read_dir(SYS).into_iter().flatten().flatten() {
        if let Ok(name) = entry.file_name().into_string() {
            addresses.entry(name).or_default();
        }
    }
    for interface in get_if_addrs().unwrap_or_default() {
        let known = addresses.entry(interface.name).or_default();
        if let IfAddr::V4(address) = interface.addr {
            known.extend(Ipv4Net::with_netmask(address.ip, address.netmask));
        }
    }
    let interface = |(name, addresses): (String, Vec<Ipv4Net>)| HostInterface {
        kind: interface_kind(&name).unwrap_or(InterfaceKind::Other),
        name,
        addresses,
    };
    addresses.into_iter().map(interface).collect()
}

/// What the interface is; `None` if there is none of that name, or if this is not Linux.
pub fn interface_kind(name: &str) -> Option<InterfaceKind> {
    let dir = Path::new(SYS).join(name);
    // A name may come from a file, and must not lead elsewhere.
    if name.contains('/') || name.starts_with('.') || !dir.exists() {
        return None;
    }
    if dir.join("bridge").exists() {
        return Some(InterfaceKind::Bridge);
    }
    let flags = fs::read_to_string(dir.join("tun_flags")).ok();
    let flags =
        flags.and_then(|text| u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok());
    match flags {
        Some(flags) if flags & IFF_TAP != 0 => Some(InterfaceKind::Tap),
        _ => Some(InterfaceKind::Other),
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_is_there_and_no_bridge() {
        let all = interfaces();
        let lo = all.iter().find(|interface| interface.name == "lo").unwrap();
        assert_eq!(lo.kind, InterfaceKind::Other);
        assert!(lo.addresses.contains(&"127.0.0.1/8".parse().unwrap()), "{lo:?}");
        assert_eq!(interface_kind("../../etc"), None);
        assert_eq!(interface_kind("no-such-one"), None);
    }
}
