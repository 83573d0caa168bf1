//! The host agent's last words.

use std::fs;

use limekiln_hostagent::InstanceFiles;

/// The last error in the host agent's log, if there is one.
pub(super) fn last_error(files: &InstanceFiles) -> Option<String> {
    let log = fs::read_to_string(files.log()).ok()?;
    let lines =
        log.lines().rev().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let mut errors =
        lines.filter(|line| matches!(line["level"].as_str(), Some("error" | "fatal" | "ERROR")));
    let message = errors.next()?["msg"].as_str()?.to_owned();
    Some(message)
}

/// The last line of the log, whatever it is: what a panic or the loader printed.
pub(super) fn last_line(files: &InstanceFiles) -> Option<String> {
    let log = fs::read_to_string(files.log()).ok()?;
    log.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned)
}
