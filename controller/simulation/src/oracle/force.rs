//! Whether what is in force has come about, whatever the same story without faults came to.

use std::collections::BTreeSet;

use limekiln_model::ObjectId;

use crate::host::Machine;
use crate::story::{Catalogue, Described};

/// Instances whose message is not that of their manifest in force. A message costs nothing to
/// change, so that nothing but consent to do anything at all holds it back.
pub fn behind(machine: &Machine, catalogue: &Catalogue, owned: &BTreeSet<ObjectId>) -> Vec<String> {
    let (observed, frozen) = (machine.look(), catalogue.frozen());
    let suspended = machine.lock().watch.suspended.clone();
    let mut behind = Vec::new();
    for wanted in catalogue.machines().filter(|wanted| !wanted.suspend) {
        let id = Described::Instance(wanted.clone()).id();
        let kept = owned.contains(&id) && !frozen.contains(&id) && !suspended.contains_key(&id);
        let config = observed.instances.get(&id.name).and_then(|found| found.config.as_ref());
        let Some(config) = config.filter(|_| kept) else { continue };
        let (said, wish) = (config.message.as_deref().map(str::trim), wanted.message);
        if said != Some(&*format!("m{wish}")) {
            behind.push(format!("{id} has message {said:?}, and m{wish} is in force"));
        }
    }
    behind
}
