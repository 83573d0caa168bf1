//! Having the controller run a plan.

use limekiln_model::StepOutcome;
use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::{Planned, Run, RunResult};
use limekiln_server::convert::{run_result, to_event};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use wire::apply_request::Request as Wish;
use wire::apply_response::Response as Told;

use super::{Control, failure};
use crate::exit::{Exit, Failure};

impl Control<'_> {
    /// Whether a controller answers.
    ///
    /// # Errors
    /// If one listens and does not answer.
    pub fn is_there(&self) -> anyhow::Result<bool> {
        if self.hangs {
            let home = self.app.lima_home().display();
            let why = format!("the controller of {home} holds it, and does not answer");
            let failure = Failure::new(Exit::Failed, why);
            return Err(failure
                .hint("look at its log; stop it or let it go on, and try again")
                .into());
        }
        Ok(self.client.borrow().is_some())
    }

    /// Has the controller run exactly this plan. When `run` is cancelled, it ends at its next safe
    /// point; and when this future is dropped, too.
    ///
    /// # Errors
    /// If the controller refuses it, does not answer, or ends in the middle.
    pub async fn order(&self, planned: &Planned, run: &Run) -> anyhow::Result<RunResult> {
        let client = self.client.borrow().clone();
        let Some(mut client) = client else { anyhow::bail!("no controller answers") };
        let plan_json = self.app.reconciler.save(planned).to_json();
        let (wishes, taken) = mpsc::channel(2);
        let order = wire::Order { plan_json, patience: None };
        // It is taken at once: there is room.
        let _ = wishes.send(wish(Wish::Order(order))).await;
        let begun = client.apply(ReceiverStream::new(taken));
        tokio::pin!(begun);
        let mut cancelled = false;
        let begun = loop {
            tokio::select! {
                begun = &mut begun => break begun,
                () = run.cancel.cancelled(), if !cancelled => {
                    cancelled = true;
                    let _ = wishes.send(wish(Wish::Cancel(wire::Cancel {}))).await;
                }
            }
        };
        let mut told = match begun {
            Ok(told) => told.into_inner(),
            Err(status) if cancelled && status.code() == Code::Cancelled => {
                return Ok(not_begun(planned));
            }
            Err(status) => return Err(failure(&status)),
        };
        loop {
            tokio::select! {
                next = told.message() => {
                    if let Some(result) = take(next, planned, run)? {
                        return Ok(result);
                    }
                }
                () = run.cancel.cancelled(), if !cancelled => {
                    cancelled = true;
                    let _ = wishes.send(wish(Wish::Cancel(wire::Cancel {}))).await;
                }
            }
        }
    }
}

fn wish(wish: Wish) -> wire::ApplyRequest {
    wire::ApplyRequest { request: Some(wish) }
}

/// Passes on what is told; the result at the end.
fn take(
    next: Result<Option<wire::ApplyResponse>, Status>,
    planned: &Planned,
    run: &Run,
) -> anyhow::Result<Option<RunResult>> {
    let ended =
        || Status::unavailable("the controller has ended; what was begun is as it was left");
    let next = next.and_then(|next| next.ok_or_else(ended)).map_err(|status| failure(&status))?;
    match next.response {
        Some(Told::Event(event)) => {
            if let Some(event) = to_event(event) {
                (run.on_event)(&planned.plan, &event);
            }
            Ok(None)
        }
        Some(Told::Finished(finished)) => Ok(Some(run_result(finished))),
        Some(Told::Accepted(_)) | None => Ok(None),
    }
}

/// It was withdrawn before its turn came.
fn not_begun(planned: &Planned) -> RunResult {
    let outcomes = vec![StepOutcome::Cancelled; planned.plan.steps.len()];
    RunResult { outcomes, look_again: false }
}
