//! Steps and counts in words.

use limekiln_model::Action;

/// What a step has done: `created`, `ready`.
pub fn done(action: &Action) -> &'static str {
    match action {
        Action::FetchImage { .. } => "image fetched",
        Action::FetchContainerd { .. } => "containerd fetched",
        Action::CreateDisk { .. } | Action::CreateInstance { .. } => "created",
        Action::ResizeDisk { .. } => "resized",
        Action::ResizeInstanceDisk { .. } => "disk grown",
        Action::DefineNetwork { .. } => "defined",
        Action::StartNetwork { .. } | Action::StartDriver { .. } => "started",
        Action::StopNetwork { .. } | Action::StopInstance { .. } => "stopped",
        Action::EditInstance { .. } => "edited",
        Action::AwaitReady { .. } => "ready",
        Action::Mount { .. } => "mounted",
        Action::TakeSnapshot { .. } => "snapshot taken",
        Action::Probe { .. } => "probed",
        Action::RestoreSnapshot { .. } => "gone back",
        Action::ForgetSnapshot { .. } => "snapshot removed",
        Action::AttachDisk { .. } => "disk attached",
        Action::DetachDisk { .. } => "disk detached",
        Action::Forward { .. } => "ports forwarded",
        Action::Park { .. } => "parked",
        Action::Restore { .. } => "brought back",
        Action::Purge { .. } => "removed for good",
        Action::Release { .. } => "released",
    }
}

/// `1 manifest`, `3 manifests`
pub fn count(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    }
}
