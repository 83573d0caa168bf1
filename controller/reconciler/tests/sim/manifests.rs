//! Manifests that are wrong, doubled, moved or gone.

use std::fs;
use std::os::unix::fs::symlink;

use crate::fixture::{Fixture, disk, id, instance, name, prune};
use limekiln_model::{Policy, WaitReason};
use limekiln_reconciler::{End, Input, Run};

#[tokio::test(start_paused = true)]
async fn one_invalid_manifest_freezes_its_object_and_no_other() {
    let fixture = Fixture::new();
    for name in ["a", "b", "c"] {
        fixture.put(&format!("{name}.yaml"), &instance(name, 1));
    }
    assert_eq!(fixture.apply(Policy::default()).await.end, End::Settled);
    let before = fixture.log().len();

    fixture.put("a.yaml", &instance("a", 2));
    fixture.put("b.yaml", &instance("b", 2).replace("cpus", "cpuz"));
    let loaded = fixture.load();
    assert!(loaded.has_errors());
    let text = loaded.diagnostics[0].to_string();
    assert!(text.contains("b.yaml:7:5") && text.contains("did you mean `cpus`?"), "{text}");

    let settled = fixture.apply(prune()).await;
    assert_eq!(settled.end, End::Settled);
    assert!(matches!(
        settled.rest.report.waiting[&id("instance/b")][0].reason,
        WaitReason::Frozen { .. }
    ));
    assert_eq!((fixture.cpus("a"), fixture.cpus("b"), fixture.cpus("c")), (2, 1, 1));
    assert!(fixture.log()[before..].iter().all(|line| line.ends_with("instance/a")));
}

