//! What people do.

use std::fmt;

use limekiln_model::ObjectId;

use super::{Catalogue, Ordered};

/// What somebody does, with the manifests or beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Publishes manifests.
    Publish(Catalogue),
    /// Publishes manifests in a repository in the place of the last ones, as if those had never
    /// been.
    ForcePush(Catalogue),
    /// Acknowledges that history was rewritten so; from now on it counts.
    AcknowledgeRewind(Catalogue),
    /// Moves the directory of a source away.
    HideDirectory(usize),
    /// Takes everything out of the directory of a source.
    EmptyDirectory(usize),
    /// Acknowledges that much is deleted: of a source, or of all together.
    Acknowledge(Option<usize>),
    /// Goes back to what was published so many revisions before the last new one of a source.
    RollBack {
        /// The source.
        source: usize,
        /// How many.
        back: usize,
    },
    /// Lets all sources be followed again.
    Release,
    /// Orders something of the controller, until it is done or refused.
    Order(Ordered),
    /// Suspends an object by hand.
    Suspend(ObjectId),
    /// Ends all suspensions.
    Resume,
    /// Starts a VM with another tool, if it can be.
    Start(&'static str),
    /// Stops a VM with another tool.
    Stop(&'static str),
    /// Edits a stored configuration with another tool.
    Edit(&'static str),
    /// Deletes an instance with another tool, and all that it had.
    Delete(&'static str),
    /// Nothing, for a day.
    Wait,
}

/// In few words; of manifests each object.
impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, catalogue) = match self {
            Self::Publish(catalogue) => ("publish", catalogue),
            Self::ForcePush(catalogue) => ("force-push", catalogue),
            Self::AcknowledgeRewind(_) => return write!(f, "acknowledge the rewind"),
            other => return write!(f, "{other:?}"),
        };
        writeln!(f, "{verb}, broken {:?}", catalogue.broken)?;
        for (file, documents) in &catalogue.files {
            for described in documents {
                writeln!(f, "    {file}: {described:?}")?;
            }
        }
        write!(f, "   ")
    }
}
