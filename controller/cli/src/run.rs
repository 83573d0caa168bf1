//! Running a plan for a command: consent, progress, outcome.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use limekiln_model::{Action, Name, Observed, Plan, StepId, StepOutcome};
use limekiln_reconciler::{
    End, HomeError, Outcome, Pass, Planned, ReconcileError, Run, RunResult, Settled,
};
use tokio_util::sync::CancellationToken;

use crate::compose::{App, told};
use crate::control::Control;
use crate::exit::Exit;
use crate::outcome::{exit_of, say};
use crate::output::ask::consent;
use crate::output::progress::Progress;
use crate::watch::watch;

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
/// that went. The plan and its report were shown before.
///
/// # Errors
/// If consent is missing, or the plan no longer fits.
pub fn run(app: &App, planned: Planned, options: Options) -> anyhow::Result<Exit> {
    agree(&planned.plan, options.yes)?;
    if planned.plan.steps.iter().any(|step| is_creation(&step.action)) {
        crate::compose::warn_about_root();
    }
    let start = Instant::now();
    let (shown, before) = (planned.report.clone(), planned.observed.clone());
    let (settled, timed_out) = app.block_on(execute(app, planned, options))?;
    let tags = to_go_back_to(&settled, timed_out);
    if !options.quiet && tags.is_empty() {
        say(app.facts(), &settled, &shown, start.elapsed());
    }
    go_back(app, &before, &tags, options)?;
    Ok(if timed_out { Exit::TimedOut } else { exit_of(&settled) })
}

/// Takes instances whose change failed back to the snapshots that were taken before it. The outcome
/// of the command stays a failure, also if that succeeds: what was asked for is not so.
fn go_back(
    app: &App,
    before: &Observed,
    tags: &BTreeMap<Name, String>,
    options: Options,
) -> anyhow::Result<()> {
    if tags.is_empty() {
        return Ok(());
    }
    for (name, tag) in tags {
        outln!("Failed: see above. instance/{name} goes back to what it was, snapshot {tag}.");
    }
    let planned = app.block_on(app.reconciler.plan_go_back(before, tags)).map_err(told)?;
    // Whoever waits no longer than some time for a change gets the state before it all the same.
    let options = Options { timeout: None, no_wait: false, ..options };
    let (back, _) = app.block_on(execute(app, planned, options))?;
    for (name, tag) in tags {
        match back.end {
            End::Settled => outln!(
                "instance/{name} is as it was. Its manifest still asks for the change: mend that before the next apply."
            ),
            _ => errln!(
                "instance/{name} could not go back; its disks of then are kept: limekiln stop --force {name}, then limekiln snapshot apply {name} --tag {tag}"
            ),
        }
    }
    Ok(())
}

/// The instances for which a snapshot was taken, and whose change failed after it. Whoever
/// interrupts a change goes on with it, or back, by hand; time that runs out is a failure.
fn to_go_back_to(settled: &Settled, timed_out: bool) -> BTreeMap<Name, String> {
    let failed = |outcome: Option<&StepOutcome>| match outcome {
        Some(StepOutcome::Failed { .. } | StepOutcome::Skipped) => true,
        Some(StepOutcome::Cancelled) => timed_out,
        Some(StepOutcome::Done) | None => false,
    };
    let mut tags = BTreeMap::new();
    for Pass { plan, result } in &settled.passes {
        let outcome = |number: StepId| result.outcomes.get(number.0);
        for (number, step) in plan.iter() {
            let Action::TakeSnapshot { instance, tag } = &step.action else { continue };
            let id = step.action.object();
            let mut later = plan.iter().skip(number.0 + 1);
            let undone =
                later.any(|(number, step)| step.action.object() == id && failed(outcome(number)));
            if undone && outcome(number) == Some(&StepOutcome::Done) {
                tags.insert(instance.clone(), tag.clone());
            } else {
                tags.remove(instance);
            }
        }
    }
    tags
}

fn agree(plan: &Plan, yes: bool) -> anyhow::Result<()> {
    let names: Vec<_> = plan.destructive().map(|step| step.action.object().to_string()).collect();
    if names.is_empty() {
        return Ok(());
    }
    let (names, purges) = (names.join(", "), plan.steps.iter().any(is_purge));
    let question = match purges {
        true => format!("This removes {names} for good. Go on?"),
        false => format!("This deletes {names}; `limekiln undelete` brings back. Go on?"),
    };
    consent(yes, &question)
}

