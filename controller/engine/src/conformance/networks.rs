//! A network's life without a user.

use limekiln_model::{Action, NetworkPhase, ObjectId};

use super::probe::Probe;

pub(super) async fn life(probe: &Probe<'_>) {
    let network = probe.harness.name("network");
    let id = ObjectId::network(&network);
    let spec = probe.harness.network();
    probe.refused(Action::StartNetwork { network: network.clone() }).await;
    probe.twice(Action::DefineNetwork { network: network.clone(), spec }).await;
    probe.twice(Action::StartNetwork { network: network.clone() }).await;
    let phase = probe.observe().await.networks.get(&network).map(|network| network.phase.clone());
    assert_eq!(phase, Some(NetworkPhase::Running), "a started daemon is observed");
    probe.refused(Action::Park { object: id.clone() }).await;
    probe.twice(Action::StopNetwork { network: network.clone() }).await;
    probe.twice(Action::Purge { object: id, key: None }).await;
    assert!(!probe.observe().await.networks.contains_key(&network), "a purged network is gone");
}
