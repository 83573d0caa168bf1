//! What the fields of a template stand for.

use std::collections::BTreeMap;

use super::value::Value;
use crate::lima::Text;

/// The values of one kind of text.
pub(crate) trait Variables {
    /// The names of all.
    fn names(&self) -> &'static [&'static str];
    /// The value of one.
    fn value(&self, name: &str) -> Option<Value<'_>>;
    /// The parameters.
    fn params(&self) -> Option<&BTreeMap<String, Text>>;

    /// The value of `.Param.KEY`.
    fn param(&self, key: &str) -> Option<&str> {
        self.params().and_then(|params| params.get(key)).map(|text| text.0.as_str())
    }
}

/// For texts about the guest.
#[derive(Clone, Debug, Default)]
pub(crate) struct GuestVariables<'a> {
    /// `.Name`: the instance.
    pub(crate) name: &'a str,
    /// `.Hostname`.
    pub(crate) hostname: &'a str,
    /// `.User`: login name.
    pub(crate) user: &'a str,
    /// `.UID`.
    pub(crate) uid: u32,
    /// `.Home`; for the home directory itself, as it is written.
    pub(crate) home: &'a str,
    /// `.Param`.
    pub(crate) param: Option<&'a BTreeMap<String, Text>>,
}

impl Variables for GuestVariables<'_> {
    fn names(&self) -> &'static [&'static str] {
        &["Name", "Hostname", "UID", "User", "Home", "Param"]
    }

    fn value(&self, name: &str) -> Option<Value<'_>> {
        Some(Value::Text(match name {
            "Name" => self.name.into(),
            "Hostname" => self.hostname.into(),
            "User" => self.user.into(),
            "Home" => self.home.into(),
            "UID" => return Some(Value::Number(self.uid.into())),
            _ => return None,
        }))
    }

    fn params(&self) -> Option<&BTreeMap<String, Text>> {
        self.param
    }
}

/// For texts about the host.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostVariables<'a> {
    /// `.Name`: the instance; also by its old name `.Instance`.
    pub(crate) name: &'a str,
    /// `.Dir`: the instance's directory.
    pub(crate) dir: &'a str,
    /// `.User`: login name.
    pub(crate) user: &'a str,
    /// `.UID`.
    pub(crate) uid: u32,
    /// `.Home`.
    pub(crate) home: &'a str,
    /// `.TempDir`. `.GlobalTempDir` is always `/tmp`.
    pub(crate) temp_dir: &'a str,
    /// `.LimaHome`, an old name.
    pub(crate) lima_home: &'a str,
    /// `.Param`.
    pub(crate) param: Option<&'a BTreeMap<String, Text>>,
}

impl Variables for HostVariables<'_> {
    fn names(&self) -> &'static [&'static str] {
        &[
            "Dir",
            "Name",
            "UID",
            "User",
            "Home",
            "Param",
            "GlobalTempDir",
            "TempDir",
            "Instance",
            "LimaHome",
        ]
    }

    fn value(&self, name: &str) -> Option<Value<'_>> {
        Some(Value::Text(match name {
            "Name" | "Instance" => self.name.into(),
            "Dir" => self.dir.into(),
            "User" => self.user.into(),
            "Home" => self.home.into(),
            "GlobalTempDir" => "/tmp".into(),
            "TempDir" => self.temp_dir.into(),
            "LimaHome" => self.lima_home.into(),
            // Go's user.Current() has it as a text.
            "UID" => self.uid.to_string().into(),
            _ => return None,
        }))
    }

    fn params(&self) -> Option<&BTreeMap<String, Text>> {
        self.param
    }
}

/// What `message` may name: the fields of `limactl list`, by their names in Go.
pub(super) const MESSAGE_NAMES: [&str; 28] = [
    "Name",
    "Hostname",
    "Status",
    "Dir",
    "VMType",
    "Arch",
    "CPUs",
    "Memory",
    "Disk",
    "Message",
    "AdditionalDisks",
    "Networks",
    "SSHLocalPort",
    "SSHConfigFile",
    "HostAgentPID",
    "DriverPID",
    "Errors",
    "Config",
    "SSHAddress",
    "Protected",
    "LimaVersion",
    "Param",
    "AutoStartedIdentifier",
    "HostOS",
    "HostArch",
    "LimaHome",
    "IdentityFile",
    "Instance",
];
