//! Whether an instance is wanted on this host.

use limekiln_api::{HostFacts, HostSelector};

/// Whether every label is this host's. A label that no host has matches none.
pub(super) fn matches(selector: &HostSelector, facts: &HostFacts) -> bool {
    selector.match_labels.iter().all(|(label, value)| match label.as_str() {
        "os" => value == os(facts),
        "arch" => serde_json::to_value(facts.arch).is_ok_and(|arch| arch == value.as_str()),
        "hostname" => rustix::system::uname().nodename().to_str() == Ok(value),
        _ => false,
    })
}

/// As Go and Kubernetes name it.
fn os(facts: &HostFacts) -> &str {
    if facts.os == "macos" { "darwin" } else { &facts.os }
}
