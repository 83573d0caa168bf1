//! Templates that build on others, from texts in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use limekiln_api::template::{Embedding, Fetch, FetchError, Fetched, Locator};
use limekiln_api::{FieldError, Located, Manifest, parse_documents};
use proptest::prelude::*;
use serde_json::{Value, json};

/// A store of templates by locator.
#[derive(Default)]
struct Store {
    texts: BTreeMap<String, String>,
    asked: RefCell<Vec<String>>,
}

impl Fetch for Store {
    fn fetch(&self, locator: &Locator) -> Result<Fetched, FetchError> {
        let key = locator.to_string();
        self.asked.borrow_mut().push(key.clone());
        let text = self.texts.get(&key).ok_or_else(|| {
            FetchError::new(format!("there is no {key}")).hint("limekiln template list")
        })?;
        Ok(Fetched { bytes: text.clone().into_bytes(), place: key })
    }
}

fn store(texts: &[(&str, &str)]) -> Store {
    let texts = texts.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned()));
    Store { texts: texts.collect(), ..Store::default() }
}

fn located(yaml: &str) -> Located {
    let parsed = parse_documents(yaml.as_bytes(), Path::new("/m/web.yaml"));
    assert_eq!(parsed.diagnostics, []);
    parsed.objects.into_iter().next().expect("one manifest")
}

fn embed(located: &mut Located, store: &Store) -> Result<(), Vec<String>> {
    let embedding = Embedding { fetch: store, home: Path::new("/home/alice"), default_base: None };
    let errors =
        |found: Vec<limekiln_api::Diagnostic>| found.iter().map(ToString::to_string).collect();
    located.embed(&embedding).map_err(errors)
}

fn template(located: &Located) -> Value {
    let Manifest::Instance(instance) = &located.manifest else { panic!("an instance") };
    serde_json::to_value(&instance.spec.template).expect("plain data")
}

fn embedded(yaml: &str, texts: &[(&str, &str)]) -> Value {
    let mut located = located(yaml);
    embed(&mut located, &store(texts)).expect("embedded");
    template(&located)
}

fn refused(yaml: &str, texts: &[(&str, &str)]) -> String {
    embed(&mut located(yaml), &store(texts)).expect_err("refused").join("\n")
}

#[test]
fn bases_come_depth_first_and_in_their_order() {
    let texts = [
        ("template:a", "base: template:c\nmounts: [{location: /a}]\nprovision: [{script: a}]"),
        ("template:b", "cpus: 4\nmounts: [{location: /b}]\nprovision: [{script: b}]"),
        ("template:c", "cpus: 3\nmounts: [{location: /c}]\nprovision: [{script: c}]"),
    ];
    let lima = embedded(
        "base: [template:a, 'template://b']\nmounts: [{location: /top}]\nprovision: [{script: top}]",
        &texts,
    );
    let list = |name: &str, field: &str| {
        let items = lima[name].as_array().expect(name);
        items.iter().map(|item| item[field].as_str().expect(field)).collect::<Vec<_>>()
    };
    assert_eq!(list("mounts", "location"), ["/top", "/a", "/c", "/b"]);
    assert_eq!(list("provision", "script"), ["b", "c", "a", "top"]);
    assert_eq!((&lima["cpus"], lima.get("base")), (&json!(3), None));
}

#[test]
fn manifests_and_single_texts_can_build_on_others() {
    let lima = embedded(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {name: web}\nspec: {template: {base: ./b.yaml, cpus: 2}}",
        &[("/m/b.yaml", "---\n# a comment\nmemory: 2GiB\n")],
    );
    assert_eq!(lima, json!({"cpus": 2, "memory": "2GiB"}));
    let nothing = embedded("base: ~/e.yaml\ncpus: 2", &[("/home/alice/e.yaml", "# nothing\n")]);
    assert_eq!(nothing, json!({"cpus": 2}));
}

#[test]
fn nothing_is_fetched_for_a_template_of_its_own() {
    let (mut located, store) = (located("cpus: 2\nprovision: [{script: a}]"), store(&[]));
    embed(&mut located, &store).expect("nothing to do");
    assert_eq!(*store.asked.borrow(), [""; 0]);
}

