//! Errors as statuses of gRPC.

use limekiln_reconciler::{OrderError, ReconcileError};
use tonic::metadata::{BinaryMetadataValue, MetadataMap};
use tonic::{Code, Status};

use crate::desk::DeskError;

/// The trailer that says what the user can do.
const HINT: &str = "hint-bin";

/// A status with what the user can do.
pub(super) fn status(code: Code, message: String, hint: Option<String>) -> Status {
    let mut metadata = MetadataMap::new();
    if let Some(hint) = hint {
        metadata.insert_bin(HINT, BinaryMetadataValue::from_bytes(hint.as_bytes()));
    }
    Status::with_metadata(code, message, metadata)
}

/// The home cannot be used.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn of_home(error: ReconcileError) -> Status {
    status(Code::Internal, error.chain(), error.hint())
}

pub(super) fn of_desk(error: DeskError) -> Status {
    match error {
        DeskError::Home(error) => of_home(error),
        DeskError::Io(source) => Status::internal(format!("cannot read what was noted: {source}")),
        DeskError::Revision(why) => {
            let hint = "ListRevisions has those that are kept".to_owned();
            status(Code::InvalidArgument, why, Some(hint))
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn of_order(error: OrderError) -> Status {
    let code = match &error {
        OrderError::Kept { .. } | OrderError::Unfit(_) => Code::FailedPrecondition,
        OrderError::Busy(_) => Code::Aborted,
        OrderError::TooMany => Code::ResourceExhausted,
        OrderError::Unready => Code::Unavailable,
    };
    let message = match &error {
        OrderError::Unfit(error) => error.chain(),
        other => other.to_string(),
    };
    status(code, message, error.hint())
}