#[tokio::test(start_paused = true)]
async fn all_that_is_wrong_with_a_manifest_is_told_at_once() {
    let fixture = Fixture::new();
    let wrong = instance("a", 5000) + "    cpuz: 1\n    base: [none.part]\n    memory: lots\n";
    fixture.put("a.yaml", &wrong);
    fixture.put("nameless.yaml", &wrong.replace("name: a", "name: [b]"));
    // Two of one name are wrong for that, and for all else.
    fixture.put("c.yaml", &instance("c", 5000));
    fixture.put("d.yaml", &instance("c", 1));
    let loaded = fixture.load();
    let shown: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|found| {
            let file = found.file.file_name().expect("a file").to_string_lossy().into_owned();
            format!("{file} {}", found.path.trim_start_matches("spec.template."))
        })
        .collect();
    let expected = [
        "a.yaml cpus",
        "a.yaml cpuz",
        "a.yaml base",
        "a.yaml memory",
        "c.yaml metadata.name",
        "c.yaml cpus",
        "d.yaml metadata.name",
        "nameless.yaml metadata.name",
        "nameless.yaml cpus",
        "nameless.yaml cpuz",
        "nameless.yaml base",
        "nameless.yaml memory",
    ];
    assert_eq!(shown, expected);
    assert!(loaded.desired.instances.is_empty());
    assert_eq!(loaded.desired.frozen.len(), 2, "{:?}", loaded.desired.frozen);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_named_freezes_what_came_from_its_source() {
    let fixture = Fixture::new();
    let both = format!("{}---\n{}", instance("a", 1), disk("d"));
    fixture.put("all.yaml", &both);
    fixture.put("other.yaml", &instance("o", 1));
    fixture.apply(Policy::default()).await;
    for broken in ["", "- 1\n", "apiVersion: [", "\u{0}"] {
        let broken = if broken.is_empty() { "kind: Nothing\nmetadata: {}\n" } else { broken };
        fixture.put("all.yaml", broken);
        let policy = Policy { prune_all: true, ..prune() };
        let planned = fixture.plan(policy).await;
        assert!(planned.plan.is_empty(), "{broken:?}: {:?}", planned.plan.steps);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_link_took_the_place_of_is_not_gone() {
    let fixture = Fixture::new();
    fs::create_dir(fixture.path("m/sub")).expect("dir");
    for (file, name) in [("sub/a.yaml", "a"), ("b.yaml", "b"), ("c.yaml", "c")] {
        fixture.put(file, &instance(name, 1));
    }
    let plan = async || {
        let (loaded, policy) = (fixture.load_whole(), Policy { prune_all: true, ..prune() });
        let told: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
        (fixture.reconciler.plan(loaded.desired, policy).await.expect("plan"), told)
    };
    fixture.reconciler.settle(plan().await.0, &Run::silent()).await.expect("made");
    fs::rename(fixture.path("m/sub"), fixture.path("away")).expect("rename");
    symlink(fixture.path("away"), fixture.path("m/sub")).expect("link");
    fixture.remove("b.yaml");
    fs::create_dir(fixture.path("m/empty")).expect("dir");
    symlink("empty", fixture.path("m/b.yaml")).expect("link");
    let (planned, told) = plan().await;
    assert!(planned.plan.is_empty(), "{:?}", planned.plan.steps);
    let frozen: Vec<_> = planned.desired.frozen.iter().collect();
    let [(a, why), (b, _)] = frozen.as_slice() else { panic!("{frozen:?}") };
    assert_eq!((*a, *b), (&id("instance/a"), &id("instance/b")));
    assert!(
        why.why.ends_with("m/sub is left out: it is a link, and directories are not read by links")
    );
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert!(told.contains("b.yaml: warning: it is left out: links to directories"), "{told}");
    fixture.remove("sub");
    fixture.remove("b.yaml");
    let (planned, _) = plan().await;
    assert!(!planned.plan.is_empty(), "now they are gone");
}

#[tokio::test(start_paused = true)]
async fn two_manifests_for_one_object_freeze_it_and_name_both_places() {
    for (other, second) in [("web", instance("web", 4)), ("WEB", instance("WEB", 4))] {
        let fixture = Fixture::new();
        fixture.put("a.yaml", &instance("web", 1));
        fixture.apply(Policy::default()).await;
        fixture.put("b.yaml", &second);
        fixture.put("c.yaml", &instance("c", 1));
        let loaded = fixture.load();
        let texts: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[0].contains("a.yaml:3:") && texts[0].contains("b.yaml:1"), "{texts:?}");
        assert!(texts[1].contains("b.yaml:3:") && texts[1].contains("a.yaml:1"), "{texts:?}");

        fixture.apply(prune()).await;
        assert_eq!(fixture.cpus("web"), 1, "{other}");
        assert_eq!(fixture.instances(), ["c", "web"], "{other}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_object_of_somebody_else_is_not_adopted_in_silence() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &instance("web", 1));
    fixture.apply(Policy::default()).await;
    let foreign = Fixture::new();
    foreign.engine.outside(|world| world.observed = fixture.engine.look());
    foreign.put("web.yaml", &instance("web", 2));

    let settled = foreign.apply(prune()).await;
    let reason = &settled.rest.report.waiting[&id("instance/web")][0].reason;
    assert_eq!(*reason, WaitReason::NotOurs);
    assert_eq!((foreign.cpus("web"), foreign.log().len()), (1, 0));
    assert_eq!(foreign.owned(), Vec::<String>::new());

    foreign.apply(Policy { adopt: true, ..Policy::default() }).await;
    assert_eq!(foreign.cpus("web"), 2);
    assert_eq!(foreign.owned(), ["instance/web"]);
}

#[tokio::test(start_paused = true)]
async fn a_manifest_moved_to_another_file_changes_nothing() {
    let fixture = Fixture::new();
    fixture.put("a.yaml", &format!("{}---\n{}", instance("a", 1), instance("b", 1)));
    fixture.apply(Policy::default()).await;
    let before = fixture.log();
    fixture.put("a.yaml", &instance("a", 1));
    fixture.put("b.yaml", &instance("b", 1));
    assert_eq!(fixture.apply(prune()).await.end, End::Settled);
    assert_eq!(fixture.log(), before);
    let claims = fixture.reconciler.claims().expect("ledger");
    let origin = &claims.by_id[&id("instance/b")].owner.origin;
    assert!(origin.file.ends_with("b.yaml"), "{origin:?}");
}

#[tokio::test(start_paused = true)]
async fn pruning_has_a_budget() {
    let fixture = Fixture::new();
    for n in 0..10 {
        fixture.put(&format!("d{n}.yaml"), &disk(&format!("d{n}")));
    }
    fixture.apply(Policy::default()).await;
    for n in 0..3 {
        fixture.remove(&format!("d{n}.yaml"));
    }
    let settled = fixture.apply(prune()).await;
    assert_eq!(settled.rest.report.waiting.len(), 3);
    assert_eq!(fixture.engine.look().disks.len(), 10);

    fixture.put("d0.yaml", &disk("d0"));
    fixture.apply(Policy::default()).await;
    assert_eq!(fixture.engine.look().disks.len(), 10, "nothing goes without --prune");
    fixture.apply(prune()).await;
    assert_eq!(fixture.engine.look().disks.len(), 8);
    assert_eq!(fixture.owned().len(), 8);
}

#[tokio::test(start_paused = true)]
async fn an_empty_directory_deletes_nothing_and_a_missing_one_is_an_error() {
    let fixture = Fixture::new();
    fixture.put("a.yaml", &instance("a", 1));
    fixture.put("b.yaml", &instance("b", 1));
    fixture.apply(Policy::default()).await;
    fixture.remove("a.yaml");
    fixture.remove("b.yaml");
    fixture.apply(prune()).await;
    assert_eq!(fixture.instances(), ["a", "b"]);
    fs::remove_dir(fixture.manifests()).expect("remove");
    let inputs = [Input::Path(fixture.manifests())];
    fixture.try_load(&inputs).expect_err("missing");
}

#[tokio::test(start_paused = true)]
async fn what_is_piped_in_prunes_nothing() {
    let fixture = Fixture::new();
    let stdin = |text: String| {
        let inputs = [Input::Stdin(text.into_bytes())];
        fixture.try_load(&inputs).expect("load").desired
    };
    for name in ["a", "b"] {
        let policy = Policy { prune_all: true, ..prune() };
        let planned = fixture.reconciler.plan(stdin(instance(name, 1)), policy).await;
        let run = Run::silent();
        fixture.reconciler.settle(planned.expect("plan"), &run).await.expect("settle");
    }
    assert_eq!(fixture.instances(), ["a", "b"]);
}

/// An instance with a `hostSelector` of these labels.
fn on(name: &str, labels: &str) -> String {
    let selector = format!("spec:\n  hostSelector: {{matchLabels: {{{labels}}}}}\n");
    instance(name, 1).replace("spec:\n", &selector)
}

#[tokio::test(start_paused = true)]
async fn an_instance_for_other_hosts_is_not_wanted_here() {
    let fixture = Fixture::new();
    let here = rustix::system::uname().nodename().to_string_lossy().into_owned();
    fixture.put("a.yaml", &on("a", "os: linux, arch: x86_64"));
    fixture.put("b.yaml", &on("b", "os: darwin, arch: x86_64"));
    fixture.put("c.yaml", &on("c", &format!("hostname: '{here}'")));
    fixture.put("d.yaml", &on("d", "hostname: elsewhere.invalid"));
    fixture.put("e.yaml", &on("e", "colour: red"));
    let settled = fixture.apply(Policy::default()).await;
    assert_eq!(settled.end, End::Settled);
    assert_eq!(fixture.instances(), ["a", "c"]);
    assert!(settled.rest.report.is_empty(), "{:?}", settled.rest.report);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_is_given_to_another_host_is_kept_and_reported() {
    let fixture = Fixture::new();
    fixture.put("a.yaml", &instance("a", 1));
    fixture.put("b.yaml", &instance("b", 1));
    fixture.apply(Policy::default()).await;
    fixture.put("a.yaml", &on("a", "os: darwin"));
    let before = fixture.log();
    let settled = fixture.apply(Policy { prune_all: true, ..prune() }).await;
    assert_eq!(settled.end, End::Settled);
    assert_eq!(fixture.log(), before, "nothing is done to it");
    assert_eq!((fixture.instances(), fixture.phase("a")), (vec!["a".into(), "b".into()], "Ready"));
    let waiting = &settled.rest.report.waiting[&id("instance/a")][0];
    let WaitReason::Host { why } = &waiting.reason else { panic!("{waiting:?}") };
    assert!(why.contains("another os"), "{why}");

    // Deleted here, it stays deleted, and the name is nobody's.
    let planned = fixture.reconciler.plan_delete(&[id("instance/a")], false).await.expect("plan");
    let run = Run::silent();
    fixture.reconciler.execute(&planned, &run).await.expect("execute");
    fixture.apply(prune()).await;
    assert_eq!(
        (fixture.instances(), fixture.owned()),
        (vec!["b".into()], vec!["instance/b".into()])
    );
}

#[tokio::test(start_paused = true)]
async fn a_port_that_somebody_has_is_seen() {
    let fixture = Fixture::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listen");
    let port = listener.local_addr().expect("bound").port();
    fixture.put("a.yaml", &format!("{}    ssh: {{localPort: {port}}}\n", instance("a", 1)));
    let host = fixture.plan(Policy::default()).await.observed.host.expect("known");
    assert_eq!(host.taken_ports, [port].into());
    drop(listener);
    let host = fixture.plan(Policy::default()).await.observed.host.expect("known");
    assert!(host.taken_ports.is_empty());
}

/// What a manifest builds on cannot be had: its object is left alone, the others are not.
#[tokio::test(start_paused = true)]
async fn a_base_that_cannot_be_had_freezes_its_object_and_no_other() {
    let fixture = Fixture::new();
    let with_base = |name: &str, base: &str| {
        instance(name, 1).replace("    cpus", &format!("    base: {base}\n    cpus"))
    };
    fs::write(fixture.manifests().join("part"), "memory: 2GiB\nmessage: hello\n").expect("write");
    fixture.put("a.yaml", &with_base("a", "./part"));
    fixture.put("b.yaml", &instance("b", 1));
    assert_eq!(fixture.apply(Policy::default()).await.end, End::Settled);
    let stored = fixture.engine.look().instances[&name("a")].config.clone().expect("readable");
    assert_eq!((&stored.base, stored.message.as_deref()), (&None, Some("hello")));

    fixture.remove("part");
    fixture.put("b.yaml", &instance("b", 2));
    let loaded = fixture.load();
    let text = loaded.diagnostics[0].to_string();
    assert!(
        text.contains("a.yaml:7:11: error: spec.template.base: cannot read")
            && text.contains("help:"),
        "{text}"
    );
    let settled = fixture.apply(prune()).await;
    assert!(matches!(
        settled.rest.report.waiting[&id("instance/a")][0].reason,
        WaitReason::Frozen { .. }
    ));
    assert_eq!((fixture.cpus("a"), fixture.cpus("b")), (1, 2));
}

/// Lima's `_config/base.yaml` is below every template.
#[tokio::test(start_paused = true)]
async fn everything_builds_on_the_homes_base() {
    let fixture = Fixture::new();
    fs::create_dir_all(fixture.path("lima/_config")).expect("dir");
    fs::write(fixture.path("lima/_config/base.yaml"), "message: from below\ncpus: 9\n")
        .expect("write");
    fixture.put("a.yaml", &instance("a", 3));
    fixture.apply(Policy::default()).await;
    let stored = fixture.engine.look().instances[&name("a")].config.clone().expect("readable");
    assert_eq!(stored.message.as_deref(), Some("from below"));
    assert_eq!(fixture.cpus("a"), 3);
}
