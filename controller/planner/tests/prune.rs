//! What may be deleted is counted source by source.

use limekiln_api::DeletionPolicy;
use limekiln_model::{
    Action, Capabilities, Desired, InstancePhase, ObjectId, Observed, Origin, Owner, Plan, Policy,
    Report, WaitReason,
};
use limekiln_testkit::{desired, instance, name, observed_instance};

const TEAM: &str = "/team";
const OTHER: &str = "/other";

/// So many stopped instances of each of two sources, of which the manifests still have some.
fn world(team: (usize, usize), other: (usize, usize)) -> (Desired, Observed) {
    let mut observed = Observed::default();
    let mut wanted = Vec::new();
    for (source, (owned, kept)) in [(TEAM, team), (OTHER, other)] {
        for number in 0..owned {
            let vm = format!("{}{number}", &source[1..]);
            let stopped = observed_instance(&vm, "cpus: 1", InstancePhase::Stopped);
            observed.instances.insert(name(&vm), stopped.into());
            let origin = Origin { source: source.to_owned(), file: "all.yaml".into(), line: 1 };
            let owner = Owner { origin, deletion_policy: DeletionPolicy::Delete };
            observed.owners.insert(ObjectId::instance(&name(&vm)), owner);
            if number < kept {
                wanted.push(instance(&vm, "cpus: 1", |spec| {
                    spec.run_strategy = limekiln_api::RunStrategy::Halted;
                }));
            }
        }
    }
    let mut desired = desired(wanted);
    desired.sources = vec![TEAM.to_owned(), OTHER.to_owned()];
    (desired, observed)
}

#[test]
fn what_is_made_under_the_name_of_something_deleted_is_told() {
    let (desired, mut observed) = world((0, 0), (1, 1));
    let at = |key: &str, id: &str, since| limekiln_model::Parked {
        id: id.parse().expect("an id"),
        key: key.to_owned(),
        since,
    };
    let id: ObjectId = "instance/other0".parse().expect("an id");
    observed.parked = vec![
        at("newer", "instance/other0", 1_709_251_200),
        at("older", "instance/other0", 1_600_000_000),
        at("disk", "disk/other0", 1_800_000_000),
    ];
    let (_, report) = plan(&(desired.clone(), observed.clone()), &Policy::default());
    assert_eq!(report.notes.get(&id), None, "it is there");
    let there = std::mem::take(&mut observed.instances);
    observed.owners.clear();
    let (made, report) = plan(&(desired.clone(), observed.clone()), &Policy::default());
    assert!(made.steps.iter().any(|step| matches!(step.action, Action::CreateInstance { .. })));
    let [note] = report.notes[&id].as_slice() else { panic!("{:?}", report.notes) };
    assert!(note.text.ends_with("deleted 2024-03-01 00:00 UTC"), "{note:?}");
    assert_eq!(note.hint, "`limekiln undelete instance/other0` before applying keeps its data");
    assert!(report.is_empty(), "nothing waits for that");
    let suspended = Desired { suspended: [id.clone()].into(), ..desired };
    let (_, report) = plan(&(suspended, observed.clone()), &Policy::default());
    assert_eq!(report.notes.get(&id), None, "it is not made");
    // Another one has the name: the one that is meant is named by its key.
    observed.instances = there;
    let can = Capabilities::default();
    let ids = [id.clone()];
    let (made, report) = limekiln_planner::plan_restore(&observed, &can, &ids, Some("older"));
    let hint = report.waiting[&id][0].hint.clone().expect("a way out");
    assert!(made.is_empty() && hint == "rename the one that exists now", "{hint}");
    let owner = Owner { origin: Origin::default(), deletion_policy: DeletionPolicy::Delete };
    observed.owners.insert(id.clone(), owner);
    let (_, report) = limekiln_planner::plan_restore(&observed, &can, &ids, None);
    let hint = report.waiting[&id][0].hint.clone().expect("a way out");
    assert!(hint.contains("`limekiln undelete instance/other0 --key newer`"), "{hint}");
    observed.instances = limekiln_model::Shared::default();
    for (key, meant) in
        [(None, Some("newer")), (Some("older"), Some("older")), (Some("disk"), None)]
    {
        let (made, _) = limekiln_planner::plan_restore(&observed, &can, &ids, key);
        let restored = made.steps.iter().find_map(|step| match &step.action {
            Action::Restore { key, .. } => Some(key.as_str()),
            _ => None,
        });
        assert_eq!(restored, meant);
    }
}

