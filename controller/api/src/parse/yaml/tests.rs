//! The builder against the library's own deserializer, and what only the builder does.

use serde_json::{Value, json};

use super::super::bounds::{MAX_DEPTH, MAX_NODES, options};
use super::super::tree::{Node, Tree};
use super::builder::Reading;
use super::read;

fn reading(text: &str) -> Reading {
    read(text, 0, 0).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

/// What the library makes of the text, without positions.
fn library(text: &str) -> Option<Value> {
    serde_saphyr::from_str_with_options(text, options()).ok()
}

fn agree(text: &str) {
    // Repeated keys are no error of the builder's, but of its caller's.
    let sound = |reading: Reading| reading.repeated.is_empty().then(|| reading.node.to_json());
    let ours = read(text, 0, 0).ok().and_then(sound);
    assert_eq!(ours, library(text), "{text}");
}

#[test]
fn scalars_mean_what_they_mean_to_the_library() {
    let scalars = "~ null Null NULL nUlL true True TRUE tRUE yes no on off 0 -0 +0 1 -1 +1 007 0644 \
        08 0o644 0O644 0x1f 0X1F 0b11 1_000 1__0 0_7 123456789012345678 1234567890123456789 \
        18446744073709551615 18446744073709551616 -9223372036854775808 -9223372036854775809 1.5 \
        -1.5 .5 5. 1e3 1E-3 1e999 .inf -.inf .nan +.nan . .. - -- -a +a 1.2.3 1:30 12:30:45 \
        2001-12-14 0.0.0.0 10.0.0.0/8 1a a1 = << !!str !!int !!strange";
    for scalar in scalars.split_whitespace() {
        agree(&format!("{scalar}\n"));
        agree(&format!("a: {scalar}\n"));
        agree(&format!("- '{scalar}'\n- \"{scalar}\"\n"));
        for tag in ["!!str", "!!int", "!!float", "!!bool", "!!null", "!", "!own", "!!binary"] {
            agree(&format!("a: {tag} {scalar}\n"));
            agree(&format!("a: {tag} '{scalar}'\n"));
        }
    }
}

#[test]
fn collections_mean_what_they_mean_to_the_library() {
    for text in [
        "",
        "# nothing\n",
        "a: 1\nb: [x, {y: z}]\nc:\n- d\n-\n- - e\n",
        "{a: 1, 'b': 2, \"c\": 3, ? d : 4, e}\n",
        "a: |\n  x\n   y\n\nb: >-\n  x\n  y\n",
        "a: &x {b: 1}\nc: *x\nd: [*x, *x]\n",
        "a: &x [1, &y 2]\nb: *y\nc: *x\n",
        "base: &b {a: 1, c: 2}\nd: {<<: *b, c: 3}\ne:\n  c: 4\n  <<: *b\n",
        "x: &x {a: 1}\ny: &y {a: 2, b: 2}\nz: {<<: [*x, *y]}\nw: {<<: [*y, *x]}\n",
        "x: &x {a: 1}\ny: &y {<<: *x, b: 2}\nz: {<<: *y}\n",
        "x: {<<: }\n",
        "x: {<<: 1}\n",
        "x: {<<: [1]}\n",
        "x: {'<<': {a: 1}}\n",
        "&a a: 1\n*a : 2\n",
        "a: !!seq [1]\nb: !!map {c: 1}\n",
        "a: !!map [1]\n",
        "a: !!int {}\n",
        "a: !own [1]\n",
        "[a, b\n",
        "a: b: c\n",
        "a:\n\t- b\n",
        "- a\nb: c\n",
        "a: *nobody\n",
        "%YAML 1.2\n---\na: 1\n...\n",
        "a: 1\n...\nb: 2\n",
        "[a]: 1\n",
        "\"a\": \"\\u00e9\\x41\\n\"\n",
    ] {
        agree(text);
    }
}

#[test]
fn every_template_of_the_corpus_means_what_it_means_to_the_library() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/corpus");
    let mut count = 0;
    for entry in std::fs::read_dir(corpus).expect("the corpus") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|end| end == "yaml") {
            agree(&std::fs::read_to_string(&path).expect("text"));
            count += 1;
        }
    }
    assert!(count >= 60, "{count} templates were read");
}

#[test]
fn every_node_knows_its_place() {
    let text = "a: 1\nbé:  [x, 'y']\nc:\n  d: |\n    text\ne: &x !!str z\nf: *x\n";
    let node = read(text, 3, 10).expect("YAML").node;
    let Tree::Map(fields) = &node.value else { panic!("no mapping") };
    let places: Vec<_> = fields
        .iter()
        .map(|(key, node)| (key.at.line, key.at.column, node.at.line, node.at.column))
        .collect();
    assert_eq!(
        places,
        [(11, 1, 11, 4), (12, 1, 12, 6), (13, 1, 14, 3), (16, 1, 16, 13), (17, 1, 17, 4)]
    );
    assert!(fields.iter().all(|(key, node)| key.at.source == 3 && node.at.source == 3));
}

#[test]
fn a_repeated_key_hides_nothing() {
    let reading = reading("a: 1\nb: {c: 1, c: 2}\na: 3\nd: 4\n");
    let repeated: Vec<_> = reading
        .repeated
        .iter()
        .map(|one| (one.key.name.as_str(), one.key.at.line, one.first.line))
        .collect();
    assert_eq!(repeated, [("c", 2, 2), ("a", 3, 1)]);
    assert_eq!(reading.node.to_json(), json!({"a": 1, "b": {"c": 1}, "d": 4}));
    let many: String = (0..40).map(|n| format!("k{}: {n}\n", n % 30)).collect();
    assert_eq!(self::reading(&many).repeated.len(), 10, "also where names are hashed");
}

#[test]
fn a_document_costs_no_more_than_it_may() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(reading(&nested(MAX_DEPTH)).nodes, MAX_DEPTH);
    let items = |count: usize| format!("[{}]", "1,".repeat(count));
    assert_eq!(reading(&items(MAX_NODES - 1)).node.count(), MAX_NODES);
    let twice = format!("a: &a {}\nb: [*a, *a, *a]\n", items(MAX_NODES / 3));
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a,".repeat(9));
    for text in [nested(MAX_DEPTH + 1), nested(300), items(MAX_NODES), twice, long] {
        let error = read(&text, 0, 0).map(|reading| reading.nodes).expect_err("too much");
        assert!(error.too_much, "{error:?}");
    }
    let itself = read("a: &a [*a]\n", 0, 0).map(|reading| reading.nodes).expect_err("no end");
    assert!(itself.message.contains("part of what it stands for"), "{}", itself.message);
}

/// Trees of all shapes, written by another library.
#[test]
fn what_is_written_is_read() {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~é\\n]{0,12}".prop_map(Value::from),
    ];
    let tree = leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            // The library writes `<<` plain, which is no text but calls for a merge.
            prop::collection::vec(
                ("[ -~]{0,8}".prop_filter("a merge", |key| key != "<<"), inner),
                0..6
            )
            .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    });
    proptest!(|(value in tree)| {
        let text = crate::to_yaml(&value);
        let node: Node = reading(&text).node;
        prop_assert_eq!(node.to_json(), value, "{}", text);
    });
}
