//! What the director of a story has to see to.

/// Something that happened to a controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incident {
    /// It died.
    Died,
    /// It is frozen, and thaws by itself.
    Frozen,
    /// It is frozen, and somebody takes it for dead.
    TakenForDead,
}
