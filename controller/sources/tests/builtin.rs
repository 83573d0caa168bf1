//! Every built-in template can be used as it is.

use std::path::Path;

use limekiln_api::template::{Embedding, Fetch, Locator};
use limekiln_api::{
    Arch, Checks, HostFacts, Lima, LimaVersion, Manifest, Name, PathKind, complete, parse_template,
    validate,
};
use limekiln_sources::templates::{TemplateSettings, TemplateStore};

fn filled(store: &TemplateStore, name: &str, host: &HostFacts) -> Lima {
    let locator = Locator::Template(name.to_owned());
    let fetched = store.fetch(&locator).expect(name);
    let instance = Name::new(name.rsplit('/').next().expect("a name")).expect("a name");
    let mut located = parse_template(&fetched.bytes, &locator, &fetched.place, &instance)
        .unwrap_or_else(|wrong| panic!("{}", wrong.diagnostics[0]));
    let embedding = Embedding { fetch: store, home: Path::new("/home/alice"), default_base: None };
    located.embed(&embedding).unwrap_or_else(|found| panic!("{}", found[0]));
    let Manifest::Instance(manifest) = &located.manifest else { panic!("an instance") };
    let filled = complete(&manifest.spec.template, &instance, host, &LimaVersion::current());
    if !name.starts_with("_default/") {
        let checks = Checks { host, look: &|_| PathKind::Directory };
        assert_eq!(validate(manifest, &filled, &checks), [], "{name}");
    }
    filled.lima
}

#[test]
fn they_embed_fill_and_validate() {
    for arch in [Arch::X86_64, Arch::Aarch64] {
        let host = HostFacts { arch, ..HostFacts::example() };
        let store = TemplateStore::new(TemplateSettings::new(&host));
        let list = store.list();
        assert!(list.len() >= 80 && list.iter().all(|listed| listed.location == "built-in"));
        for name in list.iter().map(|listed| listed.name.as_str()) {
            let lima = filled(&store, name, &host);
            if !name.starts_with("_default/") {
                assert!(lima.usable_images().next().is_some(), "{name} has no image for {arch}");
                assert!(lima.mounts.is_none_or(|mounts| mounts.is_empty()), "{name}");
            }
        }
    }
}

#[test]
fn distributions_have_their_versions() {
    let store = TemplateStore::new(TemplateSettings::new(&HostFacts::example()));
    let names: Vec<_> = store.list().into_iter().map(|listed| listed.name).collect();
    for name in [
        "default",
        "almalinux",
        "alpine",
        "archlinux",
        "centos-stream",
        "debian",
        "fedora",
        "opensuse-leap",
        "oraclelinux",
        "rocky",
        "ubuntu",
        "ubuntu-24.04",
        "debian-11",
        "fedora-44",
        "_images/debian-12",
        "_default/mounts",
    ] {
        assert!(names.iter().any(|known| known == name), "{name}");
    }
}
