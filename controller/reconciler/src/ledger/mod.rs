//! Which objects are ours.

mod claim;
mod engine;
mod follow;
mod seen;
mod store;
#[cfg(test)]
mod tests;
mod turn;

pub use claim::{Claim, Claims};
pub(crate) use engine::LedgerEngine;
pub(crate) use follow::{Owners, follow, owners_after};
pub use store::{Ledger, LedgerError};
