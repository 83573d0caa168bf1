//! The guest's clock, which stands still while the VM does.

use std::time::Duration;

use tokio::time::sleep;
use tonic::Code;

use super::{CallError, GuestClient};

/// As Lima: a first time soon after the agent is there, then again and again.
const FIRST: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_secs(10);
/// So many failures in a row, and the connection is taken to be dead.
const PATIENCE: u32 = 2;

/// Tells the guest the time again and again. Returns, with why, when the agent is silent; an agent
/// that knows no such call is left in peace for good.
pub(super) async fn keep(client: &GuestClient) -> String {
    sleep(FIRST).await;
    let mut failed = 0;
    loop {
        match client.sync_time().await {
            Ok(answer) => {
                failed = 0;
                if answer.adjusted {
                    tracing::info!(
                        "set the guest's clock, which was off by {} ms",
                        answer.drift_ms
                    );
                } else if !answer.error.is_empty() {
                    let said: String = answer.error.chars().take(200).collect();
                    tracing::warn!("the guest's clock can't be set: {said:?}");
                }
            }
            Err(CallError::Status(status)) if status.code() == Code::Unimplemented => {
                return std::future::pending().await;
            }
            Err(error) => {
                failed += 1;
                if failed >= PATIENCE {
                    return error.to_string();
                }
            }
        }
        sleep(EVERY).await;
    }
}
