//! Figures for Prometheus.

mod address;
mod exposition;
mod listen;

pub use address::MetricsAddress;
pub use listen::{MetricsError, MetricsServer};
