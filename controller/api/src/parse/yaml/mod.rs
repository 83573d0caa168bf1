//! YAML text to a tree with positions.
//!
//! The grammar is `granit-parser`'s, what a plain scalar means is `serde-saphyr`'s; in between is
//! a builder that knows where every node is, what a document may cost, and which keys come twice.
//! Reading with `Spanned` would give the same tree in twice the time, and would end at the first
//! key that is repeated.

mod builder;
mod copies;
mod error;
mod mapping;
mod scalar;
#[cfg(test)]
mod tests;

pub(crate) use builder::{Repeated, read};
