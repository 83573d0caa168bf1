//! `limekiln export NAME`

use clap::Args;
use limekiln_api::networks_yaml::NetworksConfig;
use limekiln_api::{
    Disk, Instance, InstanceSpec, Kind, Lima, Manifest, Metadata, Network, RunStrategy,
    export_instance, parse_documents, to_yaml,
};
use limekiln_model::{ObjectId, Observed, Origin};
use serde::Serialize;

use crate::compose::App;
use crate::exit::{Exit, Failure};
use crate::refs::{Selection, selection};

/// Print objects that exist as manifests that, applied, change nothing.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  limekiln export web > manifests/web.yaml\n  limekiln export all > everything.yaml\n  limekiln apply --adopt -f manifests/web.yaml   # from now on it is managed"
)]
pub struct ExportArgs {
    /// Objects: `web`, `disk/data`, a kind, or `all`
    #[arg(required = true)]
    what: Vec<String>,
}

/// Prints the manifests.
///
/// # Errors
/// If an object does not exist, or its configuration cannot be read.
pub fn run(args: &ExportArgs) -> anyhow::Result<Exit> {
    let selection = chosen(&args.what)?;
    let app = App::open()?;
    let observed = app.observe()?;
    let ids: Vec<_> = objects(&observed).filter(|id| selection.includes(id)).collect();
    if let Some(missing) = selection.objects.iter().find(|id| !ids.contains(id)) {
        return Err(Failure::new(Exit::Failed, format!("{missing} does not exist")).into());
    }
    let mut documents = Vec::new();
    let mut exit = Exit::Done;
    for id in &ids {
        match document(&observed, id) {
            Ok(text) => documents.push(text),
            Err(error) if ids.len() == 1 => return Err(error),
            // The others are whole.
            Err(error) => {
                errln!("{id} is left out: {error:#}");
                exit = Exit::Failed;
            }
        }
    }
    out!("{}", documents.join("---\n"));
    Ok(exit)
}

/// A word that is no kind is an instance, as everywhere but in `get`.
fn chosen(words: &[String]) -> anyhow::Result<Selection> {
    match words {
        [word] if word != "all" && word.parse::<Kind>().is_err() => {
            Ok(Selection { kinds: Vec::new(), objects: crate::refs::objects(words)? })
        }
        words => selection(words),
    }
}

fn document(observed: &Observed, id: &ObjectId) -> anyhow::Result<String> {
    let written = observed.owners.get(id).and_then(|owner| written(&owner.origin, id));
    let named = || Metadata::named(id.name.clone());
    let metadata = written.as_ref().map_or_else(named, |found| found.metadata().clone());
    match id.kind {
        Kind::Instance => match written {
            Some(Manifest::Instance(written)) => instance(observed, id, *written),
            _ => {
                let spec = InstanceSpec::new(Lima::default());
                instance(observed, id, Instance { metadata, spec })
            }
        },
        Kind::Disk => {
            let disk = &observed.disks[&id.name];
            let spec = limekiln_api::DiskSpec::of(disk.size, disk.format);
            Ok(framed(Kind::Disk, &Disk { metadata, spec }))
        }
        Kind::Network => {
            let spec = observed.networks[&id.name].spec.clone();
            Ok(framed(Kind::Network, &Network { metadata, spec }))
        }
    }
}

/// The object, framed by `apiVersion` and `kind`.
fn framed<T: Serialize>(kind: Kind, object: &T) -> String {
    let frame = format!("apiVersion: {}\nkind: {}\n", limekiln_api::API_VERSION, kind.camel());
    frame + &to_yaml(object)
}

/// The manifest of an instance; `about` is what is known of it beside its configuration.
fn instance(observed: &Observed, id: &ObjectId, mut about: Instance) -> anyhow::Result<String> {
    let instance = &observed.instances[&id.name];
    let path = instance.dir.join("lima.yaml");
    let failed =
        |why: String| Failure::new(Exit::Failed, format!("cannot read {}: {why}", path.display()));
    let stored = std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))?;
    if let Some(owner) = observed.owners.get(id) {
        about.spec.deletion_policy = owner.deletion_policy;
    }
    about.spec.run_strategy = run_strategy(about.spec.run_strategy, instance.phase.is_running());
    let exported = export_instance(&about, &stored).map_err(|error| failed(error.to_string()))?;
    if !exported.left_out.is_empty() {
        let fields = exported.left_out.join(", ");
        errln!("{id}: left out, because limekiln does not know it: {fields}");
    }
    Ok(exported.text)
}

/// The manifest that an object was last applied from, if it still is where it was: labels,
/// dependencies and the like are stored nowhere else.
fn written(origin: &Origin, id: &ObjectId) -> Option<Manifest> {
    let parsed = parse_documents(&std::fs::read(&origin.file).ok()?, &origin.file);
    let mut manifests = parsed.objects.into_iter().map(|located| located.manifest);
    manifests.find(|manifest| manifest.kind() == id.kind && *manifest.name() == id.name)
}

/// One that was stopped or started by hand stays so.
fn run_strategy(wanted: RunStrategy, running: bool) -> RunStrategy {
    match (wanted, running) {
        (RunStrategy::Always, false) => RunStrategy::Manual,
        (RunStrategy::Halted, true) => RunStrategy::Always,
        (wanted, _) => wanted,
    }
}

/// Everything that exists, but for networks that Lima has everywhere.
fn objects(observed: &Observed) -> impl Iterator<Item = ObjectId> + '_ {
    let instances = observed.instances.keys().map(ObjectId::instance);
    instances.chain(observed.disks.keys().map(ObjectId::disk)).chain(networks(observed))
}

fn networks(observed: &Observed) -> impl Iterator<Item = ObjectId> + '_ {
    let own = observed.networks.iter().filter(|(name, network)| {
        let id = ObjectId::network(name);
        observed.owners.contains_key(&id) || !NetworksConfig::is_builtin(name, &network.spec)
    });
    own.map(|(name, _)| ObjectId::network(name))
}
