//! What somebody orders.

use limekiln_model::{Name, ObjectId};

/// What is to be done with an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It is started.
    Start,
    /// It is stopped.
    Stop,
    /// It is moved aside.
    Delete,
}

/// Something to be done with an instance, beside what the manifests say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// What.
    pub verb: Verb,
    /// With which.
    pub instance: &'static str,
}

impl Ordered {
    /// The name of the instance.
    pub fn name(&self) -> Name {
        Name::new(self.instance).expect("a name")
    }

    /// The instance.
    pub fn id(&self) -> ObjectId {
        ObjectId::instance(&self.name())
    }
}
