//! What goes wrong by the clock, not by what the controller does.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use limekiln_model::{InstancePhase, Name, NetworkPhase};
use tokio::time::sleep;

use super::director::Director;
use crate::host::Life;
use crate::story::{Armed, Fault};

/// A machine that sleeps does so for this long.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
/// So long nobody mends what only a person can mend.
const UNMENDED: Duration = Duration::from_secs(600);

impl Director<'_> {
    pub(super) async fn go_wrong(&mut self, armed: Armed) -> anyhow::Result<()> {
        let fired = match armed.fault {
            Fault::DieAnytime => {
                self.kill().await;
                self.restart().await?;
                true
            }
            Fault::Terminate => {
                self.end_and_start_again().await?;
                true
            }
            Fault::StaleStart => {
                self.end().await;
                self.machine.lock().outdated = Some(armed.after as usize);
                self.restart().await?;
                true
            }
            Fault::SecondController => {
                self.second().await?;
                true
            }
            // Timers of the runtime know no more than two years.
            Fault::ClockJump if self.machine.lock().watch.begun.elapsed() < YEAR => {
                tokio::time::advance(YEAR).await;
                true
            }
            Fault::WallJump => {
                self.machine.set_clock(if armed.after.is_multiple_of(3) { -10 } else { 10 });
                true
            }
            Fault::MachineBreaks => self.machine_breaks(armed.after),
            Fault::DaemonDies => self.daemon_dies(armed.after),
            Fault::TornClaim => self.tear("owners", armed.after, true).await?,
            Fault::TornRevision => self.tear("revisions", armed.after, false).await?,
            Fault::TornStatus => self.tear("status.json", armed.after, false).await?,
            Fault::TornJournal => self.tear("events.jsonl", armed.after, false).await?,
            Fault::TornPlans => self.tear("plans", armed.after, false).await?,
            Fault::TornExpiry => self.tear("expiry.json", armed.after, false).await?,
            Fault::TornParked => self.tear("parked", armed.after, false).await?,
            Fault::TornCache => self.tear("git", armed.after, false).await?,
            Fault::TornRequests => self.tear_until_mended("requests.json").await?,
            Fault::TornTrust => self.tear_until_mended("sources.json").await?,
            _ => false,
        };
        if fired {
            self.machine.lock().fire(armed.fault);
        }
        Ok(())
    }

    /// Another controller is refused, and told why.
    async fn second(&mut self) -> anyhow::Result<()> {
        if !self.machine.lock().frozen.is_empty() || self.lives.is_empty() {
            return Ok(());
        }
        let number = u64::MAX;
        let policy = limekiln_model::Policy::default();
        let second = Life::start(&self.machine, number, policy, &self.story.sources)?;
        sleep(Duration::from_secs(1)).await;
        let refused = second.is_over();
        let ended = second.terminate().await;
        let mut state = self.machine.lock();
        state.alive.remove(&number);
        if !refused || !ended.is_err_and(|error| error.contains("works on")) {
            state.watch.break_rule("a second controller was let in".to_owned());
        }
        Ok(())
    }

    /// Half of a virtual machine that is ours to repair dies.
    fn machine_breaks(&mut self, number: u32) -> bool {
        let repaired = self.repaired();
        self.machine.outside(|world| {
            let mut running: Vec<_> = world
                .observed
                .instances
                .iter_mut()
                .filter(|(name, instance)| {
                    instance.phase == InstancePhase::Ready && repaired.contains(*name)
                })
                .collect();
            let count = running.len().max(1);
            let Some((_, instance)) = running.get_mut(number as usize % count) else {
                return false;
            };
            Arc::make_mut(*instance).phase =
                InstancePhase::Broken { why: "its host agent is gone".to_owned() };
            true
        })
    }

    fn daemon_dies(&mut self, number: u32) -> bool {
        let repaired = self.catalogue();
        let frozen = repaired.frozen();
        self.machine.outside(|world| {
            let mut running: Vec<_> = world
                .observed
                .networks
                .iter_mut()
                .filter(|(name, network)| {
                    let id = limekiln_model::ObjectId::network(name);
                    network.phase == NetworkPhase::Running
                        && repaired.ids().contains(&id)
                        && !frozen.contains(&id)
                })
                .collect();
            let count = running.len().max(1);
            let Some((_, network)) = running.get_mut(number as usize % count) else {
                return false;
            };
            network.phase = NetworkPhase::Stopped;
            true
        })
    }

    /// Instances that the controller puts right when they break.
    fn repaired(&self) -> Vec<Name> {
        let catalogue = self.catalogue();
        let frozen = catalogue.frozen();
        let owned = self.owned();
        let state = self.machine.lock();
        let machines = catalogue.machines().filter(|machine| !machine.suspend);
        let names = machines.map(|machine| Name::new(machine.name).expect("a name"));
        names
            .filter(|name| {
                let id = limekiln_model::ObjectId::instance(name);
                owned.contains(&id)
                    && !frozen.contains(&id)
                    && !state.watch.suspended.contains_key(&id)
            })
            .collect()
    }

    /// The controller dies, and one of its files is cut in half.
    async fn tear(&mut self, what: &str, number: u32, adopt: bool) -> anyhow::Result<bool> {
        let files = files(&self.machine.home().dir().join(what));
        let Some(file) = files.get(number as usize % files.len().max(1)) else { return Ok(false) };
        self.kill().await;
        let bytes = fs::read(file)?;
        fs::write(file, &bytes[..bytes.len() / 2])?;
        self.adopt |= adopt;
        self.machine.lock().watch.claim_lost |= adopt;
        self.restart().await?;
        Ok(true)
    }

    /// The controller dies, and a file is cut in half without which nobody knows what may be done.
    /// Nothing is, until somebody has mended it.
    async fn tear_until_mended(&mut self, what: &str) -> anyhow::Result<bool> {
        let file = self.machine.home().dir().join(what);
        let Ok(bytes) = fs::read(&file) else { return Ok(false) };
        self.kill().await;
        fs::write(&file, &bytes[..bytes.len() / 2])?;
        self.machine.lock().watch.torn = true;
        // One may refuse to begin at all.
        let begun = self.restart().await.is_ok();
        if begun && what == "sources.json" {
            let what = format!("{what} is torn, and a controller began");
            self.machine.lock().watch.break_rule(what);
        }
        sleep(UNMENDED).await;
        self.kill().await;
        fs::write(&file, bytes)?;
        self.machine.lock().watch.torn = false;
        self.restart().await?;
        Ok(true)
    }
}

/// The file, or those in the directory and below, but for locks, which hold nothing.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        let is_lock = path.file_name().is_some_and(|name| name == "lock");
        return if is_lock { Vec::new() } else { vec![path.to_owned()] };
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    let whole = |entry: &fs::DirEntry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        !name.starts_with('.') && !name.contains(".corrupt-")
    };
    let mut files: Vec<_> = entries.filter(whole).flat_map(|entry| files(&entry.path())).collect();
    files.sort();
    files
}
