//! `limekiln rollback`

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;
use limekiln_api::{HostFacts, Manifest, parse_documents};
use limekiln_model::{Kind, ObjectId};
use limekiln_proto::v1alpha1::Revision;
use limekiln_reconciler::is_on_host;

use super::history::short;
use crate::compose::App;
use crate::control::Control;
use crate::exit::Exit;
use crate::output::ask;

/// Go back to what a source held before. That revision stays in force, whatever the source holds,
/// until it is released, and then until the source holds one that was not rolled back; the one that
/// was left is never applied again.
#[derive(Args)]
#[command(
    after_help = "It asks before what was deleted would be made anew, without its data.\n\n`limekiln history` lists revisions, and `limekiln history REVISION` what one changed."
)]
pub struct RollbackArgs {
    /// The beginning of a revision
    #[arg(required_unless_present = "release")]
    revision: Option<String>,
    /// The source whose revision that is, where several have it: as `limekiln history` shows it
    #[arg(long, conflicts_with = "release")]
    source: Option<String>,
    /// Follow the sources again, each from the first revision on that was not rolled back; until it
    /// holds one, it stays at what it was pinned to
    #[arg(long, conflicts_with = "revision")]
    release: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

/// Writes down which revision is in force.
///
/// # Errors
/// If there is no such revision, or the home cannot be written; if consent is needed and not given.
pub fn run(args: &RollbackArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let control = Control::open(&app);
    let Some(word) = &args.revision else {
        match control.release()?.as_slice() {
            [] => outln!("Nothing was pinned."),
            released => {
                outln!("Released: {}; what was rolled back stays so.", released.join(", "));
            }
        }
        return Ok(Exit::Done);
    };
    let lost = made_anew(&app, &control.revisions(true)?, word, args.source.as_deref())?;
    if !lost.is_empty() {
        lost.iter().for_each(tell);
        ask::consent(args.yes, &format!("Have {} made anew, without that data?", listed(&lost)))?;
    }
    let back = control.roll_back(word, args.source.as_deref())?;
    outln!("{} is pinned to {}.", back.source, short(&back.revision));
    if !back.left.is_empty() {
        outln!(
            "{} is not applied again, also after `limekiln rollback --release`.",
            short(&back.left)
        );
    }
    Ok(Exit::Done)
}

/// Instances and disks that the revision wants, that were deleted, and of which there is none now.
/// Of a word that means none or several nothing is told: it is refused.
fn made_anew(
    app: &App,
    all: &[Revision],
    word: &str,
    source: Option<&str>,
) -> anyhow::Result<Vec<ObjectId>> {
    let mut meant = all.iter().filter(|one| {
        one.revision.starts_with(word) && source.is_none_or(|source| source == one.source)
    });
    let (Some(revision), None) = (meant.next(), meant.next()) else { return Ok(Vec::new()) };
    let observed = app.observe()?;
    let is_parked = |id: &ObjectId| observed.parked.iter().any(|parked| parked.id == *id);
    let mut ids = wanted(revision, app.facts());
    ids.retain(|id| id.kind != Kind::Network && is_parked(id) && !observed.exists(id));
    Ok(ids.into_iter().collect())
}

/// What its manifests describe for this host. What is in a file that is no text is frozen.
fn wanted(revision: &Revision, facts: &HostFacts) -> BTreeSet<ObjectId> {
    let files = revision.files.iter().filter(|file| !file.not_text);
    let parsed = files.map(|file| parse_documents(file.text.as_bytes(), Path::new(&file.origin)));
    let manifests = parsed.flat_map(|parsed| parsed.objects).map(|object| object.manifest);
    let is_here = |manifest: &Manifest| match manifest {
        Manifest::Instance(instance) => {
            instance.spec.host_selector.as_ref().is_none_or(|selector| is_on_host(selector, facts))
        }
        Manifest::Disk(_) | Manifest::Network(_) => true,
    };
    manifests
        .filter(is_here)
        .map(|manifest| ObjectId { kind: manifest.kind(), name: manifest.name().clone() })
        .collect()
}

fn tell(id: &ObjectId) {
    outln!("{id} was deleted, and would be made anew. To have its data back, first:");
    outln!("  limekiln suspend {id}");
    outln!("  limekiln undelete {id}");
    outln!("and after the rollback: limekiln resume {id}");
}

fn listed(ids: &[ObjectId]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use limekiln_proto::v1alpha1::File;

    use super::*;

    #[test]
    fn only_what_the_revision_would_make_here_is_asked_for() {
        let file = |name: &str, spec: &str| {
            let head = "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\n";
            let text =
                format!("{head}metadata: {{name: {name}}}\nspec: {{template: {{}}{spec}}}\n");
            File { origin: format!("{name}.yaml"), text, not_text: false }
        };
        let elsewhere = ", hostSelector: {matchLabels: {hostname: no-host-of-ours}}";
        let frozen = File { not_text: true, ..file("latin", "") };
        let files = vec![file("web", ""), file("there", elsewhere), frozen];
        let revision = Revision { files, ..Revision::default() };
        let wanted: Vec<_> = wanted(&revision, &HostFacts::example()).into_iter().collect();
        assert_eq!(listed(&wanted), "instance/web");
    }
}
