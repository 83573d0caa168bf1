//! Disks that grow, come and go while a VM runs, where the engine and the VM can.

use limekiln_api::{ByteSize, DeletionPolicy, DiskFormat, DiskSpec, Disruption};
use limekiln_model::{
    Action, Capabilities, Cost, DiskFault, InstancePhase, LiveDisks, Name, ObjectId, Observed,
    ObservedDisk, Origin, Owner, Plan, Policy, SnapshotFirst,
};
use limekiln_planner::{checker, plan};
use limekiln_testkit::{desired, instance, name, observed_instance, wanted};

const BEFORE: &str = "disk: 10GiB\nadditionalDisks: [data]";

fn able() -> Capabilities {
    Capabilities { live_disk_resize: true, live_disks: true, ..Capabilities::default() }
}

fn disk(mebibytes: u64, user: Option<&str>) -> ObservedDisk {
    let in_use_by = user.map(name);
    ObservedDisk { size: mebibytes << 20, format: DiskFormat::Qcow2, in_use_by }
}

/// `web` runs with the disk `data`, `db` runs without any, and `spare` is nobody's.
fn world(live: LiveDisks) -> Observed {
    let mut web = observed_instance("web", BEFORE, InstancePhase::Ready);
    web.live_disks = live;
    let db = observed_instance("db", "disk: 10GiB", InstancePhase::Ready);
    let disks = [(name("data"), disk(1024, Some("web"))), (name("spare"), disk(1024, None))];
    let origin = Origin { source: "/manifests".to_owned(), file: "all.yaml".into(), line: 1 };
    let owner = Owner { origin, deletion_policy: DeletionPolicy::Delete };
    let ids = [ObjectId::instance(&name("web")), ObjectId::instance(&name("db"))];
    let ids = ids.into_iter().chain(["data", "spare"].map(|disk| ObjectId::disk(&name(disk))));
    Observed {
        instances: [(name("web"), web.into()), (name("db"), db.into())].into_iter().collect(),
        disks: disks.into(),
        owners: ids.map(|id| (id, owner.clone())).collect(),
        ..Observed::default()
    }
}

/// The plan for these templates of `web` and `db`, with `data` of so many MiB.
fn planned(web: &str, db: &str, data: u64, live: LiveDisks, can: &Capabilities) -> Plan {
    let allow = |spec: &mut limekiln_api::InstanceSpec| spec.max_disruption = Disruption::Restart;
    let mut desired = desired([instance("web", web, allow), instance("db", db, allow)]);
    for (disk, mebibytes) in [("data", data), ("spare", 1024)] {
        let spec = DiskSpec {
            size: ByteSize::mib(mebibytes),
            format: DiskFormat::Qcow2,
            deletion_policy: DeletionPolicy::Retain,
        };
        desired.disks.insert(name(disk), wanted(spec));
    }
    let observed = world(live);
    let (plan, _) = plan(&desired, &observed, can, &Policy::default());
    assert_eq!(checker::check(&plan, &desired, &observed, false), [], "{plan:#?}");
    plan
}

/// The steps about disks, and stops, in order.
fn steps(plan: &Plan) -> Vec<String> {
    let word = |action: &Action| match action {
        Action::AttachDisk { instance, disk } => Some(format!("{instance} gets {disk}")),
        Action::DetachDisk { instance, disk } => Some(format!("{instance} gives {disk}")),
        Action::ResizeDisk { disk, .. } => Some(format!("{disk} grows")),
        Action::ResizeInstanceDisk { instance, live, .. } => {
            Some(format!("{instance} grows{}", if *live { " live" } else { "" }))
        }
        Action::StopInstance { instance, .. } => Some(format!("{instance} stops")),
        _ => None,
    };
    plan.steps.iter().filter_map(|step| word(&step.action)).collect()
}

fn with(web: &str, db: &str) -> Vec<String> {
    steps(&planned(web, db, 1024, LiveDisks::default(), &able()))
}

#[test]
fn disks_grow_under_a_vm_that_runs() {
    let plan =
        planned(&BEFORE.replace("10G", "20G"), "disk: 10GiB", 2048, LiveDisks::default(), &able());
    let mut grown = steps(&plan);
    grown.sort();
    assert_eq!(grown, ["data grows", "web grows live"]);
    assert!(plan.steps.iter().all(|step| step.cost.is_none_or(|cost| cost == Cost::Live)));
}