#[test]
fn twins_of_one_template_are_left_for_the_rules_to_tell() {
    let twins = "mounts: [{location: /a, mountPoint: /m}, {location: /b, mountPoint: /m}]";
    let mounts = |lima: &Value| lima["mounts"].as_array().map(Vec::len);
    assert_eq!(mounts(&embedded(twins, &[])), Some(2));
    // With a base they are as in Lima: the second one's settings are the first one's, too.
    let based = format!("base: template:a\n{twins}");
    assert_eq!(mounts(&embedded(&based, &[("template:a", "cpus: 1")])), Some(1));
}

#[test]
fn scripts_are_put_where_scripts_are_written() {
    let lima = embedded(
        "provision: [{file: a.sh}, {mode: data, path: /x, file: {url: 'https://h/c'}}, {mode: yq, path: /y, file: e.yq}]\nprobes: [{file: p.sh}, {script: '', file: p.sh}]",
        &[
            ("/m/a.sh", "echo a"),
            ("https://h/c", "content\n"),
            ("/m/e.yq", ".x = 1"),
            ("/m/p.sh", "#!/bin/sh"),
        ],
    );
    assert_eq!(lima["provision"][0], json!({"script": "echo a"}));
    assert_eq!(lima["provision"][1]["content"], "content\n");
    assert_eq!(lima["provision"][2]["expression"], ".x = 1");
    assert_eq!(lima["probes"][0], json!({"script": "#!/bin/sh"}));
    assert_eq!(lima["probes"][1], json!({"script": "#!/bin/sh"}));
}

/// Lima leaves both, and then refuses what it left.
#[test]
fn a_script_and_a_file_are_one_too_many() {
    let mut located = located(
        "provision: [{script: a, file: never.sh}, {mode: data, path: /a, content: '', file: never}]",
    );
    let errors = embed(&mut located, &store(&[])).expect_err("two scripts");
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("error: provision[0].file: `script` is there, too"), "{errors:?}");
    assert!(errors[1].contains("provision[1].file: `content` is there, too"), "{errors:?}");
}

#[test]
fn a_digest_that_is_none_is_said_to_be_none() {
    for digest in ["sha256:zz", "sha256:", "md5:00", "0000", &format!("sha512:{}", "0".repeat(64))]
    {
        let yaml = format!("base: [{{url: template:a, digest: '{digest}'}}]");
        let mut located = located(&yaml);
        let errors = embed(&mut located, &store(&[("template:a", "cpus: 1")])).expect_err("wrong");
        let expected = format!("the digest {digest:?} is not sha256: and 64 hexadecimal digits");
        assert!(errors[0].contains(&expected), "{errors:?}");
    }
}

#[test]
fn comments_of_the_own_text_are_kept() {
    let texts = [
        ("template:a", "# theirs\ncpus: 2\nmounts: [{location: /a}]\nssh: {forwardAgent: true}\n"),
        ("/m/a.sh", "echo a\n"),
    ];
    let text = |yaml: &str| {
        let mut located = located(yaml);
        embed(&mut located, &store(&texts)).expect("embedded");
        (template(&located), located.to_text())
    };
    let (whole, shown) = text(
        "# The head.\n\n# What it builds on.\nbase: template:a\n# Memory.\nmemory: 1GiB # much\n\n# Both.\nmounts:\n- location: /own # lost\nssh:\n  # kept\n  localPort: 0x10\nmessage: |\n  # text\n  a\n\n# The steps.\nprovision:\n- file: a.sh\n# The end.\n",
    );
    assert_eq!(
        shown,
        "# The head.\n\n# What it builds on.\n# Memory.\nmemory: 1GiB # much\n\n# Both.\nmounts:\n- location: /own\n- location: /a\nssh:\n  localPort: 16\n  forwardAgent: true\nmessage: |\n  # text\n  a\n\n# The steps.\nprovision:\n- script: |\n    echo a\n# The end.\ncpus: 2\n"
    );
    let read = |text: &str| serde_json::to_value(limekiln_api::read_lima(text).expect(text));
    assert_eq!(read(&shown).expect("plain"), whole);
    // What cannot be kept is printed anew, and means the same.
    for yaml in [
        "{base: template:a, memory: 1GiB}",
        "base: template:a\nmounts: &m\n- location: /a\n# c\nadditionalDisks: [a]\ncopyToHost: []\n",
        "base: template:a\nx-anchor: &a {location: /x}\n",
        "---\n# c\nbase: template:a\n...\n",
    ] {
        let parsed = parse_documents(yaml.as_bytes(), Path::new("/m/web.yaml"));
        let Some(mut located) = parsed.objects.into_iter().next() else { continue };
        embed(&mut located, &store(&texts)).expect("embedded");
        let shown = located.to_text();
        assert_eq!(read(&shown).expect("plain"), template(&located), "{yaml}\n{shown}");
    }
    let plain = "# c\ncpus: 2 # two\n";
    assert_eq!(text(plain).1, plain, "nothing to embed");
}

