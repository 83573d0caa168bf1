//! Ports and sockets of the host that two instances want, or that somebody else has.

use std::collections::BTreeSet;

use limekiln_api::HostFacts;
use limekiln_model::{
    Action, Capabilities, Desired, Host, InstancePhase, ObjectId, Observed, Plan, Policy, Report,
    WaitReason,
};
use limekiln_planner::{RunVerb, checker, plan_run};
use limekiln_testkit::{Ledger, desired, instance, name, observed_instance};

fn plan(desired: &Desired, observed: &Observed) -> (Plan, Report) {
    let capabilities = Capabilities { engine: "test".to_owned(), ..Capabilities::default() };
    let made = limekiln_planner::plan(desired, observed, &capabilities, &Policy::default());
    assert_eq!(checker::check(&made.0, desired, observed, false), []);
    made
}

fn two(one: &str, two: &str) -> Desired {
    desired([instance("one", one, |_| {}), instance("two", two, |_| {})])
}

fn starts(plan: &Plan) -> Vec<String> {
    let starts = plan.steps.iter().filter_map(|step| match &step.action {
        Action::StartDriver { instance } => Some(instance.to_string()),
        _ => None,
    });
    starts.collect()
}

fn rule(fields: &str) -> String {
    format!("portForwards: [{{{fields}}}]")
}

