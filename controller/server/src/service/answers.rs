//! Which call is answered where.

use std::pin::Pin;
use std::sync::Arc;

use futures::Stream;
use limekiln_proto::v1alpha1 as wire;
use limekiln_proto::v1alpha1::control_server::Control;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::board::Board;
use crate::desk::Desk;
use crate::feed::Feed;

/// A stream of answers.
pub(super) type Answered<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// Answers the calls.
#[derive(Clone)]
pub(crate) struct Answers {
    pub(super) desk: Desk,
    pub(super) feed: Feed,
    pub(super) board: Arc<Board>,
    pub(super) stop: CancellationToken,
    /// Versions of another process mean nothing here.
    pub(super) epoch: Arc<str>,
}

impl Answers {
    pub(crate) fn new(desk: Desk, feed: Feed, stop: CancellationToken) -> Self {
        let begun = jiff::Timestamp::now().as_nanosecond();
        let epoch = format!("{:x}.{begun:x}", std::process::id()).into();
        let board = Arc::new(Board::new(desk.clone()));
        Self { desk, feed, board, stop, epoch }
    }

    pub(crate) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }
}

#[tonic::async_trait]
impl Control for Answers {
    async fn get_controller(
        &self,
        _: Request<wire::GetControllerRequest>,
    ) -> Result<Response<wire::Controller>, Status> {
        self.controller().map(Response::new)
    }

    async fn list_objects(
        &self,
        request: Request<wire::ListObjectsRequest>,
    ) -> Result<Response<wire::ListObjectsResponse>, Status> {
        self.objects(request.into_inner()).await.map(Response::new)
    }

    async fn get_object(
        &self,
        request: Request<wire::GetObjectRequest>,
    ) -> Result<Response<wire::Object>, Status> {
        self.object(&request.into_inner()).await.map(Response::new)
    }

    type WatchObjectsStream = Answered<wire::ObjectChange>;

    async fn watch_objects(
        &self,
        request: Request<wire::WatchObjectsRequest>,
    ) -> Result<Response<Self::WatchObjectsStream>, Status> {
        self.watch(request.into_inner()).await.map(Response::new)
    }

    async fn list_events(
        &self,
        request: Request<wire::ListEventsRequest>,
    ) -> Result<Response<wire::ListEventsResponse>, Status> {
        self.events(&request.into_inner()).await.map(Response::new)
    }

    type WatchEventsStream = Answered<wire::EventChange>;

    async fn watch_events(
        &self,
        request: Request<wire::WatchEventsRequest>,
    ) -> Result<Response<Self::WatchEventsStream>, Status> {
        self.follow(&request.into_inner()).map(Response::new)
    }

    async fn get_plan(
        &self,
        _: Request<wire::GetPlanRequest>,
    ) -> Result<Response<wire::Plan>, Status> {
        self.plan().map(Response::new)
    }

    type ApplyStream = Answered<wire::ApplyResponse>;

    async fn apply(
        &self,
        request: Request<Streaming<wire::ApplyRequest>>,
    ) -> Result<Response<Self::ApplyStream>, Status> {
        self.order(request.into_inner()).await.map(Response::new)
    }

    async fn reconcile(
        &self,
        request: Request<wire::ReconcileRequest>,
    ) -> Result<Response<wire::ReconcileResponse>, Status> {
        self.look_again(&request.into_inner()).map(Response::new)
    }

    async fn notify(
        &self,
        _: Request<wire::NotifyRequest>,
    ) -> Result<Response<wire::NotifyResponse>, Status> {
        self.notify_sources().await.map(Response::new)
    }

    async fn suspend(
        &self,
        request: Request<wire::SuspendRequest>,
    ) -> Result<Response<wire::SuspendResponse>, Status> {
        self.suspend_objects(&request.into_inner()).await.map(Response::new)
    }

    async fn resume(
        &self,
        request: Request<wire::ResumeRequest>,
    ) -> Result<Response<wire::ResumeResponse>, Status> {
        self.resume_objects(&request.into_inner()).await.map(Response::new)
    }

    async fn acknowledge(
        &self,
        request: Request<wire::AcknowledgeRequest>,
    ) -> Result<Response<wire::AcknowledgeResponse>, Status> {
        self.acknowledge_revision(request.into_inner()).await.map(Response::new)
    }

    type ListRevisionsStream = Answered<wire::Revision>;

    async fn list_revisions(
        &self,
        request: Request<wire::ListRevisionsRequest>,
    ) -> Result<Response<Self::ListRevisionsStream>, Status> {
        self.revisions(request.into_inner()).await.map(Response::new)
    }

    async fn rollback(
        &self,
        request: Request<wire::RollbackRequest>,
    ) -> Result<Response<wire::RollbackResponse>, Status> {
        self.roll_back(request.into_inner()).await.map(Response::new)
    }
}
