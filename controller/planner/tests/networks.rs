//! Networks of nobody, subnets that meet, and what a host cannot have.

use limekiln_api::{
    DeletionPolicy, HostFacts, HostInterface, InterfaceKind, NetworkMode, NetworkSpec,
};
use limekiln_model::{
    Action, Capabilities, Cost, Desired, Host, InstancePhase, NetworkPhase, ObjectId, Observed,
    ObservedNetwork, Owner, Plan, Policy, Report, StopMode, WaitReason,
};
use limekiln_planner::render::Line;
use limekiln_planner::{RunVerb, checker, plan_delete, plan_run};
use limekiln_testkit::{desired, instance, name, observed_instance, wanted};

fn user_v2(gateway: &str) -> NetworkSpec {
    NetworkSpec { gateway: gateway.parse().ok(), ..NetworkSpec::default() }.filled()
}

fn there(spec: NetworkSpec, phase: NetworkPhase) -> ObservedNetwork {
    ObservedNetwork { spec, phase, foreign: false, unreadable: None }
}

fn host(interfaces: &[(&str, InterfaceKind, &str)]) -> Host {
    let interface = |(name, kind, address): &(&str, InterfaceKind, &str)| HostInterface {
        name: (*name).to_owned(),
        kind: *kind,
        addresses: vec![address.parse().expect("an address")],
    };
    Host {
        facts: HostFacts::example(),
        taken_ports: Default::default(),
        interfaces: interfaces.iter().map(interface).collect(),
    }
}

fn capabilities() -> Capabilities {
    Capabilities { engine: "test".to_owned(), networks: true, ..Capabilities::default() }
}

fn plan(desired: &Desired, observed: &Observed) -> (Plan, Report) {
    let made = limekiln_planner::plan(desired, observed, &capabilities(), &Policy::default());
    assert_eq!(checker::check(&made.0, desired, observed, false), []);
    made
}

fn verbs(plan: &Plan) -> Vec<String> {
    plan.steps
        .iter()
        .map(|step| format!("{} {}", step.action.verb(), step.action.object()))
        .collect()
}

fn reason(report: &Report, id: &str) -> WaitReason {
    let id: ObjectId = id.parse().expect("an id");
    report.waiting.get(&id).unwrap_or_else(|| panic!("{report:?}"))[0].reason.clone()
}

const ON_LAN: &str = "networks: [{lima: lan}]";

#[test]
fn the_daemon_of_a_network_that_nobody_manages_runs_for_its_users() {
    let mut observed = Observed::default();
    observed.networks.insert(name("lan"), there(user_v2("10.1.0.1"), NetworkPhase::Stopped));
    let (made, report) = plan(&desired([instance("web", ON_LAN, |_| {})]), &observed);
    assert!(report.is_empty(), "{report:?}");
    let start =
        made.steps.iter().position(|step| matches!(step.action, Action::StartNetwork { .. }));
    let driver =
        made.steps.iter().position(|step| matches!(step.action, Action::StartDriver { .. }));
    assert!(start.is_some() && start < driver, "{:?}", verbs(&made));

    // By hand, too; and only the last one stops it.
    observed.networks.insert(name("lan"), there(user_v2("10.1.0.1"), NetworkPhase::Running));
    for of in ["one", "two"] {
        let ready = observed_instance(of, ON_LAN, InstancePhase::Ready);
        observed.instances.insert(name(of), ready.into());
    }
    let stop = RunVerb::Stop(StopMode::Graceful);
    let (made, _) = plan_run(&observed, &capabilities(), &[name("one")], stop);
    assert_eq!(verbs(&made), ["stop instance/one"]);
    let (made, _) = plan_run(&observed, &capabilities(), &[name("one"), name("two")], stop);
    assert_eq!(verbs(&made), ["stop instance/one", "stop instance/two", "stop network/lan"]);
    assert_eq!(made.steps[2].after.len(), 2);
    let (made, _) = plan_run(&observed, &capabilities(), &[name("one")], RunVerb::Restart);
    assert!(!verbs(&made).contains(&"stop network/lan".to_owned()), "{:?}", verbs(&made));
}

