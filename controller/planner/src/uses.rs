//! What an instance uses, from its template.

use limekiln_api::{Lima, plain_mac};
use limekiln_model::{Name, ObjectId};

/// The additional disks, in order.
pub(crate) fn disks(lima: &Lima) -> impl Iterator<Item = Name> + '_ {
    lima.additional_disks.iter().flatten().filter_map(|disk| Name::new(disk.name.as_str()).ok())
}

/// The networks, in order.
pub(crate) fn networks(lima: &Lima) -> impl Iterator<Item = Name> + '_ {
    lima.networks.iter().flatten().filter_map(|network| Name::new(network.lima.as_deref()?).ok())
}

/// The hardware addresses of cards on networks: which entry, the network, the address. The first
/// user-v2 network takes the instance's first card, which has an address of its own (Lima's rule).
pub(crate) fn cards(
    lima: &Lima,
    is_user_v2: impl Fn(&Name) -> bool,
) -> impl Iterator<Item = (usize, Name, String)> {
    let all = lima.networks.iter().flatten().enumerate();
    let mut first = true;
    all.filter_map(move |(index, network)| {
        let name = Name::new(network.lima.as_deref()?).ok()?;
        if is_user_v2(&name) && std::mem::take(&mut first) {
            return None;
        }
        Some((index, name, plain_mac(network.mac_address.as_deref()?)?))
    })
}

/// Disks and networks.
pub(crate) fn objects(lima: &Lima) -> impl Iterator<Item = ObjectId> + '_ {
    let disks = disks(lima).map(|name| ObjectId::disk(&name));
    disks.chain(networks(lima).map(|name| ObjectId::network(&name)))
}

/// The fixed SSH port, if there is one.
pub(crate) fn port(lima: &Lima) -> Option<u16> {
    let port = lima.ssh.as_ref()?.local_port?;
    u16::try_from(port.0).ok().filter(|port| *port != 0)
}

/// Bytes of memory.
pub(crate) fn memory(lima: &Lima) -> u64 {
    lima.memory.map_or(0, |memory| memory.0)
}
