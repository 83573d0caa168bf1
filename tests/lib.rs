//! What the command-line and live tests share: a private home, and the program under test.

pub mod bounded;
mod controller;
mod home;
mod outcome;
pub mod skip;

pub use controller::Controller;
pub use home::Home;
pub use outcome::Outcome;
