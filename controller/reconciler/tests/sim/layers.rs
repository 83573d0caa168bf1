//! Warnings, and what `default.yaml` and `override.yaml` bring in.

use std::sync::Arc;

use limekiln_api::{LimaVersion, Severity, fill_as};
use limekiln_model::{InstancePhase, Policy};
use limekiln_reconciler::End;

use crate::fixture::{Fixture, instance, name};

#[tokio::test(start_paused = true)]
async fn a_warning_freezes_nothing() {
    let fixture = Fixture::new();
    let text = format!("{}    cpuType: {{x86_64: max}}\n", instance("a", 1));
    fixture.put("a.yaml", &text);
    let loaded = fixture.load();
    let [warning] = loaded.diagnostics.as_slice() else { panic!("{:?}", loaded.diagnostics) };
    assert_eq!(warning.severity, Severity::Warning);
    let shown = warning.to_string();
    assert!(
        shown.contains("a.yaml:8:14: warning: ") && shown.contains("vmOpts.qemu.cpuType"),
        "{shown}"
    );
    assert!(!loaded.has_errors());
    assert_eq!(fixture.apply(Policy::default()).await.end, End::Settled);
    assert_eq!(fixture.instances(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn layers_are_merged_into_every_instance() {
    let mut fixture = Fixture::new();
    fixture.put("a.yaml", &instance("a", 1));
    fixture.put_layer("default.yaml", "cpus: 7\nmemory: 1GiB\n");
    fixture.put_layer("override.yaml", "cpus: 2\n");
    assert_eq!(fixture.load().diagnostics, []);
    fixture.apply(Policy::default()).await;
    assert_eq!(fixture.cpus("a"), 2);
    let config = fixture.engine.look().instances[&name("a")].config.clone().expect("readable");
    assert_eq!(config.memory.map(|size| size.to_string()).as_deref(), Some("1GiB"));
    assert!(fixture.plan(Policy::default()).await.plan.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_in_a_layer_is_shown_there_and_once() {
    let mut fixture = Fixture::new();
    fixture.put("a.yaml", &instance("a", 1));
    fixture.put("b.yaml", &instance("b", 1));
    fixture.put_layer("default.yaml", "cpus: 2\nportForwards:\n- guestPort: 70000\n");
    let loaded = fixture.load();
    let [error] = loaded.diagnostics.as_slice() else { panic!("{:?}", loaded.diagnostics) };
    let shown = error.to_string();
    assert!(shown.contains("default.yaml:3:14: error: portForwards[0].guestPort"), "{shown}");
    assert_eq!(loaded.desired.frozen.len(), 2, "it concerns both");
}

#[tokio::test(start_paused = true)]
async fn unknown_keys_of_a_layer_are_warnings() {
    let mut fixture = Fixture::new();
    fixture.put("a.yaml", &instance("a", 1));
    fixture.put_layer("override.yaml", "memory: 1GiB\ncpu: 2\n");
    let loaded = fixture.load();
    let [warning] = loaded.diagnostics.as_slice() else { panic!("{:?}", loaded.diagnostics) };
    assert_eq!((warning.severity, warning.line), (Severity::Warning, 2));
    assert_eq!(warning.hint.as_deref(), Some("did you mean `cpus`?"));
    assert!(!loaded.has_errors() && loaded.desired.frozen.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_of_a_layer_hides_no_place() {
    let mut fixture = Fixture::new();
    fixture.put("a.yaml", &instance("a", 1));
    fixture.put_layer("default.yaml", "cpu: 2\nportForwards:\n- guestPort: 70000\n");
    let shown: Vec<_> = fixture.load().diagnostics.iter().map(ToString::to_string).collect();
    let [warning, error] = shown.as_slice() else { panic!("{shown:?}") };
    assert!(warning.contains("default.yaml:1:1: warning: cpu: unknown field `cpu`"), "{warning}");
    assert!(error.contains("default.yaml:3:14: error: portForwards[0].guestPort"), "{error}");
}

/// Lists are joined with an override's items first; a place is the one where it was written.
#[tokio::test(start_paused = true)]
async fn what_is_joined_from_layers_is_named_as_it_is_written() {
    let mut fixture = Fixture::new();
    let text = instance("a", 1)
        + "    portForwards:\n    - guestPort: 81\n    - {guestPort: 82, hostPort: 80}\n    - guestPort: 70000\n";
    fixture.put("a.yaml", &text);
    fixture.put_layer("override.yaml", "portForwards: [{guestPort: 80, static: true}]\n");
    let shown: Vec<_> = fixture.load().diagnostics.iter().map(ToString::to_string).collect();
    let [meeting, port] = shown.as_slice() else { panic!("{shown:#?}") };
    assert!(
        meeting.contains("a.yaml:10:7: warning: spec.template.portForwards[1]: leads to port 80")
    );
    assert!(meeting.contains("so does another rule (in _config/override.yaml)"), "{meeting}");
    assert!(
        port.contains("a.yaml:11:18: error: spec.template.portForwards[2].guestPort"),
        "{port}"
    );
}

/// Lima 1 put the home directory elsewhere. That is no difference to the manifest.
#[tokio::test(start_paused = true)]
async fn an_instance_of_an_older_lima_is_as_its_manifest_wants_it() {
    let fixture = Fixture::new();
    fixture.put("a.yaml", &instance("a", 1));
    fixture.apply(Policy::default()).await;
    let template = fixture.load().desired.instances[&name("a")].spec.spec.template.clone();
    let observed = fixture.reconciler.observe().await.expect("observed");
    let facts = observed.host.expect("known").facts;
    fixture.engine.outside(|world| {
        let creator = LimaVersion::new("1.2.1");
        let found = world.observed.instance_mut("a").expect("made");
        let config = Arc::new(fill_as(&template, &name("a"), &facts, &creator));
        assert!(
            config
                .user
                .as_ref()
                .is_some_and(|user| { user.home.as_deref() == Some("/home/alice.linux") })
        );
        found.booted = found.phase.is_running().then(|| config.clone());
        found.config = Some(config);
        found.creator = creator;
        assert_eq!(found.phase, InstancePhase::Ready);
    });
    let planned = fixture.plan(Policy::default()).await;
    assert!(planned.plan.is_empty(), "{:?}", planned.plan.steps);
    assert!(planned.report.waiting.is_empty(), "{:?}", planned.report.waiting);
}