#[test]
fn where_it_cannot_be_live_it_is_a_restart_that_says_why() {
    let fixed = LiveDisks { fixed: Some("an old host agent".to_owned()), ..LiveDisks::default() };
    let web = &BEFORE.replace("10G", "20G");
    for (live, can) in [(fixed, able()), (LiveDisks::default(), Capabilities::default())] {
        let said = live.fixed.clone();
        let plan = planned(web, "disk: 10GiB", 1024, live, &can);
        assert_eq!(steps(&plan), ["web stops", "web grows"]);
        let change = &plan.changes[&ObjectId::instance(&name("web"))][0];
        assert_eq!((change.path.as_str(), change.cost), ("template.disk", Cost::Restart));
        assert!(said.is_none() || change.note == said, "{change:?}");
    }
}

#[test]
fn a_disk_moves_from_one_vm_to_the_other_in_order() {
    let moved = with("disk: 10GiB", "disk: 10GiB\nadditionalDisks: [data]");
    // The one that gets it may come to be planned first; then it is the next pass' matter.
    assert!(moved.contains(&"web gives data".to_owned()), "{moved:?}");
    assert!(!moved.iter().any(|step| step.ends_with("stops")), "{moved:?}");
    let swapped = with("disk: 10GiB\nadditionalDisks: [data, spare]", "disk: 10GiB");
    assert_eq!(swapped, ["web gets spare"]);
}

#[test]
fn without_room_or_with_other_settings_it_takes_a_restart() {
    let full = LiveDisks { free: Some(0), ..LiveDisks::default() };
    let web = "disk: 10GiB\nadditionalDisks: [data, spare]";
    let plan = planned(web, "disk: 10GiB", 1024, full, &able());
    assert_eq!(steps(&plan), ["web stops"]);
    let note = plan.changes[&ObjectId::instance(&name("web"))][0].note.clone();
    assert_eq!(note.as_deref(), Some("it has no room for another disk while it runs"));
    let web = "disk: 10GiB\nadditionalDisks: [{name: data, fsType: xfs}]";
    assert_eq!(with(web, "disk: 10GiB"), ["web stops"]);
}

#[test]
fn what_was_left_undone_is_tried_again() {
    let fault = |disk: Option<Name>| DiskFault { disk, why: "resize2fs failed".to_owned() };
    let faults = vec![fault(None), fault(Some(name("data")))];
    let live = LiveDisks { faults, ..LiveDisks::default() };
    let plan = planned(BEFORE, "disk: 10GiB", 1024, live, &able());
    assert_eq!(steps(&plan), ["data grows", "web grows live", "web gets data"]);
    assert_eq!(with(BEFORE, "disk: 10GiB"), [""; 0]);
}

/// The verbs for `web`, with a snapshot first.
fn safely(web: &str, raw_disk: bool, keep: bool) -> (Vec<&'static str>, bool) {
    let allow = |spec: &mut limekiln_api::InstanceSpec| spec.max_disruption = Disruption::Restart;
    let desired = desired([instance("web", web, allow)]);
    let mut observed = world(LiveDisks::default());
    std::sync::Arc::make_mut(observed.instances.get_mut(&name("web")).expect("it is there"))
        .raw_disk = raw_disk;
    let first = SnapshotFirst { tag: "before".to_owned(), keep };
    let policy = Policy { snapshot_first: Some(first), ..Policy::default() };
    let (plan, report) = plan(&desired, &observed, &able(), &policy);
    assert_eq!(checker::check(&plan, &desired, &observed, false), [], "{plan:#?}");
    (
        plan.steps.iter().map(|step| step.action.verb()).collect(),
        !report.waiting.contains_key(&ObjectId::instance(&name("web"))),
    )
}

#[test]
fn a_snapshot_comes_before_the_change_and_goes_when_the_guest_is_ready() {
    let restarted =
        ["stop", "take snapshot", "edit", "start", "wait until ready", "forget snapshot"];
    let cpus = &format!("{BEFORE}\ncpus: 8");
    assert_eq!(safely(cpus, false, false), (restarted.to_vec(), true));
    assert_eq!(safely(cpus, false, true).0, restarted[..5]);
    let message = &format!("{BEFORE}\nmessage: hello");
    let live = ["take snapshot", "edit", "probe", "forget snapshot"];
    assert_eq!(safely(message, false, false), (live.to_vec(), true));
    assert_eq!(safely(BEFORE, false, false), (vec![], true), "nothing changes");
    assert_eq!(safely(cpus, true, false), (vec![], false), "a raw disk is told, and nothing done");
}
