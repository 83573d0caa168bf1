//! What is told as it changes.
//!
//! A stream is asked for its next message only when the client's window has room: who reads slowly
//! or not at all costs his place in the news, and one message.

use std::sync::Arc;

use futures::{StreamExt, stream};
use limekiln_model::ObjectId;
use limekiln_proto::v1alpha1 as wire;
use tonic::Status;
use wire::object_change::Type;

use super::answers::{Answered, Answers};
use super::failure;
use crate::convert::{self, Filter, object_ref};
use crate::news::{Follower, Told};

impl Answers {
    /// The change that a version stands for; `None` for one of another process, or none.
    fn number(&self, version: &str) -> Option<u64> {
        version.strip_prefix(&*self.epoch)?.strip_prefix('-')?.parse().ok()
    }

    fn version(&self, number: u64) -> String {
        format!("{}-{number}", self.epoch)
    }

    pub(super) async fn watch(
        &self,
        request: wire::WatchObjectsRequest,
    ) -> Result<Answered<wire::ObjectChange>, Status> {
        let filter = Filter::new(request.filter.as_ref())?;
        let watching = self.board.watch().await.map_err(failure::of_home)?;
        let Some(watching) = watching else {
            return Err(Status::resource_exhausted("too many watch"));
        };
        let news = Arc::clone(&self.board.objects);
        let follower = match request.resume_version.as_str() {
            "" => Follower::all(news),
            // One of another process is never a number here: all is told anew.
            version => Follower::after(news, self.number(version).unwrap_or(u64::MAX)),
        };
        let (answers, spec) = (self.clone(), request.include_spec);
        let told = stream::unfold((follower, watching), move |(mut follower, watching)| {
            let (answers, filter) = (answers.clone(), filter.clone());
            async move {
                loop {
                    let (number, told) = follower.next().await;
                    if let Some(mut change) = change(told, &filter, spec) {
                        change.version = answers.version(number);
                        return Some((Ok(change), (follower, watching)));
                    }
                }
            }
        });
        Ok(self.until_stop(told))
    }

    pub(super) fn follow(
        &self,
        request: &wire::WatchEventsRequest,
    ) -> Result<Answered<wire::EventChange>, Status> {
        let filter = Filter::new(request.filter.as_ref())?;
        let news = &self.feed.events;
        let (from, skip) = match request.resume_version.as_str() {
            "" => (0, Some(request.limit)),
            version => (self.number(version).unwrap_or(0), None),
        };
        let begun = self.number(&request.resume_version).is_none() && skip.is_none();
        let mut follower = Follower::tail(Arc::clone(news), from);
        if let Some(limit) = skip {
            follower.keep_newest(
                usize::try_from(limit).unwrap_or_default(),
                |told| matches!(told, Told::Is(_, event) if filter.includes(&event.record.object)),
            );
        }
        let answers = self.clone();
        let told = stream::unfold((follower, begun), move |(mut follower, missed)| {
            let (answers, filter) = (answers.clone(), filter.clone());
            async move {
                if missed {
                    let change = wire::EventChange { missed, ..wire::EventChange::default() };
                    return Some((Ok(change), (follower, false)));
                }
                loop {
                    let (number, told) = follower.next().await;
                    let (event, missed) = match told {
                        Told::Is(_, event) if filter.includes(&event.record.object) => {
                            (Some(convert::event(&event)), false)
                        }
                        Told::Lost => (None, true),
                        Told::Is(..) | Told::Gone(_) | Told::Synced => continue,
                    };
                    let version = answers.version(number);
                    let change = wire::EventChange { event, missed, version };
                    return Some((Ok(change), (follower, false)));
                }
            }
        });
        Ok(self.until_stop(told))
    }

    /// Streams end with the server: a client sees a clean end and comes back.
    fn until_stop<T: Send + 'static>(
        &self,
        told: impl futures::Stream<Item = Result<T, Status>> + Send + 'static,
    ) -> Answered<T> {
        Box::pin(told.take_until(self.stop.clone().cancelled_owned()))
    }
}

fn change(
    told: Told<ObjectId, Arc<wire::Object>>,
    filter: &Filter,
    spec: bool,
) -> Option<wire::ObjectChange> {
    let (kind, object) = match told {
        Told::Is(id, object) if filter.includes(&id) => {
            let mut object = wire::Object::clone(&object);
            if !spec {
                object.spec_json.clear();
            }
            (Type::Updated, Some(object))
        }
        Told::Gone(id) if filter.includes(&id) => {
            let named = wire::Object { r#ref: Some(object_ref(&id)), ..wire::Object::default() };
            (Type::Gone, Some(named))
        }
        Told::Lost => (Type::Resync, None),
        Told::Synced => (Type::Synced, None),
        Told::Is(..) | Told::Gone(_) => return None,
    };
    Some(wire::ObjectChange { r#type: kind.into(), object, version: String::new() })
}
