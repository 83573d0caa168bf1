//! What the API was told, kept for the next daemon in case this one is killed.

use std::io;
use std::path::PathBuf;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::forwards::{Exposed, Forwards};
use crate::dns::{Zone, Zones};
use crate::leases;
use crate::mail::Mailbox;

/// The file's content.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Rises when a later release writes what this one could not understand.
    version: u32,
    /// Ports of the host that lead to guests.
    #[serde(default)]
    forwards: Vec<Exposed>,
    /// Names.
    #[serde(default)]
    zones: Vec<Zone>,
}

const VERSION: u32 = 1;

/// Where it is kept, if anywhere.
#[derive(Clone, Debug)]
pub struct StateFile(pub Option<PathBuf>);

impl StateFile {
    /// Takes up what an earlier daemon, which was killed, was told. What is damaged or of a later
    /// release is set aside, and said so.
    pub fn restore(&self, mailbox: &Mailbox, zones: &Mutex<Zones>, forwards: &Mutex<Forwards>) {
        let Some(path) = &self.0 else { return };
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            other => other,
        };
        let (Ok(mut zones), Ok(mut forwards)) = (zones.lock(), forwards.lock()) else { return };
        let taken = text.and_then(|text| Self::read(&text, mailbox, &mut zones, &mut forwards));
        if let Err(error) = taken {
            let (aside, path) = (leases::aside(path), path.display());
            tracing::warn!("names and forwards in {path} can't be read: {error}; {aside}");
        }
    }

    /// Takes up what a file's bytes say.
    ///
    /// # Errors
    /// They are no such file, or a later release's.
    pub fn read(
        text: &[u8],
        mailbox: &Mailbox,
        zones: &mut Zones,
        forwards: &mut Forwards,
    ) -> io::Result<()> {
        let state = parse(text)?;
        state.zones.into_iter().for_each(|zone| zones.add(zone));
        for forward in state.forwards {
            if let Err(error) = forwards.expose(mailbox, &forward) {
                let (local, remote) = (&forward.at.local, &forward.remote);
                tracing::warn!("{local} no longer leads to {remote}: {error}");
            }
        }
        Ok(())
    }

    /// Keeps what there is now.
    pub fn save(&self, zones: &Mutex<Zones>, forwards: &Mutex<Forwards>) {
        let (Some(path), Ok(zones), Ok(forwards)) = (&self.0, zones.lock(), forwards.lock()) else {
            return;
        };
        let state =
            State { version: VERSION, forwards: forwards.all(), zones: zones.zones().to_vec() };
        let saved = serde_json::to_vec(&state).map_err(io::Error::other);
        if let Err(error) = saved.and_then(|data| leases::write(path, &data)) {
            tracing::warn!("names and forwards are not kept for after a crash: {error}");
        }
    }

    /// Forgets it: the daemon ended in order.
    pub fn remove(&self) {
        if let Some(path) = &self.0 {
            // It may never have been written.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn parse(text: &[u8]) -> io::Result<State> {
    let state: State = serde_json::from_slice(text)?;
    if state.version > VERSION {
        return Err(io::Error::other("a later release wrote them"));
    }
    Ok(state)
}