#[test]
fn scripts_of_a_base_are_beside_it() {
    let lima = embedded(
        "base: https://h/t/b.yaml",
        &[("https://h/t/b.yaml", "provision: [{file: s/a.sh}]"), ("https://h/t/s/a.sh", "x")],
    );
    assert_eq!(lima["provision"][0]["script"], "x");
}

#[test]
fn what_everything_builds_on_comes_first() {
    let (mut located, store) = (
        located("base: template:a\nmounts: [{location: /top}]"),
        store(&[
            ("/c/base.yaml", "cpus: 8\nmounts: [{location: /d}]"),
            ("template:a", "cpus: 4\nmounts: [{location: /a}]"),
        ]),
    );
    let embedding = Embedding {
        fetch: &store,
        home: Path::new("/"),
        default_base: Some("/c/base.yaml".into()),
    };
    located.embed(&embedding).expect("embedded");
    assert_eq!(
        template(&located),
        json!({"mounts": [{"location": "/top"}, {"location": "/d"}, {"location": "/a"}], "cpus": 8})
    );
}

#[test]
fn digests_hold() {
    let good = "c7cd2f4bbbf2bc04d8be04cfbd4f6dd0c83b6ba0b1bac2a5a3d4ab4bc0ce4f5e";
    let text = refused(
        &format!("base: [{{url: 'template:a', digest: 'sha256:{good}'}}]"),
        &[("template:a", "cpus: 2")],
    );
    let found =
        text.split("sha256:").nth(1).and_then(|rest| rest.split(',').next()).expect("named");
    assert_eq!(
        embedded(
            &format!("base: [{{url: 'template:a', digest: 'sha256:{found}'}}]"),
            &[("template:a", "cpus: 2")]
        ),
        json!({"cpus": 2})
    );
    assert!(text.starts_with("/m/web.yaml:1:14: error: base: template:a has the digest"), "{text}");
}

