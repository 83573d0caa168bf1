//! What Go's text/template makes of the same texts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::lima::Text;

fn expansion(text: &str) -> Expansion {
    let param = [("VERSION", "1.2"), ("EMPTY", ""), ("proxy", "http://p")];
    let param: BTreeMap<_, _> =
        param.into_iter().map(|(key, value)| (key.to_owned(), Text::from(value))).collect();
    let variables = GuestVariables {
        name: "web",
        hostname: "lima-web",
        user: "alice",
        uid: 501,
        home: "/home/alice.guest",
        param: Some(&param),
    };
    expand(text, &variables)
}

fn expanded(text: &str) -> String {
    let expansion = expansion(text);
    assert_eq!(expansion.problems, [], "{text}");
    expansion.text.unwrap_or_else(|| text.to_owned())
}

/// Each right side is what Go prints.
#[test]
fn texts_are_expanded_as_by_go() {
    for (text, printed) in [
        ("no braces", "no braces"),
        ("{{.User}}@{{ .Name }}: {{.UID}}", "alice@web: 501"),
        ("v{{.Param.VERSION}}{{.Param.EMPTY}}", "v1.2"),
        ("a  {{- .Name -}}  \n b", "awebb"),
        ("a {{- /* note */ -}} b", "ab"),
        ("a {{/* {{ */}} b", "a  b"),
        ("{{\"{{\"}}.Names{{\"}}\"}}", "{{.Names}}"),
        ("{{`{{.Names}}`}}", "{{.Names}}"),
        ("{{\"a\\tb\\\"\"}}", "a\tb\""),
        ("{{ .Name\n}}", "web"),
        ("{{if .Param.EMPTY}}x{{else}}y{{end}}", "y"),
        ("{{if .Param.NONE}}x{{end}}y", "y"),
        ("{{if eq .Param.VERSION \"1.2\"}}x{{end}}", "x"),
        ("{{if eq .Name \"a\" \"web\"}}x{{end}}", "x"),
        ("{{if not (and .Param.proxy .Param.EMPTY)}}x{{else}}y{{end}}", "x"),
        ("{{if eq .UID 1}}a{{else if gt .UID 500}}b{{else}}c{{end}}", "b"),
        ("{{or .Param.EMPTY .Param.proxy \"none\"}}", "http://p"),
        ("{{.Param.EMPTY | or \"x\"}}", "x"),
        ("{{print .UID 2 .Name}} {{len .Name}} {{true}} {{-3}}", "501 2web 3 true -3"),
        ("{{if .Param.proxy}}{{if .Param.EMPTY}}a{{end}}b{{end}}c", "bc"),
    ] {
        assert_eq!(expanded(text), printed, "{text}");
    }
}

#[test]
fn what_is_no_template_stays_with_a_warning() {
    for text in [
        "{{.User",
        "${{ github.ref }}",
        "{{}}",
        "{{.User | upper}}",
        "{{if .User}}x",
        "{{end}}",
        "{{else}}",
        "{{if}}x{{end}}",
        "{{\"a}}",
        "{{.Name.First}}",
        "{{.State.Status}}",
        "{{eq .UID \"501\"}}",
        "{{(.Name}}",
        "{{.Name)}}",
        "{{.Name .User}}",
        "{{.User}x}}",
        "{{not}}",
        "{{.1a}}",
        "{{/* a }}",
        "{{ # }}",
        "{{.Name | .User}}",
        // Functions that Lima does not have, whatever else is there.
        "{{json .}}",
        "{{json .Mounts}}",
        "{{range .}}{{upper .}}{{end}}",
        "{{$x := upper .Name}}",
        "echo '{{' && echo '}}'",
        "{{.Name, .User}}",
        "{{.Name = .User}}",
        "{{'ab'}}",
        "{{range .Param}}",
    ] {
        let Expansion { text: result, problems } = expansion(text);
        assert!(result.is_none(), "{text}");
        assert!(matches!(problems.as_slice(), [Problem::Raw { .. }]), "{text}: {problems:?}");
    }
}

#[test]
fn the_reason_is_the_right_one() {
    for (text, reason) in [
        ("echo '{{' # never closed", "a {{ has no }}"),
        ("{{ $a", "a {{ has no }}"),
        ("{{json .}}", "there is no function `json`"),
        ("{{range .Param}}x", "a block has no {{end}}"),
    ] {
        let [Problem::Raw { why }] = &expansion(text).problems[..] else { panic!("{text}") };
        assert_eq!(why, reason, "{text}");
    }
}

