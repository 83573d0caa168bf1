//! Objects as manifests describe them, with few fields and few values, so that collisions happen.

use std::fmt::Write;

use limekiln_api::Lima;
use limekiln_model::{Kind, Name, ObjectId};

/// One manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Described {
    /// A virtual machine.
    Instance(Machine),
    /// An additional disk.
    Disk {
        /// Its name.
        name: &'static str,
        /// GiB.
        size: u32,
        /// Whether it stays when its manifest goes.
        retain: bool,
    },
    /// A network.
    Network {
        /// Its name.
        name: &'static str,
        /// The third byte of its gateway's address.
        subnet: u8,
    },
}

/// A virtual machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its name.
    pub name: &'static str,
    /// Processors.
    pub cpus: u32,
    /// GiB of its own disk.
    pub disk: u32,
    /// Whether it is of another architecture: to change that means to make it anew.
    pub foreign: bool,
    /// `Always`, `Manual` or `Halted`.
    pub strategy: &'static str,
    /// `Live`, `Restart` or `Recreate`.
    pub disruption: &'static str,
    /// Whether its manifest suspends it.
    pub suspend: bool,
    /// The additional disk that it has.
    pub uses_disk: Option<&'static str>,
    /// The network that it is in.
    pub uses_network: Option<&'static str>,
    /// The instance that it depends on, and whether that must be ready, not just running.
    pub depends_on: Option<(&'static str, bool)>,
    /// Whether a directory is mounted.
    pub mount: bool,
    /// The guest's port that is forwarded.
    pub forward: Option<u16>,
    /// Whether it stays when its manifest goes.
    pub retain: bool,
    /// What is shown after a start: costs nothing to change.
    pub message: u32,
}

impl Described {
    /// The object.
    pub fn id(&self) -> ObjectId {
        let id = |kind, name: &str| ObjectId::new(kind, Name::new(name).expect("a name"));
        match self {
            Self::Instance(machine) => id(Kind::Instance, machine.name),
            Self::Disk { name, .. } => id(Kind::Disk, name),
            Self::Network { name, .. } => id(Kind::Network, name),
        }
    }

    /// The manifest.
    pub fn yaml(&self) -> String {
        let head = |kind: &str, name: &str| {
            format!("apiVersion: lima-vm.io/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\n")
        };
        match self {
            Self::Instance(machine) => head("Instance", machine.name) + &machine.yaml(),
            Self::Disk { name, size, retain } => {
                let policy = if *retain { "Retain" } else { "Delete" };
                let spec = format!("spec: {{size: {size}GiB, deletionPolicy: {policy}}}\n");
                head("Disk", name) + &spec
            }
            Self::Network { name, subnet } => {
                let spec = format!("spec: {{mode: user-v2, gateway: 192.168.{subnet}.1}}\n");
                head("Network", name) + &spec
            }
        }
    }
}

impl Machine {
    /// One that runs, may be restarted, and has nothing that is special.
    pub fn plain(name: &'static str) -> Self {
        Self {
            name,
            cpus: 1,
            disk: 10,
            foreign: false,
            strategy: "Always",
            disruption: "Restart",
            suspend: false,
            uses_disk: None,
            uses_network: None,
            depends_on: None,
            mount: false,
            forward: None,
            retain: false,
            message: 0,
        }
    }

    fn yaml(&self) -> String {
        let mut yaml = format!(
            "spec:\n  runStrategy: {}\n  maxDisruption: {}\n  suspend: {}\n",
            self.strategy, self.disruption, self.suspend
        );
        if self.retain {
            yaml += "  deletionPolicy: Retain\n";
        }
        if let Some((name, ready)) = self.depends_on {
            let condition = if ready { "Ready" } else { "Running" };
            let on = format!("{{kind: Instance, name: {name}, condition: {condition}}}");
            let _ = writeln!(yaml, "  dependsOn: [{on}]");
        }
        yaml += "  template:\n";
        for line in self.template().lines() {
            let _ = writeln!(yaml, "    {line}");
        }
        yaml
    }

    /// Whether a stored configuration is that of this manifest, so far as it is told from others.
    pub fn is_in(&self, config: &Lima) -> bool {
        let cpus = config.cpus.as_ref().map(|cpus| cpus.0);
        let message = config.message.as_deref().map(str::trim);
        cpus == Some(i64::from(self.cpus)) && message == Some(&*format!("m{}", self.message))
    }

    /// Its template.
    pub fn template(&self) -> String {
        let arch = if self.foreign { "aarch64" } else { "x86_64" };
        let mut yaml = format!(
            "images: [{{location: 'https://example.com/{arch}.img', arch: {arch}}}]\narch: {arch}\ncpus: {}\ndisk: {}GiB\n",
            self.cpus, self.disk
        );
        let mut line = |text: Option<String>| {
            if let Some(text) = text {
                let _ = writeln!(yaml, "{text}");
            }
        };
        line(self.uses_disk.map(|disk| format!("additionalDisks: [{disk}]")));
        line(self.uses_network.map(|network| format!("networks: [{{lima: {network}}}]")));
        line(self.mount.then(|| "mounts: [{location: /srv}]".to_owned()));
        let forward = |port| format!("portForwards: [{{guestPort: {port}, hostPort: 8080}}]");
        line(self.forward.map(forward));
        // Last, so that what is cut off lacks it.
        line(Some(format!("message: m{}", self.message)));
        yaml
    }
}