#[test]
fn a_daemon_that_nobody_uses_is_stopped_unless_another_tool_started_it() {
    let mut observed = Observed::default();
    let mut lan = there(user_v2("10.1.0.1"), NetworkPhase::Running);
    observed.networks.insert(name("lan"), lan.clone());
    let (made, _) = plan(&desired([]), &observed);
    assert_eq!(verbs(&made), ["stop network/lan"], "a run that was cut short left it");
    lan.foreign = true;
    observed.networks.insert(name("lan"), lan);
    let (made, _) = plan(&desired([]), &observed);
    assert!(made.is_empty(), "{:?}", verbs(&made));
}

#[test]
fn a_daemon_that_died_under_its_users_is_started_and_they_go_on() {
    let mut observed = Observed::default();
    observed.networks.insert(name("lan"), there(user_v2("10.1.0.1"), NetworkPhase::Stopped));
    let ready = observed_instance("web", ON_LAN, InstancePhase::Ready);
    observed.instances.insert(name("web"), ready.into());
    let (made, _) = plan(&desired([]), &observed);
    assert_eq!(verbs(&made), ["start network/lan"]);
}

#[test]
fn subnets_that_meet_are_found_before_they_are_defined() {
    let mut wants = desired([]);
    wants.networks.insert(name("a"), wanted(user_v2("10.1.0.1")));
    wants.networks.insert(name("b"), wanted(user_v2("10.1.0.9")));
    wants.networks.insert(name("c"), wanted(user_v2("10.2.0.1")));
    let (made, report) = plan(&wants, &Observed::default());
    assert_eq!(verbs(&made), ["define network/c"]);
    for id in ["network/a", "network/b"] {
        let WaitReason::Conflict { over, .. } = reason(&report, id) else { panic!("{report:?}") };
        assert_eq!(over, "its subnet: 10.1.0.0/24 and 10.1.0.0/24 overlap");
    }

    // One that is there already goes on.
    let mut observed = Observed::default();
    observed.networks.insert(name("a"), there(user_v2("10.1.0.1"), NetworkPhase::Running));
    let owner = limekiln_testkit::Ledger::of_all(&observed).owners;
    observed.owners = owner.into();
    let (_, report) = plan(&wants, &observed);
    assert!(!report.waiting.contains_key(&ObjectId::network(&name("a"))), "{report:?}");
    assert!(matches!(reason(&report, "network/b"), WaitReason::Conflict { .. }));

    // One that is to get another subnet keeps its own, and its users keep it.
    let mut observed = Observed::default();
    observed.networks.insert(name("a"), there(user_v2("10.9.0.1"), NetworkPhase::Stopped));
    let owner = limekiln_testkit::Ledger::of_all(&observed).owners;
    observed.owners = owner.into();
    let mut wants = wants;
    let user = instance("web", "networks: [{lima: a}]", |_| {});
    wants.instances = desired([user]).instances;
    // Nobody else gets that one.
    wants.networks.insert(name("d"), wanted(user_v2("10.9.0.9")));
    let (made, report) = plan(&wants, &observed);
    assert!(matches!(reason(&report, "network/a"), WaitReason::Conflict { .. }));
    let WaitReason::Conflict { with, .. } = reason(&report, "network/d") else {
        panic!("{report:?}")
    };
    assert_eq!(with, ObjectId::network(&name("a")));
    let made = verbs(&made);
    assert!(made.contains(&"start network/a".to_owned()), "{made:?}");
    assert!(!made.contains(&"define network/a".to_owned()), "{made:?}");

    // Nor is anybody put onto two that have it.
    observed.networks.insert(name("e"), there(user_v2("10.9.0.5"), NetworkPhase::Stopped));
    wants.instances =
        desired([instance("both", "networks: [{lima: a}, {lima: e}]", |_| {})]).instances;
    let (_, report) = plan(&wants, &observed);
    let WaitReason::Host { why } = reason(&report, "instance/both") else { panic!("{report:?}") };
    assert!(why.contains("10.9.0.0/24 and 10.9.0.0/24 overlap"), "{why}");
}

