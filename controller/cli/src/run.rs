//! Running a plan for a command: consent, progress, cancellation, outcome.

use std::sync::Arc;
use std::time::Duration;

use limekiln_model::{Action, Plan, Report, StepId, WaitReason};
use limekiln_reconciler::{End, Planned, Run, Settled};
use tokio_util::sync::CancellationToken;

use crate::compose::{App, told};
use crate::exit::{Exit, Failure};
use crate::output::ask::consent;
use crate::output::plan;
use crate::output::progress::Progress;
use crate::output::style::{BAD, GOOD, Styled};

/// How a command runs its plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Consent was given on the command line.
    pub yes: bool,
    /// The run ends after this long.
    pub timeout: Option<Duration>,
    /// Guests are not waited for.
    pub no_wait: bool,
    /// Nothing is printed but errors and progress.
    pub quiet: bool,
}

/// Asks for consent where the plan destroys, runs it until nothing is left to do, and says how
/// that went.
///
/// # Errors
/// If consent is missing, or the plan no longer fits.
pub fn run(app: &App, planned: Planned, options: Options) -> anyhow::Result<Exit> {
    let destroyed: Vec<_> =
        planned.plan.destructive().map(|step| step.action.object().to_string()).collect();
    if !destroyed.is_empty() {
        consent(options.yes, &question(&planned.plan, &destroyed))?;
    }
    crate::compose::warn_about_root();
    let start = std::time::Instant::now();
    let planned = if options.no_wait { without_waits(planned) } else { planned };
    let (settled, timed_out) = app.block_on(watched(app, planned, options))?;
    if !options.quiet {
        say(&settled, start.elapsed());
    }
    Ok(if timed_out { Exit::TimedOut } else { exit_of(&settled) })
}

fn question(plan: &Plan, destroyed: &[String]) -> String {
    let purges = plan.steps.iter().any(|step| matches!(step.action, Action::Purge { .. }));
    let names = destroyed.join(", ");
    match purges {
        true => format!("This removes {names} for good. Go on?"),
        false => format!("This deletes {names} (`limekiln undelete` brings back). Go on?"),
    }
}

async fn watched(app: &App, planned: Planned, options: Options) -> anyhow::Result<(Settled, bool)> {
    let cancel = CancellationToken::new();
    let progress = Progress::new();
    let run = Run {
        cancel: cancel.clone(),
        on_event: Arc::new(move |plan, event| progress.on_event(plan, event)),
    };
    let work = async {
        if options.no_wait {
            let outcome = app.reconciler.execute(&planned, &run).await?;
            let end = if outcome.result.is_done() { End::Settled } else { End::Failed };
            let rest = Planned { report: planned.report.clone(), ..Planned::default() };
            let passes =
                vec![limekiln_reconciler::Pass { plan: planned.plan, result: outcome.result }];
            Ok(Settled { passes, rest, end })
        } else if planned.desired.sources.is_empty() && planned.desired.instances.is_empty() {
            // Objects were named by hand: there is nothing to come back to.
            let outcome = app.reconciler.execute(&planned, &run).await?;
            let end = if outcome.result.is_done() { End::Settled } else { End::Failed };
            let rest = Planned { report: planned.report.clone(), ..Planned::default() };
            let passes =
                vec![limekiln_reconciler::Pass { plan: planned.plan, result: outcome.result }];
            Ok(Settled { passes, rest, end })
        } else {
            app.reconciler.settle(planned, &run).await
        }
    };
    tokio::pin!(work);
    let mut timed_out = false;
    let deadline = async {
        match options.timeout {
            Some(timeout) => tokio::time::sleep(timeout).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(deadline);
    loop {
        tokio::select! {
            done = &mut work => return Ok((done.map_err(told)?, timed_out)),
            () = &mut deadline, if !timed_out => {
                timed_out = true;
                anstream::eprintln!("{} the time is up; what was begun is left to run", Styled(BAD, "timeout:"));
                cancel.cancel();
            }
            signal = tokio::signal::ctrl_c() => {
                signal?;
                if cancel.is_cancelled() {
                    return Err(Failure::new(Exit::Failed, "stopped").hint("the next apply goes on from here").into());
                }
                anstream::eprintln!("stopping at the next safe point; Ctrl-C again stops at once");
                cancel.cancel();
            }
        }
    }
}

/// The plan without waits that nothing else waits for: a dependent still starts after its
/// dependency is ready.
fn without_waits(mut planned: Planned) -> Planned {
    let needed =
        |plan: &Plan, number: StepId| plan.steps.iter().any(|step| step.after.contains(&number));
    while let Some(last) = (0..planned.plan.steps.len()).rev().find(|&index| {
        let waits = matches!(planned.plan.steps[index].action, Action::AwaitReady { .. });
        waits && !needed(&planned.plan, StepId(index))
    }) {
        planned.plan.steps.remove(last);
        for step in &mut planned.plan.steps {
            for before in step.after.iter_mut().filter(|before| before.0 > last) {
                before.0 -= 1;
            }
        }
    }
    planned
}

fn say(settled: &Settled, time: Duration) {
    let steps: usize = settled.passes.iter().map(|pass| pass.plan.steps.len()).sum();
    anstream::print!("{}", plan::waiting(&settled.rest.report));
    match settled.end {
        End::Settled if steps == 0 => println!("Nothing to do."),
        End::Settled => {
            anstream::println!(
                "{} in {}.",
                Styled(GOOD, "Done"),
                crate::output::time::elapsed(time)
            );
        }
        End::Failed => anstream::println!(
            "{}: see above. What was done stays; apply again to go on.",
            Styled(BAD, "Failed")
        ),
        End::Cancelled => println!("Stopped. What was done stays; apply again to go on."),
        End::NeedsConsent => println!(
            "Not all is done: what is left destroys something that was not shown. Apply again to see it."
        ),
        End::Stalled => anstream::println!(
            "{}: the same steps succeed again and again and change nothing.",
            Styled(BAD, "Stalled")
        ),
    }
}

fn exit_of(settled: &Settled) -> Exit {
    match settled.end {
        End::Settled => of_report(&settled.rest.report),
        End::NeedsConsent => Exit::NeedsConsent,
        End::Failed | End::Cancelled | End::Stalled => Exit::Failed,
    }
}

/// Objects that cannot get where they should be are a failure; those that are meant to wait are
/// not.
pub fn of_report(report: &Report) -> Exit {
    let mut exit = Exit::Done;
    for waiting in report.waiting.values().flatten() {
        match waiting.reason {
            WaitReason::Frozen { .. } => return Exit::BadInput,
            WaitReason::Suspended
            | WaitReason::Unpruned { .. }
            | WaitReason::RestartRequired { .. }
            | WaitReason::RecreateRequired { .. } => {}
            _ => exit = Exit::Failed,
        }
    }
    exit
}
