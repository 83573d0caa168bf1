//! Network cards.

use std::path::{Path, PathBuf};

use limekiln_api::lima::InstanceNetwork;
use limekiln_api::networks_yaml::NetworksConfig;
use limekiln_api::{InterfaceKind, Lima, Name, NetworkMode, NetworkSpec, plain_mac};

use super::SpecError;
use crate::network::host::interface_kind;
use crate::network::vmnet::VmnetNetwork;
use crate::network::{Daemon, NetworkFiles, must_be_understood, networks_config};

/// The metric of the first card's route, as in Lima.
const FIRST_METRIC: u32 = 200;

/// A network card.
#[derive(Clone, Debug)]
pub struct Nic {
    /// QEMU's name of its other end: `net0`, `net1` and so on.
    pub id: String,
    /// Its address, with colons and in lower case.
    pub mac: String,
    /// Its name in the guest.
    pub interface: String,
    /// The metric of its default route.
    pub metric: u32,
    /// Where it leads.
    pub link: Link,
}

/// Where a card leads.
#[derive(Clone, Debug)]
pub enum Link {
    /// QEMU's own network of one.
    User,
    /// A user-v2 network.
    UserV2(UserV2),
    /// The socket of a daemon that frames as QEMU does: socket_vmnet, or one of the user's.
    Socket(PathBuf),
    /// A bridge of the host, through QEMU's helper.
    Bridge(String),
    /// A tap of the host that this user may open.
    Tap(String),
}

/// A user-v2 network and its definition.
#[derive(Clone, Debug)]
pub struct UserV2 {
    /// The network's name.
    pub name: String,
    /// How it is defined.
    pub spec: NetworkSpec,
    /// Its daemon.
    pub daemon: Daemon,
}

impl Link {
    /// The socket that QEMU connects to, for links that have one.
    pub fn socket(&self) -> Option<PathBuf> {
        match self {
            Self::UserV2(network) => Some(network.daemon.files().qemu()),
            Self::Socket(socket) => Some(socket.clone()),
            Self::User | Self::Bridge(_) | Self::Tap(_) => None,
        }
    }

    /// The user-v2 network, if it leads to one.
    pub fn user_v2(&self) -> Option<&UserV2> {
        match self {
            Self::UserV2(network) => Some(network),
            _ => None,
        }
    }
}

/// The cards of an instance. The first user-v2 network takes the place of QEMU's own network on
/// the first card, so it has that card's name, address and metric.
///
/// # Errors
/// A network is not defined, or can't be had on this host; or an address is none.
pub(super) fn nics(
    lima: &Lima,
    lima_home: &Path,
    first_mac: String,
) -> Result<Vec<Nic>, SpecError> {
    let wanted: Vec<_> = lima.networks.iter().flatten().collect();
    let mut first = Nic {
        id: "net0".to_owned(),
        mac: first_mac,
        interface: "eth0".to_owned(),
        metric: FIRST_METRIC,
        link: Link::User,
    };
    // Most instances have no others, and read no file.
    if wanted.is_empty() {
        return Ok(vec![first]);
    }
    let config = networks_config(lima_home)?;
    let mut others = Vec::new();
    for (index, network) in wanted.into_iter().enumerate() {
        let link = link(index, network, &config, lima_home)?;
        if matches!((&first.link, &link), (Link::User, Link::UserV2(_))) {
            first.link = link;
            continue;
        }
        others.push(Nic {
            id: format!("net{}", index + 1),
            mac: network
                .mac_address
                .as_deref()
                .map_or(Ok(String::new()), |text| mac(index, text))?,
            interface: network.interface.clone().unwrap_or_else(|| format!("lima{index}")),
            metric: network.metric.unwrap_or(100),
            link,
        });
    }
    Ok(std::iter::once(first).chain(others).collect())
}

/// A card's address, in the one form that all take: QEMU does not take dots, and a network's daemon
/// and cloud-init take colons alone.
fn mac(index: usize, text: &str) -> Result<String, SpecError> {
    plain_mac(text).ok_or_else(|| SpecError::Field {
        field: format!("networks[{index}].macAddress"),
        reason: format!("{text:?} is no MAC address"),
    })
}