#[test]
fn a_guest_on_two_networks_that_overlap_is_not_started() {
    // Neither is in a manifest, and neither runs: by themselves they are in nobody's way.
    let mut observed = Observed::default();
    for (of, gateway) in [("a", "10.1.0.1"), ("b", "10.1.0.9"), ("c", "10.2.0.1")] {
        observed.networks.insert(name(of), there(user_v2(gateway), NetworkPhase::Stopped));
    }
    let on = |of: &str, networks: &str| instance(of, &format!("networks: [{networks}]"), |_| {});
    let wants = desired([
        on("both", "{lima: a}, {lima: c}, {lima: b}"),
        on("good", "{lima: a}, {lima: c}"),
        on("other", "{lima: b}"),
    ]);
    let (made, report) = plan(&wants, &observed);
    let WaitReason::Host { why } = reason(&report, "instance/both") else { panic!("{report:?}") };
    assert_eq!(
        why,
        "it is on network/a and network/b, and their subnets 10.1.0.0/24 and 10.1.0.0/24 overlap: \
         it would not know where an address is"
    );
    let mut verbs = verbs(&made);
    verbs.retain(|verb| verb.starts_with("start instance"));
    // Neither waits for the other.
    verbs.sort();
    assert_eq!(verbs, ["start instance/good", "start instance/other"]);
}

#[test]
fn by_hand_no_guest_is_started_where_apply_would_not_start_it() {
    let mut observed = Observed { host: Some(host(&[])), ..Observed::default() };
    for (of, gateway) in [("a", "10.1.0.1"), ("b", "10.1.0.9")] {
        observed.networks.insert(name(of), there(user_v2(gateway), NetworkPhase::Stopped));
    }
    let gone = NetworkSpec {
        mode: NetworkMode::Bridged,
        interface: Some("br7".to_owned()),
        ..NetworkSpec::default()
    };
    observed.networks.insert(name("gone"), there(gone, NetworkPhase::Stopped));
    for (of, networks, phase) in [
        ("both", "{lima: a}, {lima: b}", InstancePhase::Stopped),
        ("bridged", "{lima: gone}", InstancePhase::Stopped),
        ("runs", "{lima: a}, {lima: b}", InstancePhase::Ready),
        ("good", "{lima: a}", InstancePhase::Stopped),
    ] {
        let one = observed_instance(of, &format!("networks: [{networks}]"), phase);
        observed.instances.insert(name(of), one.into());
    }
    let all = ["both", "bridged", "good"].map(name);
    let (made, report) = plan_run(&observed, &capabilities(), &all, RunVerb::Start);
    let instances = |plan: &Plan| {
        let mut verbs = verbs(plan);
        verbs.retain(|verb| verb.contains("instance/"));
        verbs
    };
    assert!(instances(&made).iter().all(|verb| verb.ends_with("/good")), "{:?}", verbs(&made));
    assert!(!instances(&made).is_empty());
    for (id, part) in [("instance/both", "overlap"), ("instance/bridged", "no interface br7")] {
        let WaitReason::Host { why } = reason(&report, id) else { panic!("{report:?}") };
        assert!(why.contains(part), "{why}");
    }
    // It is not stopped for a start that cannot be, and can be stopped.
    let (made, report) = plan_run(&observed, &capabilities(), &[name("runs")], RunVerb::Restart);
    assert_eq!(instances(&made), Vec::<String>::new());
    assert!(!report.is_empty());
    let stop = RunVerb::Stop(StopMode::Graceful);
    let (made, _) = plan_run(&observed, &capabilities(), &[name("runs")], stop);
    assert_eq!(instances(&made).len(), 1);
}

#[test]
fn a_subnet_of_the_host_is_not_taken() {
    let eth0 = ("eth0", InterfaceKind::Other, "10.1.7.5/16");
    let bridge = ("br0", InterfaceKind::Bridge, "10.3.0.1/24");
    let observed = Observed { host: Some(host(&[eth0, bridge])), ..Observed::default() };
    let mut wants = desired([]);
    wants.networks.insert(name("a"), wanted(user_v2("10.1.0.1")));
    let own = NetworkSpec {
        mode: NetworkMode::Host,
        interface: Some("br0".to_owned()),
        ..user_v2("10.3.0.1")
    };
    wants.networks.insert(name("own"), wanted(own));
    let (made, report) = plan(&wants, &observed);
    assert_eq!(verbs(&made), ["define network/own"], "its own end is no other");
    let WaitReason::Host { why } = reason(&report, "network/a") else { panic!("{report:?}") };
    assert_eq!(
        why,
        "its subnet 10.1.0.0/24 overlaps with 10.1.0.0/16 of this host's interface eth0"
    );
}

