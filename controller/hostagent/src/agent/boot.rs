//! Starting the VM under the best accelerator that works.

use super::agent::{Agent, Known};
use super::begin::Begun;
use crate::accel::{self, Accelerator, Outcome, Watchdog};
use crate::api::StopRequest;
use crate::driver::Machine;
use crate::spec::Firmware;
use crate::{Error, chain, ssh};

/// What a guest did first.
enum Signs {
    /// Its SSH server answers.
    Answers,
    /// Nothing, for too long.
    Stalled(String),
    /// It ended.
    Ended,
    /// Nothing more is waited for: a stop was asked for, or time is up.
    Unknown,
}

impl Agent {
    /// Starts the VM and waits for a sign of life where the accelerator may be at fault. `None` if
    /// a stop was asked for before its guest began.
    ///
    /// # Errors
    /// The VM can't be started, or ended by itself.
    pub(super) async fn start_vm(&mut self) -> Result<Option<(Box<dyn Machine>, Known)>, Error> {
        let mut candidates = self.candidates().into_iter().peekable();
        let mut suspect: Option<(Accelerator, String)> = None;
        while let Some(accelerator) = candidates.next() {
            if self.shared.stop_is_requested() {
                return Ok(None);
            }
            let is_last = candidates.peek().is_none();
            let reason = match self.try_accelerator(accelerator, is_last).await? {
                Attempt::Runs { machine, known } => {
                    if let Some((broken, reason)) = suspect.filter(|_| known == Known::Answers) {
                        self.remember(broken, &reason);
                    }
                    return Ok(Some((machine, known)));
                }
                Attempt::Stopped => return Ok(None),
                Attempt::Failed(reason) => reason,
            };
            tracing::warn!("{accelerator} does not work for this guest: {reason}");
            let shown = format!("{accelerator}: {reason}");
            self.shared.update(|status| status.fallback_reason = Some(shown));
            suspect = Some((accelerator, reason));
        }
        let reason = suspect.map(|(_, reason)| reason).unwrap_or_default();
        Err(Error::VmEnded { reason })
    }

    /// Those that the driver names, without those that are known not to work.
    fn candidates(&self) -> Vec<Accelerator> {
        let mut usable = Vec::new();
        for accelerator in self.driver.accelerators(&self.spec) {
            match accel::recall(&self.args.lima_home, accelerator) {
                Some(known) => {
                    let reason =
                        format!("{accelerator} does not work on this host: {}", known.reason);
                    tracing::info!("{reason} (found {})", known.since);
                    self.shared.update(|status| status.fallback_reason = Some(reason));
                }
                None => usable.push(accelerator),
            }
        }
        if usable.is_empty() { vec![Accelerator::Tcg] } else { usable }
    }

    async fn try_accelerator(
        &mut self,
        accelerator: Accelerator,
        is_last: bool,
    ) -> Result<Attempt, Error> {
        self.shared.waits_for(&format!("the hypervisor ({accelerator})"));
        self.mounts.serve(&self.spec.mounts).await?;
        self.start_networks().await?;
        let mut machine = match self.driver.start(&self.spec, accelerator).await {
            Ok(machine) => machine,
            Err(error) if is_last => return Err(error.into()),
            Err(error) => return Ok(Attempt::Failed(chain(&error))),
        };
        let pid = machine.process().pid();
        self.shared.update(|status| {
            status.accelerator = Some(accelerator);
            status.driver_pid = Some(pid);
        });
        // A host agent that is killed from now on leaves a VM that can be adopted.
        self.save_state(machine.as_ref(), false);
        match self.begin(machine.as_mut()).await? {
            Begun::Runs => {}
            Begun::Stopped => return Ok(Attempt::Stopped),
            Begun::Ended(reason) => return Ok(Attempt::Failed(reason)),
        }
        self.networks = Some(self.keep_networks(machine.as_ref()));
        self.emit(|_| ());
        match self.first_signs(machine.as_ref(), !is_last).await {
            Signs::Answers => Ok(Attempt::Runs { machine, known: Known::Answers }),
            Signs::Unknown => Ok(Attempt::Runs { machine, known: Known::Nothing }),
            // Whoever waits for the machine next sees that it has ended, and why.
            Signs::Ended if is_last => Ok(Attempt::Runs { machine, known: Known::Nothing }),
            Signs::Ended => Ok(Attempt::Failed(
                machine.clean_up().unwrap_or_else(|| "the guest switched itself off".to_owned()),
            )),
            Signs::Stalled(reason) => {
                machine.process().kill();
                machine.process().exited().await;
                machine.clean_up();
                Ok(Attempt::Failed(reason))
            }
        }
    }

    async fn first_signs(&self, machine: &dyn Machine, may_stall: bool) -> Signs {
        self.shared.waits_for("the guest's SSH server");
        let watch = async {
            if may_stall && let Outcome::Stalled(reason) = self.watchdog().watch(machine).await {
                return reason;
            }
            std::future::pending().await
        };
        tokio::select! {
            () = ssh::wait_for_banner(self.spec.ssh_port, true) => Signs::Answers,
            reason = watch => Signs::Stalled(reason),
            () = machine.process().exited() => Signs::Ended,
            () = self.shared.stop_requested(StopRequest::Graceful) => Signs::Unknown,
            () = tokio::time::sleep_until(self.boot_deadline) => Signs::Unknown,
        }
    }

    /// A boot loader's menu may wait for five seconds in silence.
    pub(super) fn watchdog(&self) -> Watchdog {
        let loader = self.spec.kernel.is_none() || self.spec.firmware != Firmware::BuiltIn;
        Watchdog::new(self.args.stall_timeout * if loader { 2 } else { 1 })
    }

    /// Only now is it sure that the accelerator was at fault, and not the guest.
    fn remember(&self, accelerator: Accelerator, reason: &str) {
        match accel::remember(&self.args.lima_home, accelerator, reason) {
            Ok(()) => tracing::warn!(
                "{accelerator} is not tried again on this host until its kernel changes: {reason}"
            ),
            Err(error) => tracing::error!("{}", chain(&error)),
        }
    }
}

enum Attempt {
    Runs {
        machine: Box<dyn Machine>,
        known: Known,
    },
    Failed(String),
    /// A stop was asked for, and the VM is down.
    Stopped,
}
