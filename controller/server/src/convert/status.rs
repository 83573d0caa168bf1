//! Conditions.

use jiff::Timestamp;
use limekiln_api::{Condition, ConditionStatus, Status};
use limekiln_proto::v1alpha1 as wire;

use super::time::{timestamp, to_timestamp};

pub(super) fn status(status: Status) -> wire::Status {
    wire::Status {
        phase: status.phase.unwrap_or_default(),
        conditions: status.conditions.into_iter().map(condition).collect(),
        observed_revision: status.observed_revision.unwrap_or_default(),
    }
}

fn condition(condition: Condition) -> wire::Condition {
    let status = match condition.status {
        ConditionStatus::True => wire::ConditionStatus::True,
        ConditionStatus::False => wire::ConditionStatus::False,
        ConditionStatus::Unknown => wire::ConditionStatus::Unknown,
    };
    let since = condition.last_transition_time.and_then(|time| time.parse::<Timestamp>().ok());
    wire::Condition {
        r#type: condition.type_,
        status: status.into(),
        reason: condition.reason,
        message: condition.message,
        last_transition_time: since.map(timestamp),
    }
}

/// The status of an object, as manifests and `get -o json` have it.
pub fn to_status(object: &wire::Object) -> Status {
    let Some(status) = &object.status else { return Status::default() };
    let port = match &object.details {
        Some(wire::object::Details::Instance(instance)) => instance.ssh_local_port,
        _ => None,
    };
    Status {
        phase: (!status.phase.is_empty()).then(|| status.phase.clone()),
        observed_revision: Some(status.observed_revision.clone()).filter(|it| !it.is_empty()),
        ssh_local_port: port.and_then(|port| u16::try_from(port).ok()),
        conditions: status.conditions.iter().map(to_condition).collect(),
    }
}

fn to_condition(condition: &wire::Condition) -> Condition {
    let since = condition.last_transition_time.as_ref();
    Condition {
        type_: condition.r#type.clone(),
        status: match condition.status() {
            wire::ConditionStatus::True => ConditionStatus::True,
            wire::ConditionStatus::False => ConditionStatus::False,
            _ => ConditionStatus::Unknown,
        },
        reason: condition.reason.clone(),
        message: condition.message.clone(),
        last_transition_time: since.map(|time| to_timestamp(Some(time)).to_string()),
    }
}
