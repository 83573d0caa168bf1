//! Faults that are put into a run.

use limekiln_engine::ErrorClass;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The action fails and changes nothing.
    Fail(ErrorClass),
    /// The engine panics.
    Panic,
    /// Whoever performs it dies before it has any effect.
    CrashBefore,
    /// Whoever performs it dies in the middle: its effect is half there, where it can be.
    CrashInside,
    /// Whoever performs it dies after its whole effect, and before the answer.
    CrashAfter,
}

impl FaultKind {
    /// The three places of a crash.
    pub const CRASHES: [Self; 3] = [Self::CrashBefore, Self::CrashInside, Self::CrashAfter];
}

/// One fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The action that it hits, counted from 0 over the life of the engine.
    pub at: usize,
    /// What goes wrong.
    pub kind: FaultKind,
}
