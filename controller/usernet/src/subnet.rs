//! The addresses of a network.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

/// An IPv4 network, and where Lima puts things in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    network: u32,
    prefix: u8,
}

impl Subnet {
    /// The network of this many leading bits around the address; `None` for more than 32.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Option<Self> {
        (prefix <= 32).then(|| Self { network: address.to_bits() & mask(prefix), prefix })
    }

    /// Where the gateway is: two above the network's own address, whatever `networks.yaml` calls
    /// the gateway (Lima's rule). It is also the name server and the host.
    pub fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network + 2)
    }

    /// The network's mask.
    pub fn mask(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(mask(self.prefix))
    }

    /// The address of all stations.
    pub fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.network | !mask(self.prefix))
    }

    /// Whether the address is one of this network.
    pub fn contains(self, address: Ipv4Addr) -> bool {
        address.to_bits() & mask(self.prefix) == self.network
    }

    /// The addresses that guests may get, in the order in which they get them.
    pub fn guests(self) -> impl Iterator<Item = Ipv4Addr> {
        let (first, end) = (self.network.saturating_add(1), self.broadcast().to_bits());
        (first..end).map(Ipv4Addr::from_bits).filter(move |&address| address != self.gateway())
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from_bits(self.network), self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no IPv4 network such as 192.168.104.0/24");
        let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let (address, prefix) = (address.parse(), prefix.parse());
        Self::new(address.map_err(|_| bad())?, prefix.map_err(|_| bad())?).ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::Subnet;

    #[test]
    fn guests_get_addresses_around_the_gateway() {
        let subnet: Subnet = "192.168.104.1/29".parse().unwrap();
        let guests: Vec<_> = subnet.guests().map(|address| address.octets()[3]).collect();
        assert_eq!(guests, [1, 3, 4, 5, 6]);
        assert_eq!(subnet.to_string(), "192.168.104.0/29");
        assert_eq!(subnet.gateway().to_string(), "192.168.104.2");
        assert_eq!(subnet.mask().to_string(), "255.255.255.248");
        assert!(subnet.contains([192, 168, 104, 7].into()));
        assert!(!subnet.contains([192, 168, 104, 8].into()));
    }

    #[test]
    fn an_address_alone_is_a_network_of_one() {
        let subnet: Subnet = "169.254.169.254".parse().unwrap();
        assert_eq!(subnet.to_string(), "169.254.169.254/32");
        assert_eq!("0.0.0.0/0".parse::<Subnet>().map(|all| all.contains([1; 4].into())), Ok(true));
        for bad in ["", "1.2.3.4/33", "1.2.3/8", "a/8", "::/0"] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
        }
    }
}
