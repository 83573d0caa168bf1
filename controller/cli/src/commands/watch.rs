//! `limekiln watch`

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use clap::Args;
use limekiln_hostagent::InstanceFiles;
use limekiln_hostagent::events::{Event, EventReader, PortForward, PortForwardType};
use limekiln_model::Name;
use serde_json::json;

use crate::compose::App;
use crate::exit::{Exit, Failure};
use crate::refs::instance;

/// How often new events are looked for.
const LOOK: Duration = Duration::from_millis(200);

/// Show what the host agents of instances tell, until Ctrl-C.
#[derive(Args)]
pub struct WatchArgs {
    /// Only these; otherwise all, also new ones
    names: Vec<String>,
    /// One JSON object per line, as limactl prints them
    #[arg(long)]
    json: bool,
    /// Also what was told before
    #[arg(long)]
    history: bool,
}

/// Prints events.
///
/// # Errors
/// If a named instance does not exist, or a log cannot be read.
pub fn run(args: &WatchArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let named = args.names.iter().map(|name| instance(name)).collect::<anyhow::Result<Vec<_>>>()?;
    for name in &named {
        app.instance(name)?;
    }
    let mut readers: BTreeMap<Name, EventReader> = BTreeMap::new();
    let mut first = true;
    loop {
        let names = if named.is_empty() { all(&app)? } else { named.clone() };
        for name in names {
            let files = InstanceFiles::new(app.lima_home().join(name.as_str()));
            let reader =
                readers.entry(name.clone()).or_insert_with(|| EventReader::new(&files.events()));
            let events = reader.poll().map_err(|error| {
                Failure::new(Exit::Failed, format!("{}: {error}", files.events().display()))
            })?;
            if !first || args.history {
                events.iter().for_each(|event| print(&name, event, args.json));
            }
        }
        if crate::output::out::failure().is_some() {
            return Ok(Exit::Done);
        }
        first = false;
        sleep(LOOK);
    }
}

fn all(app: &App) -> anyhow::Result<Vec<Name>> {
    let entries = match std::fs::read_dir(app.lima_home()) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let names = entries.flatten().filter(|entry| entry.path().join("lima.yaml").exists());
    Ok(names.filter_map(|entry| Name::new(entry.file_name().into_string().ok()?).ok()).collect())
}

fn print(name: &Name, event: &Event, as_json: bool) {
    if as_json {
        outln!("{}", json!({ "instance": name, "event": event }));
    } else {
        outln!("{}  {name}  {}", event.time, words(event));
    }
}

/// What an event says, in a few words.
fn words(event: &Event) -> String {
    let status = &event.status;
    let port = status.port_forward.as_ref().filter(|_| !status.exiting).and_then(of_port);
    if let Some(words) = port {
        return words;
    }
    let mut words = Vec::new();
    if status.exiting {
        words.push("ends".to_owned());
    } else if status.degraded {
        words.push("runs, but not all works".to_owned());
    } else if status.running {
        words.push("runs".to_owned());
    } else {
        words.push("boots".to_owned());
    }
    if status.ssh_local_port != 0 && !status.exiting {
        words.push(format!("ssh on 127.0.0.1:{}", status.ssh_local_port));
    }
    words.extend(status.errors.iter().cloned());
    words.join("; ")
}

/// `None` for a kind that only a later version knows.
fn of_port(forward: &PortForward) -> Option<String> {
    let PortForward { protocol, guest_addr, host_addr, error, .. } = forward;
    let what = format!("{protocol} {guest_addr}");
    Some(match forward.r#type {
        PortForwardType::Forwarding => format!("{what} is at {host_addr}"),
        PortForwardType::NotForwarding => format!("{what} is not forwarded"),
        PortForwardType::Stopping => format!("{what} is no longer at {host_addr}"),
        PortForwardType::Failed => format!("{what} cannot be at {host_addr}: {error}"),
        PortForwardType::Other => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(status: &str) -> String {
        let line = format!(r#"{{"time":"2026-08-21T18:27:58Z","status":{status}}}"#);
        words(&serde_json::from_str(&line).expect("an event"))
    }

    #[test]
    fn events_are_told_in_words() {
        assert_eq!(words_of(r#"{"sshLocalPort":60022}"#), "boots; ssh on 127.0.0.1:60022");
        assert_eq!(
            words_of(r#"{"running":true,"degraded":true,"errors":["no disk"]}"#),
            "runs, but not all works; no disk"
        );
        let port = r#""protocol":"tcp","guestAddr":"0.0.0.0:80","hostAddr":"127.0.0.1:80""#;
        let of = |kind: &str| words_of(&format!(r#"{{"portForward":{{"type":"{kind}",{port}}}}}"#));
        assert_eq!(of("forwarding"), "tcp 0.0.0.0:80 is at 127.0.0.1:80");
        assert_eq!(of("stopping"), "tcp 0.0.0.0:80 is no longer at 127.0.0.1:80");
        assert_eq!(words_of(r#"{"exiting":true,"sshLocalPort":1}"#), "ends");
    }
}
