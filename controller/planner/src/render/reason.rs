//! Why an object waits, in words.

use limekiln_model::{Change, ObjectId, WaitReason};

use super::value::short;

/// The reason as a sentence whose subject is the object.
pub fn reason(id: &ObjectId, reason: &WaitReason) -> String {
    match reason {
        WaitReason::Missing { object } if object == id => "does not exist".to_owned(),
        WaitReason::Frozen { why } => format!("is left alone: {why}"),
        WaitReason::Missing { object } => format!("{object} does not exist"),
        WaitReason::Cycle { path } => format!("depends on itself: {}", chain(path)),
        WaitReason::Conflict { with, over } => format!("claims what {with} claims, too: {over}"),
        WaitReason::NotOurs => "exists, and limekiln did not make it".to_owned(),
        WaitReason::Dependency { on } => format!("waits for {on}"),
        WaitReason::RestartRequired { changes } => {
            format!("needs a restart for {}", fields(changes))
        }
        WaitReason::RecreateRequired { changes } => {
            format!("would have to be made anew for {}", fields(changes))
        }
        WaitReason::Refused { changes } => {
            format!("asks for what is never done: {}", fields(changes))
        }
        WaitReason::Host { why } | WaitReason::Unpruned { why } => why.clone(),
        WaitReason::Suspended => "is suspended".to_owned(),
        WaitReason::Protected => "is protected".to_owned(),
        WaitReason::Broken { why } => format!("is broken: {why}"),
    }
}

fn chain(ids: &[ObjectId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → ")
}

/// `cpus (1 → 2), memory (1GiB → 2GiB)`
fn fields(changes: &[Change]) -> String {
    let one = |change: &Change| {
        let path = change.path.strip_prefix("template.").unwrap_or(&change.path);
        format!("{path} ({} → {})", short(change.from.as_ref()), short(change.to.as_ref()))
    };
    changes.iter().map(one).collect::<Vec<_>>().join(", ")
}