fn bridged(interface: &str) -> NetworkSpec {
    NetworkSpec {
        mode: NetworkMode::Bridged,
        interface: Some(interface.to_owned()),
        ..NetworkSpec::default()
    }
}

/// A host with the bridge `br0` and the plain interface `eth0`.
fn with_a_bridge() -> Observed {
    let interfaces = [
        ("br0", InterfaceKind::Bridge, "10.3.0.1/24"),
        ("eth0", InterfaceKind::Other, "10.4.0.1/24"),
    ];
    Observed { host: Some(host(&interfaces)), ..Observed::default() }
}

#[test]
fn what_linux_has_not_is_refused_with_what_to_use() {
    let mut observed = with_a_bridge();
    let shared = NetworkSpec { mode: NetworkMode::Shared, ..user_v2("10.5.0.1") };
    for (of, spec, phase) in [
        ("shared", shared, NetworkPhase::Stopped),
        ("no-such", bridged("en0"), NetworkPhase::Stopped),
        ("plain", bridged("eth0"), NetworkPhase::Stopped),
        ("good", bridged("br0"), NetworkPhase::Hosted),
    ] {
        observed.networks.insert(name(of), there(spec, phase));
    }
    let on = |of: &str| instance(of, &format!("networks: [{{lima: {of}}}]"), |_| {});
    let wants = desired(["shared", "no-such", "plain", "good"].map(on));
    let (made, report) = plan(&wants, &observed);
    for (of, part) in [
        ("shared", "which needs macOS"),
        ("no-such", "no interface en0"),
        ("plain", "neither a bridge nor a tap"),
    ] {
        let WaitReason::Host { why } = reason(&report, &format!("instance/{of}")) else {
            panic!("{report:?}")
        };
        assert!(why.contains(part), "{why}");
    }
    let started: Vec<_> =
        verbs(&made).into_iter().filter(|verb| verb.starts_with("start ")).collect();
    assert_eq!(started, ["start instance/good"], "no daemon is started for it");
}

#[test]
fn a_network_that_linux_has_not_is_not_defined_be_it_used_or_not() {
    let mut observed = with_a_bridge();
    // One keeps what it has, and its users that; the other has it as it should be.
    observed.networks.insert(name("keeps"), there(bridged("br0"), NetworkPhase::Hosted));
    observed.networks.insert(name("left"), there(bridged("br9"), NetworkPhase::Stopped));
    observed.owners = limekiln_testkit::Ledger::of_all(&observed).owners.into();
    let mut wants = desired([instance("web", "networks: [{lima: keeps}]", |_| {})]);
    for (of, interface) in
        [("keeps", "nope"), ("left", "br9"), ("new", "nope"), ("plain", "eth0"), ("good", "br0")]
    {
        wants.networks.insert(name(of), wanted(bridged(interface)));
    }
    let (made, report) = plan(&wants, &observed);
    let mut made = verbs(&made);
    made.retain(|verb| verb.contains("network/") || verb.starts_with("start "));
    made.sort();
    assert_eq!(made, ["define network/good", "start instance/web"]);
    for (of, part) in [
        ("keeps", "no interface nope"),
        ("new", "no interface nope"),
        ("plain", "eth0 of network/plain is neither a bridge nor a tap"),
    ] {
        let id = format!("network/{of}");
        let WaitReason::Host { why } = reason(&report, &id) else { panic!("{report:?}") };
        assert!(why.contains(part), "{why}");
        let hint = &report.waiting[&id.parse().expect("an id")][0].hint;
        assert!(hint.as_ref().is_some_and(|hint| hint.contains("name a bridge")), "{hint:?}");
    }
    assert_eq!(report.waiting.len(), 3, "{report:?}");
}

