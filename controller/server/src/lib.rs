//! The control API of a controller, and its metrics.
//!
//! A [`Server`] answers on a unix socket in the home, on a thread of its own: a client that hangs
//! never holds up the loop, nor does a pass hold up an answer. What it answers comes from a
//! [`Desk`], which does the same for a command when no controller runs; so both tell the same.
//! What goes over the wire are the types of `limekiln-proto`, which [`convert`] alone knows to
//! translate.

mod board;
pub mod convert;
mod desk;
mod feed;
mod metrics;
mod news;
mod peers;
mod route;
mod server;
mod service;
mod socket;
mod view;

pub use desk::{Desk, DeskError};
pub use feed::Feed;
pub use metrics::{MetricsAddress, MetricsError, MetricsServer};
pub use server::{Server, ServerError};
pub use socket::{SocketError, path as socket_path};
