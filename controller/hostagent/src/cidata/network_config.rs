//! cloud-init's network configuration, version 2.

use serde_json::json;

use crate::spec::GuestSpec;

/// The first card gets its old name by its address, whatever the guest's naming scheme.
pub(super) fn network_config(guest: &GuestSpec) -> String {
    let mut eth0 = json!({
        "match": {"macaddress": guest.mac},
        "dhcp4": true,
        "set-name": "eth0",
        "dhcp4-overrides": {"route-metric": 200},
        "dhcp-identifier": "mac",
    });
    if !guest.dns.is_empty() {
        eth0["nameservers"] = json!({"addresses": guest.dns});
    }
    limekiln_api::to_yaml(&json!({"version": 2, "ethernets": {"eth0": eth0}}))
}
