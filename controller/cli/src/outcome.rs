//! How a run ended: for people, and as an exit code.

use std::collections::BTreeSet;
use std::time::Duration;

use limekiln_api::HostFacts;
use limekiln_model::{Action, Report, WaitReason};
use limekiln_reconciler::{End, Settled};

use crate::commands::list::Row;
use crate::exit::Exit;
use crate::output::fold::{fold, width};
use crate::output::plain::plain;
use crate::output::plan;
use crate::output::style::{BAD, CHANGE, DIM, GOOD, Styled};

/// Says how a run ended, and what comes next.
pub fn say(facts: &HostFacts, settled: &Settled, shown: &Report, time: Duration) {
    out!("{}", plan::waiting(&plan::news(shown, &settled.rest.report)));
    match settled.end {
        End::Settled if steps(settled).next().is_none() => outln!("{}", nothing(settled)),
        End::Settled => {
            outln!("{} in {}.", Styled(GOOD, "Done"), crate::output::time::elapsed(time));
            say_slow(settled);
            say_messages(facts, settled);
            if let Some(next) = next(settled) {
                outln!("next: {next}");
            }
        }
        End::Failed => outln!(
            "{}: see above. What was done stays; run it again to go on.",
            Styled(BAD, "Failed")
        ),
        End::Cancelled => outln!("Stopped. What was done stays; run it again to go on."),
        End::NeedsConsent => outln!(
            "Not all is done: what is left destroys something that was not shown. Run it again to see it."
        ),
        End::Stalled => outln!(
            "{}: the same steps succeed again and again and change nothing.",
            Styled(BAD, "Stalled")
        ),
    }
}

fn steps(settled: &Settled) -> impl Iterator<Item = &Action> {
    settled.passes.iter().flat_map(|pass| pass.plan.steps.iter().map(|step| &step.action))
}

fn nothing(settled: &Settled) -> String {
    let desired = &settled.rest.desired;
    let objects = desired.instances.len() + desired.disks.len() + desired.networks.len();
    match (settled.rest.report.is_empty(), objects) {
        (true, 0) => "Nothing to do.".to_owned(),
        (true, 1) => "Nothing to do: 1 object is as its manifest says.".to_owned(),
        (true, _) => format!("Nothing to do: {objects} objects are as their manifests say."),
        (false, _) => "Nothing was done.".to_owned(),
    }
}

/// A guest without hardware acceleration is many times slower: who waited for the first boot
/// wants to know why. `describe` and `doctor` tell it at any time.
fn say_slow(settled: &Settled) {
    let fallback = steps(settled).find_map(|action| match action {
        Action::CreateInstance { instance, .. } => {
            let accelerator =
                settled.rest.observed.instances.get(instance)?.accelerator.as_ref()?;
            accelerator.fallback.as_ref().map(|why| (&accelerator.name, why))
        }
        _ => None,
    });
    if let Some((name, why)) = fallback {
        let note = Styled(CHANGE, "note:");
        outln!("{}", fold(&format!("{note} guests run under {name}, slowly: {why}"), 6, width()));
    }
}

/// What templates have to say when their instances are ready, with its fields replaced as Lima
/// does it. Who wrote it may not write to the terminal.
fn say_messages(facts: &HostFacts, settled: &Settled) {
    let ready = steps(settled).filter_map(|action| match action {
        Action::AwaitReady { instance } => Some(instance),
        _ => None,
    });
    let ready: BTreeSet<_> = ready.collect();
    for name in ready {
        let Some(instance) = settled.rest.observed.instances.get(name) else { continue };
        let message = instance.config.as_ref().and_then(|config| config.message.as_deref());
        let Some(message) = message.filter(|message| !message.trim().is_empty()) else { continue };
        let row = Row { name, instance, facts };
        let text = row.listed().print(message).unwrap_or_else(|_| message.to_owned());
        outln!("{}", Styled(DIM, &format!("message of instance/{name}:")));
        plain(text.trim_end()).lines().for_each(|line| outln!("  {line}"));
    }
}

/// The command that one would want after this run.
fn next(settled: &Settled) -> Option<String> {
    let made = |name| {
        steps(settled).any(
            |action| matches!(action, Action::CreateInstance { instance, .. } if instance == name),
        )
    };
    steps(settled).find_map(|action| match action {
        Action::AwaitReady { instance } if made(instance) => {
            Some(format!("limekiln shell {instance}"))
        }
        Action::Park { object } if !made(&object.name) => {
            Some(format!("limekiln undelete {object}, if that was a mistake"))
        }
        _ => None,
    })
}

/// The exit code of that.
pub fn exit_of(settled: &Settled) -> Exit {
    match settled.end {
        End::Settled => of_report(&settled.rest.report),
        End::NeedsConsent => Exit::NeedsConsent,
        End::Failed | End::Cancelled | End::Stalled => Exit::Failed,
    }
}

/// Objects that cannot get where they should be are a failure; those that are meant to wait are
/// not.
fn of_report(report: &Report) -> Exit {
    let reasons = || report.waiting.values().flatten().map(|waiting| &waiting.reason);
    if reasons().any(|reason| matches!(reason, WaitReason::Frozen { .. })) {
        return Exit::BadInput;
    }
    let meant = |reason: &WaitReason| {
        matches!(
            reason,
            WaitReason::Suspended
                | WaitReason::Unpruned { .. }
                | WaitReason::RestartRequired { .. }
                | WaitReason::RecreateRequired { .. }
        )
    };
    if reasons().all(meant) { Exit::Done } else { Exit::Failed }
}
