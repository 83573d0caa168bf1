//! What exists in the simulation, and what each action does to it.

mod disk;
mod half;
mod instance;
mod network;
mod store;
mod trash;

pub use store::World;
