//! Which stories are played side by side.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A story with programs of its own is played alone: for a moment, until its own is loaded, each
/// holds all that this process has open, and so the locks of other stories' homes.
static TURN: RwLock<()> = RwLock::new(());

/// Leave to play, until it is dropped.
#[expect(dead_code, reason = "they are held, not read")]
pub(super) enum Turn {
    Alone(RwLockWriteGuard<'static, ()>),
    Beside(RwLockReadGuard<'static, ()>),
}

/// Waits for the leave to play a story, which may have programs of its own.
pub(super) fn take(has_programs: bool) -> Turn {
    if has_programs {
        Turn::Alone(TURN.write().unwrap_or_else(PoisonError::into_inner))
    } else {
        Turn::Beside(TURN.read().unwrap_or_else(PoisonError::into_inner))
    }
}
