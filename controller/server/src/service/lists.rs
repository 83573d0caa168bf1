//! What is told once.

use std::ops::Bound;

use futures::stream;
use limekiln_model::ObjectId;
use limekiln_proto::v1alpha1 as wire;
use prost::Message;
use tonic::Status;

use super::answers::{Answered, Answers};
use super::failure;
use crate::convert::{self, Filter};

/// A page has at most so many objects,
const OBJECTS: usize = 1_000;
/// and stops growing at so many bytes: clients take 4 MiB unless told otherwise.
const BYTES: usize = 2 << 20;
/// So many events are told unless more are asked for.
const EVENTS: usize = 1_000;

impl Answers {
    pub(super) fn controller(&self) -> Result<wire::Controller, Status> {
        let handle = self.desk.controller.as_ref().ok_or_else(no_controller)?;
        let state = handle.state().borrow().clone();
        let revision = state.planned.as_ref().map(|planned| planned.desired.revision.clone());
        Ok(wire::Controller {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            lima_home: self.desk.reconciler.home().lima_home().display().to_string(),
            passes: state.passes,
            settled: state.is_settled(),
            revision: revision.unwrap_or_default(),
            busy: state.busy.iter().map(convert::object_ref).collect(),
            source_errors: state.source_errors,
            observe_error: state.observe_error.unwrap_or_default(),
        })
    }

    pub(super) async fn objects(
        &self,
        request: wire::ListObjectsRequest,
    ) -> Result<wire::ListObjectsResponse, Status> {
        let filter = Filter::new(request.filter.as_ref())?;
        let after = match request.page_token.as_str() {
            "" => Bound::Unbounded,
            token => Bound::Excluded(token.parse::<ObjectId>().map_err(|_| bad_token())?),
        };
        let all = self.desk.objects(&filter, request.include_spec).await;
        let all = all.map_err(failure::of_desk)?;
        let most = match request.page_size {
            0 => OBJECTS,
            size => OBJECTS.min(usize::try_from(size).unwrap_or(OBJECTS)),
        };
        let mut page = wire::ListObjectsResponse::default();
        let (mut bytes, mut last) = (0, None);
        for (id, object) in all.range((after, Bound::Unbounded)) {
            let size = object.encoded_len();
            let full = page.objects.len() >= most || bytes + size > BYTES;
            if let Some(last) = last.as_ref().filter(|_| full) {
                page.next_page_token = ObjectId::to_string(last);
                break;
            }
            bytes += size;
            last = Some(id.clone());
            page.objects.push(object.clone());
        }
        Ok(page)
    }

    pub(super) async fn object(
        &self,
        request: &wire::GetObjectRequest,
    ) -> Result<wire::Object, Status> {
        let id = convert::object_id(request.object.as_ref())?;
        let filter = Filter::one(id.clone());
        let mut found = self.desk.objects(&filter, true).await.map_err(failure::of_desk)?;
        found.remove(&id).ok_or_else(|| Status::not_found(format!("{id} does not exist")))
    }

    pub(super) async fn events(
        &self,
        request: &wire::ListEventsRequest,
    ) -> Result<wire::ListEventsResponse, Status> {
        let filter = Filter::new(request.filter.as_ref())?;
        let desk = self.desk.clone();
        let all = super::requests::beside(move || desk.events()).await?;
        let of_revision =
            |revision: &str| request.revision.is_empty() || revision == request.revision;
        let meant: Vec<_> = all
            .iter()
            .filter(|one| filter.includes(&one.record.object) && of_revision(&one.record.revision))
            .collect();
        let limit = match request.limit {
            0 => EVENTS,
            limit => usize::try_from(limit).unwrap_or(EVENTS),
        };
        let mut events = Vec::new();
        let mut bytes = 0;
        for event in meant.iter().rev().take(limit).map(|one| convert::event(one)) {
            bytes += event.encoded_len();
            if bytes > BYTES && !events.is_empty() {
                break;
            }
            events.push(event);
        }
        events.reverse();
        Ok(wire::ListEventsResponse { events })
    }

    pub(super) fn plan(&self) -> Result<wire::Plan, Status> {
        let handle = self.desk.controller.as_ref().ok_or_else(no_controller)?;
        let planned = handle.state().borrow().planned.clone();
        let planned = planned.ok_or_else(|| Status::unavailable("it has not looked yet"))?;
        Ok(convert::plan(&planned))
    }

    pub(super) async fn revisions(
        &self,
        request: wire::ListRevisionsRequest,
    ) -> Result<Answered<wire::Revision>, Status> {
        let desk = self.desk.clone();
        let all = super::requests::beside(move || desk.revisions(&request)).await?;
        Ok(Box::pin(stream::iter(all.into_iter().map(Ok))))
    }
}

fn no_controller() -> Status {
    Status::unavailable("no controller runs")
}

fn bad_token() -> Status {
    Status::invalid_argument("this page token is from nobody")
}