#[derive(Debug, PartialEq)]
enum Found {
    /// Neither is started, because of this.
    Held(&'static str),
    /// Both are started, and this is told.
    Told(&'static str),
    Nothing,
}

use Found::{Held, Nothing, Told};

#[test]
fn what_two_instances_listen_on_is_found_before_they_do() {
    let on = |fields: &str| rule(&format!("static: true, {fields}"));
    let table = [
        (
            on("guestPort: 80, hostPort: 8080"),
            on("guestPort: 81, hostPort: 8080"),
            Held("host port 8080"),
        ),
        // Without a port of its own the host's is the guest's.
        (on("guestPort: 80"), on("guestPort: 81, hostPort: 80"), Held("host port 80")),
        (on("guestPort: 80"), on("guestPort: 81"), Nothing),
        (on("guestPort: 80"), "ssh: {localPort: 80}".to_owned(), Held("host port 80")),
        (
            "ssh: {localPort: 80}".to_owned(),
            "ssh: {localPort: 80}".to_owned(),
            Held("host port 80"),
        ),
        (on("guestPort: 80"), on("guestPort: 80, ignore: true"), Nothing),
        (on("guestPort: 80, hostIP: 0.0.0.0"), on("guestPort: 80"), Held("host port 80")),
        (on("guestPort: 80, hostIP: \"::\""), on("guestPort: 80"), Held("host port 80")),
        (on("guestPort: 80, hostIP: 127.0.0.2"), on("guestPort: 80"), Nothing),
        (on("guestPort: 80, hostIP: \"::1\""), on("guestPort: 80, hostIP: 0.0.0.0"), Nothing),
        (on("guestPort: 53, proto: udp"), on("guestPort: 53, proto: tcp"), Nothing),
        (
            on("guestPort: 53, proto: udp"),
            on("guestPort: 53, proto: udp"),
            Held("host UDP port 53"),
        ),
        (
            on("guestPortRange: [80, 90], proto: tcp"),
            on("guestPortRange: [5, 9], hostPortRange: [88, 92]"),
            Held("host ports 88 to 90"),
        ),
        (on("guestPortRange: [80, 90]"), on("guestPortRange: [91, 92]"), Nothing),
        // A guest that is plain has only what is static.
        (
            format!("plain: true\n{}", rule("guestPort: 80, hostPort: 8080")),
            rule("guestPort: 80, hostPort: 8080"),
            Nothing,
        ),
        // What is not static may never listen.
        (
            rule("guestPort: 80, hostPort: 8080, proto: tcp"),
            rule("guestPort: 80, hostPort: 8080"),
            Told("host port 8080"),
        ),
        (
            rule("guestPort: 80, hostPort: 8080, proto: tcp"),
            on("guestPort: 8080"),
            Told("host port 8080"),
        ),
        (
            rule("guestPortRange: [1, 9], hostPortRange: [11, 19], proto: tcp"),
            rule("guestPortRange: [1, 9], hostPortRange: [18, 26], proto: tcp"),
            Told("host ports 18 to 19"),
        ),
        // Every port to the same port, as Lima does by itself.
        (
            rule("guestPortRange: [1, 65535], hostIP: 0.0.0.0"),
            rule("guestPortRange: [1, 65535], hostIP: 0.0.0.0"),
            Nothing,
        ),
        (String::new(), String::new(), Nothing),
        (
            rule("guestSocket: /run/a.sock, hostSocket: /tmp/a.sock"),
            rule("guestSocket: /run/b.sock, hostSocket: /tmp//a.sock"),
            Held("socket /tmp/a.sock of the host"),
        ),
        (
            rule("guestPort: 80, hostSocket: /tmp/a.sock"),
            rule("guestPort: 80, hostSocket: /tmp/a.sock"),
            Told("socket /tmp/a.sock of the host"),
        ),
        // Each below its own directory; and what is reversed listens in the guest.
        (
            rule("guestSocket: /run/a.sock, hostSocket: a.sock"),
            rule("guestSocket: /run/a.sock, hostSocket: a.sock"),
            Nothing,
        ),
        (
            rule("guestSocket: /run/a.sock, hostSocket: /tmp/a.sock, reverse: true"),
            rule("guestSocket: /run/a.sock, hostSocket: /tmp/a.sock, reverse: true"),
            Nothing,
        ),
    ];
    for (first, second, expected) in table {
        let (made, report) = plan(&two(&first, &second), &Observed::default());
        let case = format!("{first} and {second}: {report:?}");
        let held = matches!(expected, Held(_));
        assert_eq!(starts(&made).len(), if held { 0 } else { 2 }, "{case}");
        for (id, other) in [("instance/one", "instance/two"), ("instance/two", "instance/one")] {
            let id: ObjectId = id.parse().expect("an id");
            let reasons: Vec<_> = report.waiting.get(&id).into_iter().flatten().collect();
            let notes: Vec<_> = report.notes.get(&id).into_iter().flatten().collect();
            match expected {
                Held(over) => {
                    let (with, over) = (other.parse().expect("an id"), over.to_owned());
                    // Both protocols are forwarded where none is named.
                    assert_eq!(reasons[0].reason, WaitReason::Conflict { with, over }, "{case}");
                }
                Told(over) => {
                    assert!(reasons.is_empty(), "{case}");
                    let text =
                        format!("may want {over} as {other} does: whichever listens first has it");
                    // For one of the two: it names the other.
                    let is_first = id.to_string() == "instance/one";
                    let told: Vec<_> = notes.iter().map(|note| &note.text).collect();
                    assert_eq!(told, if is_first { vec![&text] } else { vec![] }, "{case}");
                }
                Nothing => assert!(reasons.is_empty() && notes.is_empty(), "{case}"),
            }
        }
    }
}

#[test]
fn a_clash_names_the_rules_and_their_files() {
    let hints = |one: &str, other: &str| {
        let (_, report) = plan(&two(one, other), &Observed::default());
        let id = ObjectId::instance(&name("one"));
        let of_reason = report.waiting.get(&id).and_then(|all| all[0].hint.clone());
        of_reason.unwrap_or_else(|| report.notes[&id][0].hint.clone())
    };
    let second = "portForwards: [{guestPort: 9, ignore: true}, {guestPort: 80, static: true}]";
    assert_eq!(
        hints(&rule("guestPort: 80, static: true"), second),
        "give one of them another hostPort: portForwards[0] of instance/one (all.yaml:1) and \
         portForwards[1] of instance/two (all.yaml:1)"
    );
    assert_eq!(
        hints("ssh: {localPort: 80}", second),
        "give one of them another hostPort or ssh.localPort: ssh.localPort of instance/one \
         (all.yaml:1) and portForwards[1] of instance/two (all.yaml:1)"
    );
    let socket = rule("guestPort: 80, hostSocket: /tmp/a.sock");
    assert!(hints(&socket, &socket).starts_with("give one of them another hostSocket: "));
}

/// One that runs goes on, and is no rival of itself; who is not managed counts, too.
#[test]
fn who_has_the_port_already_keeps_it() {
    let on = rule("guestPort: 80, static: true, proto: tcp");
    let mut observed = Observed::default();
    observed
        .instances
        .insert(name("one"), observed_instance("one", &on, InstancePhase::Ready).into());
    let (made, report) = plan(&desired([instance("two", &on, |_| {})]), &observed);
    assert!(starts(&made).is_empty());
    let id = ObjectId::instance(&name("two"));
    assert!(matches!(report.waiting[&id][0].reason, WaitReason::Conflict { .. }), "{report:?}");

    observed.owners = Ledger::of_all(&observed).owners.into();
    observed.host = Some(taken([80]));
    let (made, report) = plan(&desired([instance("one", &on, |_| {})]), &observed);
    assert!(made.is_empty() && report.is_empty() && report.notes.is_empty(), "{report:?}");
}

/// Its VM listens on what its host agent forwarded: that is no stranger's, and a rival does not keep
/// it from a host agent.
#[test]
fn a_vm_without_its_host_agent_gets_one_whatever_it_listens_on() {
    let both = format!("ssh: {{localPort: 60022}}\n{}", rule("guestPort: 80, static: true"));
    let broken = InstancePhase::Broken { why: "its VM runs without a host agent".to_owned() };
    let mut observed = Observed::default();
    observed.instances.insert(name("one"), observed_instance("one", &both, broken).into());
    observed.owners = Ledger::of_all(&observed).owners.into();
    observed.host = Some(taken([80, 60022]));
    let (made, report) = plan(&desired([instance("one", &both, |_| {})]), &observed);
    assert_eq!((starts(&made), report.is_empty()), (vec!["one".to_owned()], true), "{report:?}");

    observed.host = Some(taken([]));
    let (made, report) = plan(&two(&both, &both), &observed);
    assert_eq!(starts(&made), ["one"], "{report:?}");
    let (made, report) = by_hand(&observed, "one");
    assert_eq!(starts(&made), ["one"], "{report:?}");
}

fn by_hand(observed: &Observed, of: &str) -> (Plan, Report) {
    let capabilities = Capabilities { engine: "test".to_owned(), ..Capabilities::default() };
    plan_run(observed, &capabilities, &[name(of)], RunVerb::Start)
}

#[test]
fn by_hand_neither_is_started_on_what_another_listens_on() {
    let on = rule("guestSocket: /run/a.sock, hostSocket: /tmp/a.sock");
    let mut observed = Observed::default();
    for (of, phase) in [("one", InstancePhase::Ready), ("two", InstancePhase::Stopped)] {
        observed.instances.insert(name(of), observed_instance(of, &on, phase).into());
    }
    let (made, report) = by_hand(&observed, "two");
    assert!(made.is_empty());
    let reasons = &report.waiting[&ObjectId::instance(&name("two"))];
    let with = ObjectId::instance(&name("one"));
    let over = "socket /tmp/a.sock of the host".to_owned();
    assert_eq!(reasons[0].reason, WaitReason::Conflict { with, over });
    assert_eq!(report.waiting.len(), 1, "the one that runs is not asked about: {report:?}");
}

fn taken<const N: usize>(ports: [u16; N]) -> Host {
    Host { facts: HostFacts::example(), taken_ports: ports.into(), interfaces: Vec::new() }
}

#[test]
fn a_port_of_a_static_rule_that_somebody_has_is_found_before_the_start() {
    let table = [
        ("guestPort: 80, hostPort: 8080, static: true", true),
        ("guestPortRange: [1, 9], hostPortRange: [8075, 8083], static: true", true),
        ("guestPort: 80, hostPort: 8080, static: true, hostIP: 0.0.0.0", true),
        ("guestPort: 80, hostPort: 8080, static: true, hostIP: 127.0.0.2", false),
        ("guestPort: 80, hostPort: 8080, static: true, proto: udp", false),
        ("guestPort: 80, hostPort: 8080, static: true, ignore: true", false),
        ("guestPort: 80, hostPort: 8081, static: true", false),
        // Its host agent has it as soon as it is free.
        ("guestPort: 80, hostPort: 8080", false),
    ];
    let observed = Observed { host: Some(taken([8080])), ..Observed::default() };
    for (fields, held) in table {
        let (made, report) = plan(&desired([instance("one", &rule(fields), |_| {})]), &observed);
        assert_eq!(starts(&made).is_empty(), held, "{fields}: {report:?}");
        let Some(waiting) = report.waiting.get(&ObjectId::instance(&name("one"))) else { continue };
        let why = "something else listens on port 8080 of this host".to_owned();
        assert_eq!(waiting[0].reason, WaitReason::Host { why });
        assert_eq!(
            waiting[0].hint.as_deref(),
            Some(
                "stop that program, or choose another hostPort: portForwards[0] of instance/one \
                 (all.yaml:1)"
            )
        );
    }
}

#[test]
fn many_that_want_one_port_are_each_told_once() {
    let (_, one) = instance("x0", &rule("guestPort: 80, hostPort: 8080, proto: tcp"), |_| {});
    let all = (0..50).map(|number| (name(&format!("x{number}")), one.clone()));
    let (_, report) = plan(&desired(all), &Observed::default());
    let told = report.notes.iter().flat_map(|(id, notes)| {
        assert_eq!(notes.len(), 1);
        let other = notes[0].text.split_whitespace().find(|word| word.starts_with("instance/"));
        [id.to_string(), other.expect("it names the other").to_owned()]
    });
    assert_eq!(told.collect::<BTreeSet<_>>().len(), 50);
}
