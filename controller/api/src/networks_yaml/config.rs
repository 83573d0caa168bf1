//! What the file says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Name, NetworkMode, NetworkSpec, ReadError};

/// The networks of a home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworksConfig {
    /// Where socket_vmnet and its files are.
    pub paths: VmnetPaths,
    /// The group whose members may start socket_vmnet.
    pub group: String,
    /// The networks, filled. Those that cannot be read, or whose name is none, are left out, as
    /// nothing can be done with them.
    pub networks: BTreeMap<Name, NetworkSpec>,
}

/// Where socket_vmnet and its files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct VmnetPaths {
    /// The program; empty means the first usual place that has it.
    #[serde(rename = "socketVMNet")]
    pub socket_vmnet: PathBuf,
    /// Its sockets and pid files.
    pub var_run: PathBuf,
    /// The file that lets users start it; empty if there is none.
    pub sudoers: PathBuf,
}

/// Lima's.
impl Default for VmnetPaths {
    fn default() -> Self {
        Self {
            socket_vmnet: "/opt/socket_vmnet/bin/socket_vmnet".into(),
            var_run: "/private/var/run/lima".into(),
            sudoers: "/private/etc/sudoers.d/lima".into(),
        }
    }
}

impl Default for NetworksConfig {
    /// What Lima has without a file.
    fn default() -> Self {
        let networks = [
            ("user-v2", NetworkMode::UserV2, Some("192.168.104.1"), None),
            ("shared", NetworkMode::Shared, Some("192.168.105.1"), None),
            ("bridged", NetworkMode::Bridged, None, Some("en0")),
            ("host", NetworkMode::Host, Some("192.168.106.1"), None),
        ];
        let network = |(name, mode, gateway, interface): (&str, _, Option<&str>, Option<&str>)| {
            let spec = NetworkSpec {
                mode,
                gateway: gateway.and_then(|gateway| gateway.parse().ok()),
                interface: interface.map(str::to_owned),
                ..NetworkSpec::default()
            };
            Some((Name::new(name).ok()?, spec.filled()))
        };
        let networks = networks.into_iter().filter_map(network).collect();
        Self { paths: VmnetPaths::default(), group: "admin".to_owned(), networks }
    }
}

/// As it is written.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Raw {
    paths: Option<VmnetPaths>,
    group: Option<String>,
    networks: Option<BTreeMap<String, serde_json::Value>>,
}

impl NetworksConfig {
    /// Reads the file's text. Without a user-v2 network that has a gateway, Lima's own is there.
    ///
    /// # Errors
    /// It is not YAML, or no mapping; the text names the line.
    pub fn read(text: &str) -> Result<Self, ReadError> {
        let raw: Raw = crate::yaml::read(text)?;
        let mut networks: BTreeMap<Name, NetworkSpec> = raw
            .networks
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(name, value)| {
                let spec: NetworkSpec = serde_json::from_value(of_lima(value)).ok()?;
                Some((Name::new(name).ok()?, spec.filled()))
            })
            .collect();
        let usable =
            |spec: &NetworkSpec| spec.mode == NetworkMode::UserV2 && spec.gateway.is_some();
        if !networks.values().any(usable) {
            let own = Self::default().networks.into_iter();
            networks.extend(own.filter(|(_, spec)| spec.mode == NetworkMode::UserV2));
        }
        let paths = raw.paths.unwrap_or_default();
        Ok(Self { paths, group: raw.group.unwrap_or_default(), networks })
    }

    /// Whether the network is one that Lima has without anybody's doing, unchanged.
    pub fn is_builtin(name: &Name, spec: &NetworkSpec) -> bool {
        Self::default().networks.get(name) == Some(spec)
    }
}

/// Keys that Lima does not know, and that it may refuse one day: they have a file of their own, and
/// what stands here is nobody's.
const OURS: [&str; 3] = ["mtu", "allow", "hosts"];

/// As Lima sees it: an empty text is none.
fn of_lima(mut value: serde_json::Value) -> serde_json::Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|key, field| {
            field.as_str() != Some("") && !field.is_null() && !OURS.contains(&key.as_str())
        });
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        let read = NetworksConfig::read(text).expect("YAML");
        read.networks.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn what_lima_writes_is_read() {
        let text = "paths:\n  socketVMNet: /opt/x\n  varRun: /private/var/run/lima\ngroup: staff\n\nnetworks:\n  user-v2:\n    mode: user-v2\n    gateway: 192.168.104.1\n    netmask: 255.255.255.0\n  lan:\n    mode: bridged\n    interface: en1\n    # no gateway\n    gateway: \"\"\n";
        let read = NetworksConfig::read(text).expect("YAML");
        assert_eq!(
            (read.group.as_str(), read.paths.socket_vmnet.to_str()),
            ("staff", Some("/opt/x"))
        );
        assert_eq!(read.networks["lan"].interface.as_deref(), Some("en1"));
        assert_eq!(read.networks["lan"].gateway, None);
        assert!(NetworksConfig::is_builtin(
            &Name::new("user-v2").expect("a name"),
            &read.networks["user-v2"]
        ));
    }

    #[test]
    fn limas_own_user_v2_is_there_unless_another_is() {
        assert_eq!(names(""), ["user-v2"]);
        assert_eq!(names("networks: {mine: {mode: user-v2, gateway: 10.0.0.1}}"), ["mine"]);
        assert_eq!(names("networks: {user-v2: {mode: user-v2}}"), ["user-v2"]);
        let read = NetworksConfig::read("networks: {user-v2: {mode: user-v2}}").expect("YAML");
        assert_eq!(read.networks["user-v2"].gateway, "192.168.104.1".parse().ok());
    }

    #[test]
    fn what_lima_has_no_words_for_is_not_read_here() {
        let text = "networks: {a: {mode: user-v2, gateway: 10.0.0.1, mtu: 9000, allow: x}}";
        let read = NetworksConfig::read(text).expect("YAML");
        assert_eq!((read.networks["a"].mtu, read.networks["a"].allow.len()), (None, 0));
    }

    #[test]
    fn what_cannot_be_used_is_left_out() {
        assert_eq!(
            names(
                "more: 1\nnetworks:\n  a: {mode: odd}\n  'b c': {mode: host}\n  d: {mode: shared, gateway: 10.0.0.1, new: 1}\n"
            ),
            ["d", "user-v2"]
        );
        NetworksConfig::read("networks: [\n").expect_err("no YAML");
    }
}
