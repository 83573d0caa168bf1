//! What the command-line and live tests share: a private home, and the program under test.

mod bounded;
mod home;
mod outcome;
pub mod skip;

pub use home::Home;
pub use outcome::Outcome;