#[test]
fn circles_are_shown_with_their_chain() {
    let text = refused(
        "base: template:a",
        &[("template:a", "cpus: 1\nbase: [template:b]"), ("template:b", "base: template:a")],
    );
    insta::assert_snapshot!(text, @r"
    template:b:1:7: error: base: the template builds on itself: template:a → template:b → template:a
     1 | base: template:a
       |       ^
     help: remove one of them
    ");
    let itself = refused("base: web.yaml", &[]);
    assert!(itself.contains("builds on itself: /m/web.yaml → /m/web.yaml"), "{itself}");
    let twice = refused(
        "base: [template:a, template:b]",
        &[("template:a", "base: template:b"), ("template:b", "cpus: 1")],
    );
    assert!(twice.contains("template:b is built on twice: template:a does so, too"), "{twice}");
}

#[test]
fn all_that_is_wrong_is_shown_where_it_is_written() {
    let text = refused(
        "base: [template:none, ../x.yaml, template:odd, template:list]\ncpus: 2",
        &[("template:odd", "a: [\n"), ("template:list", "[1]")],
    );
    insta::assert_snapshot!(text);
}

#[test]
fn faults_of_a_base_are_shown_there() {
    let text = refused("base: template:b", &[("template:b", "cpus: 2\nmemory: lots\nmonts: []\n")]);
    insta::assert_snapshot!(text);
    let (mut located, store) = (
        located("base: template:b\ncpus: 2"),
        store(&[("template:b", "# b\nmounts:\n- location: x\n")]),
    );
    embed(&mut located, &store).expect("embedded");
    let error = FieldError::new("spec.template.mounts[0].location", "must be absolute");
    assert_eq!(located.diagnose(&error).place(), "template:b:3:13");
    let own = FieldError::new("spec.template.cpus", "too many");
    assert_eq!(located.diagnose(&own).place(), "/m/web.yaml:2:7");
}

#[test]
fn composition_is_bounded() {
    let endless: Vec<_> = (0..100)
        .map(|n| (format!("template:t{n}"), format!("base: template:t{}", n + 1)))
        .collect();
    let texts: Vec<_> = endless.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
    assert!(refused("base: template:t0", &texts).contains("more than 32 templates"));
    let large = format!("message: {}\n", "x".repeat(3 << 20));
    let text = refused(
        "base: [template:a, template:b]",
        &[("template:a", large.as_str()), ("template:b", large.as_str())],
    );
    assert!(text.contains("more than 4 MiB"), "{}", &text[..200.min(text.len())]);
}

/// Templates that build on others in every way, or do not.
fn random() -> impl Strategy<Value = String> {
    let choices: Vec<&[&str]> = vec![
        &["base: template:a", "base: [template:b, rel.yaml]", "base: [{url: template:a}]"],
        &["cpus: 1", "cpus: null"],
        &[
            "mounts: [{location: /a}]",
            "mounts: [{location: '*', writable: true}]",
            "mounts: [{location: /b, mountPoint: /a}, {location: '*', 9p: {cache: none}}]",
        ],
        &[
            "provision: [{script: x}]",
            "provision: [{file: s.sh}, {mode: data, path: /a, file: s.sh}]",
        ],
        &["probes: [{file: s.sh, description: p}]", "probes: []"],
        &[
            "networks: [{interface: x, lima: a}, {interface: x, metric: 5}]",
            "networks: [{lima: b}]",
        ],
        &[
            "additionalDisks: [d, {name: '*', format: false}]",
            "additionalDisks: [{name: d, fsType: xfs}]",
        ],
        &["vmOpts: {qemu: {minimumVersion: 1.0.0}}", "minimumLimaVersion: 1.0.0"],
        &["# a comment", "param: {a: b}"],
    ];
    let lines: Vec<_> = choices
        .into_iter()
        .map(|lines| proptest::option::of(proptest::sample::select(lines.to_vec())))
        .collect();
    lines.prop_map(|lines| {
        let lines: Vec<_> = lines.into_iter().flatten().collect();
        if lines.is_empty() { "{}\n".to_owned() } else { lines.join("\n") + "\n" }
    })
}

proptest! {
    #[test]
    fn embedding_twice_changes_nothing(top in random(), a in random(), rel in random()) {
        let without_base = |text: &str| -> String {
            text.lines().filter(|line| !line.starts_with("base")).map(|line| format!("{line}\n")).collect()
        };
        let (b, rel) = (without_base(&a), without_base(&rel));
        let store = store(&[("template:a", &b), ("template:b", &b), ("/m/rel.yaml", &rel),
            ("/m/s.sh", "#!/bin/sh\n"), ("template:s.sh", "#!/bin/sh\n")]);
        prop_assume!(!top.starts_with('#') || top.lines().count() > 1);
        let mut once = located(&top);
        embed(&mut once, &store).expect("embedded");
        let whole = template(&once);
        let mut twice = once.clone();
        embed(&mut twice, &store).expect("nothing is left");
        prop_assert_eq!(&template(&twice), &whole);
        // The same holds for the text that is printed of it.
        let text = once.to_text();
        prop_assert_eq!(&serde_json::to_value(limekiln_api::read_lima(&text).expect("yaml")).expect("plain"), &whole);
        if text.lines().any(|line| !line.starts_with('#')) {
            let mut again = located(&text);
            embed(&mut again, &store).expect("nothing is left");
            prop_assert_eq!(&template(&again), &whole);
        }
    }
}
