//! What goes wrong.

/// What brings a fault about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// So many actions after the chapter began.
    Action,
    /// So many looks at what exists after the chapter began.
    Look,
    /// So many changes of our own files after the chapter began.
    Write,
    /// So many tenths of a second after the chapter began.
    Time,
    /// At once.
    Beginning,
}

/// One kind of fault.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Fault {
    /// The controller dies before an action has an effect.
    DieBefore,
    /// It dies inside an action, whose effect is half there.
    DieInside,
    /// It dies after an action, before it knows.
    DieAfter,
    /// It dies inside an action, and again two actions after it is back.
    DieTwice,
    /// It dies while it looks.
    DieLooking,
    /// It dies in the middle of a change of its own files.
    DieWriting,
    /// It dies at any moment.
    DieAnytime,
    /// An action fails, and may succeed when tried again.
    FailTransient,
    /// An action fails for hours.
    FailPermanent,
    /// An action fails until a person has done something.
    FailNeedsHuman,
    /// The world has moved under an action.
    FailPrecondition,
    /// An action is done, and nobody says so.
    UnknownDone,
    /// An action is not done, and nobody says so.
    UnknownUndone,
    /// An action does not end until it is told to.
    Hang,
    /// An action does not end.
    HangDeaf,
    /// An action takes a hundred times as long as others do.
    Slow,
    /// The engine panics.
    Panic,
    /// The controller is frozen in an action, and thaws.
    Freeze,
    /// It is frozen, taken for dead and replaced, and thaws.
    FreezeAndReplace,
    /// What is seen is out of date.
    StaleLook,
    /// It is started again, and what it sees first is out of date.
    StaleStart,
    /// A look does not end.
    HangLook,
    /// A look fails.
    FailLook,
    /// A look takes minutes.
    SlowLook,
    /// The disk of our own files is full for an hour.
    DiskFull,
    /// The controller is told to end, and started again.
    Terminate,
    /// Somebody starts another controller.
    SecondController,
    /// The machine sleeps for a year.
    ClockJump,
    /// Somebody sets the clock ten years ahead, or back.
    WallJump,
    /// A virtual machine breaks down.
    MachineBreaks,
    /// The daemon of a network dies.
    DaemonDies,
    /// Nobody says that the manifests changed.
    LostWake,
    /// It is said again and again.
    DoubledWake,
    /// It is said minutes later.
    LateWake,
    /// The files are half written when they are first seen.
    HalfWritten,
    /// A claim is torn.
    TornClaim,
    /// The status is torn.
    TornStatus,
    /// The journal is torn.
    TornJournal,
    /// A kept revision is torn.
    TornRevision,
    /// The log of what was done for a revision is torn.
    TornPlans,
    /// The note on how long what is parked has been so is torn.
    TornExpiry,
    /// The note on whose something was that is parked is torn.
    TornParked,
    /// What people ask for is torn, and somebody mends it.
    TornRequests,
    /// The note on which commits were acted on is torn, and somebody mends it.
    TornTrust,
    /// What was fetched of a repository is torn.
    TornCache,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 45] = [
        Self::DieBefore,
        Self::DieInside,
        Self::DieAfter,
        Self::DieTwice,
        Self::DieLooking,
        Self::DieWriting,
        Self::DieAnytime,
        Self::FailTransient,
        Self::FailPermanent,
        Self::FailNeedsHuman,
        Self::FailPrecondition,
        Self::UnknownDone,
        Self::UnknownUndone,
        Self::Hang,
        Self::HangDeaf,
        Self::Slow,
        Self::Panic,
        Self::Freeze,
        Self::FreezeAndReplace,
        Self::StaleLook,
        Self::StaleStart,
        Self::HangLook,
        Self::FailLook,
        Self::SlowLook,
        Self::DiskFull,
        Self::Terminate,
        Self::SecondController,
        Self::ClockJump,
        Self::WallJump,
        Self::MachineBreaks,
        Self::DaemonDies,
        Self::LostWake,
        Self::DoubledWake,
        Self::LateWake,
        Self::HalfWritten,
        Self::TornClaim,
        Self::TornStatus,
        Self::TornJournal,
        Self::TornRevision,
        Self::TornPlans,
        Self::TornExpiry,
        Self::TornParked,
        Self::TornRequests,
        Self::TornTrust,
        Self::TornCache,
    ];

    /// Those that only what comes from a repository knows.
    pub const OF_GIT: [Self; 2] = [Self::TornTrust, Self::TornCache];

    /// What brings it about.
    pub fn trigger(self) -> Trigger {
        match self {
            Self::StaleLook
            | Self::HangLook
            | Self::FailLook
            | Self::SlowLook
            | Self::DieLooking => Trigger::Look,
            Self::DieWriting | Self::DiskFull => Trigger::Write,
            Self::DieAnytime
            | Self::Terminate
            | Self::StaleStart
            | Self::SecondController
            | Self::ClockJump
            | Self::WallJump
            | Self::MachineBreaks
            | Self::DaemonDies
            | Self::TornClaim
            | Self::TornStatus
            | Self::TornJournal
            | Self::TornRevision
            | Self::TornPlans
            | Self::TornExpiry
            | Self::TornParked
            | Self::TornRequests
            | Self::TornTrust
            | Self::TornCache => Trigger::Time,
            Self::LostWake | Self::DoubledWake | Self::LateWake | Self::HalfWritten => {
                Trigger::Beginning
            }
            _ => Trigger::Action,
        }
    }
}

/// A fault that waits for its moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Armed {
    /// What.
    pub fault: Fault,
    /// How many of what triggers it go by before.
    pub after: u32,
}
