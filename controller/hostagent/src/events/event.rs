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
    use super::{Event, Status};

    #[test]
    fn lines_have_limas_shape() {
        let time = "2026-08-21T18:27:58.123456789Z".parse().unwrap();
        let line = |status| serde_json::to_string(&Event { time, status }).unwrap();
        insta::assert_snapshot!(line(Status { ssh_local_port: 60022, ..Status::default() }),
            @r#"{"time":"2026-08-21T18:27:58.123456789Z","status":{"sshLocalPort":60022}}"#);
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
