//! What people ask for.

use limekiln_model::ObjectId;
use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::{Back, OfSource, Requests};
use tonic::Status;
use wire::AcknowledgeKind;
use wire::rollback_request::To;

use super::answers::Answers;
use super::failure;
use crate::convert::{object_ids, object_ref};
use crate::desk::{Desk, DeskError};

/// Does what may have to wait for a disk or a lock beside the thread that answers.
pub(super) async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DeskError> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Status::internal("internal error: it panicked"))?.map_err(failure::of_desk)
}

impl Answers {
    async fn asked<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Desk) -> Result<T, DeskError> + Send + 'static,
    ) -> Result<T, Status> {
        let desk = self.desk.clone();
        beside(move || work(&desk)).await
    }

    pub(super) fn look_again(
        &self,
        request: &wire::ReconcileRequest,
    ) -> Result<wire::ReconcileResponse, Status> {
        let ids = object_ids(&request.objects)?;
        if let Some(handle) = &self.desk.controller {
            handle.reconcile(ids);
        }
        Ok(wire::ReconcileResponse {})
    }

    pub(super) async fn notify_sources(&self) -> Result<wire::NotifyResponse, Status> {
        self.asked(Desk::notify).await?;
        Ok(wire::NotifyResponse {})
    }

    pub(super) async fn suspend_objects(
        &self,
        request: &wire::SuspendRequest,
    ) -> Result<wire::SuspendResponse, Status> {
        let ids = named(&request.objects)?;
        let changed = self.asked(move |desk| Ok(only(&ids, &desk.suspend(&ids)?))).await?;
        Ok(wire::SuspendResponse { changed })
    }

    pub(super) async fn resume_objects(
        &self,
        request: &wire::ResumeRequest,
    ) -> Result<wire::ResumeResponse, Status> {
        let ids = named(&request.objects)?;
        let changed = self.asked(move |desk| Ok(only(&ids, &desk.resume(&ids)?))).await?;
        Ok(wire::ResumeResponse { changed })
    }

    pub(super) async fn acknowledge_revision(
        &self,
        request: wire::AcknowledgeRequest,
    ) -> Result<wire::AcknowledgeResponse, Status> {
        let kind = request.kind();
        let wire::AcknowledgeRequest { revision, source, .. } = request;
        if revision.is_empty() {
            return Err(Status::invalid_argument("a revision must be named"));
        }
        let is_commit = Requests::is_commit(&revision);
        let rewinds = match kind {
            AcknowledgeKind::Rewind if !is_commit => {
                return Err(Status::invalid_argument("a commit has 40 hex digits"));
            }
            AcknowledgeKind::Rewind => true,
            AcknowledgeKind::Deletions => false,
            AcknowledgeKind::Unspecified => is_commit,
        };
        let what = of(source, revision);
        if rewinds {
            self.asked(move |desk| desk.follow(what)).await?;
        } else {
            self.asked(move |desk| desk.let_go(what)).await?;
        }
        Ok(wire::AcknowledgeResponse {})
    }

    pub(super) async fn roll_back(
        &self,
        request: wire::RollbackRequest,
    ) -> Result<wire::RollbackResponse, Status> {
        let source = Some(request.source).filter(|source| !source.is_empty());
        match request.to {
            Some(To::Revision(word)) => {
                let rolled = self.asked(move |desk| desk.roll_back(&word, source.as_deref()));
                let Back { source, revision, left } = rolled.await?;
                let left = left.unwrap_or_default();
                Ok(wire::RollbackResponse { source, revision, left, released: Vec::new() })
            }
            Some(To::Release(wire::Release {})) => {
                let released = self.asked(Desk::release).await?;
                Ok(wire::RollbackResponse { released, ..wire::RollbackResponse::default() })
            }
            None => Err(Status::invalid_argument("a revision or a release must be named")),
        }
    }
}

fn of(source: String, revision: String) -> OfSource {
    OfSource { source: Some(source).filter(|source| !source.is_empty()), revision }
}

fn named(objects: &[wire::ObjectRef]) -> Result<Vec<ObjectId>, Status> {
    match object_ids(objects)? {
        ids if ids.is_empty() => Err(Status::invalid_argument("an object must be named")),
        ids => Ok(ids),
    }
}

fn only(ids: &[ObjectId], changed: &[bool]) -> Vec<wire::ObjectRef> {
    let both = ids.iter().zip(changed);
    both.filter(|(_, changed)| **changed).map(|(id, _)| object_ref(id)).collect()
}
