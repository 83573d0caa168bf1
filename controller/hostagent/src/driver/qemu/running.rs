//! A QEMU that runs.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::live_disks::QemuDisks;
use super::qmp::{AnnounceSelf, Cont, Qmp, QueryBlockStats, QueryStatus, Quit, SystemPowerdown};
use super::snapshots::QemuSnapshots;
use super::tpm::{self, Tpm};
use super::{network, vnc};
use crate::driver::{DriverError, Links, LiveDisks, Machine, Progress, Snapshots};
use crate::files::InstanceFiles;
use crate::process::Process;
use crate::spec::VmSpec;

/// How much of what QEMU printed is quoted.
const QUOTED: usize = 600;

/// A QEMU that runs.
#[derive(Debug)]
pub(super) struct RunningQemu {
    files: InstanceFiles,
    process: Process,
    tpm: Option<Tpm>,
}

impl RunningQemu {
    pub(super) fn new(files: InstanceFiles, process: Process) -> Self {
        Self { files, process, tpm: None }
    }

    pub(super) fn with(self, tpm: Option<Tpm>) -> Self {
        Self { tpm, ..self }
    }

    fn console_bytes(&self) -> u64 {
        ["serial.log", "serialp.log", "serialv.log"]
            .iter()
            .filter_map(|name| fs::metadata(self.files.file(name)).ok())
            .map(|metadata| metadata.len())
            .sum()
    }

    /// The last lines that QEMU printed, without its warnings about the host.
    fn last_words(&self) -> String {
        let text = fs::read(self.files.qemu_log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().filter(|line| !line.contains(": warning: ")).collect();
        let joined = lines.join("; ");
        let printable: String = joined.chars().filter(|c| !c.is_control()).collect();
        let skip = printable.chars().count().saturating_sub(QUOTED);
        printable.chars().skip(skip).collect()
    }
}

#[async_trait]
impl Machine for RunningQemu {
    fn process(&self) -> &Process {
        &self.process
    }

    async fn begin(&self) -> Result<(), DriverError> {
        Qmp::connect(&self.files.qmp_sock()).await?.execute(&Cont).await?;
        Ok(())
    }

    async fn waits_to_begin(&self) -> Result<bool, DriverError> {
        let mut qmp = Qmp::connect(&self.files.qmp_sock()).await?;
        Ok(qmp.execute(&QueryStatus).await?.status == "prelaunch")
    }

    async fn is_out_of_room(&self) -> Result<bool, DriverError> {
        let mut qmp = Qmp::connect(&self.files.qmp_sock()).await?;
        // What QEMU does with a guest that writes to a full disk if nobody asks for anything else
        // (`werror=enospc`, qemu(1)); the write is tried again when the guest goes on.
        Ok(qmp.execute(&QueryStatus).await?.status == "io-error")
    }

    async fn lost(&self) -> String {
        match &self.tpm {
            Some(tpm) => tpm.lost(&self.files).await,
            None => std::future::pending().await,
        }
    }

    async fn progress(&self) -> Result<Progress, DriverError> {
        let mut qmp = Qmp::connect(&self.files.qmp_sock()).await?;
        let blocks = qmp.execute(&QueryBlockStats).await?.0;
        Ok(Progress {
            console_bytes: self.console_bytes(),
            reads: blocks.reads,
            writes: blocks.writes,
        })
    }

    async fn power_button(&self) -> Result<(), DriverError> {
        Qmp::connect(&self.files.qmp_sock()).await?.execute(&SystemPowerdown).await?;
        Ok(())
    }

    async fn quit(&self) -> Result<(), DriverError> {
        Qmp::connect(&self.files.qmp_sock()).await?.execute(&Quit).await?;
        Ok(())
    }

    fn links(&self) -> Arc<dyn Links> {
        Arc::new(QemuLinks(self.files.qmp_sock()))
    }

    fn disks(&self) -> Arc<dyn LiveDisks> {
        Arc::new(QemuDisks::new(self.files.clone()))
    }

    fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::new(QemuSnapshots::new(self.files.clone()))
    }

    fn clean_up(&mut self) -> Option<String> {
        let status = self.process.reap();
        if let Some(tpm) = self.tpm.take() {
            tpm.end();
        }
        tpm::forget(&self.files);
        vnc::forget(&self.files);
        // QEMU removes these itself unless it was killed.
        for path in [self.files.qemu_pid(), self.files.qmp_sock()] {
            let _ = fs::remove_file(path);
        }
        for name in ["serial.sock", "serialp.sock", "serialv.sock"] {
            let _ = fs::remove_file(self.files.file(name));
        }
        match status {
            Some(status) if status.success() => None,
            Some(status) => Some(match self.last_words() {
                words if words.is_empty() => format!("QEMU ended with {status}"),
                words => format!("QEMU ended with {status}: {words}"),
            }),
            None => None,
        }
    }
}

/// The other ends of its cards, by its control socket.
struct QemuLinks(PathBuf);

#[async_trait]
impl Links for QemuLinks {
    async fn connect_again(
        &self,
        spec: &VmSpec,
        network: &str,
        patience: Duration,
    ) -> Result<usize, DriverError> {
        Ok(network::connect_again(&self.0, spec, network, patience).await?)
    }

    async fn announce(&self) -> Result<(), DriverError> {
        Qmp::connect(&self.0).await?.execute(&AnnounceSelf).await?;
        Ok(())
    }
}
