//! Instances that can never be made, beside others that can.

use limekiln_api::{Dependency, DependencyCondition};
use limekiln_model::{Desired, Kind, ObjectId, Report, WaitReason};
use limekiln_testkit::{instance, name};

/// Two that depend on each other and one that depends on itself, and what each depends on.
const HOPELESS: [(&str, &str); 3] = [
    ("hopeless-a", "hopeless-b"),
    ("hopeless-b", "hopeless-a"),
    ("hopeless-self", "hopeless-self"),
];

pub fn added_to(desired: &Desired) -> Desired {
    let mut desired = desired.clone();
    for (of, on) in HOPELESS {
        let (name, wanted) = instance(of, "cpus: 1", |spec| {
            spec.depends_on.push(Dependency {
                kind: Kind::Instance,
                name: name(on),
                condition: DependencyCondition::Ready,
            });
        });
        desired.instances.insert(name, wanted.into());
    }
    desired
}

/// The three are reported with their circles, and of the others what was reported before.
pub fn check(report: &Report, before: &Report) {
    let mut report = report.clone();
    let pair = vec!["hopeless-a", "hopeless-b", "hopeless-a"];
    let circles = [pair.clone(), pair, vec!["hopeless-self", "hopeless-self"]];
    for ((of, _), circle) in HOPELESS.iter().zip(&circles) {
        let waiting = report.waiting.remove(&id(of)).unwrap_or_default();
        let path = circle.iter().map(|of| id(of)).collect();
        let reasons: Vec<_> = waiting.into_iter().map(|waiting| waiting.reason).collect();
        assert_eq!(reasons, [WaitReason::Cycle { path }], "{of}");
    }
    assert_eq!(report, *before);
}

fn id(of: &str) -> ObjectId {
    ObjectId::instance(&name(of))
}
