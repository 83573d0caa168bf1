//! One instance, from its files.

use std::fs;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use limekiln_api::{HostFacts, Lima, LimaVersion, fill_as, read_lima};
use limekiln_hostagent::InstanceFiles;
use limekiln_model::{InstancePhase, Name, ObservedInstance};

use super::process::{agent_pid, driver_pid};
use super::stamps::Stamps;
use crate::instance::disk_bytes;
use crate::paths::Paths;

/// What the configuration was read from; the directory tells which other files there are.
const FILES: [&str; 2] = ["", "lima.yaml"];
/// What else it was read from, and the size of the disk. Whoever makes these does so once; that
/// somebody wrote into them is looked for seldom. A guest writes to its disk all the time.
const REST: [&str; 3] = ["lima-version", "disk", "disk.format"];
/// How often at most it is.
const SELDOM: Duration = Duration::from_secs(5);
/// What the configuration that it was booted with was read from.
const BOOTED: [&str; 2] = ["booted.json", "booted.yaml"];
/// Which processes it may have.
const PIDS: [&str; 2] = ["ha.pid", "qemu.pid"];

/// An instance as its files have it, and what they were when it was read.
///
/// It is good for as long as they are as they were; what cannot be sure is read again.
#[derive(Debug)]
pub(super) struct Known {
    files: Stamps<2>,
    rest: Stamps<3>,
    thorough: SystemTime,
    booted: Option<(Stamps<2>, Option<Arc<Lima>>)>,
    has_pids: bool,
    /// One that runs counts as booting until its host agent has been asked.
    pub(super) instance: Arc<ObservedInstance>,
    pub(super) agent: Option<u32>,
}

impl Known {
    /// Looks at an instance in the home, which is open, and reads what may have changed.
    pub(super) fn look(
        known: &mut Option<Self>,
        home: BorrowedFd<'_>,
        paths: &Paths,
        facts: &HostFacts,
        name: &Name,
        now: SystemTime,
    ) {
        let dir = paths.instance(name);
        let files = Stamps::below(home, name.as_str(), FILES, now);
        let same = |known: &mut Self| known.files.hold(&files) && known.is_as_the_rest(&dir, now);
        let same = known.as_mut().is_some_and(same);
        match known {
            Some(known) if same => known.look_at_processes(&dir),
            _ => *known = Some(Self::read(&dir, files, facts, name, now)),
        }
    }

    /// What seldom changes has changed.
    pub(super) fn look_again(&mut self) {
        self.thorough = SystemTime::UNIX_EPOCH;
    }

    fn look_at_processes(&mut self, dir: &Path) {
        if self.has_pids && self.instance.config.is_some() {
            let (phase, agent) = phase(dir);
            if self.instance.phase != phase {
                Arc::make_mut(&mut self.instance).phase = phase;
            }
            self.agent = agent;
        }
    }

    /// Looks at what seldom changes, if that was long ago. Whether all need not be read again:
    /// defaults depend on who made the instance.
    fn is_as_the_rest(&mut self, dir: &Path, now: SystemTime) -> bool {
        if now.duration_since(self.thorough).is_ok_and(|since| since <= SELDOM) {
            return true;
        }
        let rest = Stamps::of(dir, REST, now);
        if !self.rest.hold(&rest) {
            if self.instance.creator != InstanceFiles::new(dir).creator() {
                return false;
            }
            let bytes = disk_bytes(dir);
            if self.instance.disk_bytes != bytes {
                Arc::make_mut(&mut self.instance).disk_bytes = bytes;
            }
        }
        (self.rest, self.thorough) = (rest, now);
        true
    }

    fn read(dir: &Path, files: Stamps<2>, facts: &HostFacts, name: &Name, now: SystemTime) -> Self {
        let rest = Stamps::of(dir, REST, now);
        let has_pids = PIDS.iter().any(|file| dir.join(file).symlink_metadata().is_ok());
        let creator = InstanceFiles::new(dir).creator();
        let (config, (phase, agent)) = match config(dir, name, facts, &creator) {
            Ok(config) => (Some(config.into()), phase(dir)),
            Err(why) => (None, (InstancePhase::Broken { why }, None)),
        };
        let instance = ObservedInstance {
            phase,
            creator,
            config,
            booted: None,
            disk_bytes: disk_bytes(dir),
            ssh_port: None,
            accelerator: None,
            waiting_for: None,
            protected: dir.join("protected").symlink_metadata().is_ok(),
            mounts: Vec::new(),
            mount_faults: Vec::new(),
            nics: Vec::new(),
            vnc: None,
            raw_disk: fs::read_to_string(dir.join("disk.format"))
                .is_ok_and(|format| format.trim() == "raw"),
            live_disks: Default::default(),
            steps: Vec::new(),
            dir: dir.to_owned(),
        };
        let instance = instance.into();
        Self { files, rest, thorough: now - stagger(name), booted: None, has_pids, instance, agent }
    }

    /// The configuration that it was booted with, if it runs and that is known.
    pub(super) fn booted(&mut self, facts: &HostFacts, name: &Name) -> Option<Arc<Lima>> {
        let dir = &self.instance.dir;
        let now = Stamps::of(dir, BOOTED, SystemTime::now());
        if let Some((_, booted)) = self.booted.as_ref().filter(|(before, _)| before.hold(&now)) {
            return booted.clone();
        }
        let files = InstanceFiles::new(dir);
        let booted = files.read_booted().or_else(|| {
            let text = fs::read_to_string(files.booted_yaml()).ok()?;
            Some(fill_as(&read_lima(&text).ok()?, name, facts, &self.instance.creator))
        });
        let booted = booted.map(Arc::new);
        self.booted = Some((now, booted.clone()));
        booted
    }
}

/// The stored configuration, filled.
fn config(
    dir: &Path,
    name: &Name,
    facts: &HostFacts,
    creator: &LimaVersion,
) -> Result<Lima, String> {
    let text = fs::read_to_string(dir.join("lima.yaml")).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => "it has no lima.yaml".to_owned(),
        _ => format!("its lima.yaml cannot be read: {error}"),
    })?;
    let lima =
        read_lima(&text).map_err(|error| format!("its lima.yaml cannot be read: {error}"))?;
    Ok(fill_as(&lima, name, facts, creator))
}

/// So long before its time an instance is looked at thoroughly for the first time: not all of them
/// in one look.
fn stagger(name: &Name) -> Duration {
    let sum = name.as_str().bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31) + u32::from(byte));
    SELDOM * (sum % 64) / 64
}

/// How far along it is, and its host agent.
fn phase(dir: &Path) -> (InstancePhase, Option<u32>) {
    match (agent_pid(dir), driver_pid(dir)) {
        (Some(agent), _) => (InstancePhase::Booting, Some(agent)),
        (None, Some(pid)) => {
            let why = format!("its VM (process {pid}) runs without a host agent");
            (InstancePhase::Broken { why }, None)
        }
        (None, None) => (InstancePhase::Stopped, None),
    }
}
