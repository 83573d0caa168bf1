//! The random situations reach every action and every reason. Without this a property could hold
//! because nothing ever happens.

use std::collections::BTreeMap;

use limekiln_engine_sim::SimEngine;
use limekiln_model::{Action, WaitReason};
use limekiln_planner::plan;
use limekiln_testkit::{Driver, Scenario};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// Everything that `plan` plans. `Restore` and `Purge` come only from commands.
const ACTIONS: [&str; 17] = [
    "FetchImage",
    "FetchContainerd",
    "CreateDisk",
    "ResizeDisk",
    "DefineNetwork",
    "StartNetwork",
    "StopNetwork",
    "CreateInstance",
    "EditInstance",
    "ResizeInstanceDisk",
    "StartDriver",
    "AwaitReady",
    "Mount",
    "Forward",
    "StopInstance",
    "Park",
    "Release",
];

const REASONS: [&str; 14] = [
    "Frozen",
    "Missing",
    "Cycle",
    "Conflict",
    "NotOurs",
    "Dependency",
    "RestartRequired",
    "RecreateRequired",
    "Refused",
    "Host",
    "Unpruned",
    "Suspended",
    "Protected",
    "Broken",
];

/// The variant's name, from its debug form.
fn variant(debug: &impl std::fmt::Debug) -> String {
    let text = format!("{debug:?}");
    text.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
}

#[derive(Default)]
struct Counts {
    actions: BTreeMap<String, usize>,
    reasons: BTreeMap<String, usize>,
}

impl Counts {
    fn play(&mut self, scenario: &Scenario) {
        let engine = SimEngine::new(0).with_world(scenario.world.clone());
        let engine = engine.with_capabilities(|can| can.networks = scenario.networks);
        let mut driver = Driver::in_scenario(&engine, plan, scenario);
        for pass in driver.converge(&scenario.desired, &scenario.policy, 5, |_, _| {}).passes {
            for step in &pass.plan.steps {
                let step: &Action = &step.action;
                *self.actions.entry(variant(step)).or_default() += 1;
            }
            for waiting in pass.report.waiting.values().flatten() {
                let reason: &WaitReason = &waiting.reason;
                *self.reasons.entry(variant(reason)).or_default() += 1;
            }
        }
    }
}

#[test]
fn every_action_and_every_reason_occurs() {
    let mut runner = TestRunner::deterministic();
    let mut counts = Counts::default();
    for _ in 0..1000 {
        let scenario = Scenario::any().new_tree(&mut runner).expect("a scenario");
        counts.play(&scenario.current());
    }
    let rare = |expected: &[&'static str], counts: &BTreeMap<String, usize>| {
        let few = expected.iter().filter(|name| counts.get(**name).is_none_or(|count| *count < 5));
        few.copied().collect::<Vec<_>>()
    };
    let (actions, reasons) = (rare(&ACTIONS, &counts.actions), rare(&REASONS, &counts.reasons));
    assert!(actions.is_empty(), "hardly occur: {actions:?} of {:?}", counts.actions);
    assert!(reasons.is_empty(), "hardly occur: {reasons:?} of {:?}", counts.reasons);
    let unknown = counts.actions.keys().find(|name| !ACTIONS.contains(&name.as_str()));
    assert_eq!(unknown, None, "new actions belong into the list");
}
