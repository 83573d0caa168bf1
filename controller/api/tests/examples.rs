//! Every example below `manifests/` is valid, by the types, the rules and the schemas.

use std::fs;
use std::path::{Path, PathBuf};

use limekiln_api::{
    Checks, HostFacts, LimaVersion, Manifest, complete, parse_documents, schema, validate,
};
use serde::Deserialize;
use serde_json::Value;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("manifests/ exists")
        .map(|entry| entry.expect("readable").path());
    let all = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] });
    all.filter(|path| path.extension().is_some_and(|ending| ending == "yaml")).collect()
}

#[test]
fn examples_are_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests");
    let schemas = schema::json_schemas();
    let all = files(&root);
    assert!(all.len() >= 4, "{all:?}");
    for file in all {
        let parsed = parse_documents(&fs::read(&file).expect("readable"), &file);
        assert_eq!(parsed.diagnostics, [], "{}", file.display());
        assert!(!parsed.objects.is_empty(), "{}", file.display());
        for object in parsed.objects {
            let name = format!("{}.json", object.manifest.kind());
            let (_, schema) =
                schemas.iter().find(|(known, _)| *known == name).expect("a schema per kind");
            let document = serde_json::to_value(&object.manifest).expect("serialises");
            jsonschema::validate(schema, &document)
                .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            // Those that build on others are checked where these can be fetched: `sources`.
            if let Manifest::Instance(instance) = &object.manifest
                && instance.spec.template.base.is_none()
            {
                let host = HostFacts::example();
                let name = &instance.metadata.name;
                let version = LimaVersion::current();
                let filled = complete(&instance.spec.template, name, &host, &version);
                let errors = validate(instance, &filled, &Checks::unseen(&host));
                assert_eq!(errors, [], "{}", file.display());
            }
        }
    }
}

/// Editors find the schema by a comment at the top; the text as it is written must satisfy it.
#[test]
fn examples_name_the_schema_that_they_satisfy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests");
    for file in files(&root) {
        let (text, shown) = (fs::read_to_string(&file).expect("readable"), file.display());
        let first = text.lines().next().unwrap_or_default();
        let named = first.strip_prefix("# yaml-language-server: $schema=");
        let path = file.with_file_name(named.unwrap_or_else(|| panic!("{shown}: {first}")));
        let schema = fs::read(&path).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let schema: Value = serde_json::from_slice(&schema).expect("JSON");
        for document in serde_yaml::Deserializer::from_str(&text) {
            let document = Value::deserialize(document).expect("YAML");
            jsonschema::validate(&schema, &document)
                .unwrap_or_else(|error| panic!("{shown}: {error}"));
        }
    }
}
