//! Commands and what they return.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

/// A command.
pub trait Command {
    /// Its name.
    const NAME: &'static str;
    /// What QEMU returns.
    type Return: DeserializeOwned;

    /// Its arguments, an object; `Null` for none.
    fn arguments(&self) -> Value {
        Value::Null
    }
}

/// Leaves the negotiation that a connection starts in.
pub(super) struct Capabilities;

impl Command for Capabilities {
    const NAME: &'static str = "qmp_capabilities";
    type Return = Nothing;
}

/// Presses the power button.
#[derive(Debug)]
pub struct SystemPowerdown;

impl Command for SystemPowerdown {
    const NAME: &'static str = "system_powerdown";
    type Return = Nothing;
}

/// Ends QEMU at once, with its files in order.
#[derive(Debug)]
pub struct Quit;

impl Command for Quit {
    const NAME: &'static str = "quit";
    type Return = Nothing;
}

/// Lets the guest's processors run.
#[derive(Debug)]
pub struct Cont;

impl Command for Cont {
    const NAME: &'static str = "cont";
    type Return = Nothing;
}

/// Asks whether the guest's processors run.
#[derive(Debug)]
pub struct QueryStatus;

impl Command for QueryStatus {
    const NAME: &'static str = "query-status";
    type Return = RunState;
}

/// Whether the guest's processors run.
#[derive(Clone, Debug, Deserialize)]
pub struct RunState {
    /// QEMU's word: `running`, `paused`, `io-error`, `guest-panicked` and so on.
    pub status: String,
}

/// Sets who may look at the display by VNC: nobody without this password, of which eight bytes
/// count.
pub struct ChangeVncPassword<'a> {
    /// The password.
    pub password: &'a str,
}

impl Command for ChangeVncPassword<'_> {
    const NAME: &'static str = "change-vnc-password";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        json!({"password": self.password})
    }
}

/// Asks where the VNC server listens.
#[derive(Debug)]
pub struct QueryVnc;

impl Command for QueryVnc {
    const NAME: &'static str = "query-vnc";
    type Return = VncServer;
}

/// A VNC server.
#[derive(Clone, Debug, Deserialize)]
pub struct VncServer {
    /// Its port, or the path of its socket.
    pub service: Option<String>,
}

/// Asks what was read and written.
#[derive(Debug)]
pub struct QueryBlockStats;

impl Command for QueryBlockStats {
    const NAME: &'static str = "query-blockstats";
    type Return = AllBlockStats;
}

/// Operations of one disk since the start.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct BlockStats {
    /// Reads.
    #[serde(rename = "rd_operations")]
    pub reads: u64,
    /// Writes.
    #[serde(rename = "wr_operations")]
    pub writes: u64,
}

/// The sums over all disks.
#[derive(Clone, Copy, Debug)]
pub struct AllBlockStats(pub BlockStats);

impl<'de> Deserialize<'de> for AllBlockStats {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Device {
            stats: BlockStats,
        }
        let devices = Vec::<Device>::deserialize(deserializer)?;
        Ok(Self(devices.iter().fold(BlockStats::default(), |sum, device| BlockStats {
            reads: sum.reads.saturating_add(device.stats.reads),
            writes: sum.writes.saturating_add(device.stats.writes),
        })))
    }
}

/// Adds the other end of a network card.
#[derive(Debug)]
pub struct NetdevAdd(pub Value);

impl Command for NetdevAdd {
    const NAME: &'static str = "netdev_add";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        self.0.clone()
    }
}

/// Takes one away.
#[derive(Debug)]
pub struct NetdevDel<'a> {
    /// Which.
    pub id: &'a str,
}

impl Command for NetdevDel<'_> {
    const NAME: &'static str = "netdev_del";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        json!({"id": self.id})
    }
}

/// Has all network cards say where they are, as after a migration: five times within two seconds.
#[derive(Debug)]
pub struct AnnounceSelf;

impl Command for AnnounceSelf {
    const NAME: &'static str = "announce-self";
    type Return = Nothing;

    fn arguments(&self) -> Value {
        json!({"initial": 20, "max": 600, "rounds": 5, "step": 200})
    }
}

/// A command of the monitor for people, for what there is no other.
#[derive(Debug)]
pub struct HumanMonitor<'a> {
    /// The command.
    pub line: &'a str,
}

impl Command for HumanMonitor<'_> {
    const NAME: &'static str = "human-monitor-command";
    type Return = String;

    fn arguments(&self) -> Value {
        json!({"command-line": self.line})
    }
}

/// An answer that is of no interest.
#[derive(Debug, Deserialize)]
pub struct Nothing {}
