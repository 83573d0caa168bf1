//! Actions on what does not exist.

use std::sync::Arc;

use limekiln_model::{Action, ObjectId, StopMode};

use super::probe::Probe;

pub(super) async fn what_is_absent_is_refused(probe: &Probe<'_>) {
    let name = probe.harness.name("absent");
    let (template, filled) = probe.harness.template(&name, None);
    let (template, filled) = (Arc::new(template), Arc::new(filled));
    let id = ObjectId::instance(&name);
    let edit =
        Action::EditInstance { instance: name.clone(), template, filled, changes: Vec::new() };
    probe.refused(edit).await;
    probe.refused(Action::StartDriver { instance: name.clone() }).await;
    probe.refused(Action::AwaitReady { instance: name.clone() }).await;
    let stop = Action::StopInstance { instance: name.clone(), mode: StopMode::Graceful };
    probe.refused(stop).await;
    let grow =
        Action::ResizeInstanceDisk { instance: name.clone(), from: None, to: 1 << 40, live: false };
    probe.refused(grow).await;
    probe.refused(Action::Park { object: id.clone() }).await;
    probe.refused(Action::Park { object: ObjectId::disk(&name) }).await;
    probe.refused(Action::Restore { object: id, key: format!("{name}-1") }).await;
}
