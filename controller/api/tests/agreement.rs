//! The published schema of Lima's YAML and the reader give the same verdicts.

use std::path::Path;

use limekiln_api::{
    Checks, HostFacts, LimaVersion, Manifest, complete, parse_documents, schema, validate,
};
use serde_json::{Map, Value, json};

fn lima_schema() -> Value {
    let found = schema::json_schemas().into_iter().find(|(file, _)| file == "lima.json");
    found.expect("generated").1
}

/// What is wrong with a template: `None` if it cannot be read, else the fields of its errors.
fn verdict(template: &Value) -> Option<Vec<String>> {
    let parsed = parse_documents(template.to_string().as_bytes(), Path::new("web.yaml"));
    if !parsed.diagnostics.is_empty() {
        return None;
    }
    let Manifest::Instance(instance) = &parsed.objects[0].manifest else { panic!("an instance") };
    let host = HostFacts::example();
    let name = &instance.metadata.name;
    let filled = complete(&instance.spec.template, name, &host, &LimaVersion::current());
    let errors = validate(instance, &filled, &Checks::unseen(&host));
    let errors = errors.into_iter().filter(|error| error.is_error());
    Some(errors.map(|error| error.path.trim_start_matches("spec.template.").to_owned()).collect())
}

/// Every leaf below a schema, as the steps to it; `[]` is an item of a list.
fn leaves(schema: &Value, path: &[String], found: &mut Vec<Vec<String>>) {
    let mut any = false;
    let forms = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    for form in forms.chain([schema]) {
        for (name, inner) in form.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            any = true;
            leaves(inner, &[path, std::slice::from_ref(name)].concat(), found);
        }
        if let Some(items) = form.get("items") {
            any = true;
            leaves(items, &[path, &["[]".to_owned()]].concat(), found);
        }
        if form.get("additionalProperties").is_some_and(Value::is_object) {
            any = true;
            found.push([path, &["A".to_owned()]].concat());
        }
    }
    if !any || path.last().is_some_and(|last| last == "[]") {
        found.push(path.to_vec());
    }
}

/// What an entry of a list needs beside one of its fields.
fn needed(list: &str, field: &str) -> Value {
    match (list, field) {
        ("networks", "lima" | "socket" | "vzNAT") => json!({}),
        ("networks", _) => json!({"lima": "a"}),
        ("images" | "mounts" | "archives" | "virtioWin", _) => json!({"location": "/a"}),
        ("additionalDisks", _) => json!({"name": "a"}),
        ("provision", "path" | "content" | "overwrite" | "owner" | "permissions") => {
            json!({"mode": "data", "path": "/a"})
        }
        ("provision", "expression" | "format") => {
            json!({"mode": "yq", "path": "/a", "expression": "."})
        }
        ("provision", _) => json!({"script": "a"}),
        ("probes", _) => json!({"script": "#!a"}),
        ("copyToHost", _) => json!({"guest": "/a", "host": "/a"}),
        ("kernel" | "initrd", _) => json!({"location": "/a"}),
        _ => json!({}),
    }
}

fn document(path: &[String], list: &str, value: &Value) -> Value {
    match path.split_first() {
        None => value.clone(),
        Some((step, rest)) if step == "[]" => {
            let items = if list.ends_with("Range") { vec![json!(5), json!(5)] } else { vec![] };
            let inner = document(rest, list, value);
            match items.into_iter().nth(1) {
                Some(second) => json!([inner, second]),
                None => json!([inner]),
            }
        }
        Some((step, rest)) => {
            let mut fields = match needed(list, step) {
                Value::Object(fields) => fields,
                _ => Map::new(),
            };
            fields.insert(step.clone(), document(rest, step, value));
            Value::Object(fields)
        }
    }
}

/// The path as errors name it.
fn shown(path: &[String]) -> String {
    path.iter().fold(String::new(), |text, step| match (step.as_str(), text.as_str()) {
        ("[]", _) => text + "[0]",
        (name, "") => name.to_owned(),
        (name, _) => format!("{text}.{name}"),
    })
}

fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(0),
        json!(5),
        json!(22),
        json!(-1),
        json!(1.5),
        json!(2.0),
        json!(70_000),
        json!(5_000_000_000_u64),
        json!(""),
        json!("x"),
        json!("5"),
        json!("-5"),
        json!("22"),
        json!("70000"),
        json!("1.5"),
        json!("4GiB"),
        json!(".5 g"),
        json!("default"),
        json!("/a"),
        json!("#!/a"),
        json!("1.2.3.4"),
        json!("1.2.3.256"),
        json!("::1"),
        json!("root"),
        json!("cmd.exe"),
        json!("qemu"),
        json!("any"),
        json!("2.0.0"),
        json!([]),
        json!({}),
    ]
}

/// Drivers have keys of their own, which Lima ignores and nobody means; the schema is for who
/// writes them. A parameter must be used, whatever its value is.
fn is_special(path: &[String]) -> bool {
    ["vmOpts", "osOpts", "param"].contains(&path[0].as_str())
}

