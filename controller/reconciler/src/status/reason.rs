//! Reasons in words.

use limekiln_model::{Change, ObjectId, WaitReason};

/// The reason as one CamelCase word, as conditions have it.
pub fn word(reason: &WaitReason) -> &'static str {
    match reason {
        WaitReason::Frozen { .. } => "InvalidManifest",
        WaitReason::Missing { .. } => "Missing",
        WaitReason::Cycle { .. } => "Cycle",
        WaitReason::Conflict { .. } => "Conflict",
        WaitReason::NotOurs => "NotOurs",
        WaitReason::Dependency { .. } => "Dependency",
        WaitReason::RestartRequired { .. } => "RestartRequired",
        WaitReason::RecreateRequired { .. } => "RecreateRequired",
        WaitReason::Refused { .. } => "Refused",
        WaitReason::Host { .. } => "Host",
        WaitReason::Unpruned { .. } => "Unpruned",
        WaitReason::Suspended => "Suspended",
        WaitReason::Protected => "Protected",
        WaitReason::Broken { .. } => "Broken",
    }
}

/// The reason as a phrase for people.
pub fn phrase(reason: &WaitReason) -> String {
    match reason {
        WaitReason::Frozen { why }
        | WaitReason::Host { why }
        | WaitReason::Unpruned { why }
        | WaitReason::Broken { why } => why.clone(),
        WaitReason::Missing { object } => format!("{object} does not exist"),
        WaitReason::Cycle { path } => {
            let path: Vec<_> = path.iter().map(ObjectId::to_string).collect();
            format!("depends on itself: {}", path.join(" -> "))
        }
        WaitReason::Conflict { with, over } => format!("{with} claims {over} as well"),
        WaitReason::NotOurs => "exists and is not managed by limekiln".to_owned(),
        WaitReason::Dependency { on } => format!("waits for {on}"),
        WaitReason::RestartRequired { changes } => format!("needs a restart: {}", paths(changes)),
        WaitReason::RecreateRequired { changes } => {
            format!("needs to be made anew: {}", paths(changes))
        }
        WaitReason::Refused { changes } => format!("cannot be changed: {}", paths(changes)),
        WaitReason::Suspended => "suspended, by its manifest or by hand".to_owned(),
        WaitReason::Protected => "protected from deletion".to_owned(),
    }
}

/// The fields, in the order of the change.
pub(super) fn paths(changes: &[Change]) -> String {
    changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>().join(", ")
}
