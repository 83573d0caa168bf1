//! One line of the event log.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A change of status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub time: Timestamp,
    /// The status since then.
    pub status: Status,
}

/// The status of an instance, as Lima's host agent reports it. Keys that Lima has and we don't
/// use are ignored when read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Status {
    /// The guest is up, and everything that was waited for was done or has failed.
    #[serde(skip_serializing_if = "is_false")]
    pub running: bool,
    /// It runs, but something failed.
    #[serde(skip_serializing_if = "is_false")]
    pub degraded: bool,
    /// The VM is down and the host agent ends.
    #[serde(skip_serializing_if = "is_false")]
    pub exiting: bool,
    /// What failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// The forwarded port on 127.0.0.1.
    #[serde(skip_serializing_if = "is_zero")]
    pub ssh_local_port: u16,
    /// What happened to a port of the guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_forward: Option<PortForward>,
}

/// What happened to a port of the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PortForward {
    /// What.
    pub r#type: PortForwardType,
    /// `tcp` or `udp`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub protocol: String,
    /// In the guest: `ip:port`, or a path.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub guest_addr: String,
    /// On the host: `ip:port`, or a path.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host_addr: String,
    /// Why not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// Lima's kinds of such events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PortForwardType {
    /// It is forwarded from now on. Lima says so before it tries, we when it works.
    Forwarding,
    /// It will not be.
    NotForwarding,
    /// It is forwarded no longer.
    Stopping,
    /// It shall be forwarded, and can't be yet; it is tried again.
    Failed,
    /// One that a later version made up.
    #[serde(other)]
    Other,
}

impl Default for PortForward {
    fn default() -> Self {
        Self {
            r#type: PortForwardType::Other,
            protocol: String::new(),
            guest_addr: String::new(),
            host_addr: String::new(),
            error: String::new(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u16) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::{Event, PortForward, PortForwardType, Status};

    #[test]
    fn lines_have_limas_shape() {
        let time = "2026-08-21T18:27:58.123456789Z".parse().unwrap();
        let line = |status| serde_json::to_string(&Event { time, status }).unwrap();
        insta::assert_snapshot!(line(Status { ssh_local_port: 60022, ..Status::default() }),
            @r#"{"time":"2026-08-21T18:27:58.123456789Z","status":{"sshLocalPort":60022}}"#);
        let port_forward = Some(PortForward {
            r#type: PortForwardType::Forwarding,
            protocol: "tcp".to_owned(),
            guest_addr: "0.0.0.0:80".to_owned(),
            host_addr: "127.0.0.1:80".to_owned(),
            error: String::new(),
        });
        insta::assert_snapshot!(line(Status { ssh_local_port: 60022, port_forward, ..Status::default() }),
            @r#"{"time":"2026-08-21T18:27:58.123456789Z","status":{"sshLocalPort":60022,"portForward":{"type":"forwarding","protocol":"tcp","guestAddr":"0.0.0.0:80","hostAddr":"127.0.0.1:80"}}}"#);
        insta::assert_snapshot!(line(Status { exiting: true, ..Status::default() }),
            @r#"{"time":"2026-08-21T18:27:58.123456789Z","status":{"exiting":true}}"#);
    }

    #[test]
    fn limas_lines_are_read() {
        let line = r#"{"time":"2026-08-21T18:27:58.1+09:00","status":{"sshLocalPort":60022,"portForward":{"type":"forwarding"}}}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(event.status.ssh_local_port, 60022);
    }
}
