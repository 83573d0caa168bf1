//! Mounts that come and go while a VM runs, where the engine and the kind of mount allow it.

use limekiln_api::lima::MountType;
use limekiln_api::{DeletionPolicy, Disruption};
use limekiln_model::{
    Action, Capabilities, Cost, InstancePhase, Mounted, ObjectId, Observed, Origin, Owner, Plan,
    Policy,
};
use limekiln_planner::plan;
use limekiln_testkit::{desired, instance, name, observed_instance};

const BEFORE: &str = "mountType: reverse-sshfs\nmounts: [{location: /a}, {location: /b}]";

fn capabilities() -> Capabilities {
    let live_mounts = [MountType::ReverseSshfs].into();
    Capabilities { mounts: true, live_mounts, ..Capabilities::default() }
}

/// The plan for a running instance with mounts at /a and /b, of which those `in_place` are there.
fn planned(after: &str, in_place: &[&str], capabilities: &Capabilities) -> Plan {
    let mut running = observed_instance("web", BEFORE, InstancePhase::Ready);
    let point = |point: &&str| Mounted { mount_point: (*point).to_owned() };
    running.mounts = in_place.iter().map(point).collect();
    let instances = [(name("web"), running.into())].into_iter().collect();
    let origin = Origin { source: "/manifests".to_owned(), file: "all.yaml".into(), line: 1 };
    let owner = Owner { origin, deletion_policy: DeletionPolicy::Delete };
    let owners = [(ObjectId::instance(&name("web")), owner)].into_iter().collect();
    let observed = Observed { instances, owners, ..Observed::default() };
    let allow = |spec: &mut limekiln_api::InstanceSpec| spec.max_disruption = Disruption::Restart;
    let desired = desired([instance("web", after, allow)]);
    plan(&desired, &observed, capabilities, &Policy::default()).0
}

/// What is mounted, in order, and whether anything is stopped.
fn mounted(plan: &Plan) -> (Vec<&str>, bool) {
    let actions = plan.steps.iter().map(|step| &step.action);
    let points = actions.clone().filter_map(|action| match action {
        Action::Mount { mount_point, .. } => Some(mount_point.as_str()),
        _ => None,
    });
    let stops = actions.clone().any(|action| matches!(action, Action::StopInstance { .. }));
    (points.collect(), stops)
}

#[test]
fn what_is_added_or_changed_is_mounted_and_nothing_stops() {
    let after = "mountType: reverse-sshfs\nmounts: [{location: /a}, {location: /b, writable: true}, {location: /c}]";
    let plan = planned(after, &["/a", "/b"], &capabilities());
    assert_eq!(mounted(&plan), (vec!["/b", "/c"], false));
    let edits = plan.steps.iter().filter(|step| matches!(step.action, Action::EditInstance { .. }));
    assert_eq!(edits.map(|step| step.cost).collect::<Vec<_>>(), [Some(Cost::Live)]);
}

#[test]
fn what_is_removed_goes_with_the_edit_and_what_was_lost_comes_back() {
    let after = "mountType: reverse-sshfs\nmounts: [{location: /a}]";
    assert_eq!(mounted(&planned(after, &["/a"], &capabilities())), (vec![], false));
    assert_eq!(mounted(&planned(BEFORE, &["/a"], &capabilities())), (vec!["/b"], false));
}

#[test]
fn another_engine_and_another_kind_of_mount_need_a_restart() {
    let after = "mountType: reverse-sshfs\nmounts: [{location: /a}]";
    let none = Capabilities { mounts: true, ..Capabilities::default() };
    assert!(mounted(&planned(after, &["/a", "/b"], &none)).1);
    let after = "mountType: 9p\nmounts: [{location: /a}]";
    assert!(mounted(&planned(after, &["/a", "/b"], &capabilities())).1);
}
