//! Every rule over one template.

use limekiln_api::{
    Checks, Diagnostic, FieldError, Filled, HostFacts, Instance, LimaVersion, Located, Manifest,
    complete, validate,
};

use super::layers::LayerFiles;
use super::look;

/// The instance's template with every default, and the rules of Lima and ours that it breaks.
pub(super) fn check(instance: &Instance, facts: &HostFacts) -> (Filled, Vec<FieldError>) {
    let (name, template) = (&instance.metadata.name, &instance.spec.template);
    let filled = complete(template, name, facts, &LimaVersion::current());
    let errors = validate(instance, &filled, &Checks { host: facts, look: &look::at });
    (filled, errors)
}

/// What is wrong with the template of an instance, and warnings, each where it is written. What
/// an engine cannot honour is not wrong with a template.
pub fn check_template(located: &Located, facts: &HostFacts) -> Vec<Diagnostic> {
    let Manifest::Instance(instance) = &located.manifest else { return Vec::new() };
    let layers = LayerFiles::read(facts);
    let (_, errors) = check(instance, facts);
    let errors = errors.iter().filter(|error| !located.excuses(error));
    let notes = located.notes().iter().cloned();
    notes.chain(errors.map(|error| layers.diagnose(error, located))).collect()
}
