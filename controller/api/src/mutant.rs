//! Deliberate bugs, for the simulation to find: a test that cannot fail proves nothing.
//!
//! Without the feature `mutants` none of them is in the program. With it, one at a time can be
//! switched on for the whole process.

/// One deliberate bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// A VM is started before the disks and networks that it uses are there.
    StartsBeforeWhatItUses,
    /// An instance is made before its disks.
    MadeBeforeItsDisks,
    /// A disk or network changes under those who use it.
    ChangesUnderUsers,
    /// A VM is started before what it depends on.
    StartsBeforeDependencies,
    /// Whether what it depends on can be there is not asked.
    DependenciesForgotten,
    /// Any number of objects is deleted at once.
    PrunesBeyondBudget,
    /// What somebody else made is taken for ours.
    TakesStrangers,
    /// What a faulty manifest describes counts as gone.
    FaultyIsGone,
    /// What is suspended is acted on.
    IgnoresSuspension,
    /// What would disturb is done without permission.
    DisturbsUnasked,
    /// What must never be stored, as a smaller disk, is stored.
    Shrinks,
    /// The daemon of a network runs on after its last user.
    DaemonStays,
    /// What a restart owes is not looked up.
    ForgetsRestarts,
    /// What a restart owes is not noted.
    NotesNoRestart,
    /// What comes after a failure is done all the same.
    GoesOnAfterFailure,
    /// Any number of VMs boots at once.
    IgnoresLimits,
    /// An action that hangs is waited for.
    WaitsForever,
    /// A look that hangs is waited for.
    LooksForever,
    /// An object is claimed after it was made.
    ClaimsTooLate,
    /// A claim is given up before its object is gone.
    ForgetsTooEarly,
    /// What is older than what was seen before is believed.
    BelievesOldLooks,
    /// What is gone is deleted after a look, though nothing tells whether that is out of date.
    PrunesAtFirstLook,
    /// Something is stopped without a second look.
    StopsUnseen,
    /// The lock is not minded.
    IgnoresLock,
    /// That the lock was taken away is not minded.
    IgnoresFence,
    /// Somebody else's work on an object is not minded.
    IgnoresWork,
    /// What is wanted no more is done to its end.
    FinishesOldWork,
    /// After a failure it is tried again at once.
    WaitsForNothing,
    /// A directory that is gone counts as empty.
    GoneIsEmpty,
    /// Files that are being written are read.
    ReadsHalves,
    /// Our own files are written in place.
    WritesInPlace,
    /// Halves of files stay.
    LeavesHalves,
    /// Nothing is looked at without a reason.
    LooksOnlyWhenTold,
    /// A panic of the engine ends the controller.
    DiesOfPanics,
    /// What hangs keeps the controller from ending.
    EndsLate,
    /// What was parked is removed when the clock says so.
    TrustsTheClock,
    /// What may be deleted of one source is reckoned from the objects of all.
    CountsAllSources,
    /// What is gone is deleted also for a source that lets nothing be deleted.
    PrunesEverySource,
    /// What a source has that cannot be read is taken over by another.
    TakesFromUnread,
    /// What was seen of files before they were whole counts.
    ActsOnForesight,
    /// A revision that was pinned is not held on to.
    IgnoresPins,
    /// A revision that was rolled back is applied again.
    ForgetsRollbacks,
    /// What was acknowledged of a revision counts again when that comes back.
    KeepsAcknowledgements,
    /// What is gone from one source goes, though another one may have it by now.
    PrunesWhatMoved,
    /// What is to stay goes with its manifest.
    DeletesRetained,
    /// A branch whose history was rewritten is followed.
    FollowsRewinds,
    /// What somebody orders is done, whatever the manifests say of it.
    OrdersAnything,
    /// What somebody orders is done while others work on it.
    OrdersTheBusy,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 48] = [
        Self::StartsBeforeWhatItUses,
        Self::MadeBeforeItsDisks,
        Self::ChangesUnderUsers,
        Self::StartsBeforeDependencies,
        Self::DependenciesForgotten,
        Self::PrunesBeyondBudget,
        Self::TakesStrangers,
        Self::FaultyIsGone,
        Self::IgnoresSuspension,
        Self::DisturbsUnasked,
        Self::Shrinks,
        Self::DaemonStays,
        Self::ForgetsRestarts,
        Self::NotesNoRestart,
        Self::GoesOnAfterFailure,
        Self::IgnoresLimits,
        Self::WaitsForever,
        Self::LooksForever,
        Self::ClaimsTooLate,
        Self::ForgetsTooEarly,
        Self::BelievesOldLooks,
        Self::PrunesAtFirstLook,
        Self::StopsUnseen,
        Self::IgnoresLock,
        Self::IgnoresFence,
        Self::IgnoresWork,
        Self::FinishesOldWork,
        Self::WaitsForNothing,
        Self::GoneIsEmpty,
        Self::ReadsHalves,
        Self::WritesInPlace,
        Self::LeavesHalves,
        Self::LooksOnlyWhenTold,
        Self::DiesOfPanics,
        Self::EndsLate,
        Self::TrustsTheClock,
        Self::CountsAllSources,
        Self::PrunesEverySource,
        Self::TakesFromUnread,
        Self::ActsOnForesight,
        Self::IgnoresPins,
        Self::ForgetsRollbacks,
        Self::KeepsAcknowledgements,
        Self::PrunesWhatMoved,
        Self::DeletesRetained,
        Self::FollowsRewinds,
        Self::OrdersAnything,
        Self::OrdersTheBusy,
    ];
}

#[cfg(feature = "mutants")]
mod switch {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Mutant;

    /// 0 for none.
    static ON: AtomicUsize = AtomicUsize::new(0);

    /// Switches one on, and the others off.
    pub fn switch_on(mutant: Option<Mutant>) {
        ON.store(mutant.map_or(0, |mutant| mutant as usize + 1), Ordering::SeqCst);
    }

    /// Whether it is on.
    pub fn is_on(mutant: Mutant) -> bool {
        ON.load(Ordering::Relaxed) == mutant as usize + 1
    }
}

#[cfg(feature = "mutants")]
pub use switch::{is_on, switch_on};

/// Whether it is on: never, without the feature.
#[cfg(not(feature = "mutants"))]
pub const fn is_on(_: Mutant) -> bool {
    false
}
