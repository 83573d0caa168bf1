//! Plays stories, and judges how they end.

mod clumsy;
mod director;
mod people;
mod verdict;

pub use director::{Ending, play};
pub use verdict::{Verdict, check};
