//! How a run ended.

use limekiln_model::{StepId, StepOutcome};

/// How each step of a run ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunResult {
    /// One per step of the plan, by number.
    pub outcomes: Vec<StepOutcome>,
    /// Whether a step failed because the world was not as the plan took it to be, or in a way
    /// that leaves open whether it happened: then the state has to be read again.
    pub look_again: bool,
}

impl RunResult {
    /// Whether every step is done.
    pub fn is_done(&self) -> bool {
        self.outcomes.iter().all(|outcome| *outcome == StepOutcome::Done)
    }

    /// Whether the run was cancelled before its end.
    pub fn was_cancelled(&self) -> bool {
        self.outcomes.contains(&StepOutcome::Cancelled)
    }

    /// The steps that failed, with the error and what the user can do.
    pub fn failures(&self) -> impl Iterator<Item = (StepId, &str, Option<&str>)> {
        self.outcomes.iter().enumerate().filter_map(|(index, outcome)| match outcome {
            StepOutcome::Failed { error, hint } => {
                Some((StepId(index), error.as_str(), hint.as_deref()))
            }
            _ => None,
        })
    }

    /// How many steps ended like `outcome`, failures whatever their text.
    pub fn count(&self, outcome: &StepOutcome) -> usize {
        let same = |other: &&StepOutcome| {
            std::mem::discriminant(*other) == std::mem::discriminant(outcome)
        };
        self.outcomes.iter().filter(same).count()
    }
}
