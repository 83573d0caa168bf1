//! An instance as Lima's `list` tells it to programs.

use limekiln_api::{HostFacts, Lima, Listed};
use limekiln_model::{InstancePhase, Name, ObservedInstance};
use serde_json::{Map, Value, json};

/// One instance.
pub struct Row<'a> {
    /// Its name.
    pub name: &'a Name,
    /// What was seen of it.
    pub instance: &'a ObservedInstance,
    /// The host that it is on.
    pub facts: &'a HostFacts,
}

/// Lima prints them although they are empty.
const ALWAYS: [&str; 8] =
    ["name", "hostname", "status", "dir", "vmType", "arch", "protected", "limaVersion"];

impl Row<'_> {
    /// Lima's words: it knows only whether the driver and the host agent run.
    pub fn status(&self) -> &'static str {
        match self.instance.phase {
            InstancePhase::Broken { .. } => "Broken",
            _ if self.instance.phase.is_running() => "Running",
            _ => "Stopped",
        }
    }

    /// What is wrong with it.
    fn errors(&self) -> Vec<&str> {
        match &self.instance.phase {
            InstancePhase::Broken { why } => vec![why],
            InstancePhase::Degraded { errors } => errors.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        }
    }

    fn pid(&self, file: &str) -> Option<u32> {
        let runs = self.instance.phase.is_running();
        let text = runs.then(|| std::fs::read_to_string(self.instance.dir.join(file)).ok())??;
        text.trim().parse().ok()
    }

    /// Lima's keys in Lima's order; what is empty is left out as Lima does.
    pub fn json(&self) -> Value {
        let Self { name, instance, facts } = self;
        let config = instance.config.as_deref();
        let of = |get: fn(&Lima) -> Value| config.map_or(Value::Null, get);
        let all = json!({
            "name": name,
            "hostname": name.hostname(),
            "status": self.status(),
            "dir": instance.dir,
            "vmType": config.and_then(|config| config.vm_type.as_deref()).unwrap_or_default(),
            "arch": config.and_then(|config| config.arch).map(|arch| arch.to_string()).unwrap_or_default(),
            "cpus": of(|config| json!(config.cpus)),
            "memory": of(|config| json!(config.memory.map(|size| size.0))),
            "disk": instance.disk_bytes,
            "message": of(|config| json!(config.message.as_deref().map(|text| text.strip_suffix('\n').unwrap_or(text)))),
            "additionalDisks": of(|config| json!(config.additional_disks)),
            "network": of(|config| json!(config.networks)),
            "sshLocalPort": instance.ssh_port,
            "sshConfigFile": instance.dir.join("ssh.config"),
            "hostAgentPID": self.pid("ha.pid"),
            "driverPID": self.pid("qemu.pid"),
            "errors": self.errors(),
            "config": of(|config| json!(config)),
            "sshAddress": config.map(|_| "127.0.0.1"),
            "protected": instance.protected,
            "limaVersion": instance.creator.to_string(),
            "param": of(|config| json!(config.param)),
            "HostOS": facts.os,
            "HostArch": facts.arch.to_string(),
            "LimaHome": facts.lima_home,
            "IdentityFile": facts.lima_home.join("_config/user"),
        });
        let Value::Object(all) = all else { return Value::Null };
        let keep =
            |(key, value): &(String, Value)| ALWAYS.contains(&key.as_str()) || !is_empty(value);
        Value::Object(all.into_iter().filter(keep).collect::<Map<_, _>>())
    }

    /// The same for templates of Go.
    pub fn listed(&self) -> Listed {
        let mut listed = Listed::default();
        let json = self.json();
        for name in Listed::names() {
            match json.get(key_of(name)) {
                Some(Value::String(text)) => {
                    listed.texts.insert(name, text.clone());
                }
                Some(Value::Bool(flag)) => {
                    listed.flags.insert(name, *flag);
                }
                Some(Value::Number(number)) => {
                    listed.numbers.insert(name, number.as_i64().unwrap_or_default());
                }
                // As Go prints what has no text form is of no use to anybody.
                Some(other) => drop(listed.texts.insert(name, other.to_string())),
                None if NUMBERS.contains(&name) => drop(listed.numbers.insert(name, 0)),
                None => drop(listed.texts.insert(name, String::new())),
            }
        }
        let params = self.instance.config.as_ref().and_then(|config| config.param.clone());
        listed.params = params.unwrap_or_default();
        listed
    }
}

const NUMBERS: [&str; 6] = ["CPUs", "Memory", "Disk", "SSHLocalPort", "HostAgentPID", "DriverPID"];

/// The key of JSON for a name of Go.
fn key_of(name: &str) -> &str {
    match name {
        "Name" => "name",
        "Hostname" => "hostname",
        "Status" => "status",
        "Dir" => "dir",
        "VMType" => "vmType",
        "Arch" => "arch",
        "CPUs" => "cpus",
        "Memory" => "memory",
        "Disk" => "disk",
        "Message" => "message",
        "AdditionalDisks" => "additionalDisks",
        "Networks" => "network",
        "SSHLocalPort" => "sshLocalPort",
        "SSHConfigFile" => "sshConfigFile",
        "HostAgentPID" => "hostAgentPID",
        "DriverPID" => "driverPID",
        "Errors" => "errors",
        "Config" => "config",
        "SSHAddress" => "sshAddress",
        "Protected" => "protected",
        "LimaVersion" => "limaVersion",
        "Param" => "param",
        "AutoStartedIdentifier" => "autoStartedIdentifier",
        same => same,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Bool(flag) => !flag,
    }
}
