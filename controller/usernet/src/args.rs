//! The command line: Lima's words for its own daemon, and ours beside them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use clap::Args;

use crate::Config;
use crate::dns::Target;
use crate::subnet::Subnet;
use crate::wire::Mac;

/// Serve a user-v2 network
#[derive(Args, Clone, Debug)]
pub struct UsernetArgs {
    /// Write the pid to this file; refuse to start while a daemon has it
    #[arg(short, long, value_name = "FILE")]
    pidfile: Option<PathBuf>,

    /// Serve the HTTP API on this socket
    #[arg(short, long, value_name = "SOCKET")]
    endpoint: Option<PathBuf>,

    /// Take QEMU's connections on this socket
    #[arg(long, value_name = "SOCKET")]
    listen_qemu: Option<PathBuf>,

    /// Take datagram sockets, handed over as SCM_RIGHTS messages, on this socket
    #[arg(long, value_name = "SOCKET")]
    listen: Option<PathBuf>,

    /// The network's addresses; the gateway is the second after the network's own
    #[arg(long, value_name = "CIDR", default_value = "192.168.5.0/24", value_parser = subnet)]
    subnet: Subnet,

    /// The longest IP packet
    #[arg(long, value_name = "BYTES", default_value_t = 1500, value_parser = clap::value_parser!(u16).range(576..=65_520))]
    mtu: u16,

    /// Addresses that VMs already have
    #[arg(long, value_name = "IP=MAC", value_delimiter = ',', value_parser = lease)]
    leases: Vec<(Ipv4Addr, Mac)>,

    /// Keep leases in this file, and begin with those in it
    #[arg(long, value_name = "FILE")]
    leases_file: Option<PathBuf>,

    /// Keep in this file which hardware address is whose VM's, so that after a restart no VM takes
    /// another's
    #[arg(long, value_name = "FILE")]
    cards_file: Option<PathBuf>,

    /// Keep names and forwards in this file until the daemon ends in order; a daemon that starts
    /// after one that was killed begins with those in it
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,

    /// A name that guests can resolve, and its address or the name that it stands for
    #[arg(long = "host", value_name = "NAME=TARGET", value_parser = host)]
    hosts: Vec<(String, Target)>,

    /// More such names, below `hosts` in this JSON file; it may change while the daemon runs
    #[arg(long, value_name = "FILE")]
    hosts_file: Option<PathBuf>,

    /// Let guests reach this destination, though it is one that is denied by default
    #[arg(long, value_name = "CIDR", value_parser = str::parse::<Subnet>)]
    allow: Vec<Subnet>,
}

impl UsernetArgs {
    /// What they say.
    pub fn into_config(self) -> Config {
        Config {
            pidfile: self.pidfile,
            endpoint: self.endpoint,
            listen_qemu: self.listen_qemu,
            listen: self.listen,
            subnet: self.subnet,
            mtu: self.mtu.into(),
            leases: self.leases.into_iter().collect::<BTreeMap<_, _>>(),
            leases_file: self.leases_file,
            cards_file: self.cards_file,
            state_file: self.state_file,
            hosts: self.hosts,
            hosts_file: self.hosts_file,
            allow: self.allow,
        }
    }
}

/// A network with room for the gateway and a guest.
fn subnet(text: &str) -> Result<Subnet, String> {
    let subnet: Subnet = text.parse()?;
    let room = subnet.contains(subnet.gateway()) && subnet.gateway() != subnet.broadcast();
    if room && subnet.guests().next().is_some() {
        Ok(subnet)
    } else {
        Err(format!("{subnet} has no room for a gateway and a VM"))
    }
}

fn lease(text: &str) -> Result<(Ipv4Addr, Mac), String> {
    let (address, mac) = text.trim().split_once('=').ok_or("IP=MAC is needed")?;
    let address = address.parse().map_err(|_| format!("{address:?} is no IPv4 address"))?;
    Ok((address, mac.parse()?))
}

fn host(text: &str) -> Result<(String, Target), String> {
    let (name, target) = text.split_once('=').ok_or("NAME=TARGET is needed")?;
    if name.is_empty() || target.is_empty() {
        return Err("NAME=TARGET is needed".to_owned());
    }
    Ok((name.to_owned(), Target::of(target)))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::UsernetArgs;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: UsernetArgs,
    }

    #[test]
    fn limas_words_are_understood() {
        let words = "usernet -p /n/usernet_n.pid -e /n/n_ep.sock --listen-qemu /n/n_qemu.sock \
            --listen /n/n_fd.sock --subnet 192.168.104.0/24 --leases \
            192.168.104.1=52:55:55:b3:bc:d9,192.168.104.3=52:55:55:b3:bc:da";
        let config = Cli::parse_from(words.split_whitespace()).args.into_config();
        assert_eq!(config.leases.len(), 2);
        assert_eq!(config.mtu, 1500);
        assert_eq!(config.subnet.gateway().to_string(), "192.168.104.2");
        assert_eq!(config.listen.unwrap().to_str(), Some("/n/n_fd.sock"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for words in [
            "--subnet 10.0.0.0/31",
            "--subnet x",
            "--mtu 100",
            "--mtu 65521",
            "--leases 1.2.3.4",
            "--host a",
        ] {
            let words = ["usernet"].into_iter().chain(words.split(' '));
            assert!(Cli::try_parse_from(words).is_err());
        }
    }
}
