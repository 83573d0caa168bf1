//! How names are resolved for a guest.

use std::collections::BTreeMap;
use std::net::IpAddr;

use limekiln_api::Lima;

use super::SpecError;

/// Names that stand for names that stand for names.
const ALIASES: usize = 8;

/// `hostResolver` of a filled configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolverSpec {
    /// Whether the guest asks the host.
    pub enabled: bool,
    /// Whether it is told IPv6 addresses.
    pub ipv6: bool,
    /// Names, and the addresses or names that they stand for.
    pub hosts: BTreeMap<String, String>,
}

impl ResolverSpec {
    /// What the configuration says.
    pub fn new(lima: &Lima) -> Self {
        let resolver = lima.host_resolver.clone().unwrap_or_default();
        Self {
            enabled: resolver.enabled != Some(false),
            ipv6: resolver.ipv6 == Some(true),
            hosts: resolver.hosts.unwrap_or_default(),
        }
    }

    /// The names as lines of the guest's `/etc/hosts`, where the guest has them: on a user-v2 network,
    /// whose server is everybody's. Such a line can hold an address only.
    ///
    /// # Errors
    /// A name stands for one that only a server could look up.
    pub fn lines(&self) -> Result<Vec<String>, SpecError> {
        self.hosts.keys().map(|name| self.line(name)).collect()
    }

    fn line(&self, name: &str) -> Result<String, SpecError> {
        let mut at = name;
        for _ in 0..ALIASES {
            let Some(target) = self.hosts.get(at) else { break };
            match target.parse::<IpAddr>() {
                Ok(address) => return Ok(format!("{address} {name}")),
                Err(_) => at = target,
            }
        }
        Err(SpecError::Field {
            field: format!("hostResolver.hosts.{name}"),
            reason: "on a user-v2 network it can stand only for an address, or for another of these names".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::ResolverSpec;

    fn spec(hosts: &[(&str, &str)]) -> ResolverSpec {
        let pairs = hosts.iter().map(|(name, target)| ((*name).into(), (*target).into()));
        ResolverSpec { enabled: true, ipv6: false, hosts: pairs.collect() }
    }

    #[test]
    fn names_of_names_have_their_address() {
        let lines = spec(&[("a.test", "b.test"), ("b.test", "10.0.0.9")]).lines().unwrap();
        assert_eq!(lines, ["10.0.0.9 a.test", "10.0.0.9 b.test"]);
    }

    #[test]
    fn a_circle_and_a_foreign_name_are_refused() {
        for hosts in [
            [("a.test", "b.test"), ("b.test", "a.test")],
            [("a.test", "example.com"), ("b", "::1")],
        ] {
            let error = spec(&hosts).lines().unwrap_err().to_string();
            assert!(error.starts_with("hostResolver.hosts.a.test: on a user-v2"), "{error}");
        }
    }
}
