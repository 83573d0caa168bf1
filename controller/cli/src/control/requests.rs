//! What people ask for beside manifests.

use limekiln_model::ObjectId;
use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::OfSource;
use limekiln_server::DeskError;
use limekiln_server::convert::{object_ids, object_ref};
use tonic::{Response, Status};
use wire::AcknowledgeKind;
use wire::rollback_request::To;

use super::{Client, Control};
use crate::exit::{Exit, Failure};

/// A desk's error as the program's.
pub(super) fn told(error: DeskError) -> anyhow::Error {
    match error {
        DeskError::Home(error) => crate::compose::told(error),
        DeskError::Revision(why) => Failure::bad_input(why)
            .hint("`limekiln history` lists those that are kept; write more of it")
            .into(),
        DeskError::Io(_) => error.into(),
    }
}

impl Control<'_> {
    /// Leaves objects alone; those that were not before.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn suspend(&self, ids: &[ObjectId]) -> anyhow::Result<Vec<ObjectId>> {
        let request = wire::SuspendRequest { objects: ids.iter().map(object_ref).collect() };
        let changed = self.ask(async |mut client: Client| {
            object_ids(&client.suspend(request).await?.into_inner().changed)
        })?;
        changed.map_or_else(|| Ok(only(ids, &self.desk.suspend(ids).map_err(told)?)), Ok)
    }

    /// Ends that; those that were suspended.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn resume(&self, ids: &[ObjectId]) -> anyhow::Result<Vec<ObjectId>> {
        let request = wire::ResumeRequest { objects: ids.iter().map(object_ref).collect() };
        let changed = self.ask(async |mut client: Client| {
            object_ids(&client.resume(request).await?.into_inner().changed)
        })?;
        changed.map_or_else(|| Ok(only(ids, &self.desk.resume(ids).map_err(told)?)), Ok)
    }

    /// Lets a branch lead to a commit that does not descend from the last one.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn follow_rewind(&self, commit: &OfSource) -> anyhow::Result<()> {
        let source = commit.source.as_deref();
        let done = self.acknowledge(AcknowledgeKind::Rewind, &commit.revision, source)?;
        done.map_or_else(|| self.desk.follow(commit.clone()).map_err(told), Ok)
    }

    /// Lets a revision delete more than the budget of a prune.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn let_go(&self, what: &OfSource) -> anyhow::Result<()> {
        let source = what.source.as_deref();
        let done = self.acknowledge(AcknowledgeKind::Deletions, &what.revision, source)?;
        done.map_or_else(|| self.desk.let_go(what.clone()).map_err(told), Ok)
    }

    fn acknowledge(
        &self,
        kind: AcknowledgeKind,
        revision: &str,
        source: Option<&str>,
    ) -> anyhow::Result<Option<()>> {
        let (revision, source) = (revision.to_owned(), source.unwrap_or_default().to_owned());
        let request = wire::AcknowledgeRequest { revision, kind: kind.into(), source };
        self.ask(async |mut client: Client| client.acknowledge(request).await.map(|_| ()))
    }

    /// Has sources asked at once that are asked now and then.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn notify(&self) -> anyhow::Result<()> {
        let done = self.ask(async |mut client: Client| {
            client.notify(wire::NotifyRequest {}).await.map(|_| ())
        })?;
        done.map_or_else(|| self.desk.notify().map_err(told), Ok)
    }

    /// Has objects tried again at once.
    ///
    /// # Errors
    /// If no controller answers: nobody else tries.
    pub fn reconcile(&self, ids: &[ObjectId]) -> anyhow::Result<()> {
        let request = wire::ReconcileRequest { objects: ids.iter().map(object_ref).collect() };
        let done =
            self.ask(async |mut client: Client| client.reconcile(request).await.map(|_| ()))?;
        let nobody = || Failure::new(Exit::Failed, "no controller answers that could try again");
        Ok(done.ok_or_else(|| nobody().hint("limekiln apply, or start one: limekiln run"))?)
    }

    /// All revisions that are kept, the newest last, with their plans; with their files, if asked.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn revisions(&self, include_files: bool) -> anyhow::Result<Vec<wire::Revision>> {
        let revision = String::new();
        let asked = wire::ListRevisionsRequest { revision, include_files, include_plans: true };
        let request = asked.clone();
        let all = self.ask(async |mut client: Client| {
            let mut stream = client.list_revisions(request).await?.into_inner();
            let mut all = Vec::new();
            while let Some(revision) = stream.message().await? {
                all.push(revision);
            }
            Ok::<_, Status>(all)
        })?;
        all.map_or_else(|| self.desk.revisions(&asked).map_err(told), Ok)
    }

    /// Puts the revision in force that `word` begins, of this source if one is named.
    ///
    /// # Errors
    /// If there is none or several, or the home cannot be written.
    pub fn roll_back(
        &self,
        word: &str,
        source: Option<&str>,
    ) -> anyhow::Result<wire::RollbackResponse> {
        if let Some(done) = self.rollback(To::Revision(word.to_owned()), source)? {
            return Ok(done);
        }
        let back = self.desk.roll_back(word, source).map_err(told)?;
        let left = back.left.unwrap_or_default();
        let (source, revision) = (back.source, back.revision);
        Ok(wire::RollbackResponse { source, revision, left, released: Vec::new() })
    }

    /// Lets all sources be followed again; those that were not.
    ///
    /// # Errors
    /// If the home cannot be written.
    pub fn release(&self) -> anyhow::Result<Vec<String>> {
        match self.rollback(To::Release(wire::Release {}), None)? {
            Some(done) => Ok(done.released),
            None => self.desk.release().map_err(told),
        }
    }

    fn rollback(
        &self,
        to: To,
        source: Option<&str>,
    ) -> anyhow::Result<Option<wire::RollbackResponse>> {
        let source = source.unwrap_or_default().to_owned();
        let request = wire::RollbackRequest { to: Some(to), source };
        self.ask(async |mut client: Client| {
            client.rollback(request).await.map(Response::into_inner)
        })
    }
}

fn only(ids: &[ObjectId], changed: &[bool]) -> Vec<ObjectId> {
    ids.iter().zip(changed).filter(|(_, changed)| **changed).map(|(id, _)| id.clone()).collect()
}
