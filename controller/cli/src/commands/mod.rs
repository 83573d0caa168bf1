//! One command per file: its arguments and one function.

pub mod apply;
mod by_hand;
pub mod completion;
pub mod copy;
pub mod delete;
pub mod describe;
pub mod diff;
pub mod doctor;
pub mod events;
pub mod explain;
pub mod get;
pub mod graph;
pub mod hostagent;
pub mod list;
pub mod lock;
pub mod plan;
pub mod plugin;
pub mod restart;
pub mod schema;
pub mod shell;
mod ssh;
pub mod start;
pub mod stop;
pub mod template;
pub mod undelete;
pub mod validate;
pub mod wait;