fn is_creation(action: &Action) -> bool {
    matches!(action, Action::CreateInstance { .. })
}

fn is_purge(step: &limekiln_model::Step) -> bool {
    matches!(step.action, Action::Purge { .. })
}

/// Runs the plan, watched; also tells whether the time was up.
async fn execute(app: &App, planned: Planned, options: Options) -> anyhow::Result<(Settled, bool)> {
    let cancel = CancellationToken::new();
    let progress = Progress::new(&planned.plan);
    let sink = progress.clone();
    let run = Run {
        cancel: cancel.clone(),
        on_event: Arc::new(move |plan, event| sink.on_event(plan, event)),
    };
    let work = passes(app, planned, options, &run);
    let (done, timed_out) =
        watch(work, &cancel, options.timeout, |text| progress.say(text)).await?;
    Ok((done?, timed_out))
}

/// Runs the plan here; where a controller works on the home, that runs it.
async fn passes(
    app: &App,
    planned: Planned,
    options: Options,
    run: &Run,
) -> anyhow::Result<Settled> {
    let shape = Shape::of(&planned, options);
    let here = match shape {
        Shape::One => one_pass(app, planned.clone(), options, run).await,
        Shape::Settle => app.reconciler.settle(planned.clone(), run).await,
    };
    match here {
        Err(error) if is_controller(&error) => {
            ordered(app, planned, shape, options, run, error).await
        }
        done => done.map_err(told),
    }
}

fn is_controller(error: &ReconcileError) -> bool {
    matches!(error, ReconcileError::Home(HomeError::Locked { controller: true, .. }))
}

/// Has the controller run it.
async fn ordered(
    app: &App,
    planned: Planned,
    shape: Shape,
    options: Options,
    run: &Run,
    held: ReconcileError,
) -> anyhow::Result<Settled> {
    let control = Control::reach(app).await;
    // Where there is nothing to do, nobody is needed for it.
    let nothing = planned.plan.is_empty();
    let is_there = control.is_there().or_else(|error| if nothing { Ok(false) } else { Err(error) });
    let is_there = is_there?;
    if !is_there && !nothing {
        return Err(told(held));
    }
    // Without steps it still takes over what it adopts.
    let order = async |planned: &Planned| -> anyhow::Result<RunResult> {
        match is_there {
            true => control.order(planned, run).await,
            false => Ok(RunResult::default()),
        }
    };
    match shape {
        Shape::Settle => {
            let settled = app.reconciler.settle_by(planned, run, order).await;
            settled.map_err(|error| error.downcast().map_or_else(|error| error, told))
        }
        Shape::One => {
            let planned = if options.no_wait { without_waits(planned) } else { planned };
            let result = order(&planned).await?;
            let observed = app.reconciler.observe().await.map_err(told)?;
            Ok(settled(planned, Outcome { result, observed }, run))
        }
    }
}

/// How often is looked again.
#[derive(Clone, Copy)]
enum Shape {
    /// There is nothing to come back to: objects were named by hand, or nobody waits for what a
    /// second pass would look at.
    One,
    Settle,
}

impl Shape {
    fn of(planned: &Planned, options: Options) -> Self {
        let by_hand = planned.desired.sources.is_empty() && planned.desired.instances.is_empty();
        if options.no_wait || by_hand { Self::One } else { Self::Settle }
    }
}

async fn one_pass(
    app: &App,
    planned: Planned,
    options: Options,
    run: &Run,
) -> Result<Settled, ReconcileError> {
    let planned = if options.no_wait { without_waits(planned) } else { planned };
    let outcome = app.reconciler.execute(&planned, run).await?;
    Ok(settled(planned, outcome, run))
}

fn settled(planned: Planned, outcome: Outcome, run: &Run) -> Settled {
    let end = match (outcome.result.is_done(), run.cancel.is_cancelled()) {
        (true, _) => End::Settled,
        (false, true) => End::Cancelled,
        (false, false) => End::Failed,
    };
    let Planned { plan, report, desired, policy, .. } = planned;
    let passes = vec![Pass { plan, result: outcome.result }];
    let rest =
        Planned { report, observed: outcome.observed, desired, policy, plan: Plan::default() };
    Settled { passes, rest, end }
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
