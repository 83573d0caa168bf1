//! A guest's first moment: the daemons of its networks are told of it before it says a word.

use std::time::Duration;

use tokio::time::timeout;

use super::agent::{Agent, Known};
use crate::Error;
use crate::api::StopRequest;
use crate::driver::{Machine, power};

/// A connection to a hypervisor that ends breaks a little before its process is gone.
const ENDING: Duration = Duration::from_millis(500);

/// What became of a VM whose guest waited to begin.
pub(super) enum Begun {
    /// The guest runs.
    Runs,
    /// A stop was asked for; the VM is down.
    Stopped,
    /// The VM ended by itself, and why.
    Ended(String),
}

enum Outcome {
    Introduced(Result<(), Error>),
    Ended,
    Stop,
}

impl Agent {
    /// Introduces the VM and lets its guest begin. If that fails, the VM is down when this
    /// returns: its guest has done nothing yet.
    ///
    /// # Errors
    /// It can't be introduced, though its hypervisor runs.
    pub(super) async fn begin(&self, machine: &mut dyn Machine) -> Result<Begun, Error> {
        let outcome = tokio::select! {
            // Where nobody is told, the guest runs already, and a stop is heard later.
            biased;
            result = self.introduce(&*machine) => Outcome::Introduced(result),
            () = machine.process().exited() => Outcome::Ended,
            () = self.shared.stop_requested(StopRequest::Graceful) => Outcome::Stop,
        };
        let error = match outcome {
            Outcome::Introduced(Ok(())) => return Ok(Begun::Runs),
            Outcome::Introduced(Err(error)) => error,
            Outcome::Ended => return Ok(ended(machine)),
            Outcome::Stop => {
                power::cut(&*machine).await;
                machine.clean_up();
                return Ok(Begun::Stopped);
            }
        };
        // Also a daemon that knows no such process may only say what the hypervisor did.
        if timeout(ENDING, machine.process().exited()).await.is_ok() {
            return Ok(ended(machine));
        }
        machine.process().kill();
        machine.process().exited().await;
        machine.clean_up();
        Err(error)
    }

    /// The same for a VM that was taken over: its host agent may have been killed before it had
    /// let the guest begin. Whether the VM runs on.
    ///
    /// # Errors
    /// As above, or it ended.
    pub(super) async fn begin_adopted(
        &self,
        machine: &mut dyn Machine,
        known: Known,
    ) -> Result<bool, Error> {
        // One that does not answer may be at work, and is not ended for that.
        if known == Known::Ready || !machine.waits_to_begin().await.unwrap_or(false) {
            return Ok(true);
        }
        match self.begin(machine).await? {
            Begun::Runs => Ok(true),
            Begun::Stopped => Ok(false),
            Begun::Ended(reason) => Err(Error::VmEnded { reason }),
        }
    }
}

fn ended(machine: &mut dyn Machine) -> Begun {
    Begun::Ended(machine.clean_up().unwrap_or_else(|| "before its guest began".to_owned()))
}
