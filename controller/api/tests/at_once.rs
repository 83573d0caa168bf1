//! All errors of a document at once, and none that is only a consequence of another.

use std::collections::BTreeMap;
use std::path::Path;

use limekiln_api::template::{Embedding, Fetch, FetchError, Fetched, Locator};
use limekiln_api::{
    Checks, Diagnostic, HostFacts, LimaVersion, Located, Manifest, complete, parse_documents,
    parse_template, validate,
};

struct Store(BTreeMap<&'static str, &'static str>);

impl Fetch for Store {
    fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
        let place = locator.to_string();
        let text = self.0.get(place.as_str()).ok_or_else(|| FetchError::new("it is not there"))?;
        Ok(Fetched { bytes: text.as_bytes().to_vec(), place })
    }
}

fn store() -> Store {
    Store(BTreeMap::from([
        ("/m/bad.part", "cpus: 0\nmounts:\n- location: 5\n- location: rel\n  writable: yes\n"),
        ("/m/steps.part", "provision:\n- script: a\n- script: b\n"),
        ("/m/block.part", "mounts:\n- location: rel\n"),
        ("/m/a.sh", "#!/bin/sh\n"),
    ]))
}

/// What is wrong with what could be read, by the rules.
fn rules(mut located: Located) -> Vec<Diagnostic> {
    let (host, store) = (HostFacts::example(), store());
    let embedding = Embedding { fetch: &store, home: &host.home, default_base: None };
    let mut found = located.embed(&embedding).err().unwrap_or_default();
    let Manifest::Instance(instance) = &located.manifest else { panic!("an instance") };
    let name = &instance.metadata.name;
    let filled = complete(&instance.spec.template, name, &host, &LimaVersion::current());
    let errors = validate(instance, &filled, &Checks::unseen(&host));
    let errors = errors.iter().filter(|error| !located.excuses(error));
    found.extend(errors.map(|error| located.diagnose(error)));
    found
}

fn all(yaml: &str) -> Vec<Diagnostic> {
    let parsed = parse_documents(yaml.as_bytes(), Path::new("/m/web.yaml"));
    let mut found = parsed.diagnostics;
    for located in parsed.objects.into_iter().chain(parsed.partial) {
        found.extend(rules(located));
    }
    found.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    found
}

fn paths(yaml: &str) -> Vec<String> {
    let place = |found: &Diagnostic| match found.file.to_str() {
        Some("/m/web.yaml") => found.path.clone(),
        _ => format!("{} in {}", found.path, found.file.display()),
    };
    all(yaml).iter().map(place).collect()
}

