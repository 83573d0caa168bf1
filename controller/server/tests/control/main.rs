//! The control API over its socket, on the simulated engine.

mod fixture;
mod lists;
mod orders;
mod peers;
mod requests;
mod services;
mod watches;
