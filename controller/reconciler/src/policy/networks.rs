//! Networks, and disks of others.

use ipnet::Ipv4Net;
use limekiln_api::lima::InstanceNetwork;
use limekiln_api::{Lima, NetworkMode, NetworkSpec};

use super::judge::{Judge, denied, written};
use super::judged::{of_template, reference};

pub(super) fn judge(judge: &mut Judge<'_>, lima: &Lima) {
    for (index, network) in lima.networks.iter().flatten().enumerate() {
        interface(judge, &of_template(format!("networks[{index}]")), network);
    }
    for (index, disk) in lima.additional_disks.iter().flatten().enumerate() {
        let field = of_template(format!("additionalDisks[{index}].name"));
        let (own, names) = (judge.ground.own_disks, &judge.rules().disks.names);
        reference(judge, own, names, "disks.names", &field, &disk.name);
    }
}

fn interface(judge: &mut Judge<'_>, field: &str, network: &InstanceNetwork) {
    let rules = &judge.rules().networks;
    if let Some(name) = &network.lima {
        let own = judge.ground.own_networks;
        reference(judge, own, &rules.names, "networks.names", &format!("{field}.lima"), name);
    }
    if let Some(socket) = &network.socket {
        let why = "it leads to any daemon of the host";
        let denial = (!rules.sockets).then(|| denied(why, written("networks.sockets", "true")));
        judge.note("networks.sockets", format!("{field}.socket"), socket, denial);
    }
    let nat = network.vz_nat == Some(true);
    let why = "it is a network of the host";
    judge.flag(rules.vz_nat, "networks.vzNAT", &format!("{field}.vzNAT"), nat, why);
}

pub(super) fn judge_network(judge: &mut Judge<'_>, spec: &NetworkSpec) {
    let word = word(spec.mode);
    let denial = (!judge.rules().networks.modes.contains(&spec.mode)).then(|| {
        let write = written("networks.modes", &format!("[{word}]"));
        denied(format!("{word} is none of its modes"), write)
    });
    judge.note("networks.modes", "spec.mode", word, denial);
    for (index, text) in spec.allow.iter().enumerate() {
        allowed(judge, &format!("spec.allow[{index}]"), text);
    }
}

/// What guests are to reach must be within what the host lets its sources allow.
fn allowed(judge: &mut Judge<'_>, field: &str, text: &str) {
    const RULE: &str = "networks.allow";
    let wanted = NetworkSpec::allowed_net(text);
    let rules = &judge.rules().networks.allow;
    let within = |wanted: Ipv4Net| rules.iter().any(|net| net.contains(&wanted));
    let denial = (!wanted.is_some_and(within)).then(|| {
        let write = wanted.map_or_else(|| text.to_owned(), |net| net.to_string());
        denied(
            format!("{text} is within none of its networks"),
            written(RULE, &format!("[{write}]")),
        )
    });
    judge.note(RULE, field, text, denial);
}

fn word(mode: NetworkMode) -> &'static str {
    match mode {
        NetworkMode::UserV2 => "user-v2",
        NetworkMode::Host => "host",
        NetworkMode::Shared => "shared",
        NetworkMode::Bridged => "bridged",
    }
}
