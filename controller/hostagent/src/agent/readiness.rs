//! When a guest counts as ready.

use std::fmt::Write;
use std::time::Duration;

use tokio::time::{sleep, timeout_at};

use super::agent::{Agent, Known};
use super::steps;
use crate::spec::ReadinessProbe;
use crate::ssh;

/// After a broken connection or a failed probe, before the next: at first, and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// Without an agent on the host there is nothing to link.
const LINK_SSH_AGENT: &str = "sh -c '[ -z \"$SSH_AUTH_SOCK\" ] || ln -sfn \"$SSH_AUTH_SOCK\" /run/host-services/ssh-auth.sock'";

impl Agent {
    /// Waits until the guest is ready. Returns what failed; time running out is a failure, too.
    pub(super) async fn wait_until_ready(&self, known: Known) -> Vec<String> {
        let all = async {
            if known == Known::Nothing {
                // A connection that begins before the guest's network is up would hang long.
                self.shared.waits_for("the guest's SSH server");
                ssh::wait_for_banner(self.spec.ssh_port, true).await;
            }
            let (mut errors, ()) = tokio::join!(self.wait_for_boot_scripts(), self.mount());
            self.start_new_session().await;
            self.link_ssh_agent().await;
            self.learn_steps().await;
            self.mounts.see_devices(&self.session, &self.spec.mounts).await;
            for probe in &self.guest.probes {
                self.shared.waits_for(&format!("the probe {:?}", probe.description));
                self.run_probe(probe).await;
            }
            errors.sort();
            errors
        };
        match timeout_at(self.boot_deadline, all).await {
            Ok(errors) => errors,
            Err(_) => {
                let waited = self.shared.status().waiting_for.unwrap_or_default();
                let seconds = self.args.boot_timeout.as_secs();
                vec![format!("waited {seconds} s in vain for {waited}{}", self.hint())]
            }
        }
    }

    /// Opens the control master, and waits in the guest, which costs the host nothing.
    async fn wait_for_boot_scripts(&self) -> Vec<String> {
        let command = wait_command(&self.instance_id);
        let mut pause = AGAIN.0;
        loop {
            self.shared.waits_for("the guest's boot scripts");
            let problem = match self.session.run(&command, "").await {
                Ok(output) if output.status.success() => return lines(&output.stdout),
                Ok(output) => last_line(&output.stderr),
                Err(error) => format!("cannot run ssh: {error}"),
            };
            self.shared.waits_for(&format!("the guest to let us in ({problem})"));
            sleep(pause).await;
            pause = (pause * 2).min(AGAIN.1);
            ssh::wait_for_banner(self.spec.ssh_port, false).await;
        }
    }

    /// What came of the steps of provisioning.
    pub(super) async fn learn_steps(&self) {
        if !self.guest.steps.is_empty() {
            steps::learn(&self.session, &self.shared).await;
        }
    }

    /// A session keeps the environment and the groups that it began with; users' commands, which
    /// share the control master's connection, shall have those of the boot scripts.
    async fn start_new_session(&self) {
        if self.guest.env.is_empty() && self.guest.steps.is_empty() {
            return;
        }
        self.session.exit().await;
        if let Err(error) = self.session.run("true", "").await {
            tracing::warn!("cannot run ssh: {error}");
        }
    }

    /// The host's SSH agent has a socket of the connection's in the guest. Programs such as containers,
    /// which no session starts, find it under Lima's name while this connection lives.
    async fn link_ssh_agent(&self) {
        if !self.guest.forward_agent || self.guest.plain {
            return;
        }
        match self.session.run(LINK_SSH_AGENT, "").await {
            Ok(output) if output.status.success() => {}
            Ok(output) => tracing::warn!("no link to the SSH agent: {}", last_line(&output.stderr)),
            Err(error) => tracing::warn!("cannot run ssh: {error}"),
        }
    }

    /// Runs a probe until it succeeds.
    async fn run_probe(&self, probe: &ReadinessProbe) {
        let command = probe_command(&probe.script);
        let mut pause = AGAIN.0;
        loop {
            match self.session.run(&command, &probe.script).await {
                Ok(output) if output.status.success() => return,
                Ok(output) => tracing::debug!("probe: {}", printable(&output.stderr)),
                Err(error) => tracing::error!("cannot run ssh: {error}"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(AGAIN.1);
        }
    }

    /// The hint of the probe that is waited for.
    fn hint(&self) -> String {
        let waited = self.shared.status().waiting_for.unwrap_or_default();
        self.guest
            .probes
            .iter()
            .find(|probe| waited.ends_with(&format!("{:?}", probe.description)))
            .filter(|probe| !probe.hint.is_empty())
            .map(|probe| format!(" ({})", probe.hint.trim()))
            .unwrap_or_default()
    }
}

/// Waits in the guest for the marker of this start, then prints what failed. Only builtins but for
/// the pause: on an emulated processor every new process takes time from the boot.
fn wait_command(instance_id: &str) -> String {
    format!(
        "sh -c 'id=; until [ \"$id\" = {instance_id} ]; do \
         [ -r /run/lima-boot-done ] && read -r id </run/lima-boot-done || sleep 0.1; done; \
         [ ! -r /run/limekiln-boot-failed ] || cat /run/limekiln-boot-failed'"
    )
}

/// Runs the interpreter that the script names, with the parameters in its environment. The
/// parameters are read in the guest: joined into this text, they could be commands.
pub(super) fn probe_command(script: &str) -> String {
    let first = script.lines().next().unwrap_or_default();
    let interpreter = first.strip_prefix("#!").map_or("/bin/sh", str::trim).replace('\'', "'\\''");
    let mut command = String::from("sh -c 'while IFS= read -r line; do export \"$line\"; done");
    // Writing to a string can't fail.
    let _ = write!(command, " </run/limekiln-params; exec {interpreter}'");
    command
}

/// At most 32 lines that are fit to print: a guest may write anything.
fn lines(bytes: &[u8]) -> Vec<String> {
    bytes
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .take(32)
        .map(printable)
        .collect()
}

/// What ssh complains about; the lines before are about the host key.
fn last_line(stderr: &[u8]) -> String {
    lines(stderr).pop().unwrap_or_else(|| "the connection broke".to_owned())
}

pub(super) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim().chars().take(400).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_guest_cannot_flood_or_control_a_terminal() {
        let flood = "\u{1b}[31mred\n".repeat(1000);
        let lines = super::lines(flood.as_bytes());
        assert_eq!(lines.len(), 32);
        assert_eq!(lines[0], " [31mred");
    }

    #[test]
    fn the_interpreter_is_the_scripts_own() {
        let command = super::probe_command("#!/usr/bin/env python3\nprint()");
        assert!(command.ends_with("exec /usr/bin/env python3'"), "{command}");
    }
}
