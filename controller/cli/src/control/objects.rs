//! Objects, and how they change.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use limekiln_model::ObjectId;
use limekiln_proto::v1alpha1 as wire;
use limekiln_server::convert::{Filter, object_id};
use tokio::time::timeout;
use tonic::{Status, Streaming};
use wire::object_change::Type;

use super::{ANSWER, Client, Control, within};
use crate::refs::Selection;

/// Between looks without a controller.
const LOOK: Duration = Duration::from_millis(250);

/// Objects by kind and name.
pub type Objects = BTreeMap<ObjectId, wire::Object>;

/// Whether to go on waiting.
pub enum Change {
    /// There may be more.
    More,
    /// The time is up.
    TimedOut,
}

/// The object's name.
fn id_of(object: &wire::Object) -> Option<ObjectId> {
    object_id(object.r#ref.as_ref()).ok()
}

impl Control<'_> {
    /// The objects that are meant, as they are now: those that exist and, if a controller answers,
    /// those that it wants.
    ///
    /// # Errors
    /// If the home cannot be read.
    pub fn objects(&self, selection: &Selection, include_spec: bool) -> anyhow::Result<Objects> {
        let filter = selection.filter();
        let mut all = Objects::new();
        let mut page_token = String::new();
        loop {
            let request = wire::ListObjectsRequest {
                filter: Some(filter.clone()),
                include_spec,
                page_size: 0,
                page_token,
            };
            let page = self.ask(async |mut client: Client| {
                client.list_objects(request).await.map(tonic::Response::into_inner)
            })?;
            let Some(page) = page else { return self.objects_alone(&filter, include_spec) };
            all.extend(page.objects.into_iter().filter_map(|one| Some((id_of(&one)?, one))));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(all);
            }
        }
    }

    fn objects_alone(
        &self,
        filter: &wire::ObjectFilter,
        include_spec: bool,
    ) -> anyhow::Result<Objects> {
        let filter = Filter::new(Some(filter))?;
        let objects = self.app.block_on(self.desk.objects(&filter, include_spec));
        objects.map_err(super::requests::told)
    }

    /// Calls `look` with the objects that are meant, at first and whenever they have changed, until
    /// it gives something, or for as long as `longest`.
    ///
    /// # Errors
    /// Those of `look`; if the home cannot be read.
    pub fn watch<T>(
        &self,
        selection: &Selection,
        longest: Duration,
        mut look: impl FnMut(&Objects, &Change) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let end = Instant::now() + longest;
        if let Some(done) = self.app.block_on(self.watch_controller(selection, end, &mut look))? {
            return Ok(done);
        }
        loop {
            let objects = self.objects(selection, false)?;
            let late = Instant::now() >= end;
            let change = if late { Change::TimedOut } else { Change::More };
            if let Some(done) = look(&objects, &change)? {
                return Ok(done);
            }
            std::thread::sleep(LOOK);
        }
    }

    /// `None` if there is no controller, or none any more.
    async fn watch_controller<T>(
        &self,
        selection: &Selection,
        end: Instant,
        look: &mut impl FnMut(&Objects, &Change) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<Option<T>> {
        let mut watched = match self.begin(selection).await {
            Some(Ok(watched)) => watched,
            Some(Err(status)) => {
                self.do_without(&status);
                return Ok(None);
            }
            None => return Ok(None),
        };
        loop {
            if let Some(done) = look(&watched.objects, &Change::More)? {
                return Ok(Some(done));
            }
            match timeout(end.saturating_duration_since(Instant::now()), watched.change()).await {
                Err(_) => return look(&watched.objects, &Change::TimedOut),
                Ok(Ok(true)) => {}
                Ok(Ok(false) | Err(_)) => {
                    // The controller has ended, or does not move any more.
                    self.client.replace(None);
                    return Ok(None);
                }
            }
        }
    }

    async fn begin(&self, selection: &Selection) -> Option<Result<Watched, Status>> {
        let mut client = self.client.borrow().clone()?;
        let filter = selection.filter();
        let request = wire::WatchObjectsRequest { filter: Some(filter), ..Default::default() };
        let begun = async {
            let stream = client.watch_objects(request).await?.into_inner();
            let mut watched = Watched { stream, objects: Objects::new(), synced: false };
            watched.change().await.map(|_| watched)
        };
        let late = Status::deadline_exceeded(format!("nothing within {ANSWER:?}"));
        Some(within(begun).await.unwrap_or(Err(late)))
    }
}

/// What the controller tells of objects.
struct Watched {
    stream: Streaming<wire::ObjectChange>,
    objects: Objects,
    /// Whether all is told that there was.
    synced: bool,
}

impl Watched {
    /// Until something has changed, and all that belongs to it is told; false at the end.
    async fn change(&mut self) -> Result<bool, Status> {
        loop {
            let Some(change) = self.stream.message().await? else { return Ok(false) };
            let (kind, object) = (change.r#type(), change.object);
            let named = object.and_then(|object| Some((id_of(&object)?, object)));
            match (kind, named) {
                (Type::Updated, Some((id, object))) => {
                    self.objects.insert(id, object);
                }
                (Type::Gone, Some((id, _))) => {
                    self.objects.remove(&id);
                }
                (Type::Resync, _) => {
                    self.objects.clear();
                    self.synced = false;
                    continue;
                }
                (Type::Synced, _) => self.synced = true,
                _ => continue,
            }
            if self.synced {
                return Ok(true);
            }
        }
    }
}
