//! The simulated machine: its files, its engine, and the lives of controllers on it.

mod engine;
mod flight;
mod incident;
mod life;
mod machine;
mod repository;
mod state;

pub use incident::Incident;
pub use life::{KEPT, Life, source_name};
pub use machine::Machine;
pub use state::State;
