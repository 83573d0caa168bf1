//! `limekiln network create`

use std::net::{IpAddr, Ipv4Addr};

use anyhow::Context;
use clap::{Args, ValueEnum};
use limekiln_api::{NetworkMode, NetworkSpec, network_errors};
use limekiln_model::ObjectId;

use crate::compose::{App, refused, told};
use crate::exit::{Exit, Failure};

/// Define a network for `networks`.
#[derive(Args)]
pub struct CreateArgs {
    /// The network
    name: String,
    /// Who carries the packets
    #[arg(long, value_enum, default_value_t)]
    mode: Mode,
    /// The gateway, and how long its subnet's prefix is: 192.168.42.1/24
    #[arg(long)]
    gateway: Option<String>,
    /// The host's interface, for bridged; on Linux a bridge or a tap
    #[arg(long)]
    interface: Option<String>,
    /// The longest IP packet of user-v2, from 576 to 65520
    #[arg(long, value_name = "BYTES")]
    mtu: Option<u16>,
    /// Let guests of user-v2 reach this address or network, though it is denied by itself
    #[arg(long, value_name = "CIDR")]
    allow: Vec<String>,
    /// A name that guests of user-v2 can look up, and its address or the name that it stands for
    #[arg(long = "host", value_name = "NAME=TARGET", value_parser = host)]
    hosts: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Mode {
    #[default]
    #[value(name = "user-v2")]
    UserV2,
    Host,
    Shared,
    Bridged,
}

/// Does it.
///
/// # Errors
/// If it exists, or could not work.
pub fn run(args: &CreateArgs) -> anyhow::Result<Exit> {
    let name = super::network(&args.name)?;
    let spec = spec(args)?.filled();
    let app = App::open()?;
    if let Some(error) = network_errors(&name, &spec, app.facts()).into_iter().next() {
        let failure = Failure::bad_input(error.message);
        let hint = error.hint.unwrap_or_default();
        return Err(failure.hint(hint).into());
    }
    app.by_hand_anew()?.create_network(&name, &spec).map_err(refused)?;
    app.reconciler.own(ObjectId::network(&name)).map_err(told)?;
    outln!("network/{name} is there; put instances onto it with `networks: [{{lima: {name}}}]`");
    Ok(Exit::Done)
}

fn spec(args: &CreateArgs) -> anyhow::Result<NetworkSpec> {
    let mode = match args.mode {
        Mode::UserV2 => NetworkMode::UserV2,
        Mode::Host => NetworkMode::Host,
        Mode::Shared => NetworkMode::Shared,
        Mode::Bridged => NetworkMode::Bridged,
    };
    let mut spec = NetworkSpec {
        mode,
        interface: args.interface.clone(),
        mtu: args.mtu,
        allow: args.allow.clone(),
        hosts: args.hosts.iter().cloned().collect(),
        ..NetworkSpec::default()
    };
    if let Some(text) = &args.gateway {
        let wrong = || format!("--gateway {text}: write an address, such as 192.168.42.1/24");
        let (gateway, netmask) = gateway(text)
            .with_context(wrong)
            .map_err(|error| Failure::bad_input(error.to_string()))?;
        (spec.gateway, spec.netmask) = (Some(gateway.into()), Some(netmask));
    }
    Ok(spec)
}

fn host(text: &str) -> Result<(String, String), String> {
    let (name, target) = text.split_once('=').ok_or("NAME=TARGET is needed")?;
    Ok((name.to_owned(), target.to_owned()))
}

/// The address and the mask; without a prefix's length it is 24.
fn gateway(text: &str) -> Option<(Ipv4Addr, IpAddr)> {
    let (address, length) = text.split_once('/').unwrap_or((text, "24"));
    let length: u32 = length.parse().ok().filter(|length| *length <= 32)?;
    let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
    Some((address.parse().ok()?, IpAddr::V4(mask.into())))
}

#[cfg(test)]
mod tests {
    use super::gateway;

    #[test]
    fn a_gateway_has_a_mask() {
        let mask = |text: &str| gateway(text).map(|(_, mask)| mask.to_string());
        assert_eq!(mask("10.0.0.1").as_deref(), Some("255.255.255.0"));
        assert_eq!(mask("10.0.0.1/12").as_deref(), Some("255.240.0.0"));
        assert_eq!(mask("10.0.0.1/0").as_deref(), Some("0.0.0.0"));
        assert_eq!((mask("10.0.0.1/33"), mask("x/24"), mask("10.0.0.1/")), (None, None, None));
    }
}