#[test]
fn names_of_a_network_in_use_change_live_and_nothing_else_does() {
    let mut observed = Observed::default();
    let lan = there(user_v2("10.1.0.1"), NetworkPhase::Running);
    observed.networks.insert(name("lan"), lan.clone());
    let ready = observed_instance("web", ON_LAN, InstancePhase::Ready);
    observed.instances.insert(name("web"), ready.into());
    observed.owners = limekiln_testkit::Ledger::of_all(&observed).owners.into();
    let with = |change: fn(&mut NetworkSpec)| {
        let mut spec = user_v2("10.1.0.1");
        change(&mut spec);
        let mut wants = desired([instance("web", ON_LAN, |_| {})]);
        wants.networks.insert(name("lan"), wanted(spec.filled()));
        wants
    };
    let hosts = with(|spec| drop(spec.hosts.insert("db.test".into(), "10.0.0.9".into())));
    let (made, report) = plan(&hosts, &observed);
    assert!(report.is_empty(), "{report:?}");
    assert_eq!(verbs(&made), ["define network/lan"]);
    assert_eq!(made.steps[0].cost, Some(Cost::Live));
    let shown = limekiln_planner::render::lines(&made);
    let change = shown.iter().any(|line| {
        matches!(line, Line::Field { path, to, cost: Cost::Live, .. }
            if path.contains("hosts") && to.contains("10.0.0.9"))
    });
    assert!(change, "{shown:?}");

    for other in [
        with(|spec| spec.mtu = Some(9000)),
        with(|spec| spec.allow = vec!["169.254.169.254".into()]),
    ] {
        let (made, _) = plan(&other, &observed);
        let verbs = verbs(&made);
        let at = |verb: &str| verbs.iter().position(|one| one == verb).expect(verb);
        assert!(at("stop instance/web") < at("stop network/lan"), "{verbs:?}");
        assert!(at("stop network/lan") < at("define network/lan"), "{verbs:?}");
        assert!(at("start network/lan") < at("start instance/web"), "{verbs:?}");
    }

    // Lima's daemon reads no file of ours.
    observed.networks.insert(name("lan"), ObservedNetwork { foreign: true, ..lan });
    let (made, _) = plan(&hosts, &observed);
    assert!(verbs(&made).contains(&"stop network/lan".to_owned()), "{:?}", verbs(&made));
}

/// As one that a later release wrote.
#[test]
fn a_definition_that_cannot_be_read_costs_its_own_network_alone() {
    let mut observed = Observed::default();
    let why = "a later release wrote definition.json".to_owned();
    let lan = there(user_v2("10.1.0.1"), NetworkPhase::Stopped);
    observed.networks.insert(name("lan"), ObservedNetwork { unreadable: Some(why), ..lan });
    observed.networks.insert(name("other"), there(user_v2("10.2.0.1"), NetworkPhase::Stopped));
    let mut wants = desired([
        instance("on-lan", ON_LAN, |_| {}),
        instance("on-other", "networks: [{lima: other}]", |_| {}),
        instance("alone", "{}", |_| {}),
    ]);
    wants.networks.insert(name("lan"), wanted(user_v2("10.1.0.9")));
    let owner = Owner { origin: wanted(()).origin, deletion_policy: DeletionPolicy::Delete };
    observed.owners.insert("network/lan".parse().expect("an id"), owner);
    let (made, report) = plan(&wants, &observed);
    let made = verbs(&made);
    for starts in ["start instance/on-other", "start instance/alone", "start network/other"] {
        assert!(made.contains(&starts.to_owned()), "{made:?}");
    }
    let touched =
        |verb: &String| verb.ends_with("network/lan") || verb.starts_with("start instance/on-lan");
    assert!(!made.iter().any(touched), "{made:?}");
    for id in ["network/lan", "instance/on-lan"] {
        let WaitReason::Host { why } = reason(&report, id) else { panic!("{report:?}") };
        assert!(why.contains("a later release wrote definition.json"), "{why}");
        let waiting = &report.waiting[&id.parse().expect("an id")];
        assert_eq!(waiting.len(), 1, "{waiting:?}");
        assert!(waiting[0].hint.as_ref().is_some_and(|hint| hint.contains("that release")));
    }
    // By hand neither: it is not deleted, and nobody started on it.
    let id: ObjectId = "network/lan".parse().expect("an id");
    for purge in [false, true] {
        let (made, report) =
            plan_delete(&observed, &capabilities(), std::slice::from_ref(&id), purge);
        assert!(made.is_empty(), "{:?}", verbs(&made));
        assert!(matches!(reason(&report, "network/lan"), WaitReason::Host { .. }), "{report:?}");
    }
    let stopped = observed_instance("web", ON_LAN, InstancePhase::Stopped);
    observed.instances.insert(name("web"), stopped.into());
    let (made, report) = plan_run(&observed, &capabilities(), &[name("web")], RunVerb::Start);
    assert!(made.is_empty() && !report.is_empty(), "{:?}", verbs(&made));
}

