//! Names of the network itself.

use std::net::Ipv4Addr;

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

/// Another name that a name of the manifest stands for, or its address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address.
    Address(Ipv4Addr),
    /// A name.
    Name(String),
}

impl Target {
    /// As it is written: an address if it is one.
    pub fn of(text: String) -> Self {
        text.parse().map_or(Self::Name(text), Self::Address)
    }
}

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Its address.
    Address(Ipv4Addr),
    /// It stands for another.
    Alias(String),
    /// The network is to know it, and there is none.
    Missing,
    /// Nothing: the host's resolver may know.
    Nothing,
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
        let mut all = vec![("host.lima.internal".to_owned(), Target::Address(gateway))];
        all.extend(hosts.into_iter().map(|(name, target)| (plain(&name), target)));
        Self { hosts: all, ..Self::default() }
    }

    /// With the hosts in a file, whenever they change.
    #[must_use]
    pub fn with_file(mut self, file: HostsFile) -> Self {
        self.file = file;
        self
    }

    /// Hosts of the command line and of the file; of two with one name the last counts.
    fn hosts(&mut self) -> impl DoubleEndedIterator<Item = (String, &Target)> {
        let own = self.hosts.iter().map(|(name, target)| (name.clone(), target));
        own.chain(self.file.hosts().iter().map(|(name, target)| (plain(name), target)))
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

    /// What is known of a name, whatever its case.
    pub fn find(&mut self, name: &str) -> Known {
        let name = plain(name);
        if let Some((_, target)) = self.hosts().rev().find(|(host, _)| *host == name) {
            return match target {
                Target::Address(address) => Known::Address(*address),
                Target::Name(alias) => Known::Alias(alias.clone()),
            };
        }
        for zone in &self.zones {
            let domain = plain(&zone.name);
            let Some(short) = name.strip_suffix(&domain).and_then(|name| name.strip_suffix('.'))
            else {
                continue;
            };
            let record = zone.records.iter().find(|record| plain(&record.name) == short);
            let address = record.and_then(|record| record.ip).or(zone.default_ip);
            return address.map_or(Known::Missing, Known::Address);
        }
        Known::Nothing
    }

    /// The name that has the address.
    pub fn name_of(&mut self, address: Ipv4Addr) -> Option<String> {
        let mut hosts = self.hosts();
        let host = hosts.find(|(_, target)| **target == Target::Address(address));
        if let Some((name, _)) = host {
            return Some(name);
        }
        drop(hosts);
        let in_zone = |zone: &Zone| {
            let record = zone.records.iter().find(|record| record.ip == Some(address))?;
            Some(format!("{}.{}", plain(&record.name), plain(&zone.name)))
        };
        self.zones.iter().find_map(in_zone)
    }
}

/// As names are compared: without the root's dot, in lower case.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::{Known, Target, Zone, Zones};

    fn zones() -> Zones {
        let hosts = vec![
            ("db.test".to_owned(), Target::Address([10, 0, 0, 9].into())),
            ("alias.test".to_owned(), Target::Name("db.test".to_owned())),
        ];
        let mut zones = Zones::new([192, 168, 104, 2].into(), hosts);
        let lima = r#"{"Name":"internal.","Records":[{"Name":"lima-a","IP":"192.168.104.1"}],"DefaultIP":""}"#;
        zones.add(serde_json::from_str(lima).unwrap());
        zones
    }

    #[test]
    fn names_are_found_whatever_their_case() {
        let mut zones = zones();
        assert_eq!(zones.find("LIMA-a.internal."), Known::Address([192, 168, 104, 1].into()));
        assert_eq!(zones.find("host.lima.internal"), Known::Address([192, 168, 104, 2].into()));
        assert_eq!(zones.find("db.test"), Known::Address([10, 0, 0, 9].into()));
        assert_eq!(zones.find("alias.test"), Known::Alias("db.test".into()));
        assert_eq!(zones.find("lima-b.internal"), Known::Missing);
        assert_eq!(zones.find("internal"), Known::Nothing);
        assert_eq!(zones.find("notinternal"), Known::Nothing);
        assert_eq!(zones.name_of([192, 168, 104, 1].into()), Some("lima-a.internal".into()));
    }

    #[test]
    fn new_records_replace_old_ones() {
        let mut zones = zones();
        let text = r#"{"Name":"INTERNAL","Records":[{"Name":"lima-a","IP":"192.168.104.9"}]}"#;
        zones.add(serde_json::from_str::<Zone>(text).unwrap());
        assert_eq!(zones.find("lima-a.internal"), Known::Address([192, 168, 104, 9].into()));
        assert_eq!(zones.zones().len(), 1);
        assert_eq!(zones.zones()[0].records.len(), 1);
        let none: Zone = serde_json::from_str(r#"{"Name":"x.","Records":null}"#).unwrap();
        assert_eq!(none.records, []);
    }
}
