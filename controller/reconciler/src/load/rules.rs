//! Every rule over one template.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use limekiln_api::{
    Checks, Diagnostic, FieldError, Filled, HostFacts, Instance, LimaVersion, Located, Manifest,
    PathKind, complete, validate,
};

use super::layers::LayerFiles;
use super::look;

/// What was at a path.
pub(super) type Look = (PathBuf, PathKind);

/// The instance's template with every default, the rules of Lima and ours that it breaks, and what
/// was looked at for that.
pub(super) fn check(
    instance: &Instance,
    facts: &HostFacts,
) -> (Filled, Vec<FieldError>, Vec<Look>) {
    let (name, template) = (&instance.metadata.name, &instance.spec.template);
    let filled = complete(template, name, facts, &LimaVersion::current());
    let looks = RefCell::new(Vec::new());
    let look = |path: &Path| {
        let kind = look::at(path);
        looks.borrow_mut().push((path.to_owned(), kind));
        kind
    };
    let errors = validate(instance, &filled, &Checks { host: facts, look: &look });
    (filled, errors, looks.into_inner())
}

/// What is wrong with the template of an instance, and warnings, each where it is written. What
/// an engine cannot honour is not wrong with a template.
pub fn check_template(located: &Located, facts: &HostFacts) -> Vec<Diagnostic> {
    let Manifest::Instance(instance) = &located.manifest else { return Vec::new() };
    let layers = LayerFiles::read(facts);
    let (_, errors, _) = check(instance, facts);
    let errors = errors.iter().filter(|error| !located.excuses(error));
    let notes = located.notes().iter().cloned();
    notes.chain(errors.map(|error| layers.diagnose(error, located))).collect()
}
