//! `limekiln usernet` (hidden): the daemon of a user-v2 network.

use limekiln_usernet::UsernetArgs;

use crate::exit::Exit;

/// Becomes a network daemon; returns when it was told to end.
///
/// # Errors
/// Another daemon serves the network, or a socket or file can't be made.
pub fn run(args: &UsernetArgs) -> anyhow::Result<Exit> {
    limekiln_usernet::main(args.clone())?;
    Ok(Exit::Done)
}
