//! The calls of the API.

mod answers;
mod apply;
mod failure;
mod lists;
mod progress;
mod requests;
mod watches;

pub(crate) use answers::Answers;