fn link(
    index: usize,
    network: &InstanceNetwork,
    config: &NetworksConfig,
    lima_home: &Path,
) -> Result<Link, SpecError> {
    let field = |name: &str, reason: String| SpecError::Field {
        field: format!("networks[{index}].{name}"),
        reason,
    };
    if let Some(socket) = &network.socket {
        return Ok(Link::Socket(socket.into()));
    }
    let Some(name) = &network.lima else {
        return Err(field("vzNAT", "it belongs to macOS's own virtualization".to_owned()));
    };
    let undefined = || field("lima", format!("there is no network {name}"));
    let name = Name::new(name.as_str()).map_err(|_| undefined())?;
    let spec = config.networks.get(&name).ok_or_else(undefined)?;
    must_be_understood(lima_home, &name, spec)?;
    match spec.mode {
        NetworkMode::UserV2 => Ok(Link::UserV2(UserV2 {
            name: name.to_string(),
            spec: spec.clone(),
            daemon: Daemon::new(NetworkFiles::new(lima_home, name.as_str())),
        })),
        _ if cfg!(target_os = "macos") => {
            let mut all = VmnetNetwork::all(config);
            let socket = all.find(|network| network.is(&name)).map(|network| network.socket());
            socket.map(Link::Socket).ok_or_else(undefined)
        }
        _ => on_host(spec).map_err(|reason| field("lima", format!("{name}: {reason}"))),
    }
}

/// On Linux, `host` and `bridged` networks are interfaces that exist already.
fn on_host(spec: &NetworkSpec) -> Result<Link, String> {
    let interface = spec.interface.clone().filter(|_| spec.mode != NetworkMode::Shared);
    let Some(interface) = interface else {
        return Err(format!("{} networks need macOS; use mode user-v2", spec.mode.word()));
    };
    match interface_kind(&interface) {
        Some(InterfaceKind::Bridge) => Ok(Link::Bridge(interface)),
        Some(InterfaceKind::Tap) => Ok(Link::Tap(interface)),
        Some(InterfaceKind::Other) => Err(format!("{interface} is neither a bridge nor a tap")),
        None => Err(format!("this host has no interface {interface}")),
    }
}

#[cfg(test)]
mod tests {
    use limekiln_api::read_lima;

    use super::*;

    fn of(home: &Path, networks: &str) -> Result<Vec<Nic>, SpecError> {
        let lima = read_lima(&format!("networks: {networks}")).unwrap();
        nics(&lima, home, "52:55:55:00:00:01".to_owned())
    }

    #[test]
    fn the_first_user_v2_network_takes_the_first_card() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("_config")).unwrap();
        let text = "networks:\n  a: {mode: user-v2, gateway: 10.1.0.1}\n  b: {mode: user-v2, gateway: 10.2.0.1}\n";
        std::fs::write(home.path().join("_config/networks.yaml"), text).unwrap();
        let cards = of(
            home.path(),
            "[{socket: /s, macAddress: 52-55-55-00-00-0A, interface: up, metric: 7}, {lima: a, macAddress: no, metric: 9}, {lima: b, macAddress: 5255.5500.000B}]",
        )
        .unwrap();
        let seen: Vec<_> = cards
            .iter()
            .map(|nic| (nic.id.as_str(), nic.mac.as_str(), nic.interface.as_str(), nic.metric))
            .collect();
        assert_eq!(
            seen,
            [
                ("net0", "52:55:55:00:00:01", "eth0", 200),
                ("net1", "52:55:55:00:00:0a", "up", 7),
                ("net3", "52:55:55:00:00:0b", "lima2", 100)
            ]
        );
        assert_eq!(cards[0].link.user_v2().map(|network| network.name.as_str()), Some("a"));
        assert_eq!(cards[1].link.socket(), Some("/s".into()));
    }

    #[test]
    fn an_address_is_the_same_in_each_form() {
        for text in
            ["52:55:55:00:00:0a", "52:55:55:00:00:0A", "52-55-55-00-00-0a", "5255.5500.000A"]
        {
            assert_eq!(mac(0, text).unwrap(), "52:55:55:00:00:0a", "{text}");
        }
        for text in
            ["", "52:55:55:00:00", "52:55-55:00:00:0a", "525555.00000a", "52:55:55:00:00:0g"]
        {
            let error = mac(3, text).unwrap_err().to_string();
            assert!(error.starts_with("networks[3].macAddress: "), "{error}");
        }
    }

    #[test]
    fn what_is_not_there_is_named_with_its_field() {
        let home = tempfile::tempdir().unwrap();
        let wrong = |networks: &str| of(home.path(), networks).unwrap_err().to_string();
        assert_eq!(wrong("[{lima: x}]"), "networks[0].lima: there is no network x");
        assert!(wrong("[{vzNAT: true}]").starts_with("networks[0].vzNAT: "));
        if cfg!(target_os = "linux") {
            assert!(wrong("[{lima: shared}]").contains("use mode user-v2"));
            assert!(wrong("[{lima: bridged}]").contains("no interface en0"));
        }
    }
}
