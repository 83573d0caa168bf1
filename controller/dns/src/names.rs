//! Names that a server knows by itself.

use std::net::IpAddr;
use std::sync::Mutex;

/// What a name of the manifest stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An address.
    Address(IpAddr),
    /// Another name.
    Name(String),
}

impl Target {
    /// What a text stands for: what is no address is a name.
    pub fn of(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Name(text.to_owned()), Self::Address)
    }
}

/// What is known of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Its address.
    Address(IpAddr),
    /// It stands for another.
    Alias(String),
    /// The server is to know it, and there is none.
    Missing,
    /// Nothing: the host's resolver may know.
    Nothing,
}

impl From<&Target> for Known {
    fn from(target: &Target) -> Self {
        match target {
            Target::Address(address) => Self::Address(*address),
            Target::Name(alias) => Self::Alias(alias.clone()),
        }
    }
}

/// What a server asks before it asks the host.
pub trait Names {
    /// Brings what may have changed up to date, before something is asked.
    fn refresh(&mut self) {}
    /// What is known of a name, whatever its case and with or without the root's dot.
    fn find(&self, name: &str) -> Known;
    /// The name that has the address.
    fn name_of(&self, address: IpAddr) -> Option<String>;
    /// Whether IPv6 addresses are told.
    fn ipv6(&self) -> bool;
}

/// Names that change while they are asked for.
impl<T: Names> Names for Mutex<T> {
    fn find(&self, name: &str) -> Known {
        let Ok(mut names) = self.lock() else { return Known::Nothing };
        names.refresh();
        names.find(name)
    }

    fn name_of(&self, address: IpAddr) -> Option<String> {
        let mut names = self.lock().ok()?;
        names.refresh();
        names.name_of(address)
    }

    fn ipv6(&self) -> bool {
        self.lock().is_ok_and(|names| names.ipv6())
    }
}

/// As names are compared: without the root's dot, in lower case.
pub fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}