#[test]
fn every_scalar_is_as_loose_in_the_schema_as_for_the_reader() {
    let schema = lima_schema();
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let mut paths = Vec::new();
    leaves(&schema, &[], &mut paths);
    let (mut wrong, mut count) = (Vec::new(), 0);
    for path in paths.iter().filter(|path| !is_special(path)) {
        for value in values() {
            let template = document(path, "", &value);
            let (accepted, verdict) = (validator.is_valid(&template), verdict(&template));
            let field = shown(path);
            let named =
                |error: &String| field.starts_with(error.as_str()) || error.starts_with(&field);
            let agree = match (&verdict, accepted) {
                (None, accepted) => !accepted,
                (Some(_), true) => true,
                // The editor may refuse early what the rules refuse later.
                (Some(errors), false) => errors.iter().any(named),
            };
            count += 1;
            if !agree {
                wrong.push(format!("{template}: schema {accepted}, reader {verdict:?}"));
            }
        }
    }
    assert!(count > 3000, "only {count} documents");
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// What rules about single fields refuse, the schema refuses; what they do not, it accepts.
#[test]
fn the_schema_knows_rules_about_single_fields() {
    let validator = jsonschema::validator_for(&lima_schema()).expect("a schema");
    let template = |text: &str| {
        let yaml: serde_yaml::Value = serde_yaml::from_str(text).expect(text);
        serde_json::to_value(yaml).expect("plain data")
    };
    for text in [
        "ssh: {localPort: 22}",
        "ssh: {localPort: '70000'}",
        "portForwards: [{guestPort: 22}]",
        "portForwards: [{hostPort: '22'}]",
        "portForwards: [{hostPort: -1}]",
        "portForwards: [{guestPortRange: [1, 65536]}]",
        "portForwards: [{guestPortRange: [1]}]",
        "portForwards: [{hostPortRange: ['80', '70000']}]",
        "portForwards: [{guestIP: localhost}]",
        "portForwards: [{hostIP: 127.0.0.300}]",
        "dns: [one.one.one.one]",
        "dns: ['']",
        "cpus: 2000",
        "probes: [{script: echo}]",
        "user: {shell: bash}",
        "user: {shell: ''}",
        "user: {uid: 0}",
        "user: {uid: '0'}",
        "user: {name: root}",
        "user: {name: 'a b'}",
        "networks: [{metric: 5}]",
        "networks: [{}]",
        "networks: [{vzNAT: false}]",
        "networks: [{lima: a, socket: /s}]",
        "networks: [{lima: a, vzNAT: true}]",
        "networks: [{socket: /s, vzNAT: true, interface: x}]",
        "mountType: ''",
        "mountType: nfs",
    ] {
        let template = template(text);
        assert!(!validator.is_valid(&template), "the schema accepts {text}");
        let refused = verdict(&template);
        assert!(
            refused.as_ref().is_none_or(|errors| errors.iter().any(|error| error != "images")),
            "{text}: {refused:?}"
        );
    }
    for text in [
        "portForwards: [{guestPort: 0, hostPort: '080', proto: '', guestIP: '', hostIP: '::1'}]",
        "portForwards: [{guestPortRange: [1, 65535]}]",
        "portForwards: [{guestPort: '80', hostPortRange: [80.0, '80']}]",
        "memory: ''\ndisk: 1024\nmessage: 5\ntimezone: true",
        "memory: .5g",
        "user: {uid: '1000', name: 007, comment: 1.5, home: /h, shell: /bin/sh}",
        "networks: [{lima: a, vzNAT: false, socket: '', metric: '7'}]",
        "networks: [{vzNAT: true}, {socket: /s, lima: null}]",
        // The rest may be in a template that this one builds on.
        "base: a\nnetworks: [{interface: lima0, metric: 5}]",
        "env: {A: , B: 1, C: true, D: x}\nhostResolver: {hosts: {a: null, b: 5}}",
        "images: [{location: /a, arch: ''}]\nfirmware: {images: [{location: 5}]}",
        "provision: [{mode: '', script: 5}]\nprobes: [{mode: '', script: '{{.Param.a}}'}]",
        "additionalDisks: [12, {name: 13, fsArgs: [-m, 0]}]",
        "caCerts: {files: [5]}",
        "mounts: [{location: /a, sshfs: {sftpDriver: ''}, 9p: {msize: '', cache: 5}, virtiofs: {queueSize: '5'}}]",
        "dns: [1.1.1.1, '2001:db8::1', '::ffff:1.2.3.4']",
    ] {
        let template = template(text);
        let problems: Vec<_> =
            validator.iter_errors(&template).map(|error| error.to_string()).collect();
        assert_eq!(problems, [""; 0], "{text}");
        assert!(verdict(&template).is_some(), "the reader refuses {text}");
    }
}

#[test]
fn schemas_have_names() {
    for (file, schema) in schema::json_schemas() {
        let id = schema["$id"].as_str().expect("a name");
        assert!(id.ends_with(&format!("/{file}")), "{id}");
        assert_eq!(schema.as_object().expect("a mapping").keys().next().expect("one"), "$id");
    }
}
