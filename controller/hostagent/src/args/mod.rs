//! What a host agent is started with, and how that is written on a command line.

mod host_agent_args;
mod words;

pub use host_agent_args::HostAgentArgs;
pub use words::ArgsError;