#[test]
fn one_pass_tells_all() {
    let shown = all("apiVersion: lima-vm.io/v1alpha1
kind: Instance
metadata:
  name: web
spec:
  runStratgy: Always
  dependsOn: [{name: web}]
  template:
    cpus: 5000
    cpus: 2
    memory: 4XB
    tpm: yes
    mountType: virtio-fs
    mounts:
    - location: [x]
    - location: here
      writable: on
    ssh: {localPort: 22}
    portForwards:
    - guestPort: 70000
");
    let shown: Vec<_> = shown.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(shown.join("\n"));
}

/// Each document has exactly these errors: none hides another, and none makes another.
#[test]
fn nothing_is_told_that_is_only_a_consequence() {
    const IMAGES: &str = "images: [{location: /a}]";
    for (yaml, expected) in [
        // What is missing because it could not be read.
        ("images: 5", &["images"][..]),
        ("image: [{location: /a}]", &["image"]),
        ("images: [{locaton: /a}]", &["images[0]", "images[0].locaton"]),
        ("images: [{location: [a]}]\ncpus: 5000", &["images[0].location", "cpus"]),
        ("images: [{location: /a, arch: amd64}]", &["images[0].arch"]),
        ("arch: amd46\nimages: [{location: /a, arch: aarch64}]", &["arch"]),
        ("base: 5", &["base"]),
        ("base: /m/none.part\ncpus: 5000", &["base", "cpus"]),
        ("$\nprovision: [{mode: data, path: [x]}]", &["provision[0].path"]),
        (
            "$\nprovision: [{scrpt: x}, {mode: yq, path: a}]",
            &["provision[0].scrpt", "provision[1]", "provision[1].path"],
        ),
        ("$\nprovision: [{mode: dta, path: /a, content: x}]", &["provision[0].mode"]),
        ("$\nprobes: [{script: {}}]", &["probes[0].script"]),
        ("$\nnetworks: [{lma: a}, {vzNAT: yes}]", &["networks[0].lma", "networks[1].vzNAT"]),
        ("$\nprovision: [{file: none.sh}]", &["provision[0].file"]),
        // A list on lines of its own is where its first item is.
        (
            "$\nprovision:\n- mode: dta\n  path: /a\n- script: '{{.Nmae}} {{.Param.x}}'\n- mode: data\n  path: a\n",
            &[
                "provision[0].mode",
                "provision[1].script",
                "provision[1].script",
                "provision[2].path",
            ],
        ),
        (
            "$\nportForwards:\n- guestPort: x\n- guestPort: 22\n",
            &["portForwards[0].guestPort", "portForwards[1].guestPort"],
        ),
        (
            "$\nmounts:\n- location: rel\n- [a]\n- location: 5\n",
            &["mounts[0].location", "mounts[1]", "mounts[2].location"],
        ),
        (
            "base: /m/block.part\n$\nmounts:\n- location: own\n",
            &["mounts[0].location", "mounts[0].location in /m/block.part"],
        ),
        // Parameters and what uses them.
        ("$\nparam: {a: 1}\nprovision: [{script: [x]}]", &["provision[0].script"]),
        ("$\nparam: [a]\nprovision: [{script: '{{.Param.a}}'}]", &["param"]),
        ("$\nparam: {a: [1], b: 1}\nprovision: [{script: '{{.Param.a}} $PARAM_b'}]", &["param.a"]),
        // What depends on another field.
        ("$\nhostResolver: {enabled: no}\ndns: [1.1.1.1]", &["hostResolver.enabled"]),
        ("$\nplain: yes\nuser: {passwordlessSudo: false}", &["plain"]),
        ("$\nos: windos\nprovision: [{mode: boot, script: a}]", &["os"]),
        (
            "$\nportForwards: [{guestPort: x, hostPort: 80}, {guestPort: 70000}]",
            &["portForwards[0].guestPort", "portForwards[1].guestPort"],
        ),
        (
            "$\nportForwards: [{guestPort: 80}, {guestPort: 80, proto: tpc}]",
            &["portForwards[1].proto"],
        ),
        // Items keep their places, whatever is wrong with those before them.
        (
            "$\nmounts: [{location: [a]}, 5, {location: rel}, {location: /b, mountPoint: c}]",
            &["mounts[0].location", "mounts[1]", "mounts[2].location", "mounts[3].mountPoint"],
        ),
        (
            "$\nportForwards: [{guestPortRange: [1, x]}, {guestPort: 22}]",
            &["portForwards[0].guestPortRange[1]", "portForwards[1].guestPort"],
        ),
        // Twice is as good as wrong.
        (
            "$\ncpus: 0\ncpus: 5000\nmounts: [{location: rel, location: /b}, {location: rel}]",
            &["cpus", "mounts[0].location", "mounts[1].location"],
        ),
        // What bases bring in has the place and the path of its own text.
        (
            "base: /m/bad.part\n$\ncpus: 5000",
            &[
                "cpus",
                "mounts[0].location in /m/bad.part",
                "mounts[1].location in /m/bad.part",
                "mounts[1].writable in /m/bad.part",
            ][..],
        ),
        (
            "base: /m/steps.part\n$\nprovision: [{mode: data, path: [x]}, {mode: data, path: y}]",
            &["provision[0].path", "provision[1].path"],
        ),
    ] {
        let yaml = yaml.replace('$', IMAGES);
        let mut found = paths(&yaml);
        let mut expected: Vec<_> = expected.iter().map(|path| (*path).to_owned()).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{yaml}\n{:#?}", all(&yaml));
    }
}

#[test]
fn metadata_that_cannot_be_used_hides_nothing() {
    let yaml = |metadata: &str| {
        format!(
            "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\n{metadata}spec: {{template: {{cpus: 5000, images: [{{location: /a}}], cpu: 1}}}}\n"
        )
    };
    for (metadata, path) in [
        ("metadata: {name: a b}\n", "metadata.name"),
        ("metadata: {nam: a}\n", "metadata"),
        ("metadata: web\n", "metadata"),
        ("", ""),
    ] {
        let found = paths(&yaml(metadata));
        let rest = ["spec.template.cpu", "spec.template.cpus"].map(str::to_owned);
        assert!(rest.iter().all(|path| found.contains(path)), "{metadata}{found:?}");
        assert!(found.contains(&path.to_owned()) && found.len() <= 4, "{metadata}{found:?}");
    }
    let parsed = parse_documents(yaml("metadata: {}\n").as_bytes(), Path::new("web.yaml"));
    assert!(parsed.unreadable && parsed.objects.is_empty() && parsed.broken.is_empty());
}

#[test]
fn a_duplicate_has_its_place_wherever_it_is() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: lima-vm.io/v1alpha1\n  kind: Instance\n  metadata: {name: a}\n  spec:\n    template: {images: [{location: /a}], cpus: 1, cpus: 2, memory: 1B}\n";
    let found = all(list);
    let shown: Vec<_> = found.iter().map(|found| (found.line, found.path.as_str())).collect();
    assert_eq!(shown, [(8, "spec.template.cpus"), (8, "spec.template.memory")], "{found:#?}");
    let found = all("kind: Disk\nmetadata: {name: a, name: b}\n");
    assert_eq!(found.len(), 2, "{found:#?}");
    let located = Locator::File("/m/t.yaml".into());
    let name = "t".parse().expect("a name");
    let refused = parse_template(b"cpus: 1\ncpus: 2\nmemory: x\n", &located, "t.yaml", &name);
    let refused = refused.expect_err("wrong");
    let shown: Vec<_> =
        refused.diagnostics.iter().map(|found| (found.line, &*found.path)).collect();
    assert_eq!(shown, [(2, "cpus"), (3, "memory")]);
    assert_eq!(
        refused.diagnostics[0].hint.as_deref(),
        Some("line 1 sets it, too; keep one of them")
    );
    let rest = rules(*refused.partial.expect("the rest"));
    assert_eq!(rest.len(), 1, "no image: {rest:#?}");
}