/// What can't be read is not touched by commands either, be they about its users or others.
#[test]
fn by_hand_a_daemon_whose_definition_cannot_be_read_is_left_alone() {
    let unreadable = |phase| {
        let mut observed = Observed::default();
        let why = Some("a later release wrote definition.json".to_owned());
        let lan = there(user_v2("10.1.0.1"), phase);
        observed.networks.insert(name("lan"), ObservedNetwork { unreadable: why, ..lan });
        observed
    };
    let by_hand = |observed: &Observed, of: &str, verb| {
        let (made, report) = plan_run(observed, &capabilities(), &[name(of)], verb);
        assert!(report.is_empty(), "{report:?}");
        verbs(&made)
    };
    let put = |observed: &mut Observed, of: &str, networks: &str, phase| {
        let one = observed_instance(of, networks, phase);
        observed.instances.insert(name(of), one.into());
    };
    let stop = RunVerb::Stop(StopMode::Graceful);

    // Its last user goes.
    let mut observed = unreadable(NetworkPhase::Running);
    put(&mut observed, "web", ON_LAN, InstancePhase::Ready);
    assert_eq!(by_hand(&observed, "web", stop), ["stop instance/web"]);
    let (made, _) =
        plan_delete(&observed, &capabilities(), &["instance/web".parse().unwrap()], false);
    assert!(!verbs(&made).contains(&"stop network/lan".to_owned()), "{:?}", verbs(&made));

    // Nobody uses it.
    let mut observed = unreadable(NetworkPhase::Running);
    put(&mut observed, "alone", "{}", InstancePhase::Stopped);
    assert_eq!(
        by_hand(&observed, "alone", RunVerb::Start),
        ["start instance/alone", "wait until ready instance/alone"]
    );

    // It died under somebody.
    let mut observed = unreadable(NetworkPhase::Stopped);
    put(&mut observed, "web", ON_LAN, InstancePhase::Ready);
    put(&mut observed, "alone", "{}", InstancePhase::Ready);
    assert_eq!(by_hand(&observed, "alone", stop), ["stop instance/alone"]);
}

#[test]
fn two_cards_with_one_address_on_one_network_are_found_before_they_meet() {
    let mut observed = Observed::default();
    for (lan, gateway) in [("lan", "10.1.0.1"), ("other", "10.2.0.1"), ("third", "10.3.0.1")] {
        observed.networks.insert(name(lan), there(user_v2(gateway), NetworkPhase::Stopped));
    }
    // The first user-v2 network has the first card, whose address is another.
    let on = |second: &str, mac: &str| {
        format!("networks: [{{lima: third}}, {{lima: {second}, macAddress: \"{mac}\"}}]")
    };
    let wants = desired([
        instance("one", &on("lan", "52:55:55:00:00:0a"), |_| {}),
        instance("two", &on("lan", "52-55-55-00-00-0A"), |_| {}),
        instance("three", &on("other", "52:55:55:00:00:0a"), |_| {}),
        instance("four", "networks: [{lima: lan, macAddress: \"52:55:55:00:00:0a\"}]", |_| {}),
    ]);
    let (made, report) = plan(&wants, &observed);
    let made = verbs(&made);
    let starts: Vec<_> = made.iter().filter(|verb| verb.starts_with("start instance")).collect();
    assert_eq!(starts, ["start instance/four", "start instance/three"], "{made:?}");
    for (id, other) in [("instance/one", "instance/two"), ("instance/two", "instance/one")] {
        let expected = WaitReason::Conflict {
            with: other.parse().expect("an id"),
            over: "hardware address 52:55:55:00:00:0a on network/lan".to_owned(),
        };
        assert_eq!(reason(&report, id), expected);
        let hint = report.waiting[&id.parse().expect("an id")][0].hint.clone();
        assert_eq!(
            hint.as_deref(),
            Some(
                "give one of them another macAddress: networks[1] of instance/one (all.yaml:1) \
                 and networks[1] of instance/two (all.yaml:1)"
            )
        );
    }
}

