//! Network interfaces: merged by their names.

use std::collections::HashMap;

use super::expand::Texts;
use super::layers::Layers;
use super::origins::{Item, Origins};
use crate::lima::InstanceNetwork;
use crate::{HostFacts, Lima, mac_address};

/// Merges the interfaces of all layers, from the lowest to the highest, and fills them in.
///
/// An interface with the name of an earlier one changes that one; those without a name are never
/// merged. Names and addresses go by the position in the merged list, so a network in
/// `default.yaml` moves those of the instance's own.
pub(super) fn fill(
    lima: &mut Lima,
    layers: &Layers<'_>,
    texts: &Texts<'_>,
    host: &HostFacts,
    origins: &mut Origins,
) {
    let (mut networks, mut items): (Vec<InstanceNetwork>, Vec<Item>) = Default::default();
    let mut by_interface: HashMap<String, usize> = HashMap::new();
    for (layer, document) in layers.rising() {
        for (index, network) in document.networks.iter().flatten().enumerate() {
            let network = without_empty(network);
            let known = network.interface.as_ref().and_then(|name| by_interface.get(name));
            if let Some(&earlier) = known {
                change(&mut networks[earlier], network);
                items[earlier].push((layer, index));
                continue;
            }
            if let Some(name) = &network.interface {
                by_interface.insert(name.clone(), networks.len());
            }
            networks.push(network);
            items.push(vec![(layer, index)]);
        }
    }
    for (index, network) in networks.iter_mut().enumerate() {
        network.interface.get_or_insert_with(|| format!("lima{index}"));
        network.metric.get_or_insert(100);
        network.mac_address.get_or_insert_with(|| {
            let seed = format!("{}/lima.yaml#{index}", texts.dir());
            mac_address(&host.machine_id, seed.as_bytes())
        });
    }
    lima.networks = Some(networks);
    origins.set("networks", items);
}

/// An empty text is none.
fn without_empty(network: &InstanceNetwork) -> InstanceNetwork {
    let mut network = network.clone();
    for field in
        [&mut network.lima, &mut network.socket, &mut network.mac_address, &mut network.interface]
    {
        field.take_if(|text| text.is_empty());
    }
    network
}

/// `lima` and `socket` replace each other; when both are given, `lima` counts.
fn change(network: &mut InstanceNetwork, by: InstanceNetwork) {
    if by.lima.is_some() || by.socket.is_some() {
        network.socket = if by.lima.is_some() { None } else { by.socket };
        network.lima = by.lima;
    }
    network.mac_address = by.mac_address.or(network.mac_address.take());
    network.metric = by.metric.or(network.metric);
}
