//! What was done, and what is being done.

use std::time::Duration;

use jiff::Timestamp;
use limekiln_model::ObjectId;
use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::Occurrence;
use limekiln_server::convert::to_occurrence;
use tonic::{Code, Status};

use super::{Client, Control, within};
use crate::refs::Selection;

/// Between looks at the journal without a controller, and between tries to reach one again.
const LOOK: Duration = Duration::from_millis(500);

/// What somebody who follows is told.
pub enum Followed {
    /// Something was done, or done once more.
    Event(Occurrence),
    /// Some events were missed.
    Missed,
}

impl Control<'_> {
    /// What was done with objects, the newest last; of one revision unless that is empty.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn events(
        &self,
        selection: &Selection,
        revision: &str,
        limit: usize,
    ) -> anyhow::Result<Vec<Occurrence>> {
        let request = wire::ListEventsRequest {
            filter: Some(selection.filter()),
            revision: revision.to_owned(),
            limit: u32::try_from(limit).unwrap_or(u32::MAX).max(1),
        };
        let told = self.ask(async |mut client: Client| {
            let events = client.list_events(request).await?.into_inner().events;
            events.iter().map(to_occurrence).collect::<Result<Vec<_>, Status>>()
        })?;
        let mut all = match told {
            Some(told) => told,
            None => self.journal(selection, revision)?,
        };
        all.drain(..all.len().saturating_sub(limit));
        Ok(all)
    }

    fn journal(&self, selection: &Selection, revision: &str) -> anyhow::Result<Vec<Occurrence>> {
        let mut all = self.desk.events().map_err(super::requests::told)?;
        let meant = |id: &ObjectId| selection.includes(id);
        all.retain(|one| {
            meant(&one.record.object) && (revision.is_empty() || one.record.revision == revision)
        });
        Ok(all)
    }

    /// Tells the newest `limit` events and then each new one, until the process is ended.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn follow(
        &self,
        selection: &Selection,
        limit: usize,
        mut tell: impl FnMut(Followed),
    ) -> anyhow::Result<()> {
        let mut since = None;
        let mut pass_on = |followed| {
            if let Followed::Event(one) = &followed {
                since = since.max(Some(one.record.at));
            }
            tell(followed);
        };
        let ended = self.app.block_on(self.follow_controller(selection, limit, &mut pass_on));
        if let Some(status) = ended {
            self.do_without(&status);
        }
        self.follow_journal(selection, limit, since, &mut tell)
    }

    /// Until the controller has ended; why, if it was there.
    async fn follow_controller(
        &self,
        selection: &Selection,
        limit: usize,
        tell: &mut impl FnMut(Followed),
    ) -> Option<Status> {
        let mut client = self.client.borrow().clone()?;
        let request = wire::WatchEventsRequest {
            filter: Some(selection.filter()),
            resume_version: String::new(),
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        };
        let late = || Err(Status::deadline_exceeded("nothing came"));
        let stream = within(client.watch_events(request)).await.unwrap_or_else(|_| late());
        let mut stream = match stream {
            Ok(stream) => stream.into_inner(),
            Err(status) => return Some(status),
        };
        loop {
            match stream.message().await {
                Ok(Some(change)) => {
                    if change.missed {
                        tell(Followed::Missed);
                    }
                    if let Some(Ok(event)) = change.event.as_ref().map(to_occurrence) {
                        tell(Followed::Event(event));
                    }
                }
                Ok(None) => return Some(Status::new(Code::Unavailable, "it has ended")),
                Err(status) => return Some(status),
            }
        }
    }

    /// What happened since a time, or the newest events.
    fn follow_journal(
        &self,
        selection: &Selection,
        limit: usize,
        since: Option<Timestamp>,
        tell: &mut impl FnMut(Followed),
    ) -> anyhow::Result<()> {
        let mut all = self.journal(selection, "")?;
        let newest = all.len().saturating_sub(limit);
        let mut since = since.unwrap_or_else(|| match newest.checked_sub(1) {
            Some(before) => all[before].record.at,
            None => Timestamp::MIN,
        });
        loop {
            for one in all.into_iter().filter(|one| one.record.at > since).collect::<Vec<_>>() {
                since = since.max(one.record.at);
                tell(Followed::Event(one));
            }
            std::thread::sleep(LOOK);
            all = self.journal(selection, "")?;
        }
    }
}
