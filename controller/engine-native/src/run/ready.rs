//! Waiting until an instance is ready.

use std::time::Duration;

use limekiln_engine::{ActionContext, EngineError, ErrorClass};
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::api::{Client, ClientError, Phase};
use limekiln_hostagent::events::EventReader;
use limekiln_model::{InstancePhase, Name};
use tokio::time::{Instant, sleep};

use super::log;
use super::remedies::remedy;
use crate::observe::{agent_phase, agent_pid, lima_phase};
use crate::paths::Paths;

/// Between looks at the event log, which costs one system call.
const LOOK: Duration = Duration::from_millis(15);
/// Without an event, the host agent is asked what it waits for.
const ASK: Duration = Duration::from_millis(300);

/// A host agent answers between two steps of its work; one that is silent for so long is stuck.
const SILENCE: Duration = Duration::from_secs(30);

/// Seconds within which the end of a host agent is that of the start before.
const RECENT: i64 = 15;

/// Returns when the guest is ready.
pub(crate) async fn await_ready(
    paths: &Paths,
    name: &Name,
    context: &ActionContext,
) -> Result<(), EngineError> {
    let files = InstanceFiles::new(paths.instance(name));
    let mut events = EventReader::new(&files.events());
    if agent_pid(files.dir()).is_none() {
        return Err(not_running(&files, name, &mut events));
    }
    let client = Client::new(files.file("ha.sock"));
    let (mut told, mut heard) = (String::new(), Instant::now());
    loop {
        match ask(&files, &client).await {
            Some((InstancePhase::Booting, waits_for)) => {
                heard = Instant::now();
                if waits_for != told {
                    context.message(format!("waits for {waits_for}"));
                    told = waits_for;
                }
            }
            Some((phase, _)) => return end(&files, name, phase),
            None if agent_pid(files.dir()).is_none() => return Err(ended(&files, name)),
            None if heard.elapsed() > SILENCE => return Err(silent(&files, name)),
            None => {}
        }
        wait(&mut events, context).await?;
    }
}

/// Where the instance is in its life and what it waits for; `None` without an answer.
async fn ask(files: &InstanceFiles, client: &Client) -> Option<(InstancePhase, String)> {
    match client.status().await {
        Ok(status) => {
            let phase = match status.phase {
                // It goes on by itself once there is room; whoever waits has a deadline.
                Phase::Running if status.held.is_some() => InstancePhase::Booting,
                _ => agent_phase(&status),
            };
            let held = status.held.map(|why| format!("room ({why})"));
            let waits_for = held.or(status.waiting_for);
            Some((phase, waits_for.unwrap_or_else(|| "the guest".to_owned())))
        }
        // Lima's agent.
        Err(ClientError::Refused(_)) => Some((lima_phase(files), "the guest".to_owned())),
        Err(_) => None,
    }
}

/// What the wait ends with.
fn end(files: &InstanceFiles, name: &Name, phase: InstancePhase) -> Result<(), EngineError> {
    match phase {
        InstancePhase::Ready => Ok(()),
        InstancePhase::Degraded { errors } => Err(degraded(files, name, &errors)),
        _ => Err(EngineError::precondition(format!("instance/{name} is being stopped"))),
    }
}

/// Until something happens, or it is time to ask again.
async fn wait(events: &mut EventReader, context: &ActionContext) -> Result<(), EngineError> {
    let start = Instant::now();
    while start.elapsed() < ASK {
        if events.poll().is_ok_and(|events| !events.is_empty()) {
            return Ok(());
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            () = context.cancel.cancelled() => return Err(EngineError::cancelled()),
        }
    }
    Ok(())
}

fn degraded(files: &InstanceFiles, name: &Name, errors: &[String]) -> EngineError {
    let what = if errors.is_empty() {
        "something failed in its boot".to_owned()
    } else {
        errors.join("; ")
    };
    EngineError::permanent(format!("instance/{name} runs but is not ready: {what}"))
        .hint(format!("look inside with `limekiln shell {name}`, or see {}", files.log().display()))
}

/// Nothing runs that could be waited for: it was never started, or it went down just now.
fn not_running(files: &InstanceFiles, name: &Name, events: &mut EventReader) -> EngineError {
    let last = events.poll().unwrap_or_default().pop();
    let just_now = last.is_some_and(|event| {
        let age = jiff::Timestamp::now().as_second() - event.time.as_second();
        event.status.exiting && !event.status.errors.is_empty() && age < RECENT
    });
    match just_now {
        true => ended(files, name),
        false => super::does_not_run(name),
    }
}

fn silent(files: &InstanceFiles, name: &Name) -> EngineError {
    let message = format!("the host agent of instance/{name} has stopped answering");
    EngineError::new(ErrorClass::NeedsHuman, message)
        .hint(format!("see {}; `limekiln stop --force {name}` ends it", files.log().display()))
}

fn ended(files: &InstanceFiles, name: &Name) -> EngineError {
    let said = log::last_error(files).unwrap_or_else(|| "its host agent ended".to_owned());
    let message = format!("instance/{name} went down while it booted: {said}");
    // The guest begins only after its start has been reported.
    if let Some(hint) = remedy(&said) {
        return EngineError::needs_human(message).hint(hint);
    }
    EngineError::permanent(message).hint(format!(
        "see {} and {}",
        files.log().display(),
        files.file("serial.log").display()
    ))
}
