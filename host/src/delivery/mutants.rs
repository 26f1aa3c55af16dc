//! Bugs that tests plant in the decisions, to see that the model catches them. Each is one that a host
//! like this has had somewhere. Outside of tests none can be planted, and the compiler removes the places.

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// The highest offset seen is committed, not the lowest unfinished.
    CommitHighestSeen,
    /// Watermarks of a lost partition are committed.
    CommitAfterLoss,
    /// A try that ends after its partition was given up counts for the partition's next assignment.
    BelieveTheLate,
    /// The next delivery of a lane starts while a failed one waits for its next try.
    SwapOnRetry,
    /// An `ack` is final before the broker has what it published.
    FinalBeforeBroker,
    /// Tries are not counted.
    ForgetAttempts,
    /// One try more than there may be.
    OneTryMore,
    /// The window is not looked at.
    IgnoreWindow,
    /// Nor the bytes.
    IgnoreBuffer,
    /// A lane that ended in a dead letter does not go on.
    LeaveLaneClosed,
    /// A reset of the position leaves running tries without their lane.
    ForgetLaneOnReset,
    /// A revoked partition goes on starting tries.
    StartWhileDraining,
    /// More tries run than there are instances.
    IgnoreConcurrency,
    /// What did not run counts as a try.
    CountNotRun,
    /// What did not run is ready, whoever of its lane is before it.
    OvertakeNotRun,
    /// What was in a batch that ended in a fault shares one again.
    ShareAfterFault,
    /// A handler is never quarantined.
    NeverQuarantine,
    /// A paused handler goes on.
    RunWhilePaused,
    /// What fails in a generation that was taken back costs its event a try.
    BlameTheCondemned,
    /// An event is given up while it is not decided whether its failures are the generation's.
    GiveUpOnTrial,
    /// Events pay for the tries of a generation that was taken back.
    KeepSetbacks,
}

#[cfg(not(test))]
#[inline(always)]
pub(super) const fn planted(_: Mutant) -> bool {
    false
}

#[cfg(test)]
pub(super) use planting::{planted, with};

#[cfg(test)]
mod planting {
    use std::cell::Cell;

    use super::Mutant;

    impl Mutant {
        /// Every bug.
        pub const ALL: [Mutant; 21] = [
            Mutant::CommitHighestSeen,
            Mutant::CommitAfterLoss,
            Mutant::BelieveTheLate,
            Mutant::SwapOnRetry,
            Mutant::FinalBeforeBroker,
            Mutant::ForgetAttempts,
            Mutant::OneTryMore,
            Mutant::IgnoreWindow,
            Mutant::IgnoreBuffer,
            Mutant::LeaveLaneClosed,
            Mutant::ForgetLaneOnReset,
            Mutant::StartWhileDraining,
            Mutant::IgnoreConcurrency,
            Mutant::CountNotRun,
            Mutant::OvertakeNotRun,
            Mutant::ShareAfterFault,
            Mutant::NeverQuarantine,
            Mutant::RunWhilePaused,
            Mutant::BlameTheCondemned,
            Mutant::GiveUpOnTrial,
            Mutant::KeepSetbacks,
        ];
    }

    thread_local! {
        static PLANTED: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    pub(in crate::delivery) fn planted(mutant: Mutant) -> bool {
        PLANTED.get() == Some(mutant)
    }

    /// Does something on this thread with a bug planted.
    pub(in crate::delivery) fn with<T>(mutant: Mutant, run: impl FnOnce() -> T) -> T {
        PLANTED.set(Some(mutant));
        let result = run();
        PLANTED.set(None);
        result
    }
}
