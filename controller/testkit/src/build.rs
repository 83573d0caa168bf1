//! Short ways to write desired and observed objects.

use std::sync::Arc;

use limekiln_api::{HostFacts, InstanceSpec, Lima, fill, read_lima};
use limekiln_model::{
    Desired, DesiredInstance, InstancePhase, Name, ObservedInstance, Origin, Wanted,
};

/// A name.
///
/// # Panics
/// If it is not one: tests write them down.
pub fn name(text: &str) -> Name {
    Name::new(text).expect("a name written in a test")
}

/// A template with an image, and these further lines of YAML.
///
/// # Panics
/// If that is not Lima's YAML.
pub fn template(yaml: &str) -> Lima {
    let mut lima = read_lima(yaml).expect("YAML written in a test");
    if lima.images.is_none() {
        lima.images = read_lima("images: [{location: /images/base.img}]").expect("valid").images;
    }
    lima
}

/// A desired instance with this template; `change` sets the rest of its specification.
pub fn instance(
    of: &str,
    yaml: &str,
    change: impl FnOnce(&mut InstanceSpec),
) -> (Name, Wanted<DesiredInstance>) {
    let name = name(of);
    let mut spec = InstanceSpec::new(template(yaml));
    change(&mut spec);
    let filled = fill(&spec.template, &name, &HostFacts::example()).into();
    (name, wanted(DesiredInstance { spec, filled }))
}

/// Something that stands in the tests' only source.
pub fn wanted<T>(spec: T) -> Wanted<T> {
    let origin = Origin { source: "/manifests".to_owned(), file: "all.yaml".into(), line: 1 };
    Wanted { spec, origin }
}

/// Desired state of these instances, from a source that was read whole.
pub fn desired(instances: impl IntoIterator<Item = (Name, Wanted<DesiredInstance>)>) -> Desired {
    Desired {
        revision: "1".to_owned(),
        sources: vec!["/manifests".to_owned()],
        instances: instances.into_iter().map(|(name, wanted)| (name, wanted.into())).collect(),
        ..Desired::default()
    }
}

/// An instance as it is with this template; a running one was started with it.
pub fn observed_instance(of: &str, yaml: &str, phase: InstancePhase) -> ObservedInstance {
    let config = Arc::new(fill(&template(yaml), &name(of), &HostFacts::example()));
    let runs = phase.is_running();
    ObservedInstance {
        phase,
        creator: Default::default(),
        disk_bytes: config.disk.map(|disk| disk.0),
        booted: runs.then(|| Arc::clone(&config)),
        config: Some(config),
        dir: format!("/sim/{of}").into(),
        ssh_port: runs.then_some(60_000),
        accelerator: None,
        waiting_for: None,
        protected: false,
        mounts: Vec::new(),
        mount_faults: Vec::new(),
        nics: Vec::new(),
        vnc: None,
        raw_disk: false,
        live_disks: Default::default(),
        steps: Vec::new(),
    }
}
