//! Policies at work: what a repository and a directory may do.

use std::collections::BTreeMap;
use std::sync::Arc;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use limekiln_model::{ObjectId, Observed};
use limekiln_reconciler::policy::{Existing, HostPolicy, Policies};
use limekiln_reconciler::{ControllerOptions, ControllerState, Loaded, Run, Templates};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};
use limekiln_sources::{Skipped, SkippedKind, Snapshot, SourceConfig, SourceFile};

use crate::controller::Running;
use crate::fixture::{Fixture, disk, id, prune};

const IMAGE: &str = "    images: [{location: 'https://example.com/a.img', digest: 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}]\n";

fn vm(name: &str, template: &str) -> String {
    format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: {name}}}\nspec:\n  template:\n{IMAGE}{template}"
    )
}

fn snapshot(source: &str, texts: &[&str]) -> Snapshot {
    let files = texts.iter().enumerate().map(|(index, text)| SourceFile {
        path: format!("vms@abc1234:{index}.yaml").into(),
        origin: format!("{index}.yaml").into(),
        bytes: text.as_bytes().to_vec(),
    });
    let (source, revision) = (source.to_owned(), "abc".to_owned());
    Snapshot { source, revision, files: files.map(Arc::new).collect(), skipped: Vec::new() }
}

fn load(fixture: &Fixture, snapshots: &[Snapshot], policies: &Policies) -> Loaded {
    let facts = fixture.facts();
    let store = TemplateStore::new(TemplateSettings::new(&facts));
    let templates = Templates { fetch: &store, lock: None };
    let existing = Existing::of(&observed(fixture));
    let loaded = &fixture.reconciler;
    let loaded = loaded.load_snapshots_under(snapshots, templates, policies, &existing);
    loaded.expect("loaded")
}

/// What there is, with its owners.
fn observed(fixture: &Fixture) -> Observed {
    let claims = fixture.reconciler.claims().expect("readable");
    let owners = claims.by_id.iter().map(|(id, claim)| (id.clone(), claim.owner.clone()));
    let owners: BTreeMap<_, _> = owners.collect();
    Observed { owners: owners.into(), ..fixture.engine.look() }
}

fn repository(fixture: &Fixture, texts: &[&str]) -> Loaded {
    load(fixture, &[snapshot("git:team", texts)], &Policies::default())
}

fn policy(text: &str) -> Policies {
    Policies::default().with("git:team", policy_of(text))
}

fn policy_of(text: &str) -> HostPolicy {
    HostPolicy::parse(text.as_bytes(), Path::new("policy.yaml")).expect(text)
}

fn shown(loaded: &Loaded) -> String {
    loaded.diagnostics.iter().map(|found| format!("{found}\n")).collect()
}

fn frozen(loaded: &Loaded) -> Vec<String> {
    loaded.desired.frozen.keys().map(ObjectId::to_string).collect()
}

