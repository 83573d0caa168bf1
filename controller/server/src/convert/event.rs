//! Events.

use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::{Occurrence, Record, RecordOutcome};

use super::reference::{object_id, object_ref};
use super::time::{timestamp, to_timestamp};

/// An occurrence for the wire.
pub fn event(occurrence: &Occurrence) -> wire::Event {
    let Occurrence { record, first_at, count } = occurrence;
    wire::Event {
        object: Some(object_ref(&record.object)),
        verb: record.verb.clone(),
        outcome: outcome(record.outcome).into(),
        message: record.message.clone().unwrap_or_default(),
        revision: record.revision.clone(),
        count: *count,
        first_time: Some(timestamp(*first_at)),
        last_time: Some(timestamp(record.at)),
    }
}

pub(super) fn outcome(outcome: RecordOutcome) -> wire::EventOutcome {
    match outcome {
        RecordOutcome::Done => wire::EventOutcome::Done,
        RecordOutcome::Retrying => wire::EventOutcome::Retrying,
        RecordOutcome::Failed => wire::EventOutcome::Failed,
        RecordOutcome::Skipped => wire::EventOutcome::Skipped,
        RecordOutcome::Cancelled => wire::EventOutcome::Cancelled,
    }
}

/// The outcome; one that a later version has is a failure to whoever does not know it.
pub fn record_outcome(outcome: wire::EventOutcome) -> RecordOutcome {
    match outcome {
        wire::EventOutcome::Done => RecordOutcome::Done,
        wire::EventOutcome::Retrying => RecordOutcome::Retrying,
        wire::EventOutcome::Failed | wire::EventOutcome::Unspecified => RecordOutcome::Failed,
        wire::EventOutcome::Skipped => RecordOutcome::Skipped,
        wire::EventOutcome::Cancelled => RecordOutcome::Cancelled,
    }
}

/// An occurrence from the wire.
///
/// # Errors
/// If it names no object.
pub fn to_occurrence(event: &wire::Event) -> Result<Occurrence, tonic::Status> {
    let message = (!event.message.is_empty()).then(|| event.message.clone());
    let record = Record {
        at: to_timestamp(event.last_time.as_ref()),
        object: object_id(event.object.as_ref())?,
        verb: event.verb.clone(),
        outcome: record_outcome(event.outcome()),
        message,
        revision: event.revision.clone(),
    };
    let first_at = to_timestamp(event.first_time.as_ref());
    Ok(Occurrence { record, first_at, count: event.count })
}
