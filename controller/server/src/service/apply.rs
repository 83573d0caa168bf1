//! Orders: a plan of the client's, run by the controller.

use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use limekiln_proto::v1alpha1 as wire;
use limekiln_reconciler::{Order, OrderError, RunResult, SavedPlan, Ticket};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Code, Status, Streaming};
use wire::apply_request::Request as Wish;
use wire::apply_response::Response as Told;

use super::answers::{Answered, Answers};
use super::failure;
use super::progress::Progress;
use crate::convert;

/// The order comes first, and at once.
const FIRST: Duration = Duration::from_secs(10);
/// Busy objects are waited for so long unless the order says otherwise,
const PATIENCE: Duration = Duration::from_secs(30);
/// and never longer than this.
const LONGEST: Duration = Duration::from_secs(600);
/// A look of the controller may take so long on top, before nobody waits for it any more.
const LOOK: Duration = Duration::from_secs(60);

impl Answers {
    pub(super) async fn order(
        &self,
        mut wishes: Streaming<wire::ApplyRequest>,
    ) -> Result<Answered<wire::ApplyResponse>, Status> {
        let Some(handle) = self.desk.controller.clone() else {
            return Err(Status::unavailable("no controller runs"));
        };
        let order = first(&mut wishes).await?;
        let plan = SavedPlan::from_json(&order.plan_json).map_err(|error| {
            let hint = error.hint().map(str::to_owned);
            failure::status(Code::InvalidArgument, chain(&error), hint)
        })?;
        let patience = order.patience.as_ref().map_or(PATIENCE, convert::to_duration).min(LONGEST);
        let (cancel, progress) = (CancellationToken::new(), Arc::new(Progress::default()));
        // Whoever goes away does not want it any more.
        let guard = cancel.clone().drop_guard();
        let sink = Arc::clone(&progress);
        let on_event =
            Arc::new(move |_: &_, event: &limekiln_model::Event| sink.push(event.clone()));
        let ticket = handle.order(Order { plan, cancel: cancel.clone(), on_event, patience });
        let Ticket { begun, ended } = ticket.map_err(failure::of_order)?;
        accepted(begun, &mut wishes, patience + LOOK).await?;
        let run = Run { progress, ended: Some(ended), wishes: Some(wishes), cancel, _guard: guard };
        let begun = response(Told::Accepted(wire::Accepted {}));
        let told = stream::unfold((Some(begun), run), |(begun, mut run)| async move {
            let next = match begun {
                Some(begun) => Some(begun),
                None => run.next().await,
            };
            next.map(|next| (next, (None, run)))
        });
        Ok(Box::pin(told))
    }
}

async fn first(wishes: &mut Streaming<wire::ApplyRequest>) -> Result<wire::Order, Status> {
    let first = timeout(FIRST, wishes.message()).await;
    let first = first.map_err(|_| Status::deadline_exceeded("no order came"))??;
    match first.and_then(|wish| wish.request) {
        Some(Wish::Order(order)) => Ok(order),
        _ => Err(Status::invalid_argument("the first message must be an order")),
    }
}

/// Until the controller has begun.
async fn accepted(
    begun: oneshot::Receiver<Result<(), OrderError>>,
    wishes: &mut Streaming<wire::ApplyRequest>,
    longest: Duration,
) -> Result<(), Status> {
    let withdrawn = async {
        loop {
            match wishes.message().await {
                // It ended its side, and waits.
                Ok(None) => std::future::pending().await,
                Ok(Some(wish)) if matches!(wish.request, Some(Wish::Cancel(_))) => return,
                Ok(Some(_)) => {}
                Err(_) => return,
            }
        }
    };
    tokio::select! {
        biased;
        begun = timeout(longest, begun) => match begun {
            Ok(Ok(begun)) => begun.map_err(failure::of_order),
            Ok(Err(_)) => Err(Status::unavailable("the controller comes to its end")),
            Err(_) => Err(Status::deadline_exceeded("the controller does not come to it")),
        },
        () = withdrawn => Err(Status::cancelled("nothing was done")),
    }
}

/// An order that runs.
struct Run {
    progress: Arc<Progress>,
    /// Until it was told.
    ended: Option<oneshot::Receiver<RunResult>>,
    /// Until the client ends its side.
    wishes: Option<Streaming<wire::ApplyRequest>>,
    cancel: CancellationToken,
    _guard: DropGuard,
}

impl Run {
    /// What is told next; `None` after the end.
    async fn next(&mut self) -> Option<Result<wire::ApplyResponse, Status>> {
        loop {
            let ended = self.ended.as_mut()?;
            tokio::select! {
                biased;
                event = self.progress.next() => {
                    return Some(response(Told::Event(convert::step_event(&event))));
                }
                ended = ended => return Some(self.end(ended.ok())),
                wish = wish(self.wishes.as_mut()) => match wish {
                    Ok(Some(wish)) if matches!(wish.request, Some(Wish::Cancel(_))) => {
                        self.cancel.cancel();
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => self.wishes = None,
                    Err(_) => self.cancel.cancel(),
                },
            }
        }
    }

    fn end(&mut self, result: Option<RunResult>) -> Result<wire::ApplyResponse, Status> {
        self.ended = None;
        match result {
            Some(result) => response(Told::Finished(convert::finished(&result))),
            None => Err(Status::unavailable("the controller ended in the middle")),
        }
    }
}

async fn wish(
    wishes: Option<&mut Streaming<wire::ApplyRequest>>,
) -> Result<Option<wire::ApplyRequest>, Status> {
    match wishes {
        Some(wishes) => wishes.message().await,
        None => std::future::pending().await,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is what streams of tonic carry")]
fn response(told: Told) -> Result<wire::ApplyResponse, Status> {
    Ok(wire::ApplyResponse { response: Some(told) })
}

fn chain(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}
