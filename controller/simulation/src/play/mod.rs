//! Plays stories, and judges how they end.

mod client;
mod clumsy;
mod director;
mod orders;
mod people;
mod turn;
mod verdict;

pub use director::{Ending, play};
pub use verdict::{Verdict, check};
