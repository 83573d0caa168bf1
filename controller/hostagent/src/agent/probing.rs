//! Whether a guest that was ready still is.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::readiness::{printable, probe_command};
use crate::files::InstanceFiles;
use crate::spec::{ReadinessProbe, filled, probes};
use crate::ssh::Session;
use crate::{HostAgentArgs, chain};

/// How long a probe may fail.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(500);

/// Runs the probes of `lima.yaml` in a guest that is up.
pub(super) struct Probing {
    pub(super) args: HostAgentArgs,
    pub(super) files: InstanceFiles,
    pub(super) session: Session,
}

impl Probing {
    /// Runs each until it succeeds.
    ///
    /// # Errors
    /// The first that does not, in words.
    pub(super) async fn once(&self) -> Result<(), String> {
        let lima = filled(&self.args, &self.files.lima_yaml()).map_err(|error| chain(&error))?;
        self.guest_answers().await?;
        for probe in probes(&lima) {
            self.succeeds(&probe).await?;
        }
        Ok(())
    }

    async fn guest_answers(&self) -> Result<(), String> {
        match timeout(PATIENCE, self.session.run("true", "")).await {
            Ok(Ok(output)) if output.status.success() => Ok(()),
            _ => Err("the guest does not answer over SSH".to_owned()),
        }
    }

    async fn succeeds(&self, probe: &ReadinessProbe) -> Result<(), String> {
        let (command, start) = (probe_command(&probe.script), Instant::now());
        let mut said = String::new();
        while start.elapsed() < PATIENCE {
            let left = PATIENCE.saturating_sub(start.elapsed());
            match timeout(left, self.session.run(&command, &probe.script)).await {
                Ok(Ok(output)) if output.status.success() => return Ok(()),
                Ok(Ok(output)) => said = printable(&output.stderr),
                Ok(Err(error)) => said = format!("cannot run ssh: {error}"),
                Err(_) => break,
            }
            sleep(AGAIN).await;
        }
        let (what, seconds) = (&probe.description, PATIENCE.as_secs());
        Err(format!("the probe {what:?} failed for {seconds} s: {said}"))
    }
}
