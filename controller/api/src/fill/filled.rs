//! A template with everything filled in.

use super::expand::{Texts, expand_all};
use super::layers::Layers;
use super::notes::Notes;
use super::origins::Origins;
use super::{forwards, lists, machine, merge, migrate, mounts, networks, plain, services, user};
use crate::{FieldError, HostFacts, Layer, Lima, LimaVersion, Name};

/// A template with everything filled in, and where each value came from.
#[derive(Clone, Debug, Default)]
pub struct Filled {
    /// What is compared and what is run.
    pub lima: Lima,
    /// What was found on the way: deprecated fields, mounts that meet, template strings that
    /// cannot be expanded.
    pub notes: Vec<FieldError>,
    origins: Origins,
}

impl Filled {
    /// The document in which the field at `path` of the filled template was written, and its path
    /// there. `template` and `host` are what was filled.
    pub(crate) fn origin(&self, path: &str, template: &Lima, host: &HostFacts) -> (Layer, String) {
        self.origins.place(path, &Layers::new(template, host))
    }

    /// What is wrong with the field at `path` of the filled template, at the place where it was
    /// written. `template` and `host` are what was filled.
    pub fn error(
        &self,
        path: &str,
        message: impl Into<String>,
        template: &Lima,
        host: &HostFacts,
    ) -> FieldError {
        let (layer, path) = self.origin(path, template, host);
        FieldError::of_template(layer, &path, message)
    }
}

/// The template merged with the host's `default.yaml` and `override.yaml`, with every default
/// filled in and every template string expanded, as a new instance would have it.
///
/// Filling what is filled, without further layers, changes nothing, unless a parameter's value or
/// a literal of a template string brought new `{{` in.
///
/// The defaults are Lima's. A driver is chosen from those that the host has, and containerd is on
/// only where the host's facts say so (see [`HostFacts`]). What Lima leaves to run time stays
/// unset here, too.
#[must_use]
pub fn fill(template: &Lima, name: &Name, host: &HostFacts) -> Lima {
    fill_as(template, name, host, &LimaVersion::current())
}

/// As [`fill`], for an instance that `creator` made: some defaults depend on it.
#[must_use]
pub fn fill_as(template: &Lima, name: &Name, host: &HostFacts, creator: &LimaVersion) -> Lima {
    complete(template, name, host, creator).lima
}

/// As [`fill_as`], with all that is needed to check the result and to say where its values were
/// written.
#[must_use]
pub fn complete(template: &Lima, name: &Name, host: &HostFacts, creator: &LimaVersion) -> Filled {
    let layers = Layers::new(template, host);
    let (mut lima, mut notes) = (template.clone(), Notes::default());
    let mut origins = merge::merge(&mut lima, &layers);
    merge::note_without_effect(&layers, &mut notes);
    migrate::migrate(&mut lima, &mut notes);
    machine::fill(&mut lima, host, creator);
    let of_home = user::fill(&mut lima, name, host, creator, template.param.as_ref());
    if !of_home.is_empty() {
        let (layer, path) = origins.place("user.home", &layers);
        notes.problems(layer, &path, of_home);
    }
    let texts = Texts::new(&lima, template.param.as_ref(), name, host);
    expand_all(&mut lima, &texts, &origins, &layers, &mut notes);
    mounts::fill(&mut lima, &layers, &texts, &mut origins, &mut notes);
    networks::fill(&mut lima, &layers, &texts, host, &mut origins);
    lists::fill(&mut lima);
    forwards::fill(&mut lima, texts.dir());
    services::fill(&mut lima, host);
    if lima.plain == Some(true) {
        plain::take_away(&mut lima, &mut origins);
    }
    merge::forget_empty(&mut lima);
    Filled { lima, notes: notes.found, origins }
}