#[test]
fn what_a_repository_may_not_do_freezes_its_object_and_no_other() {
    let fixture = Fixture::new();
    let bad = vm("bad", "    mounts: [{location: /etc, mountPoint: /m}]\n");
    let loaded = repository(&fixture, &[&bad, &vm("good", "")]);
    assert_eq!(frozen(&loaded), ["instance/bad"]);
    assert_eq!(loaded.desired.instances.len(), 1);
    let shown = shown(&loaded);
    for part in [
        "vms@abc1234:0.yaml:7:25: error: spec.template.mounts[0].location: denied by `mounts.roots`",
        "(closed policy): /etc is below none of its directories",
        "help: to allow it, write into the policy: mounts: {roots: [{path: \"/etc\"}]}",
    ] {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    // The same in a directory of this host.
    let own = load(&fixture, &[snapshot("/home/alice/vms", &[&bad])], &Policies::default());
    assert!(own.desired.frozen.is_empty(), "{}", self::shown(&own));
}

#[test]
fn a_policy_file_counts_for_the_source_that_it_is_for() {
    let fixture = Fixture::new();
    let text = vm("web", "    portForwards: [{guestPort: 80}]\n");
    let policies = policy("portForwards: {ports: [[80, 80]]}");
    assert_eq!(frozen(&load(&fixture, &[snapshot("git:team", &[&text])], &policies)), [""; 0]);
    let other = load(&fixture, &[snapshot("git:other", &[&text])], &policies);
    assert_eq!(frozen(&other), ["instance/web"]);
}

#[test]
fn a_link_below_a_root_leads_nowhere_else() {
    let fixture = Fixture::new();
    let (root, outside) = (fixture.path("root"), fixture.path("outside"));
    fs::create_dir_all(root.join("fine")).expect("dir");
    fs::create_dir(&outside).expect("dir");
    symlink(&outside, root.join("out")).expect("link");
    symlink(fixture.path("nothing"), root.join("dangling")).expect("link");
    let root = root.display();
    let policies = policy(&format!("mounts: {{roots: [{{path: {root}}}]}}"));
    for (below, allowed) in [
        ("", true),
        ("/fine", true),
        ("/new", true),
        ("/out", false),
        ("/out/new", false),
        ("/fine/../../outside", false),
        ("/dangling", false),
        ("x", false),
    ] {
        let text = vm("web", &format!("    mounts: [{{location: '{root}{below}'}}]\n"));
        let loaded = load(&fixture, &[snapshot("git:team", &[&text])], &policies);
        assert_eq!(loaded.desired.frozen.is_empty(), allowed, "{below}: {}", shown(&loaded));
    }
}

#[test]
fn a_repository_may_use_its_own_disks_and_no_others() {
    let fixture = Fixture::new();
    let text = vm("web", "    additionalDisks: [data]\n");
    assert_eq!(frozen(&repository(&fixture, &[&text])), ["instance/web"]);
    assert_eq!(frozen(&repository(&fixture, &[&text, &disk("data")])), [""; 0]);
    // Describing what is somebody else's makes it nobody's own.
    fs::create_dir_all(fixture.path("lima/_disks/data")).expect("dir");
    assert_eq!(frozen(&repository(&fixture, &[&text, &disk("data")])), ["instance/web"]);
    fs::remove_dir(fixture.path("lima/_disks/data")).expect("empty");
    let others = [snapshot("git:team", &[&text]), snapshot("git:other", &[&disk("data")])];
    assert_eq!(frozen(&load(&fixture, &others, &Policies::default())), ["instance/web"]);
}

/// What another source has made stays that source's, also when it is in no manifest any more.
#[tokio::test(start_paused = true)]
async fn a_disk_of_another_source_is_not_taken_by_describing_it() {
    let fixture = Fixture::new();
    fixture.put("disk.yaml", &disk("data"));
    fixture.apply(Default::default()).await;
    let text = vm("web", "    additionalDisks: [data]\n");
    let loaded = repository(&fixture, &[&text, &disk("data")]);
    assert_eq!(frozen(&loaded), ["instance/web", "disk/data"]);
}

/// Neither does a repository get at what is in a VM of another source.
#[tokio::test(start_paused = true)]
async fn what_came_from_another_source_is_not_taken_over() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &vm("web", ""));
    fixture.put("disk.yaml", &disk("data"));
    fixture.apply(Default::default()).await;
    let texts = [vm("web", ""), vm("new", ""), disk("data")];
    let snapshots = [snapshot("git:team", &texts.each_ref().map(String::as_str))];
    let loaded = load(&fixture, &snapshots, &Policies::default());
    assert_eq!(frozen(&loaded), ["instance/web", "disk/data"]);
    let part = "denied by `takeOver` (closed policy): web is there already, and came from /";
    assert!(shown(&loaded).contains(part), "{}", shown(&loaded));
    let loaded = load(&fixture, &snapshots, &policy("takeOver: [web, data]"));
    assert_eq!(frozen(&loaded), [""; 0], "{}", shown(&loaded));
    // A directory may, as before: that is how a manifest moves.
    let own = [snapshot("/elsewhere", &texts.each_ref().map(String::as_str))];
    assert_eq!(frozen(&load(&fixture, &own, &Policies::default())), [""; 0]);
}

