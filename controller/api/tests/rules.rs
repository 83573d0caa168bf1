//! Each rule of validation, by the field that it names: `tests/tables/rules.txt`.

use std::path::Path;

use limekiln_api::{
    Checks, FieldError, HostFacts, Instance, Layer, LimaVersion, Located, Manifest, PathKind,
    Severity, complete, parse_documents, read_lima, validate,
};

/// What is at the paths that the table names.
fn look(path: &Path) -> PathKind {
    match path.to_str().unwrap_or_default() {
        "/missing" | "/home/alice/missing" => PathKind::Missing,
        "/usr/share/zoneinfo/Mars/Olympus" => PathKind::Missing,
        "/usr/share/zoneinfo/Etc/UTC" => PathKind::File,
        "/file" => PathKind::File,
        "/socket" => PathKind::Socket,
        "/forbidden" => PathKind::Inaccessible,
        "/there" | "/home/alice" => PathKind::Directory,
        _ => PathKind::Unknown,
    }
}

fn parsed(template: &str, name: &str) -> (Box<Instance>, Located) {
    const IMAGES: &str = "images: [{location: /d.img}]";
    let with_image = match template.strip_suffix('}') {
        _ if template.contains("images:") && !template.contains("firmware:") => template.to_owned(),
        Some(fields) if template.starts_with('{') => format!("{fields}, {IMAGES}}}"),
        _ => format!("{template}\n{IMAGES}\n"),
    };
    let parsed = parse_documents(with_image.as_bytes(), Path::new(&format!("{name}.yaml")));
    assert_eq!(parsed.diagnostics, [], "{template}");
    let located = parsed.objects.into_iter().next().expect("an object");
    let Manifest::Instance(instance) = located.manifest.clone() else { panic!("an instance") };
    (instance, located)
}

fn broken(template: &str, name: &str, host: &HostFacts) -> Vec<FieldError> {
    let (instance, located) = parsed(template, name);
    let version = LimaVersion::current();
    let filled = complete(&instance.spec.template, &instance.metadata.name, host, &version);
    let errors = validate(&instance, &filled, &Checks { host, look: &look });
    for error in &errors {
        assert!(located.diagnose(error).line > 0, "{error}");
        assert!(error.hint.as_ref().is_some_and(|hint| !hint.is_empty()), "no hint: {error}");
    }
    errors
}

/// `error path` of each, sorted.
fn shown(errors: &[FieldError]) -> Vec<String> {
    let mut shown: Vec<_> = errors
        .iter()
        .map(|error| {
            let word = if error.severity == Severity::Error { "error" } else { "warning" };
            format!("{word} {}", error.path.trim_start_matches("spec.template."))
        })
        .collect();
    shown.sort();
    shown
}

#[test]
fn each_rule_finds_what_it_is_for_and_nothing_else() {
    let rows = include_str!("tables/rules.txt").lines().map(str::trim);
    let mut wrong = Vec::new();
    for row in rows.filter(|row| !row.is_empty() && !row.starts_with('#')) {
        let (template, expected) = row.rsplit_once(" => ").expect("a row has two sides");
        let (template, host) = match template.trim().strip_prefix("@macos ") {
            Some(template) => (template, HostFacts { os: "macos".into(), ..HostFacts::example() }),
            None => (template.trim(), HostFacts::example()),
        };
        let mut expected: Vec<_> =
            expected.split(", ").map(str::to_owned).filter(|word| word != "ok").collect();
        expected.sort();
        let errors = broken(template, "web", &host);
        if shown(&errors) != expected {
            let found: Vec<_> = errors.iter().map(ToString::to_string).collect();
            wrong.push(format!("{row}\n    found {found:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn socket_paths_that_are_too_long_are_found_with_their_length() {
    let home =
        HostFacts { lima_home: format!("/{}", "h".repeat(77)).into(), ..HostFacts::example() };
    assert_eq!(shown(&broken("cpus: 1", "we", &home)), [""; 0], "81 bytes are the most on Linux");
    let errors = broken("cpus: 1", "web", &home);
    assert_eq!(shown(&errors), ["error metadata.name"]);
    assert!(errors[0].hint.as_deref().is_some_and(|hint| hint.contains("by 1 bytes")));
}

/// `layer path` of each: where the user has to look.
fn places(template: &str, defaults: &str, overrides: &str) -> Vec<String> {
    let host = HostFacts {
        defaults: read_lima(defaults).expect("yaml"),
        overrides: read_lima(overrides).expect("yaml"),
        ..HostFacts::example()
    };
    let errors = broken(template, "web", &host);
    let word = |layer| match layer {
        Layer::Manifest => "own",
        Layer::Defaults => "default",
        Layer::Overrides => "override",
    };
    errors.iter().map(|error| format!("{} {}", word(error.layer), error.path)).collect()
}

#[test]
fn errors_are_shown_where_the_value_was_written() {
    let forwards = "portForwards: [{guestPort: 80}, {guestPort: 70000}]";
    assert_eq!(places(forwards, "", ""), ["own spec.template.portForwards[1].guestPort"]);
    assert_eq!(places("cpus: 1", forwards, ""), ["default portForwards[1].guestPort"]);
    assert_eq!(
        places(forwards, "", "portForwards: [{guestPort: 1}]"),
        ["own spec.template.portForwards[1].guestPort"],
        "the override's rules come first, and the position is that in the manifest"
    );
    assert_eq!(places("cpus: 1", "cpus: 2000", ""), [""; 0], "the instance's own value counts");
    assert_eq!(places("memory: 1GiB", "cpus: 2000", ""), ["default cpus"]);
    assert_eq!(places("cpus: 1", "", "cpus: 2000"), ["override cpus"]);
    assert_eq!(
        places(
            "mounts: [{location: /x}, {location: /y, mountPoint: /etc}]",
            "mounts: [{location: /z}, {location: rel, mountPoint: /r}]",
            ""
        ),
        ["default mounts[1].location", "own spec.template.mounts[1].mountPoint"]
    );
    assert_eq!(
        places("provision: [{script: '{{.Usr}}'}]", "provision: [{script: '{{.Usre}}'}]", ""),
        ["own spec.template.provision[0].script", "default provision[0].script"]
    );
    assert_eq!(
        places(
            "{plain: true, portForwards: [{guestPort: 1}, {guestPort: 22, static: true}]}",
            "",
            ""
        ),
        ["own spec.template.portForwards[1].guestPort"],
        "plain mode takes the first rule away"
    );
    assert_eq!(places("cpus: 1", "message: hi", "base: x"), ["default message", "override base"]);
}

#[test]
fn a_parameter_that_a_default_script_lacks_is_only_a_warning() {
    let host = HostFacts {
        defaults: read_lima("provision: [{script: 'echo {{.Param.a}}'}]").expect("yaml"),
        ..HostFacts::example()
    };
    assert_eq!(shown(&broken("cpus: 1", "web", &host)), ["warning provision[0].script"]);
}

#[test]
fn a_mount_of_another_layer_changes_only_settings_and_says_so() {
    let host = HostFacts {
        overrides: read_lima(
            "mounts: [{location: /there, writable: true}, {location: /too, mountPoint: /m}]",
        )
        .expect("yaml"),
        ..HostFacts::example()
    };
    let errors =
        broken("mounts: [{location: /there}, {location: /there, mountPoint: /m}]", "web", &host);
    assert_eq!(shown(&errors), ["warning mounts[1]"]);
    assert_eq!(errors[0].layer, Layer::Overrides);
}