/// As `apply` does, and whoever made the instances.
#[test]
fn two_cards_with_one_address_are_not_started_by_hand_either() {
    let mut observed = Observed::default();
    for (lan, gateway) in [("lan", "10.1.0.1"), ("third", "10.3.0.1")] {
        observed.networks.insert(name(lan), there(user_v2(gateway), NetworkPhase::Running));
    }
    let card = |mac: &str| format!("{{lima: lan, macAddress: \"{mac}\"}}");
    let (same, also) = (card("52:55:55:00:00:0a"), card("52-55-55-00-00-0A"));
    let twice = card("52:55:55:00:00:0b");
    for (of, cards, phase) in [
        ("runs", same.clone(), InstancePhase::Ready),
        ("runs-too", same.clone(), InstancePhase::Ready),
        ("comes", also.clone(), InstancePhase::Stopped),
        ("twice", format!("{twice}, {twice}"), InstancePhase::Stopped),
        ("alone", card("52:55:55:00:00:0c"), InstancePhase::Stopped),
        ("one", card("52:55:55:00:00:0d"), InstancePhase::Stopped),
        ("two", card("52:55:55:00:00:0d"), InstancePhase::Stopped),
    ] {
        let networks = format!("networks: [{{lima: third}}, {cards}]");
        observed.instances.insert(name(of), observed_instance(of, &networks, phase).into());
    }
    let by_hand = |names: &[&str], verb| {
        let names: Vec<_> = names.iter().map(|of| name(of)).collect();
        let (made, report) = plan_run(&observed, &capabilities(), &names, verb);
        let mut made = verbs(&made);
        made.retain(|verb| verb.starts_with("start ") || verb.starts_with("stop "));
        (made, report)
    };
    let (made, report) = by_hand(&["comes", "alone", "twice"], RunVerb::Start);
    assert_eq!(made, ["start instance/alone", "start instance/twice"]);
    let WaitReason::Conflict { with, over } = reason(&report, "instance/comes") else {
        panic!("{report:?}")
    };
    assert!(with.name.as_str().starts_with("runs"), "{with}");
    assert_eq!(over, "hardware address 52:55:55:00:00:0a on network/lan");
    let hint = report.waiting[&"instance/comes".parse().expect("an id")][0].hint.clone();
    assert!(hint.is_some_and(|hint| hint.contains("networks[1] of instance/comes (lima.yaml)")));
    assert_eq!(report.waiting.len(), 1, "{report:?}");

    // Of two at once neither, one of them alone is.
    let (made, report) = by_hand(&["one", "two"], RunVerb::Start);
    assert_eq!((made, report.waiting.len()), (vec![], 2));
    let (made, _) = by_hand(&["one"], RunVerb::Start);
    assert_eq!(made, ["start instance/one"]);

    // What runs is stopped for no start that would be refused, and can be stopped.
    let (made, report) = by_hand(&["runs"], RunVerb::Restart);
    assert_eq!((made, report.waiting.len()), (vec![], 1));
    let (made, report) = by_hand(&["runs"], RunVerb::Stop(StopMode::Graceful));
    assert_eq!((made, report.waiting.len()), (vec!["stop instance/runs".to_owned()], 0));
    // It runs already.
    let (made, report) = by_hand(&["runs"], RunVerb::Start);
    assert_eq!((made, report.waiting.len()), (vec![], 0));
}
