//! What a user sees of bad manifests.

use std::path::Path;
use std::time::{Duration, Instant};

use limekiln_api::{Kind, Parsed, parse_documents};

fn parsed(text: &str) -> Parsed {
    parse_documents(text.as_bytes(), Path::new("web.yaml"))
}

fn shown(text: &str) -> String {
    let diagnostics = parsed(text).diagnostics;
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

const GOOD: &str =
    "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data}\nspec: {size: 1GiB}\n";

#[test]
fn every_error_is_shown_with_its_place() {
    insta::assert_snapshot!(shown(
        "apiVersion: lima-vm.io/v1alpha1
kind: Instance
metadata:
  name: web
spec:
  runStratgy: Always
  template:
    cpu: 2
    memory: 4XB
    images:
    - location: /disk.img
      arch: amd64
    ssh: {localPort: many}
    portForwards:
    - guestPort: '80'
      hostIp: 127.0.0.1
"
    ));
}

#[test]
fn what_is_missing_is_named() {
    insta::assert_snapshot!(shown(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {}\nspec: {format: vmdk}\n"
    ));
    insta::assert_snapshot!(shown("kind: Disk\nmetadata: {name: a}\n"));
    insta::assert_snapshot!(shown(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Instanz\nmetadata: {name: a}\n"
    ));
}

#[test]
fn syntax_errors_have_places() {
    insta::assert_snapshot!(shown("cpus: 2\nmemory: [1\ndisk: }\n"));
    insta::assert_snapshot!(shown("cpus: 2\ncpus: 3\n"));
    insta::assert_snapshot!(shown("cpus:\n\t- 2\n"));
}

#[test]
fn one_bad_document_hides_no_other() {
    let text = format!(
        "{GOOD}---\napiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata:\n  name: web\nspec: [\n---\n{}",
        GOOD.replace("name: data", "name: more")
    );
    let parsed = parsed(&text);
    let names: Vec<_> =
        parsed.objects.iter().map(|object| object.manifest.name().to_string()).collect();
    assert_eq!(names, ["data", "more"]);
    assert_eq!(parsed.objects[1].line, 11);
    let [broken] = parsed.broken.as_slice() else { panic!("one is broken: {parsed:?}") };
    assert_eq!((broken.kind, broken.name.as_str(), broken.line), (Kind::Instance, "web", 5));
    assert!(!parsed.unreadable);
}

#[test]
fn a_nameless_document_is_remembered_as_unreadable() {
    let parsed = parsed(
        "apiVersion: lima-vm.io/v1alpha1\nkind: Instance\nmetadata: {nam: web}\nspec: {template: {}}\n",
    );
    assert!(parsed.unreadable && parsed.broken.is_empty());
}

#[test]
fn plain_lima_yaml_is_an_instance() {
    let parsed =
        parsed("images: [{location: /a}]\nadditionalDisks: [data, {name: b, fsType: xfs}]\n");
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(parsed.objects[0].manifest.name().as_str(), "web");
    assert!(parsed.objects[0].plain);
    let unnamed = parse_documents(b"cpus: 2\n", Path::new("-"));
    assert!(
        unnamed.diagnostics[0].hint.as_deref().is_some_and(|hint| hint.contains("metadata.name"))
    );
}

#[test]
fn lists_and_odd_encodings_are_read() {
    let list = format!(
        "apiVersion: v1\nkind: List\nitems:\n- {}\n- {}",
        GOOD.trim_end().replace('\n', "\n  "),
        GOOD.trim_end().replace('\n', "\n  ").replace("name: data", "name: b")
    );
    assert_eq!(parsed(&list).objects.len(), 2, "{:?}", parsed(&list).diagnostics);
    let windows = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    assert_eq!(parsed(&windows).objects.len(), 1, "{:?}", parsed(&windows).diagnostics);
    let broken = parse_documents(b"cpus: 2\nmessage: \xff\n", Path::new("web.yaml"));
    assert_eq!((broken.diagnostics[0].line, broken.diagnostics[0].column), (2, 10));
    assert!(broken.unreadable);
    for empty in ["", "# nothing\n", "---\n---\n"] {
        assert!(parsed(empty).objects.is_empty() && parsed(empty).diagnostics.is_empty());
    }
}

#[test]
fn what_kubectl_prints_is_read() {
    let text = "apiVersion: lima-vm.io/v1alpha1\nkind: Disk\nmetadata: {name: data, uid: x, generation: 3}\nspec: {size: 1GiB}\nstatus: {phase: Ready}\n";
    assert_eq!(parsed(text).diagnostics, []);
}

/// Row 24 of the failure modes. The bound is wide because test builds are slow and machines are
/// shared; without limits these inputs take minutes or all memory.
#[test]
fn bombs_are_refused_quickly() {
    let aliases = (0..30).fold("a0: &a0 [x]\n".to_owned(), |text, n| {
        text + &format!("a{}: &a{} [{}]\n", n + 1, n + 1, vec![format!("*a{n}"); 10].join(", "))
    });
    let bombs = [
        ("depth, flow", "[".repeat(10_000)),
        ("depth, block", (0..10_000).map(|n| " ".repeat(n % 400) + "a:\n").collect::<String>()),
        ("depth, dashes", "- ".repeat(10_000)),
        ("aliases", aliases),
        ("bytes", format!("message: {}", "x".repeat(10 << 20))),
        ("nodes", "- 1\n".repeat(300_000)),
        ("self", "a: &a [*a]\n".to_owned()),
        ("an unknown key", format!("{}: 1\n", "x".repeat(1 << 20))),
    ];
    // 24 levels are the most, so a document within the bounds fits a test thread's stack, too.
    for (what, bomb) in bombs {
        let start = Instant::now();
        let parsed = parsed(&bomb);
        assert!(!parsed.diagnostics.is_empty() && parsed.objects.is_empty(), "{what} was accepted");
        assert!(start.elapsed() < Duration::from_secs(2), "{what} took {:?}", start.elapsed());
    }
}