/// Who may write any name into a repository holds up nothing that is not the repository's.
#[test]
fn a_name_that_a_repository_may_not_have_freezes_nobody_elses_object() {
    let fixture = Fixture::new();
    let policies = policy("names: [team-*]");
    let broken = vm("db", "    cpus: many\n");
    let nobodys = vm("db", "").replace("spec:", "spec:\n  hostSelector: {matchLabels: {a: b}}");
    for text in [vm("db", ""), vm("DB", ""), broken, nobodys] {
        let sources = [snapshot("/vms", &[&vm("db", "")]), snapshot("git:team", &[&text])];
        let loaded = load(&fixture, &sources, &policies);
        assert_eq!(frozen(&loaded), [""; 0], "{text}: {}", shown(&loaded));
        assert_eq!(loaded.desired.instances["db"].origin.source, "/vms");
        assert!(loaded.has_errors(), "{text}");
    }
    let sources = [snapshot("/vms", &[&vm("db", "")]), snapshot("git:team", &[&vm("db", "")])];
    let loaded = load(&fixture, &sources, &policies);
    let part = "0.yaml:3:18: error: metadata.name: denied by `names` (policy.yaml:1): \"db\" fits";
    assert!(shown(&loaded).contains(part), "{}", shown(&loaded));
    // Two that both may have it: nobody can say which is meant.
    assert_eq!(frozen(&load(&fixture, &sources, &Policies::default())), ["instance/db"]);
    // So it is with two that both may not.
    let sources = ["git:team", "git:other"].map(|source| snapshot(source, &[&vm("db", "")]));
    let neither = HostPolicy::parse(b"names: [o-*]", Path::new("o.yaml")).expect("a policy");
    let policies = policies.with("git:other", neither);
    assert_eq!(frozen(&load(&fixture, &sources, &policies)), ["instance/db"]);
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_taken_over_stays_with_an_owner_that_describes_it() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &vm("web", ""));
    fixture.put("disk.yaml", &disk("data"));
    fixture.apply(Default::default()).await;
    let owner = fixture.reconciler.claims().expect("readable").by_id[&id("instance/web")].clone();
    let owner = &owner.owner.origin.source;
    let texts = [vm("web", "    cpus: 2\n"), disk("data")];
    let texts = texts.each_ref().map(String::as_str);
    let sources = [snapshot("git:team", &texts), snapshot(owner, &texts)];
    let loaded = load(&fixture, &sources, &Policies::default());
    assert_eq!(frozen(&loaded), [""; 0], "{}", shown(&loaded));
    assert_eq!(&loaded.desired.instances["web"].origin.source, owner);
    assert_eq!(&loaded.desired.disks["data"].origin.source, owner);
    assert!(shown(&loaded).contains("denied by `takeOver`"), "{}", shown(&loaded));
    // One that may take it over is one of two.
    let loaded = load(&fixture, &sources, &policy("takeOver: ['*']"));
    assert_eq!(frozen(&loaded), ["instance/web", "disk/data"]);
    // Nor does the owner lose what is still its own to a policy that came to deny the name.
    let denied = HostPolicy::parse(b"names: [x]", Path::new("p.yaml")).expect("a policy");
    let policies = Policies::default().with(owner, denied);
    assert_eq!(frozen(&load(&fixture, &sources, &policies)), ["instance/web", "disk/data"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_named_holds_only_what_its_source_may_have() {
    let fixture = Fixture::new();
    fixture.put("web.yaml", &vm("web", ""));
    fixture.apply(Default::default()).await;
    let owner = fixture.reconciler.claims().expect("readable").by_id[&id("instance/web")].clone();
    let sources = [snapshot(&owner.owner.origin.source, &[]), snapshot("git:team", &["cpus: ["])];
    let may = load(&fixture, &sources, &Policies::default());
    assert_eq!(frozen(&may), ["instance/web"], "it may have moved there");
    let may_not = load(&fixture, &sources, &policy("names: [team-*]"));
    assert_eq!(frozen(&may_not), [""; 0], "{}", shown(&may_not));
}

#[test]
fn networks_of_the_host_are_not_for_repositories() {
    let fixture = Fixture::new();
    let network = |mode: &str| {
        format!(
            "apiVersion: lima-vm.io/v1alpha1\nkind: Network\nmetadata: {{name: n}}\nspec: {{mode: {mode}}}\n"
        )
    };
    assert_eq!(frozen(&repository(&fixture, &[&network("user-v2, gateway: 10.7.0.1")])), [""; 0]);
    let loaded = repository(&fixture, &[&network("bridged, interface: br0")]);
    assert_eq!(frozen(&loaded), ["network/n"]);
    assert!(shown(&loaded).contains("0.yaml:4:14: error: spec.mode: denied"), "{}", shown(&loaded));
}

#[test]
fn the_hosts_own_layers_are_judged_with_the_template() {
    let mut fixture = Fixture::new();
    fixture.put_layer("default.yaml", "ssh:\n  forwardAgent: true\n");
    let loaded = repository(&fixture, &[&vm("web", "")]);
    assert_eq!(frozen(&loaded), ["instance/web"]);
    let shown = shown(&loaded);
    assert!(shown.contains("default.yaml:2:17: error: ssh.forwardAgent: denied"), "{shown}");
}

/// More is not told than anybody reads, and all of it holds.
#[tokio::test(start_paused = true)]
async fn what_submodules_took_the_place_of_is_not_gone() {
    let fixture = Fixture::new();
    let made = load(&fixture, &[snapshot("git:team", &[&vm("web", "")])], &Policies::default());
    let planned = fixture.reconciler.plan(made.desired, Default::default()).await.expect("plan");
    let run = Run::silent();
    fixture.reconciler.settle(planned, &run).await.expect("made");
    let module = |origin: String| {
        let (path, kind) = (format!("vms@abc1234:{origin}").into(), SkippedKind::Submodule);
        Skipped { path, origin: origin.into(), kind }
    };
    let mut empty = snapshot("git:team", &[]);
    empty.skipped = (0..150).map(|number| module(format!("{number}"))).collect();
    let loaded = load(&fixture, std::slice::from_ref(&empty), &Policies::default());
    assert_eq!((frozen(&loaded), loaded.diagnostics.len()), (Vec::new(), 100));
    empty.skipped.push(module("0.yaml".to_owned()));
    let loaded = load(&fixture, &[empty], &Policies::default());
    assert_eq!((frozen(&loaded), loaded.diagnostics.len()), (vec!["instance/web".to_owned()], 100));
    let part = "vms@abc1234:0: warning: it is left out: a submodule is another repository";
    assert!(shown(&loaded).contains(part), "{}", shown(&loaded));
}

/// Small objects and those that exist have their share first.
#[tokio::test(start_paused = true)]
async fn quotas_of_a_source_deny_what_is_too_much() {
    let fixture = Fixture::new();
    let size = |name: &str, cpus: u32| vm(name, &format!("    cpus: {cpus}\n    disk: 10GiB\n"));
    let policies = policy("quotas: {cpus: 4, instances: 2}");
    let (a, b, c) = (size("a", 3), size("b", 2), size("c", 2));
    let team = |texts: &[&str]| load(&fixture, &[snapshot("git:team", texts)], &policies);
    assert_eq!(frozen(&team(&[&b, &c])), [""; 0]);
    assert_eq!(frozen(&team(&[&a, &b, &c])), ["instance/a"], "the small ones fit");
    let planned = fixture.reconciler.plan(team(&[&a]).desired, Default::default()).await;
    let run = Run::silent();
    fixture.reconciler.settle(planned.expect("plan"), &run).await.expect("made");
    let loaded = team(&[&a, &b, &c]);
    assert_eq!(frozen(&loaded), ["instance/b", "instance/c"], "a exists");
    let shown = shown(&loaded);
    let part = "denied by `quotas.cpus` (policy.yaml:1): the source would have 5 in all";
    assert!(shown.contains(part), "{shown}");
    // Disks count, and what is no longer described has its share.
    let policies = policy("quotas: {disk: 20GiB, perDisk: 1GiB}");
    let texts = [snapshot("git:team", &[&b, &disk("data")])];
    assert_eq!(frozen(&load(&fixture, &texts, &policies)), ["instance/b"], "it is the larger");
    let small = policy("quotas: {perDisk: 1MiB}");
    assert_eq!(frozen(&load(&fixture, &texts, &small)), ["disk/data"]);
}

/// However its manifest has come to say nothing of it, or nothing that counts.
#[tokio::test(start_paused = true)]
async fn what_there_is_of_a_source_counts_whatever_its_manifests_say() {
    let fixture = Fixture::new();
    let size = |name: &str, cpus: &str| vm(name, &format!("    cpus: {cpus}\n    disk: 10GiB\n"));
    let policies = policy("quotas: {cpus: 4}");
    let team = |texts: &[&str]| load(&fixture, &[snapshot("git:team", texts)], &policies);
    let (a, b) = (size("a", "3"), size("b", "2"));
    let made = team(&[&a]);
    let planned = fixture.reconciler.plan(made.desired, Default::default()).await.expect("plan");
    fixture.reconciler.settle(planned, &Run::silent()).await.expect("made");
    let selector = "spec:\n  hostSelector: {matchLabels: {os: plan9}}";
    let denied = size("a", "3") + "    mounts: [{location: /etc, mountPoint: /m}]\n";
    let others = [size("a", "many"), denied, a.replace("spec:", selector), disk("a")];
    for other in others.iter().map(String::as_str) {
        let loaded = team(&[other, &b]);
        assert!(frozen(&loaded).contains(&"instance/b".to_owned()), "{other}: {}", shown(&loaded));
        let part = "denied by `quotas.cpus` (policy.yaml:1): the source would have 5 in all";
        assert!(shown(&loaded).contains(part), "{other}: {}", shown(&loaded));
    }
    // What shrinks has its size until it has shrunk.
    assert_eq!(frozen(&team(&[&size("a", "1"), &b])), ["instance/b"]);
    // What grows is denied for that, and not for what it is.
    assert_eq!(frozen(&team(&[&size("a", "5")])), ["instance/a"]);
    let less = policy("quotas: {cpus: 2}");
    assert_eq!(frozen(&load(&fixture, &[snapshot("git:team", &[&a])], &less)), [""; 0]);
    // It is nobody else's.
    let other = policies.clone().with("git:other", policy_of("quotas: {cpus: 4}"));
    let loaded = load(&fixture, &[snapshot("git:other", &[&b])], &other);
    assert_eq!(frozen(&loaded), [""; 0], "{}", shown(&loaded));
}

/// Neither is there room for more at once when a manifest breaks, nor never when it has gone.
#[tokio::test(start_paused = true)]
async fn there_is_room_once_what_took_it_is_gone() {
    let fixture = Fixture::new();
    let size = |name: &str, cpus: &str| vm(name, &format!("    cpus: {cpus}\n"));
    fs::write(fixture.path("policy.yaml"), "quotas: {cpus: 4}\n").expect("write");
    let source =
        SourceConfig { policy: Some(fixture.path("policy.yaml")), ..fixture.directory("m") };
    for (name, cpus) in [("a", "3"), ("c", "1")] {
        fixture.put(&format!("{name}.yaml"), &size(name, cpus));
    }
    let options = ControllerOptions { policy: prune(), ..ControllerOptions::default() };
    let running = Running::over(&fixture, Box::new(fixture.sources(vec![source])), options);
    running.settled().await;
    assert_eq!(fixture.instances(), ["a", "c"]);
    fixture.put("a.yaml", &size("a", "many"));
    fixture.put("b.yaml", &size("b", "2"));
    running.settled().await;
    assert_eq!(fixture.instances(), ["a", "c"]);
    fixture.remove("a.yaml");
    let is_there = |state: &ControllerState| {
        let planned = state.planned.as_ref();
        planned.is_some_and(|planned| planned.observed.exists(&id("instance/b")))
    };
    running.until("room", is_there).await;
    running.settled().await;
    assert_eq!(fixture.instances(), ["b", "c"]);
    running.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_new_instance_that_would_be_retained_is_denied_where_it_would_count() {
    let fixture = Fixture::new();
    let kept = vm("web", "").replace("spec:", "spec:\n  deletionPolicy: Retain");
    let retained = disk("data").replace("Delete", "Retain");
    let by_default = disk("data").replace(", deletionPolicy: Delete", "");
    let with =
        |rules: &str, text: &str| load(&fixture, &[snapshot("git:team", &[text])], &policy(rules));
    for (rules, text, denied) in [
        ("quotas: {cpus: 40}", &kept, true),
        ("quotas: {perInstance: {cpus: 40}}", &kept, false),
        ("quotas: {disk: 4TiB}", &retained, false),
        ("quotas: {disk: 4TiB}", &by_default, false),
        ("quotas: {cpus: 40}", &retained, false),
    ] {
        let loaded = with(rules, text);
        assert_eq!(frozen(&loaded).len(), usize::from(denied), "{rules}: {}", shown(&loaded));
    }
    let shown = shown(&with("quotas: {cpus: 40}", &kept));
    let part = "spec.deletionPolicy: denied by `quotas` (policy.yaml:1): what is kept";
    assert!(shown.contains(part) && shown.contains("write `deletionPolicy: Delete`"), "{shown}");
    // One that is there is never denied for what it is.
    let made = with("quotas: {perInstance: {cpus: 40}}", &kept);
    let planned = fixture.reconciler.plan(made.desired, Default::default()).await.expect("plan");
    fixture.reconciler.settle(planned, &Run::silent()).await.expect("made");
    assert_eq!(frozen(&with("quotas: {cpus: 40}", &kept)), [""; 0]);
}

#[test]
fn each_source_has_the_prune_budget_of_its_policy() {
    let fixture = Fixture::new();
    let sources = [snapshot("git:team", &[]), snapshot("git:other", &[])];
    assert!(load(&fixture, &sources, &Policies::default()).prune_budgets.is_empty());
    let none = load(&fixture, &sources, &policy("pruneBudget: 0")).prune_budgets;
    assert_eq!(none, [("git:team".to_owned(), 0)].into());
}

/// A manifest of a repository builds on nothing of this host but `template:`.
#[test]
fn a_repository_cannot_build_on_files_of_this_host() {
    let mut fixture = Fixture::new();
    let secret = fixture.path("secret");
    fs::write(&secret, "message: secret\n").expect("write");
    let secret = secret.display().to_string();
    let bases = [secret.as_str(), &format!("file://{secret}"), "beside.yaml", "~/x.yaml", "s3:y"];
    for base in bases {
        let loaded = repository(&fixture, &[&vm("web", &format!("    base: '{base}'\n"))]);
        assert_eq!(frozen(&loaded), ["instance/web"], "{base}");
        let shown = shown(&loaded);
        let why = if base == "s3:y" { "templates.locations" } else { "a manifest of a repository" };
        assert!(shown.contains(why) && !shown.contains("secret:1"), "{base}: {shown}");
    }
    for list in ["provision", "probes"] {
        let text = vm("web", &format!("    {list}: [{{file: '{secret}'}}]\n"));
        let shown = shown(&repository(&fixture, &[&text]));
        assert!(
            shown.contains("cannot build on") && shown.contains("template:, https:"),
            "{shown}"
        );
    }
    // What cannot be read whole, or is there twice, builds on nothing either.
    let broken = vm("web", &format!("    base: '{secret}'\n    cpus: many\n"));
    assert!(shown(&repository(&fixture, &[&broken])).contains("a manifest of a repository"));
    let twice = vm("web", &format!("    base: '{secret}'\n"));
    assert!(shown(&repository(&fixture, &[&twice, &twice])).contains("a manifest of a repository"));
    // Neither does one under a policy that allows files: they are others on each host.
    let policies = policy("templates: {files: true}");
    let loaded = load(&fixture, &[snapshot("git:team", &[&twice])], &policies);
    assert_eq!(frozen(&loaded), ["instance/web"]);
    // A directory whose policy says so builds on none either.
    let strict = HostPolicy::parse(b"templates: {locations: []}", Path::new("p.yaml"));
    let policies = Policies::default().with("/vms", strict.expect("a policy"));
    let loaded = load(&fixture, &[snapshot("/vms", &[&twice])], &policies);
    assert!(shown(&loaded).contains("denied by `templates.files` (p.yaml)"), "{}", shown(&loaded));
    let other = vm("web", "    base: template:debian\n");
    let loaded = load(&fixture, &[snapshot("/vms", &[&other])], &policies);
    assert!(shown(&loaded).contains("denied by `templates.locations` (p.yaml:1)"));
    // In a directory it is as it was.
    let own = load(&fixture, &[snapshot("/vms", &[&twice])], &Policies::default());
    assert_eq!(frozen(&own), [""; 0], "{}", shown(&own));
    // The host's own templates may build on its files, whoever builds on them.
    let templates = fixture.path("lima/_templates");
    fs::create_dir_all(&templates).expect("dir");
    fs::write(templates.join("corp.yaml"), format!("base: {secret}\n")).expect("write");
    fixture.put_layer("base.yaml", "base: part.yaml\n");
    fs::write(fixture.path("lima/_config/part.yaml"), "env: {A: b}\n").expect("write");
    let loaded = repository(&fixture, &[&vm("web", "    base: template:corp\n")]);
    assert_eq!(frozen(&loaded), [""; 0], "{}", shown(&loaded));
    let spec = &loaded.desired.instances.values().next().expect("one").spec;
    assert_eq!(spec.filled.message.as_deref(), Some("secret"));
    assert!(spec.filled.env.is_some(), "what _config/base.yaml builds on");
    // What was handed over to one of them is not handed over to others.
    let both =
        [&vm("a", "    base: template:corp\n"), &vm("b", &format!("    base: '{secret}'\n"))];
    let loaded = repository(&fixture, &both.map(String::as_str));
    assert_eq!(frozen(&loaded), ["instance/b"]);
    let one = vm("a", &format!("    base: [template:corp, '{secret}']\n"));
    assert_eq!(frozen(&repository(&fixture, &[&one])), ["instance/a"]);
}

#[test]
fn verdicts_are_told_when_they_are_asked_for() {
    let fixture = Fixture::new();
    let store = TemplateStore::new(TemplateSettings::new(&fixture.facts()));
    let templates = Templates { fetch: &store, lock: None };
    let snapshots =
        [snapshot("git:team", &[&vm("web", "    mounts: [{location: /etc, mountPoint: /m}]\n")])];
    let policies = Policies::default();
    let loaded =
        fixture.reconciler.judge_snapshots(&snapshots, templates, &policies, &Existing::default());
    let loaded = loaded.expect("judged");
    let [web] = loaded.verdicts.as_slice() else { panic!("{:?}", loaded.verdicts) };
    assert_eq!((&web.object, web.policy.as_str()), (&id("instance/web"), "closed policy"));
    let denied = web.verdicts.iter().filter(|verdict| !verdict.allowed).count();
    assert!(denied == 1 && web.verdicts.len() > 3 && !web.is_allowed());
    assert!(loaded.diagnostics.is_empty(), "they are verdicts");
    assert_eq!(frozen(&loaded), ["instance/web"]);
}
