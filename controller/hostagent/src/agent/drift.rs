//! Files of steps, written or edited by them, that somebody changes in the guest.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use super::agent::Agent;
use super::steps;
use crate::files::InstanceFiles;
use crate::spec::{self, StepKind};

/// Between two looks. Each takes a session of SSH and a read of each file.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// Looks for them until what it gives is dropped. Such steps may come and go while the guest runs, so
/// each look asks the guest only if it has some by then.
pub(super) fn watch(agent: &Agent) -> AbortOnDropHandle<()> {
    let (session, shared) = (agent.session.clone(), Arc::clone(&agent.shared));
    let files = agent.spec.files.clone();
    AbortOnDropHandle::new(tokio::spawn(async move {
        loop {
            if has_files(&files) {
                steps::look_for_drift(&session, &shared).await;
            }
            sleep(EVERY).await;
        }
    }))
}

/// Whether the running guest has files that are held to their steps. Where that is not known, as
/// of one that an older host agent started, it may have.
fn has_files(files: &InstanceFiles) -> bool {
    let Some(booted) = files.read_booted() else { return true };
    let Ok(steps) = spec::steps(&booted) else { return true };
    let held = |kind: &StepKind| {
        matches!(kind, StepKind::Data { overwrite: true, .. } | StepKind::Yq { .. })
    };
    steps.iter().any(|step| held(&step.kind))
}

#[cfg(test)]
mod tests {
    use limekiln_api::read_lima;

    use super::*;

    #[test]
    fn a_step_that_came_later_counts() {
        let dir = tempfile::tempdir().unwrap();
        let files = InstanceFiles::new(dir.path());
        assert!(has_files(&files), "nothing is known");
        let data = |overwrite| {
            let step = format!("{{mode: data, path: /a, content: b, overwrite: {overwrite}}}");
            read_lima(&format!("provision: [{{script: a}}, {step}]")).unwrap()
        };
        let json = serde_json::to_vec(&data(false)).unwrap();
        std::fs::write(files.booted_filled(), json).unwrap();
        assert!(!has_files(&files));
        let edit = read_lima("provision: [{mode: yq, path: /a, expression: .b = 1}]").unwrap();
        for later in [data(true), edit] {
            files.change_booted(|booted| booted.provision = later.provision).unwrap();
            assert!(has_files(&files));
        }
    }
}
