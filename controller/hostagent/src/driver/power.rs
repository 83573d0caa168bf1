//! Ending a VM.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{DriverError, Machine};

/// A guest that still boots may miss the power button, so it is pressed again; one that shuts
/// down does not mind.
const PRESS_AGAIN: Duration = Duration::from_secs(2);

/// How long a hypervisor may take to close its files.
const QUIT: Duration = Duration::from_secs(3);

/// Presses the power button until the VM is down. The caller has a deadline.
///
/// # Errors
/// The hypervisor does not hear the button, and would not later either; or the guest, which has
/// not begun.
pub async fn press(machine: &dyn Machine) -> Result<(), DriverError> {
    let again_and_again = async {
        // A host agent may have been killed before it let it begin.
        match machine.waits_to_begin().await {
            Ok(false) => {}
            Ok(true) => return DriverError::NotBegun,
            Err(error) => return error,
        }
        loop {
            if let Err(error) = machine.power_button().await {
                return error;
            }
            sleep(PRESS_AGAIN).await;
        }
    };
    tokio::select! {
        () = machine.process().exited() => Ok(()),
        error = again_and_again => Err(error),
    }
}

/// Ends the VM without asking its guest. When this returns, it is down. A hypervisor that hears
/// writes what it still holds of its disks; one that does not is killed.
pub async fn cut(machine: &dyn Machine) {
    let orderly = async {
        if machine.quit().await.is_err() {
            // It may just have gone, or closed the connection with itself.
            sleep(Duration::from_millis(200)).await;
            return;
        }
        machine.process().exited().await;
    };
    let gone = async {
        tokio::select! {
            () = machine.process().exited() => true,
            () = orderly => false,
        }
    };
    if !timeout(QUIT, gone).await.unwrap_or(false) {
        machine.process().kill();
        machine.process().exited().await;
    }
}
