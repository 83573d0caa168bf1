//! Rules about network interfaces.

use std::collections::BTreeSet;

use super::FieldError;
use super::error::template;
use crate::lima::InstanceNetwork;
use crate::{Lima, Name};

/// Linux's `IFNAMSIZ`, with the terminating zero.
const INTERFACE_MAX: usize = 16;

pub(super) fn check(lima: &Lima, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, network) in lima.networks.iter().flatten().enumerate() {
        let path = format!("networks[{index}]");
        check_network(&path, network, errors);
        if let Some(interface) = network.interface.as_deref()
            && !seen.insert(interface)
        {
            template(
                errors,
                &format!("{path}.interface"),
                format!("the interface {interface:?} is there twice"),
            );
        }
    }
}

fn check_network(path: &str, network: &InstanceNetwork, errors: &mut Vec<FieldError>) {
    let ways = [network.lima.is_some(), network.socket.is_some(), network.vz_nat == Some(true)];
    if ways.iter().filter(|way| **way).count() != 1 {
        template(errors, path, "exactly one of `lima`, `socket` and `vzNAT` is needed");
    }
    if let Some(Err(error)) = network.lima.as_deref().map(Name::new) {
        template(errors, &format!("{path}.lima"), error.to_string());
    }
    if let Some(interface) = network.interface.as_deref() {
        let odd = interface.is_empty()
            || interface.contains([' ', '\t', '\n', '/'])
            || interface == "eth0";
        if odd || interface.len() >= INTERFACE_MAX {
            template(
                errors,
                &format!("{path}.interface"),
                "must be 1 to 15 bytes without spaces and `/`, and not eth0",
            );
        }
    }
    if let Some(mac) = network.mac_address.as_deref() {
        let parts: Vec<_> = mac.split([':', '-']).collect();
        let good = parts.len() == 6
            && parts.iter().all(|part| part.len() == 2 && u8::from_str_radix(part, 16).is_ok());
        if !good {
            template(
                errors,
                &format!("{path}.macAddress"),
                "must be six pairs of hexadecimal digits",
            );
        }
    }
}
