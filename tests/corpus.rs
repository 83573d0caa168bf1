//! Templates as people write them, and what they mean when everything is filled in.
//!
//! `tests/corpus/NAME.yaml` is a template, `tests/corpus/filled/NAME.yaml` what it means on the
//! host of [`HostFacts::example`]. After a change that is meant:
//! `LIMEKILN_UPDATE=1 cargo test -p limekiln-tests --test corpus`, and read the difference.

mod limactl;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use limekiln_api::template::{Embedding, Locator};
use limekiln_api::{
    Checks, HostFacts, Lima, LimaVersion, Located, Manifest, Name, PathKind, complete, explain,
    fill, parse_template, read_lima, to_yaml, validate,
};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// Every template, by name.
fn names() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).expect("the corpus is there");
    let paths = entries.map(|entry| entry.expect("readable").path());
    paths
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect()
}

/// The template with all that it builds on: templates of the corpus, and built-in ones.
fn embedded(name: &str) -> Located {
    let facts = HostFacts::example();
    let settings = TemplateSettings { lima_home: folder(), ..TemplateSettings::new(&facts) };
    let store = TemplateStore::new(settings);
    let path = folder().join(format!("{name}.yaml"));
    let bytes = fs::read(&path).expect("readable");
    let locator = Locator::of_file(&path);
    let instance = Name::new(name).expect("a name");
    let show = |found: Vec<limekiln_api::Diagnostic>| -> Located { panic!("{}", found[0]) };
    let mut located = parse_template(&bytes, &locator, name, &instance)
        .unwrap_or_else(|wrong| show(wrong.diagnostics));
    let embedding = Embedding { fetch: &store, home: &facts.home, default_base: None };
    if let Err(found) = located.embed(&embedding) {
        show(found);
    }
    located
}

fn lima(located: &Located) -> &Lima {
    match &located.manifest {
        Manifest::Instance(instance) => &instance.spec.template,
        other => panic!("{other:?}"),
    }
}

fn look(path: &Path) -> PathKind {
    match path.extension() {
        Some(_) => PathKind::File,
        None if path.ends_with("socket_vmnet") => PathKind::Socket,
        None => PathKind::Directory,
    }
}

/// The template as it would be run.
fn filled(name: &str) -> Lima {
    let (located, host) = (embedded(name), HostFacts::example());
    let Manifest::Instance(instance) = &located.manifest else { panic!("an instance") };
    let version = LimaVersion::current();
    let filled = complete(lima(&located), &instance.metadata.name, &host, &version);
    // The example host's directories and files are all there.
    let checks = Checks { host: &host, look: &look };
    let errors = validate(instance, &filled, &checks);
    let errors = errors.iter().filter(|error| error.is_error());
    let errors: Vec<_> = errors.map(|error| located.diagnose(error).to_string()).collect();
    assert!(errors.is_empty(), "{name}:\n{}", errors.join("\n"));
    filled.lima
}

#[test]
fn templates_mean_what_they_meant() {
    let names = names();
    assert!(names.len() >= 60, "{}", names.len());
    let update = std::env::var_os("LIMEKILN_UPDATE").is_some();
    let mut differences = Vec::new();
    for name in &names {
        let expected = folder().join(format!("filled/{name}.yaml"));
        let text = to_yaml(&filled(name));
        if update {
            fs::create_dir_all(folder().join("filled")).expect("writable");
            fs::write(&expected, &text).expect("writable");
        }
        let known = fs::read_to_string(&expected).unwrap_or_default();
        if known != text {
            differences.push(format!("--- {name}, expected\n{known}\n--- {name}, now\n{text}"));
        }
    }
    assert!(
        differences.is_empty(),
        "{}\nif that is meant: LIMEKILN_UPDATE=1 cargo test -p limekiln-tests --test corpus",
        differences.join("\n")
    );
}

#[test]
fn what_is_printed_is_read_back() {
    for name in names() {
        let filled = filled(&name);
        assert_eq!(read_lima(&to_yaml(&filled)).expect(&name), filled, "{name}");
    }
}

#[test]
fn filling_twice_changes_nothing() {
    let host = HostFacts::example();
    for name in names() {
        let once = filled(&name);
        let twice = fill(&once, &Name::new(&name).expect("a name"), &host);
        assert_eq!(to_yaml(&twice), to_yaml(&once), "{name}");
    }
}

/// A field that no template of the corpus sets is one that nobody would miss.
#[test]
fn every_field_is_covered() {
    let mut set = BTreeSet::from(["base".to_owned(), "base[]".to_owned()]);
    for name in names() {
        let bytes = fs::read(folder().join(format!("{name}.yaml"))).expect("readable");
        let own = read_lima(&String::from_utf8_lossy(&bytes)).expect(&name);
        for lima in [&own, lima(&embedded(&name))] {
            collect("", &serde_json::to_value(lima).expect("plain data"), &mut set);
        }
    }
    let mut missing = Vec::new();
    check("", &set, &mut missing);
    assert_eq!(missing, [""; 0], "add a template to tests/corpus that sets these");
}

/// Every path that is set, without list positions.
fn collect(path: &str, value: &Value, set: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                set.insert(path.clone());
                collect(&path, value, set);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(path, item, set)),
        _ => {}
    }
}

/// Walks the schema.
fn check(path: &str, set: &BTreeSet<String>, missing: &mut Vec<String>) {
    for field in explain::fields("lima", path) {
        let path = if path.is_empty() { field } else { format!("{path}.{field}") };
        if !set.contains(&path) {
            missing.push(path.clone());
        }
        check(&path, set, missing);
    }
}
