//! What somebody orders.

use limekiln_model::{Name, ObjectId};

use super::Machine;

/// What is to be done with an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It is started.
    Start,
    /// It is stopped.
    Stop,
    /// It is moved aside.
    Delete,
    /// A manifest of it is applied that lies in no source.
    Apply,
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
    /// The manifest that is applied, if one is: what no source says.
    pub fn manifest(&self) -> Option<Machine> {
        let machine = Machine { cpus: 4, disk: 100, message: 77, ..Machine::plain(self.instance) };
        (self.verb == Verb::Apply).then_some(machine)
    }

    /// The name of the instance.
    pub fn name(&self) -> Name {
        Name::new(self.instance).expect("a name")
    }

    /// The instance.
    pub fn id(&self) -> ObjectId {
        ObjectId::instance(&self.name())
    }
}
