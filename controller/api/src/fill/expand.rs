//! Template strings in the fields in which Lima expands them.

use std::collections::BTreeMap;

use super::layers::Layers;
use super::notes::Notes;
use super::origins::Origins;
use super::paths::at_home;
use crate::lima::{Provision, ProvisionMode, Text};
use crate::strings::{Expansion, GuestVariables, HostVariables, expand};
use crate::{HostFacts, Layer, Lima, Name};

/// What texts about the guest and about the host are expanded with.
pub(super) struct Texts<'a> {
    name: &'a str,
    hostname: String,
    user: String,
    uid: u32,
    home: String,
    dir: String,
    host: &'a HostFacts,
    host_home: String,
    temp_dir: String,
    lima_home: String,
    param: Option<&'a BTreeMap<String, Text>>,
}

impl<'a> Texts<'a> {
    /// `lima` has its user filled in. The parameters are the instance's own: those of the other
    /// layers reach scripts only through the environment.
    pub(super) fn new(
        lima: &Lima,
        param: Option<&'a BTreeMap<String, Text>>,
        name: &'a Name,
        host: &'a HostFacts,
    ) -> Self {
        let user = lima.user.as_ref();
        let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
        Self {
            name: name.as_str(),
            hostname: name.hostname(),
            user: user.and_then(|user| user.name.clone()).unwrap_or_default(),
            uid: user.and_then(|user| user.uid).unwrap_or_default(),
            home: user.and_then(|user| user.home.clone()).unwrap_or_default(),
            dir: text(&host.lima_home.join(name.as_str())),
            host,
            host_home: text(&host.home),
            temp_dir: text(&host.temp_dir),
            lima_home: text(&host.lima_home),
            param,
        }
    }

    /// The instance's directory.
    pub(super) fn dir(&self) -> &str {
        &self.dir
    }

    /// A text about the guest.
    pub(super) fn guest(&self, text: &str) -> Expansion {
        let variables = GuestVariables {
            name: self.name,
            hostname: &self.hostname,
            user: &self.user,
            uid: self.uid,
            home: &self.home,
            param: self.param,
        };
        expand(text, &variables)
    }

    /// A text about the host.
    pub(super) fn on_host(&self, text: &str) -> Expansion {
        let variables = HostVariables {
            name: self.name,
            dir: &self.dir,
            user: &self.host.user_name,
            uid: self.host.user_uid,
            home: &self.host_home,
            temp_dir: &self.temp_dir,
            lima_home: &self.lima_home,
            param: self.param,
        };
        expand(text, &variables)
    }

    /// `~` in a path of the host.
    pub(super) fn at_home(&self, path: &str) -> String {
        at_home(path, &self.host.home)
    }
}

/// Expands the template strings of all fields but `user.home` and mounts.
pub(super) fn expand_all(
    lima: &mut Lima,
    texts: &Texts<'_>,
    origins: &Origins,
    layers: &Layers<'_>,
    notes: &mut Notes,
) {
    let mut note = |path: String, expansion: Expansion, text: &mut String| {
        let mut refused = false;
        if !expansion.problems.is_empty() {
            let (layer, path) = origins.place(&path, layers);
            refused = layer == Layer::Manifest && expansion.lacks_param();
            notes.problems(layer, &path, expansion.problems);
        }
        if let Some(expanded) = expansion.text.filter(|_| !refused) {
            *text = expanded;
        }
    };
    for (index, step) in lima.provision.iter_mut().flatten().enumerate() {
        step_texts(step, |field, text| {
            note(format!("provision[{index}].{field}"), texts.guest(text), text);
        });
    }
    for (index, probe) in lima.probes.iter_mut().flatten().enumerate() {
        if let Some(text) = &mut probe.script {
            note(format!("probes[{index}].script"), texts.guest(text), text);
        }
    }
    for (index, forward) in lima.port_forwards.iter_mut().flatten().enumerate() {
        if let Some(text) = &mut forward.guest_socket {
            note(format!("portForwards[{index}].guestSocket"), texts.guest(text), text);
        }
        if let Some(text) = &mut forward.host_socket {
            note(format!("portForwards[{index}].hostSocket"), texts.on_host(text), text);
        }
    }
    for (index, copy) in lima.copy_to_host.iter_mut().flatten().enumerate() {
        if let Some(text) = &mut copy.guest {
            note(format!("copyToHost[{index}].guest"), texts.guest(text), text);
        }
        if let Some(text) = &mut copy.host {
            // Unlike a mount's, Lima leaves a `~` here as it is, and then refuses it.
            note(format!("copyToHost[{index}].host"), texts.on_host(text), text);
        }
    }
    if let Some(text) = &lima.message {
        let problems = crate::strings::check_message(text, lima.param.as_ref());
        notes.problems(Layer::Manifest, "message", problems);
    }
}

/// The texts of a step that its mode makes templates of.
fn step_texts(step: &mut Provision, mut each: impl FnMut(&str, &mut String)) {
    let mode = step.mode.unwrap_or(ProvisionMode::System);
    if let Some(text) = &mut step.script {
        each("script", text);
    }
    match (mode, &mut step.content, &mut step.expression) {
        (ProvisionMode::Data, Some(text), _) => each("content", text),
        (ProvisionMode::Yq, _, Some(text)) => each("expression", text),
        _ => {}
    }
    if matches!(mode, ProvisionMode::Data | ProvisionMode::Yq) {
        if let Some(owner) = &mut step.owner {
            each("owner", &mut owner.0);
        }
        if let Some(path) = &mut step.path {
            each("path", path);
        }
    }
}
