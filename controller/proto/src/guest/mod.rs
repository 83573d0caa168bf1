//! Lima's guest service.

pub mod limits;
mod service;

pub use service::*;
