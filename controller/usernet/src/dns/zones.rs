//! Names of the network itself.

use std::net::{IpAddr, Ipv4Addr};

use limekiln_dns::{Known, Names, Target, plain};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::HostsFile;

/// Names below a domain, in the form of Lima's API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Zone {
    /// The domain, with a dot at its end.
    pub name: String,
    /// Names in it; the first that fits counts.
    #[serde(deserialize_with = "or_none")]
    pub records: Vec<Record>,
    /// The address of all names without a record.
    #[serde(rename = "DefaultIP", with = "maybe")]
    pub default_ip: Option<Ipv4Addr>,
}

/// A name in a zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The name, without the zone's.
    #[serde(rename = "Name", default)]
    pub name: String,
    /// Its address.
    #[serde(rename = "IP", with = "maybe", default)]
    pub ip: Option<Ipv4Addr>,
}

/// Go writes a missing list as `null`.
fn or_none<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Record>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// Go writes a missing address as an empty text.
mod maybe {
    use super::{Deserialize, Deserializer, Ipv4Addr, Serializer};

    pub fn serialize<S: Serializer>(ip: &Option<Ipv4Addr>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&ip.map(|ip| ip.to_string()).unwrap_or_default())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Ipv4Addr>, D::Error> {
        let text = Option::<String>::deserialize(from)?.unwrap_or_default();
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(serde::de::Error::custom)
    }
}

/// All names of a network.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    hosts: Vec<(String, Target)>,
    file: HostsFile,
    zones: Vec<Zone>,
}

impl Zones {
    /// The host's own name, and hosts of the command line.
    pub fn new(gateway: Ipv4Addr, hosts: Vec<(String, Target)>) -> Self {
        let mut all = vec![("host.lima.internal".to_owned(), Target::Address(gateway.into()))];
        all.extend(hosts.into_iter().map(|(name, target)| (plain(&name), target)));
        Self { hosts: all, ..Self::default() }
    }

    /// With the hosts in a file, whenever they change.
    #[must_use]
    pub fn with_file(mut self, file: HostsFile) -> Self {
        self.file = file;
        self
    }

    /// Adds a zone; of one that is there, the new records count first (Lima's rule).
    pub fn add(&mut self, zone: Zone) {
        let same = |other: &&mut Zone| plain(&other.name) == plain(&zone.name);
        match self.zones.iter_mut().find(same) {
            None => self.zones.push(zone),
            Some(old) => {
                let new = &zone.records;
                old.records.retain(|old| new.iter().all(|new| new.name != old.name));
                old.records.splice(0..0, zone.records);
                old.default_ip = zone.default_ip;
            }
        }
    }

    /// All zones.
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// Hosts of the command line and of the file; of two with one name the last counts.
    fn hosts(&self) -> impl DoubleEndedIterator<Item = (String, &Target)> {
        let own = self.hosts.iter().map(|(name, target)| (name.clone(), target));
        own.chain(self.file.hosts().iter().map(|(name, target)| (plain(name), target)))
    }

    /// What is known of a name, whatever its case.
    pub fn find(&self, name: &str) -> Known {
        let name = plain(name);
        if let Some((_, target)) = self.hosts().rev().find(|(host, _)| *host == name) {
            return target.into();
        }
        for zone in &self.zones {
            let domain = plain(&zone.name);
            // Of a host without a dot Lima makes a zone that has nothing but an address.
            if let Some(ip) = zone.default_ip.filter(|_| name == domain) {
                return Known::Address(ip.into());
            }
            let Some(short) = name.strip_suffix(&domain).and_then(|name| name.strip_suffix('.'))
            else {
                continue;
            };
            let record = zone.records.iter().find(|record| plain(&record.name) == short);
            let address = record.and_then(|record| record.ip).or(zone.default_ip);
            return address.map_or(Known::Missing, |ip| Known::Address(ip.into()));
        }
        Known::Nothing
    }

    /// The name that has the address.
    pub fn name_of(&self, address: IpAddr) -> Option<String> {
        let host = self.hosts().find(|(_, target)| **target == Target::Address(address));
        if let Some((name, _)) = host {
            return Some(name);
        }
        let in_zone = |zone: &Zone| {
            let record =
                zone.records.iter().find(|record| record.ip.map(IpAddr::V4) == Some(address))?;
            Some(format!("{}.{}", plain(&record.name), plain(&zone.name)))
        };
        self.zones.iter().find_map(in_zone)
    }
}

impl Names for Zones {
    fn refresh(&mut self) {
        self.file.refresh();
    }

    fn find(&self, name: &str) -> Known {
        Self::find(self, name)
    }

    fn name_of(&self, address: IpAddr) -> Option<String> {
        Self::name_of(self, address)
    }

    /// There is none on the network.
    fn ipv6(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Known, Target, Zone, Zones};

    fn zones() -> Zones {
        let hosts = vec![
            ("db.test".to_owned(), Target::Address(IpAddr::from([10, 0, 0, 9]))),
            ("alias.test".to_owned(), Target::Name("db.test".to_owned())),
        ];
        let mut zones = Zones::new([192, 168, 104, 2].into(), hosts);
        let lima = r#"{"Name":"internal.","Records":[{"Name":"lima-a","IP":"192.168.104.1"}],"DefaultIP":""}"#;
        zones.add(serde_json::from_str(lima).unwrap());
        zones
    }

    #[test]
    fn names_are_found_whatever_their_case() {
        let zones = zones();
        assert_eq!(
            zones.find("LIMA-a.internal."),
            Known::Address(IpAddr::from([192, 168, 104, 1]))
        );
        assert_eq!(
            zones.find("host.lima.internal"),
            Known::Address(IpAddr::from([192, 168, 104, 2]))
        );
        assert_eq!(zones.find("db.test"), Known::Address(IpAddr::from([10, 0, 0, 9])));
        assert_eq!(zones.find("alias.test"), Known::Alias("db.test".into()));
        assert_eq!(zones.find("lima-b.internal"), Known::Missing);
        assert_eq!(zones.find("internal"), Known::Nothing);
        assert_eq!(zones.find("notinternal"), Known::Nothing);
        assert_eq!(zones.name_of(IpAddr::from([192, 168, 104, 1])), Some("lima-a.internal".into()));
    }

    #[test]
    fn new_records_replace_old_ones() {
        let mut zones = zones();
        let text = r#"{"Name":"INTERNAL","Records":[{"Name":"lima-a","IP":"192.168.104.9"}]}"#;
        zones.add(serde_json::from_str::<Zone>(text).unwrap());
        assert_eq!(zones.find("lima-a.internal"), Known::Address(IpAddr::from([192, 168, 104, 9])));
        assert_eq!(zones.zones().len(), 1);
        assert_eq!(zones.zones()[0].records.len(), 1);
        let none: Zone = serde_json::from_str(r#"{"Name":"x.","Records":null}"#).unwrap();
        zones.add(Zone { default_ip: Some([10, 0, 0, 8].into()), ..none.clone() });
        assert_eq!(zones.find("x"), Known::Address(IpAddr::from([10, 0, 0, 8])));
        assert_eq!(none.records, []);
    }
}
