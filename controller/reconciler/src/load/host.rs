//! Whether an instance is wanted on this host.

use limekiln_api::{HostFacts, HostSelector};

/// The first label that this host does not have; `None` when the instance belongs here. A label
/// that no host has is one.
pub(super) fn mismatch<'a>(selector: &'a HostSelector, facts: &HostFacts) -> Option<&'a str> {
    let mut labels = selector.match_labels.iter();
    labels.find(|(label, value)| !has(facts, label, value)).map(|(label, _)| label.as_str())
}

/// Whether a host is meant.
pub fn is_on_host(selector: &HostSelector, facts: &HostFacts) -> bool {
    mismatch(selector, facts).is_none()
}

fn has(facts: &HostFacts, label: &str, value: &str) -> bool {
    match label {
        // Go, and so Lima and Kubernetes, say `darwin` where Rust says `macos`.
        "os" => facts.os == value || (facts.os == "macos" && value == "darwin"),
        "arch" => facts.arch.word() == value,
        "hostname" => rustix::system::uname().nodename().to_str() == Ok(value),
        _ => false,
    }
}
