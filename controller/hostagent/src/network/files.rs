//! File names of a network, as Lima has them.

use std::path::{Path, PathBuf};

/// The directory of a user-v2 network, `$LIMA_HOME/_networks/NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkFiles {
    dir: PathBuf,
    name: String,
}

impl NetworkFiles {
    /// Of the network with this name.
    pub fn new(lima_home: &Path, name: &str) -> Self {
        Self { dir: lima_home.join("_networks").join(name), name: name.to_owned() }
    }

    /// The network's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The daemon's pid file.
    pub fn pidfile(&self) -> PathBuf {
        self.dir.join(format!("usernet_{}.pid", self.name))
    }

    /// Where the daemon serves its HTTP API.
    pub fn endpoint(&self) -> PathBuf {
        self.socket("ep")
    }

    /// Where QEMUs connect.
    pub fn qemu(&self) -> PathBuf {
        self.socket("qemu")
    }

    /// Where drivers connect that hand over a descriptor.
    pub fn descriptors(&self) -> PathBuf {
        self.socket("fd")
    }

    /// What the daemon prints.
    pub fn stdout(&self) -> PathBuf {
        self.dir.join(format!("usernet.{}.stdout.log", self.name))
    }

    /// The daemon's log.
    pub fn stderr(&self) -> PathBuf {
        self.dir.join(format!("usernet.{}.stderr.log", self.name))
    }

    /// Which address is whose, kept while no daemon runs.
    pub fn leases(&self) -> PathBuf {
        self.dir.join("leases.json")
    }

    /// Which hardware address is whose VM's, kept while no daemon runs.
    pub fn cards(&self) -> PathBuf {
        self.dir.join("cards.json")
    }

    /// The definition, where it says more than Lima's `networks.yaml` can.
    pub fn definition(&self) -> PathBuf {
        self.dir.join("definition.json")
    }

    /// What a daemon of ours was told, for the next one if it is killed.
    pub fn state(&self) -> PathBuf {
        self.dir.join("state.json")
    }

    /// All sockets. The longest path is the one that counts against the limit of `sun_path`.
    pub fn sockets(&self) -> [PathBuf; 3] {
        [self.endpoint(), self.qemu(), self.descriptors()]
    }

    fn socket(&self, kind: &str) -> PathBuf {
        self.dir.join(format!("{}_{kind}.sock", self.name))
    }
}