fn plan((desired, observed): &(Desired, Observed), policy: &Policy) -> (Plan, Report) {
    limekiln_planner::plan(desired, observed, &Capabilities::default(), policy)
}

/// The parked ones, by source, and those that stay though nobody wants them.
fn counts((plan, report): &(Plan, Report)) -> (usize, usize, usize) {
    let parked = |source: &str| {
        let of = |action: &Action| matches!(action, Action::Park { object } if object.name.as_str().starts_with(source));
        plan.steps.iter().filter(|step| of(&step.action)).count()
    };
    let reasons = report.waiting.values().flatten().map(|waiting| &waiting.reason);
    let kept = reasons.filter(|reason| matches!(reason, WaitReason::Unpruned { .. })).count();
    (parked("team"), parked("other"), kept)
}

fn pruning() -> Policy {
    Policy { prune: true, ..Policy::default() }
}

#[test]
fn a_source_that_is_emptied_keeps_its_objects_beside_a_large_one() {
    let emptied = world((18, 18), (3, 0));
    assert_eq!(counts(&plan(&emptied, &pruning())), (0, 0, 3));
    let all = Policy { prune_all: true, ..pruning() };
    assert_eq!(counts(&plan(&emptied, &all)), (0, 3, 0), "unless that is meant");
    assert_eq!(counts(&plan(&world((18, 16), (3, 2)), &pruning())), (2, 1, 0));
}

#[test]
fn a_policy_of_one_source_says_nothing_about_another() {
    let both = world((10, 8), (10, 8));
    let none = Policy { prune_budgets: [(TEAM.to_owned(), 0)].into(), ..pruning() };
    assert_eq!(counts(&plan(&both, &none)), (0, 2, 2));
    let all = Policy { prune_all: true, ..none };
    assert_eq!(counts(&plan(&both, &all)), (0, 2, 2), "0 is never");
    let all_of = Policy { prune_all_of: [TEAM.to_owned()].into(), ..pruning() };
    assert_eq!(counts(&plan(&world((10, 0), (10, 0)), &all_of)), (10, 0, 10), "of one alone");
    let one = Policy { prune_budgets: [(OTHER.to_owned(), 1)].into(), ..pruning() };
    assert_eq!(counts(&plan(&both, &one)), (2, 0, 2));
}

#[test]
fn what_another_source_may_have_by_now_stays_and_says_so() {
    let both = world((10, 9), (10, 9));
    let why = "source other may have it by now".to_owned();
    let gone = plan(&both, &pruning()).0;
    assert_eq!(gone.steps.len(), 2);
    let id = gone.steps[0].action.object();
    let waits = Policy { prune_waits: [(id, why.clone())].into(), ..pruning() };
    let planned = plan(&both, &waits);
    assert_eq!(planned.0.steps.len() + planned.1.waiting.len(), 2, "the other one goes");
    let waiting = planned.1.waiting.values().flatten().next().expect("just counted");
    let WaitReason::Unpruned { why: told } = &waiting.reason else { panic!("{waiting:?}") };
    assert!(told.contains(&why), "{told}");
    assert!(!waiting.hint.as_deref().expect("there is one").contains("--prune"));
    let all = Policy { prune_all: true, ..waits };
    assert_eq!(plan(&both, &all).0.steps.len(), 1, "no consent tells where it is");
}

#[test]
fn what_may_go_only_after_another_look_stays_and_says_so() {
    let fewer = world((10, 9), (3, 3));
    let later = Policy { prune_later: true, ..pruning() };
    let planned = plan(&fewer, &later);
    assert_eq!(counts(&planned), (0, 0, 1));
    let waiting = planned.1.waiting.values().flatten().next().expect("just counted");
    let WaitReason::Unpruned { why } = &waiting.reason else { panic!("{waiting:?}") };
    assert!(why.contains("another look"), "{why}");
    let hint = waiting.hint.as_deref().expect("there is one");
    assert!(hint.contains("looks again") && !hint.contains("--prune"), "{hint}");
    let never = Policy { prune: false, ..later };
    let waiting = plan(&fewer, &never).1.waiting.into_values().flatten().next().expect("it stays");
    assert!(waiting.hint.is_some_and(|hint| hint.contains("--prune")), "that does not come");
}
