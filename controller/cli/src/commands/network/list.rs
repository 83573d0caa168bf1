//! `limekiln network list`

use clap::Args;
use limekiln_api::NetworkSpec;
use limekiln_model::{Name, ObservedNetwork};
use serde_json::{Map, Value, json};

use crate::compose::App;
use crate::exit::{Exit, Failure};
use crate::output::table::Table;

/// List networks, whoever defined them.
#[derive(Args)]
pub struct ListArgs {
    /// Only these
    names: Vec<String>,
    /// One JSON object per line, as limactl prints them
    #[arg(long)]
    json: bool,
}

/// Prints them.
///
/// # Errors
/// If `networks.yaml` cannot be read, or a named one does not exist; the others are printed all
/// the same.
pub fn run(args: &ListArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let names =
        args.names.iter().map(|word| super::network(word)).collect::<anyhow::Result<Vec<_>>>()?;
    let observed = app.observe()?;
    let wanted = |name: &Name| names.is_empty() || names.contains(name);
    let networks: Vec<_> = observed.networks.iter().filter(|(name, _)| wanted(name)).collect();
    if args.json {
        networks.iter().for_each(|(name, network)| outln!("{}", data(name, &network.spec)));
    } else if !networks.is_empty() {
        out!("{}", table(&networks).render());
    }
    match names.iter().find(|name| !observed.networks.contains_key(*name)) {
        None => Ok(Exit::Done),
        Some(name) => Err(Failure::new(Exit::Failed, format!("there is no network {name}")).into()),
    }
}

fn table(networks: &[(&Name, &ObservedNetwork)]) -> Table {
    let mut table = Table::new(&["NAME", "MODE", "GATEWAY", "INTERFACE", "PHASE"]);
    for (name, network) in networks {
        let spec = &network.spec;
        table.row(vec![
            name.to_string(),
            spec.mode.word().to_owned(),
            gateway(spec).unwrap_or_else(|| "-".to_owned()),
            spec.interface.clone().unwrap_or_else(|| "-".to_owned()),
            network.phase.word().to_owned(),
        ]);
    }
    table
}

/// With the length of its subnet's prefix.
fn gateway(spec: &NetworkSpec) -> Option<String> {
    let gateway = spec.gateway?;
    Some(match spec.subnet() {
        Some(subnet) => format!("{gateway}/{}", subnet.prefix_len()),
        None => gateway.to_string(),
    })
}

/// Lima's keys in Lima's order, then those that Lima does not have; what is not there is left out.
fn data(name: &Name, spec: &NetworkSpec) -> Value {
    let all = json!({
        "name": name,
        "mode": spec.mode,
        "interface": spec.interface,
        "gateway": spec.gateway,
        "dhcpEnd": spec.dhcp_end,
        "netmask": spec.netmask,
        "mtu": spec.mtu,
        "allow": Some(&spec.allow).filter(|allow| !allow.is_empty()),
        "hosts": Some(&spec.hosts).filter(|hosts| !hosts.is_empty()),
    });
    let Value::Object(all) = all else { return Value::Null };
    Value::Object(all.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
}
