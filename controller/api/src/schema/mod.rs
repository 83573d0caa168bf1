//! JSON Schemas of the kinds and of Lima's YAML.
//!
//! What is generated from the types says what is meant; `explain` and the definitions for
//! Kubernetes are made from it. What is published for editors says what is read: it is as loose as
//! the types with scalars, and as strict as the rules about single fields.

mod generate;
mod limits;
mod loosen;
mod publish;

pub(crate) use generate::{constants, schema_of, without_null};
pub use publish::json_schemas;
