//! `limekiln lock`

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use limekiln_api::Lima;
use limekiln_api::template::Fetch;
use limekiln_engine_native::NativeConfig;
use limekiln_model::Desired;
use limekiln_reconciler::Templates;
use limekiln_sources::lock::{ImageDigests, ImageError, Lock, Recorder, needed_images};

use crate::compose::App;
use crate::exit::{Exit, Failure};
use crate::sources::SourceArgs;

/// Write down what the manifests resolve to: digests of all images and templates. `--locked`
/// refuses anything else afterwards.
#[derive(Args)]
#[command(
    mut_arg("locked", |arg| arg.hide(true)),
    mut_arg("lock_file", |arg| arg.help("The file to write; limekiln.lock beside the first -f unless set")),
    after_help = "Images: the digest that a template gives; else that of the file, or of what was downloaded before. Fallback images without any are left out, and --locked does not use them.\nNot locked: files, which lie beside the manifests, and what is in $LIMA_HOME/_config.\n\nExample: limekiln lock -f manifests/ && git add manifests/limekiln.lock"
)]
pub struct LockArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Read images without a digest from their servers, to the end, to know it
    #[arg(long)]
    download: bool,
}

/// Resolves the manifests and writes the lock file.
///
/// # Errors
/// If a manifest is wrong, or an instance would have no image whose digest is known; nothing is
/// written then.
pub fn run(args: &LockArgs) -> anyhow::Result<Exit> {
    let app = App::open()?;
    let path = args.source.lock_path()?;
    let store = app.template_store();
    let recorder = Recorder::new(&store);
    let fetch: &dyn Fetch = &recorder;
    let loaded = args.source.load_with(&app, Templates { fetch, lock: None })?;
    if loaded.has_errors() {
        return Err(Failure::bad_input("the manifests have errors; nothing was locked").into());
    }
    let templates = recorder.into_templates();
    let (images, unknown) = images(&app, &loaded.desired, args.download)?;
    let mut lock = Lock::beside(&path);
    lock.templates = templates;
    lock.images = images.into_iter().map(|(at, digest)| (lock.key(&at), digest)).collect();
    check(&lock, &loaded.desired, &app)?;
    let before = Lock::read(&path).unwrap_or_default();
    lock.write(&path)?;
    outln!("{}", path.display());
    out!("{}", changes(&before, &lock));
    let (templates, images) = (lock.templates.len(), lock.images.len());
    outln!("{}, {}", count(templates, "template"), count(images, "image"));
    if !unknown.is_empty() {
        outln!("\nWithout a digest, and so not used with --locked (--download locks them, too):");
        unknown.iter().for_each(|location| outln!("  {location}"));
    }
    Ok(Exit::Done)
}

/// Digests by location, and the locations of which none is known.
type Images = (BTreeMap<String, String>, BTreeSet<String>);

fn images(app: &App, desired: &Desired, download: bool) -> anyhow::Result<Images> {
    let config = NativeConfig::new(app.facts().clone());
    let home = app.facts().home.clone();
    let digests = ImageDigests { cache_dir: config.cache_dir, home, download };
    let (mut known, mut unknown) = (BTreeMap::new(), BTreeSet::new());
    let mut needed = BTreeMap::new();
    for (name, wanted) in &desired.instances {
        for image in needed_images(&wanted.spec.spec.template) {
            needed.entry(image).or_insert((name, &wanted.origin));
        }
    }
    // Those with a digest come last and win; two of them for one location cannot both be right.
    for (image, (name, origin)) in needed {
        match image.digest {
            Some(digest) => {
                if let Some(other) = known.insert(image.location.clone(), digest.clone())
                    && other != digest
                {
                    return Err(two_digests(&image.location, &other, &digest).into());
                }
                unknown.remove(&image.location);
            }
            None => match digests.of(&image.location) {
                Ok(digest) => drop(known.insert(image.location, digest)),
                Err(ImageError::Unknown(location)) => drop(unknown.insert(location)),
                Err(ImageError::Read { what, source }) => {
                    let place = format!("{}:{}", origin.file.display(), origin.line);
                    let message = format!("{place}: instance/{name}: cannot read {what}: {source}");
                    return Err(Failure::bad_input(message).hint(READABLE).into());
                }
            },
        }
    }
    Ok((known, unknown))
}

const READABLE: &str = "name an image that is there, by its whole path or from `~/`";

fn two_digests(location: &str, one: &str, other: &str) -> Failure {
    Failure::bad_input(format!("{location} has two digests: {one} and {other}"))
        .hint("one of them is out of date; two images need two addresses")
}

/// Whether every instance could be made from what is locked.
fn check(lock: &Lock, desired: &Desired, app: &App) -> anyhow::Result<()> {
    for (name, wanted) in &desired.instances {
        let mut template = Lima::clone(&wanted.spec.spec.template);
        if !lock.pin(&mut template, app.facts().arch).is_empty() {
            let message = format!("no image of instance/{name} has a digest that is known");
            return Err(Failure::bad_input(message)
                .hint("add `digest` to the image, or let --download find it out")
                .into());
        }
    }
    Ok(())
}

fn count(number: usize, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {word}{plural}")
}

/// What differs between two locks, one line each.
fn changes(before: &Lock, after: &Lock) -> String {
    let mut lines = String::new();
    for (before, after) in [(&before.templates, &after.templates), (&before.images, &after.images)]
    {
        let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let sign = match (before.get(key), after.get(key)) {
                (None, _) => "+",
                (_, None) => "-",
                (before, after) if before != after => "~",
                _ => continue,
            };
            lines += &format!("  {sign} {key}\n");
        }
    }
    lines
}
