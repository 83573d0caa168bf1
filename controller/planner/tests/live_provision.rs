//! Steps of provisioning that change while a VM runs, where the engine and the steps can.

use limekiln_api::{DeletionPolicy, Disruption};
use limekiln_model::{
    Action, Capabilities, Cost, InstancePhase, LiveDisks, ObjectId, Observed, Origin, Owner, Plan,
    Policy,
};
use limekiln_planner::{checker, plan};
use limekiln_testkit::{desired, instance, name, observed_instance};

const BEFORE: &str = "provision: [{script: a}, {mode: boot, script: early}, {script: b}]";

fn world(booted: &str, stored: &str, live_disks: LiveDisks) -> Observed {
    let mut web = observed_instance("web", stored, InstancePhase::Ready);
    web.booted = observed_instance("web", booted, InstancePhase::Ready).config;
    web.live_disks = live_disks;
    let origin = Origin { source: "/manifests".to_owned(), file: "all.yaml".into(), line: 1 };
    let owner = Owner { origin, deletion_policy: DeletionPolicy::Delete };
    Observed {
        instances: [(name("web"), web.into())].into_iter().collect(),
        owners: [(ObjectId::instance(&name("web")), owner)].into_iter().collect(),
        ..Observed::default()
    }
}

fn planned(observed: &Observed, wanted: &str) -> Plan {
    let allow = |spec: &mut limekiln_api::InstanceSpec| spec.max_disruption = Disruption::Restart;
    let desired = desired([instance("web", wanted, allow)]);
    let can = Capabilities { live_provision: true, ..Capabilities::default() };
    let (plan, _) = plan(&desired, observed, &can, &Policy::default());
    assert_eq!(checker::check(&plan, &desired, observed, false), [], "{plan:#?}");
    plan
}

fn stops(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(step.action, Action::StopInstance { .. }))
}

/// What the edit of a plan without a stop changes; its notes are about provisioning.
fn edits(plan: &Plan) -> Vec<(String, Cost)> {
    assert!(!stops(plan), "{plan:#?}");
    let edits = plan.steps.iter().filter_map(|step| match &step.action {
        Action::EditInstance { changes, .. } => Some(changes),
        _ => None,
    });
    let change = |change: &limekiln_model::Change| {
        assert_eq!(change.note.as_deref(), Some("steps that changed run at once, and no others"));
        (change.path.clone(), change.cost)
    };
    edits.flatten().map(change).collect()
}

#[test]
fn a_changed_script_runs_without_a_restart() {
    let observed = world(BEFORE, BEFORE, LiveDisks::default());
    let changed = edits(&planned(&observed, &BEFORE.replace("script: b", "script: c")));
    assert_eq!(changed, [("template.provision[2].script".to_owned(), Cost::Live)]);
    // One that is gone is not undone, not even a step of the boot.
    let fewer = planned(&observed, "provision: [{script: a}]");
    assert!(!edits(&fewer).is_empty());
}

#[test]
fn what_belongs_to_the_boot_is_a_restart() {
    let observed = world(BEFORE, BEFORE, LiveDisks::default());
    assert!(stops(&planned(&observed, &BEFORE.replace("early", "earlier"))));
    // Lima's host agent runs it.
    let fixed = LiveDisks { fixed: Some("Lima's".to_owned()), ..LiveDisks::default() };
    let observed = world(BEFORE, BEFORE, fixed);
    assert!(stops(&planned(&observed, &BEFORE.replace("script: b", "script: c"))));
}

#[test]
fn what_was_stored_and_did_not_run_runs_later() {
    let after = BEFORE.replace("script: b", "script: c");
    let observed = world(BEFORE, &after, LiveDisks::default());
    let changed = edits(&planned(&observed, &after));
    assert_eq!(changed, [("template.provision[2].script".to_owned(), Cost::Live)]);
    let observed = world(&after, &after, LiveDisks::default());
    assert!(planned(&observed, &after).steps.is_empty());
}
