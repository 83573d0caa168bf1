//! Waiting until an instance is ready.

use std::time::Duration;

use limekiln_engine::{ActionContext, EngineError};
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::api::{Client, Phase};
use limekiln_hostagent::events::EventReader;
use limekiln_model::Name;
use tokio::time::{Instant, sleep};

use super::log;
use crate::observe::agent_pid;
use crate::paths::Paths;

/// Between looks at the event log, which costs one system call.
const LOOK: Duration = Duration::from_millis(15);
/// Without an event, the host agent is asked what it waits for.
const ASK: Duration = Duration::from_millis(300);

/// Seconds within which the end of a host agent is that of the start before.
const RECENT: i64 = 15;

/// Returns when the guest is ready.
pub(crate) async fn await_ready(
    paths: &Paths,
    name: &Name,
    context: &ActionContext,
) -> Result<(), EngineError> {
    let files = InstanceFiles::new(paths.instance(name));
    let client = Client::new(files.file("ha.sock"));
    let mut events = EventReader::new(&files.events());
    let mut waiting = String::new();
    if agent_pid(files.dir()).is_none() {
        return Err(not_running(&files, name, &mut events));
    }
    loop {
        match client.status().await {
            Ok(status) => {
                match status.phase {
                    Phase::Running => return Ok(()),
                    Phase::Degraded => return Err(degraded(&files, name, &status.errors)),
                    Phase::Stopping => {
                        return Err(EngineError::precondition(format!(
                            "instance/{name} is being stopped"
                        )));
                    }
                    Phase::Booting => {}
                }
                let now = status.waiting_for.unwrap_or_else(|| "the guest".to_owned());
                if now != waiting {
                    context.message(format!("waits for {now}"));
                    waiting = now;
                }
            }
            Err(_) if agent_pid(files.dir()).is_none() => return Err(ended(&files, name)),
            Err(_) => {}
        }
        wait(&mut events, context).await?;
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
        false => EngineError::precondition(format!("instance/{name} does not run")),
    }
}

fn ended(files: &InstanceFiles, name: &Name) -> EngineError {
    let said = log::last_error(files).unwrap_or_else(|| "its host agent ended".to_owned());
    EngineError::permanent(format!("instance/{name} went down while it booted: {said}"))
        .hint(format!("see {} and {}", files.log().display(), files.file("serial.log").display()))
}
