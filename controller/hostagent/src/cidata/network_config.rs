//! cloud-init's network configuration, version 2.

use serde_json::{Map, Value, json};

use crate::spec::{GuestSpec, Nic};

/// Each card gets its name by its address, whatever the guest's naming scheme.
pub(super) fn network_config(guest: &GuestSpec) -> String {
    let optional = guest.param.get("internal_netplanOptional").is_some_and(|text| text == "true");
    let mut cards = Map::new();
    for (index, nic) in guest.nics.iter().enumerate() {
        let mut card = card(nic);
        if index == 0 && !guest.dns.is_empty() {
            card["nameservers"] = json!({"addresses": guest.dns});
        }
        if optional {
            card["optional"] = json!(true);
        }
        cards.insert(nic.interface.clone(), card);
    }
    limekiln_api::to_yaml(&json!({"version": 2, "ethernets": cards}))
}

fn card(nic: &Nic) -> Value {
    json!({
        "match": {"macaddress": nic.mac},
        "dhcp4": true,
        "set-name": nic.interface,
        "dhcp4-overrides": {"route-metric": nic.metric},
        "dhcp-identifier": "mac",
    })
}