#[test]
fn what_go_has_beyond_us_is_named_and_hides_nothing() {
    for (text, named, others) in [
        ("{{range .Param}}x{{end}}", &["`range`"][..], 0),
        (
            "{{range $i, $e := .Param}}{{$e}}{{.Any}}{{else}}y{{end}}",
            &["`range`", "a variable (`$`)"],
            0,
        ),
        ("{{with .Name}}x{{end}}{{.Nmae}}", &["`with`"], 1),
        ("{{with .Usre}}x{{else with .Name}}y{{end}}", &["`with`"], 1),
        ("{{$x := .Usre}}{{.Param.NONE}}", &["a variable (`$`)"], 2),
        ("{{printf \"%s\" .Nome}}", &["`printf`"], 1),
        ("{{.}}", &["`.` alone"], 0),
        ("{{index .Param \"a\"}}{{1.5}}", &["`index`", "a number that is not whole"], 0),
        ("{{(index .Param \"a\").b}}", &["`index`", "a field of a parenthesis"], 0),
        ("{{'a'}}{{'\\n'}}{{'\\x41'}}", &["a character in single quotes"], 0),
        (
            "{{\"\\x41\"}}{{template \"a\"}}",
            &["an escape other than \\n, \\t, \\r, \\\\ and \\\"", "`template`"],
            0,
        ),
    ] {
        let Expansion { text: result, problems } = expansion(text);
        let beyond: Vec<_> = problems
            .iter()
            .filter_map(|problem| match problem {
                Problem::Beyond { what } => Some(what.as_str()),
                _ => None,
            })
            .collect();
        let mut sorted = (beyond.clone(), named.to_vec());
        sorted.0.sort_unstable();
        sorted.1.sort_unstable();
        assert_eq!(sorted.0, sorted.1, "{text}");
        assert_eq!(problems.len() - beyond.len(), others, "{text}: {problems:?}");
        assert_eq!(result, None, "{text}");
    }
    assert!(matches!(expansion("{{.Param}}").problems[..], [Problem::Beyond { .. }]));
}

#[test]
fn unknown_names_are_told_with_the_nearest() {
    let unknown = |text: &str| expansion(text).problems;
    let problems = unknown("{{.Usre}} {{.Usre}} {{.Param.VERSOIN}} {{if .Zzzzzz}}{{end}}");
    let [
        Problem::Unknown { name, nearest: Some("User"), .. },
        Problem::UnknownParam { key, nearest: Some(near) },
        Problem::Unknown { name: other, nearest: None, .. },
    ] = problems.as_slice()
    else {
        panic!("{problems:?}")
    };
    assert_eq!(
        (name.as_str(), key.as_str(), near.as_str(), other.as_str()),
        ("Usre", "VERSOIN", "VERSION", "Zzzzzz")
    );
    assert!(matches!(unknown("{{.Dir}}")[..], [Problem::Unknown { .. }]), "only on the host");
}

#[test]
fn messages_are_checked_by_their_own_names() {
    let param = BTreeMap::from([("a".to_owned(), Text::from("b"))]);
    let problems = |text: &str| check_message(text, Some(&param));
    for fine in [
        "{{.Dir}} {{.SSHLocalPort}} {{.Param.a}}",
        "{{- if .Instance.Config.VMOpts.vz.rosetta.enabled}}x{{- end}}",
        "podman{{if eq .HostOS \"linux\"}} --remote{{end}}",
    ] {
        assert_eq!(problems(fine), [], "{fine}");
    }
    assert!(matches!(problems("{{.UID}}")[..], [Problem::Unknown { .. }]));
    assert!(matches!(problems("{{.Param.b}}")[..], [Problem::UnknownParam { .. }]));
    assert!(matches!(problems("{{.Dir")[..], [Problem::Broken { .. }]));
    assert!(matches!(problems("{{json .}}")[..], [Problem::Broken { .. }]));
    assert_eq!(problems("{{range .Networks}}{{.Lima}}{{end}}"), []);
}

/// Debug builds on a busy machine need some milliseconds for each; quadratic work, minutes.
#[test]
fn long_and_deep_texts_are_read_quickly() {
    let count = 200_000;
    for text in [
        "{{".repeat(count),
        "{{.Name}}".repeat(count),
        "{{if .Name}}".repeat(count),
        format!("{{{{{}", "(".repeat(count)),
        format!("{{{{{}", "not ".repeat(count)),
        format!("{{{{{}}}}}", ".Name | ".repeat(count)),
        format!("{{{{\"{}", "\\\"".repeat(count)),
        "{{if .Name}}x{{else ".repeat(count),
        "{{- ".repeat(count),
        format!("{{{{.A{}", ".A".repeat(count)),
        format!("{}{{{{.Nome}}}}", "{{.Nume}}".repeat(count)),
    ] {
        let start = Instant::now();
        let _ = expansion(&text);
        let mut used = ParamUse::default();
        used.add(&text);
        assert!(start.elapsed() < Duration::from_secs(5), "{}… {:?}", &text[..20], start.elapsed());
    }
}

proptest! {
    #[test]
    fn nothing_panics(text in "(\\{\\{|\\}\\}|-|[.(|)\"`$ ]|if|else|end|not|eq|Param|Name|/\\*|\\*/|\\PC){0,40}") {
        let _ = expansion(&text);
        let _ = check_message(&text, None);
        let mut used = ParamUse::default();
        used.add(&text);
        let _ = used.uses("Name");
    }

    #[test]
    fn texts_without_braces_stay(text in "[^{]*") {
        prop_assert_eq!(expansion(&text), Expansion::default());
    }
}
