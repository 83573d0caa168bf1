//! The examples below `manifests/` that build on others are valid with what they build on.

use std::fs;
use std::path::Path;

use limekiln_api::template::Embedding;
use limekiln_api::{
    Checks, HostFacts, LimaVersion, Manifest, PathKind, complete, parse_documents, validate,
};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};

#[test]
fn examples_with_bases_are_valid() {
    let host = HostFacts::example();
    let store = TemplateStore::new(TemplateSettings::new(&host));
    let embedding = Embedding { fetch: &store, home: &host.home, default_base: None };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../manifests/templates/builder.yaml");
    let parsed = parse_documents(&fs::read(&file).expect("readable"), &file);
    assert_eq!(parsed.diagnostics, []);
    for mut located in parsed.objects {
        located.embed(&embedding).unwrap_or_else(|found| panic!("{}", found[0]));
        let Manifest::Instance(instance) = &located.manifest else { continue };
        let (name, version) = (&instance.metadata.name, LimaVersion::current());
        let filled = complete(&instance.spec.template, name, &host, &version);
        let checks = Checks { host: &host, look: &|_| PathKind::Directory };
        assert_eq!(validate(instance, &filled, &checks), []);
        let filled = filled.lima;
        let script = filled.provision.as_ref().and_then(|steps| steps[0].script.as_deref());
        assert!(script.is_some_and(|script| script.contains("build-essential")));
        assert!(filled.usable_images().count() > 1 && filled.base.is_none());
    }
}
