//! The HTTP API on `ha.sock`: Lima's `/v1/info`, and ours below `/v1/limekiln`.
//!
//! | route | answer |
//! |---|---|
//! | `GET /v1/info` | [`Info`] |
//! | `GET /v1/limekiln/status` | [`AgentStatus`] |
//! | `POST /v1/limekiln/forwards` | 200 when the port forwards of `lima.yaml` were read anew |
//! | `POST /v1/limekiln/reload` | [`Reload`] at once; `lima.yaml` is read again, and what can change while the VM runs is changed |
//! | `POST /v1/limekiln/orders` with an [`Order`] | 200 when it is carried out, 422 with the reason when it can't be |
//! | `POST /v1/limekiln/stop?force=true` | 202 at once; the VM is down when the `exiting` event comes |
//!
//! Errors are `{"message": …}` with a status of 400 and above, as Lima has them.

mod client;
mod order;
mod server;
mod shared;
mod status;

pub use client::{Client, ClientError};
pub use order::Order;
pub(crate) use server::Server;
pub(crate) use shared::{Shared, StopRequest};
pub use status::{
    AgentStatus, DiskStatus, Info, MountState, MountStatus, NetworkStatus, Phase, Reload,
    StepStatus,
};
