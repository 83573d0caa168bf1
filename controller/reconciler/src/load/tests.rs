//! Who loads again and again gets what a first load would give.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use limekiln_api::HostFacts;
use limekiln_sources::templates::{TemplateSettings, TemplateStore};
use limekiln_sources::{Input, ReadOptions, Reader, Snapshot};
use proptest::prelude::*;

use super::{LoadCache, LoadContext, Loaded, Templates, load};
use crate::policy::{Existing, Policies};

/// What a file holds. Names are few, so that some are described twice.
#[derive(Clone, Copy, Debug)]
enum Text {
    Instance(u8, u8),
    Wrong(u8),
    Mounts(u8),
    Based(u8),
    Unsupported(u8),
    Elsewhere(u8),
    Disk(u8),
    Two(u8, u8),
    Upper(u8),
    Broken,
    Nameless,
    Empty,
}

#[derive(Clone, Copy, Debug)]
enum Edit {
    Write(u8, Text),
    Move(u8, u8),
    Remove(u8),
    /// The path that mounts name becomes a directory, a file, or nothing.
    Place(u8),
    Base(u8),
    Nothing,
}

fn text() -> impl Strategy<Value = Text> {
    let name = || 0..4u8;
    prop_oneof![
        4 => (name(), 1..4u8).prop_map(|(name, cpus)| Text::Instance(name, cpus)),
        1 => name().prop_map(Text::Wrong),
        2 => name().prop_map(Text::Mounts),
        2 => name().prop_map(Text::Based),
        1 => name().prop_map(Text::Unsupported),
        1 => name().prop_map(Text::Elsewhere),
        1 => name().prop_map(Text::Disk),
        1 => (name(), name()).prop_map(|(a, b)| Text::Two(a, b)),
        1 => name().prop_map(Text::Upper),
        1 => Just(Text::Broken),
        1 => Just(Text::Nameless),
        1 => Just(Text::Empty),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let file = || 0..5u8;
    prop_oneof![
        6 => (file(), text()).prop_map(|(file, text)| Edit::Write(file, text)),
        1 => (file(), file()).prop_map(|(a, b)| Edit::Move(a, b)),
        1 => file().prop_map(Edit::Remove),
        1 => (0..3u8).prop_map(Edit::Place),
        1 => (1..4u8).prop_map(Edit::Base),
        1 => Just(Edit::Nothing),
    ]
}

fn instance(name: &str, spec: &str, template: &str) -> String {
    format!(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {{name: {name}}}\nspec:\n{spec}  template:\n    images: [{{location: /images/base.img}}]\n{template}"
    )
}

fn written(text: Text, root: &Path) -> String {
    let vm = |name| format!("vm{name}");
    match text {
        Text::Instance(name, cpus) => instance(&vm(name), "", &format!("    cpus: {cpus}\n")),
        Text::Wrong(name) => instance(&vm(name), "", "    cpus: -1\n"),
        Text::Mounts(name) => {
            let place = root.join("place");
            instance(&vm(name), "", &format!("    mounts: [{{location: {}}}]\n", place.display()))
        }
        Text::Based(name) => instance(&vm(name), "", "    base: ./part\n"),
        Text::Unsupported(name) => instance(&vm(name), "", "    message: no\n"),
        Text::Elsewhere(name) => {
            instance(&vm(name), "  hostSelector: {matchLabels: {os: plan9}}\n", "    cpus: 1\n")
        }
        Text::Disk(name) => format!(
            "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {{name: vm{name}}}\nspec: {{size: 1GiB}}\n"
        ),
        Text::Two(a, b) => {
            written(Text::Instance(a, 1), root) + "---\n" + &written(Text::Instance(b, 2), root)
        }
        Text::Upper(name) => instance(&format!("VM{name}"), "", "    cpus: 1\n"),
        Text::Broken => "cpus: [\n".to_owned(),
        Text::Nameless => "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\n".to_owned(),
        Text::Empty => String::new(),
    }
}

fn make(edit: Edit, root: &Path) {
    let file = |number: u8| root.join("m").join(format!("{number}.yaml"));
    let place = root.join("place");
    // Some of these fail, as when there is nothing to move: then nothing is edited.
    let _ = match edit {
        Edit::Write(number, text) => fs::write(file(number), written(text, root)),
        Edit::Move(a, b) => fs::rename(file(a), file(b)),
        Edit::Remove(number) => fs::remove_file(file(number)),
        Edit::Place(kind) => {
            let _ = fs::remove_file(&place).or_else(|_| fs::remove_dir(&place));
            match kind {
                0 => fs::create_dir(&place),
                1 => fs::write(&place, ""),
                _ => Ok(()),
            }
        }
        Edit::Base(cpus) => fs::write(root.join("m/part"), format!("cpus: {cpus}\n")),
        Edit::Nothing => Ok(()),
    };
}

const UNSUPPORTED: &[(&str, &str)] = &[("message", "this engine says nothing")];

fn loaded(snapshots: &[Snapshot], cache: Option<&LoadCache>) -> Loaded {
    let facts = HostFacts::example();
    let store = TemplateStore::new(TemplateSettings::new(&facts));
    let templates = Templates { fetch: &store, lock: None };
    let context = LoadContext {
        facts: &facts,
        unsupported: UNSUPPORTED,
        refusals: &|_| Vec::new(),
        owners: &|| Ok(BTreeMap::new()),
        embedding: templates.embedding(&facts),
        lock: None,
        policies: &Policies::default(),
        existing: &Existing::default(),
        explain: false,
        cache,
    };
    load(snapshots, &context).expect("loaded")
}

fn snapshots(root: &Path, reader: &mut Reader) -> Vec<Snapshot> {
    let options = ReadOptions { quiet: Duration::ZERO, ..ReadOptions::default() };
    reader.read(&[Input::Path(root.join("m"))], &options).expect("readable")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_load_that_remembers_gives_what_a_first_one_gives(
        edits in prop::collection::vec(edit(), 1..24)
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("m")).expect("writable");
        let (mut reader, cache) = (Reader::default(), LoadCache::default());
        for edit in edits {
            make(edit, dir.path());
            let snapshots = snapshots(dir.path(), &mut reader);
            let (kept, first) = (loaded(&snapshots, Some(&cache)), loaded(&snapshots, None));
            prop_assert_eq!(kept.desired, first.desired, "after {:?}", edit);
            prop_assert_eq!(kept.diagnostics, first.diagnostics, "after {:?}", edit);
        }
    }
}

#[test]
fn only_what_changed_is_checked_again() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::create_dir(dir.path().join("m")).expect("writable");
    make(Edit::Write(0, Text::Instance(0, 1)), dir.path());
    make(Edit::Write(1, Text::Instance(1, 1)), dir.path());
    let (mut reader, cache) = (Reader::default(), LoadCache::default());
    let first = loaded(&snapshots(dir.path(), &mut reader), Some(&cache));
    assert_eq!(first.diagnostics.len(), 2, "the image does not exist");
    let first = first.desired;
    make(Edit::Write(1, Text::Instance(1, 2)), dir.path());
    let second = loaded(&snapshots(dir.path(), &mut reader), Some(&cache));
    assert_eq!(second.diagnostics.len(), 2, "which is told again");
    let second = second.desired;
    assert!(Arc::ptr_eq(&first.instances["vm0"], &second.instances["vm0"]));
    assert_ne!(first.instances["vm1"], second.instances["vm1"]);
}
