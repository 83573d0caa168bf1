//! Schemas accept what the types accept, and refuse what they refuse.

use std::path::Path;

use limekiln_api::{HostFacts, Name, crd, fill, parse_documents, read_lima, schema};
use serde_json::{Value, json};

fn schema_named(name: &str) -> Value {
    schema::json_schemas()
        .into_iter()
        .find(|(file, _)| file == name)
        .map(|(_, schema)| schema)
        .expect("generated")
}

#[expect(clippy::needless_pass_by_value, reason = "reads better with json! at every call")]
fn instance(template: Value) -> Value {
    json!({"apiVersion": "lima-vm.io/v1alpha1", "kind": "Instance", "metadata": {"name": "web"}, "spec": {"template": template}})
}

fn good() -> Vec<Value> {
    vec![
        instance(json!({})),
        instance(
            json!({"cpus": 2, "memory": "4GiB", "disk": 1_073_741_824, "arch": "aarch64", "os": null}),
        ),
        instance(
            json!({"additionalDisks": ["data", {"name": "more", "fsType": "xfs"}], "base": ["template:debian"]}),
        ),
        instance(
            json!({"env": {"A": 1, "B": true}, "portForwards": [{"guestPort": "80", "guestPortRange": [80, 81]}]}),
        ),
        instance(
            json!({"provision": [{"mode": "data", "path": "/a", "permissions": 644}], "vmOpts": {"qemu": {"cpuType": {"x86_64": "max"}}, "other": {"any": [1]}}}),
        ),
        instance(
            json!({"os": "default", "arch": "", "minimumLimaVersion": "v2.1.0", "audio": {"interface": "hda"}}),
        ),
        instance(
            json!({"ssh": {"localPort": 0}, "cpus": 0, "mounts": [{"location": "~", "9p": {"msize": "128KiB", "cache": "mmap"}}]}),
        ),
        instance(
            json!({"networks": [{"lima": "a", "macAddress": "52:55:55:00:00:01", "interface": "lima0"}], "param": {"a_1": 2}}),
        ),
        instance(
            json!({"rosetta": {"enabled": true}, "vmOpts": {"vz": {"diskImageFormat": "asif", "rosetta": {"binfmt": null}}}}),
        ),
    ]
}

fn bad() -> Vec<Value> {
    vec![
        instance(json!({"cpu": 2})),
        instance(json!({"cpus": "two"})),
        instance(json!({"memory": "4XB"})),
        instance(json!({"arch": "amd64"})),
        instance(json!({"images": [{"digest": "x"}]})),
        instance(json!({"mounts": [{"location": "/a", "writable": "yes"}]})),
        instance(json!({"portForwards": [{"proto": "icmp"}]})),
        instance(json!({"plain": "yes"})),
        instance(json!({"mounts": [{"location": "/a", "9p": {"msize": "1XB"}}]})),
        instance(json!({"mountType": "nfs"})),
        instance(json!({"additionalDisks": [{"fsType": "xfs"}]})),
        instance(json!({"ssh": {"port": 1}})),
        json!({"apiVersion": "lima-vm.io/v1alpha1", "kind": "Instance", "metadata": {"name": "-web-"}, "spec": {"template": {}}}),
        json!({"apiVersion": "lima-vm.io/v1alpha1", "kind": "Instance", "metadata": {"name": "web"}, "spec": {}}),
        json!({"apiVersion": "v1", "kind": "Instance", "metadata": {"name": "web"}, "spec": {"template": {}}}),
    ]
}

fn reads(document: &Value) -> bool {
    parse_documents(document.to_string().as_bytes(), Path::new("web.yaml")).diagnostics.is_empty()
}

/// The editor may refuse what only the rules refuse later.
#[test]
fn json_schema_knows_rules_of_single_fields() {
    let validator = jsonschema::validator_for(&schema_named("lima.json")).expect("a schema");
    for template in [
        json!({"minimumLimaVersion": "new"}),
        json!({"images": [{"location": "/a", "digest": "md5:aa"}]}),
        json!({"audio": {"interface": "ac97"}}),
        json!({"networks": [{"macAddress": "1:2"}]}),
        json!({"networks": [{"interface": "sixteen-letters-"}]}),
        json!({"portForwards": [{"guestPort": 70_000}]}),
        json!({"param": {"1x": "a"}}),
        json!({"additionalDisks": ["a/b"]}),
        json!({"vmOpts": {"qemu": {"cpuTypo": {}}}}),
        json!({"vmOpts": {"vz": {"diskImageFormat": "qcow2"}}}),
    ] {
        assert!(!validator.is_valid(&template), "the schema accepts {template}");
    }
}

/// What the schema calls a default is what is filled in.
#[test]
fn stated_defaults_are_filled_in() {
    const TEMPLATE: &str = "
mountType: virtiofs
images: [{location: /a}]
mounts: [{location: /a}]
provision: [{script: a}, {mode: data, path: /a}, {mode: yq, path: /a, expression: .}, {mode: dependency, script: a}]
probes: [{script: '#!a'}]
portForwards: [{}]
copyToHost: [{guest: /a, host: /a}]
networks: [{lima: a}]
additionalDisks: [a]
";
    let fill = |driver: &str| {
        let template = read_lima(&format!("vmType: {driver}{TEMPLATE}")).expect("yaml");
        let filled = fill(&template, &Name::new("a").expect("a name"), &HostFacts::example());
        serde_json::to_value(filled).expect("serialises")
    };
    let (qemu, vz) = (fill("qemu"), fill("vz"));
    let mut count = 0;
    stated(&schema_named("lima.json"), "", &[&qemu, &vz], &mut count);
    assert!(count > 40, "only {count} defaults are stated");
}

/// Compares the defaults at and below a schema with the values there.
fn stated(schema: &Value, path: &str, values: &[&Value], count: &mut usize) {
    // Left to the guest, and of a field that is moved away.
    let elsewhere = [".additionalDisks.fsType", ".rosetta.enabled", ".rosetta.binfmt"];
    if let Some(default) = schema.get("default")
        && !elsewhere.contains(&path)
    {
        *count += 1;
        assert!(values.contains(&default), "{path}: {default} is stated, {values:?} filled in");
    }
    let forms = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    for form in forms {
        stated(form, path, values, count);
    }
    if let Some(items) = schema.get("items") {
        let inner: Vec<_> = values.iter().filter_map(|v| v.as_array()).flatten().collect();
        stated(items, path, &inner, count);
    }
    for (name, property) in
        schema.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        let inner: Vec<_> = values.iter().filter_map(|value| value.get(name)).collect();
        stated(property, &format!("{path}.{name}"), &inner, count);
    }
}

#[test]
fn json_schema_and_types_agree() {
    let validator = jsonschema::validator_for(&schema_named("instance.json")).expect("a schema");
    for document in good() {
        let problems: Vec<_> =
            validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(problems, [""; 0], "{document}");
        assert!(reads(&document), "{document}");
    }
    for document in bad() {
        assert!(!validator.is_valid(&document), "the schema accepts {document}");
        assert!(!reads(&document), "the types accept {document}");
    }
}

#[test]
fn definitions_reject_too() {
    let (_, yaml) =
        crd::crds().into_iter().find(|(file, _)| file == "instances.yaml").expect("generated");
    let crd: Value = serde_yaml::from_str(&yaml).expect("yaml");
    let mut schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    as_the_api_server_reads_it(&mut schema);
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    for document in good() {
        let problems: Vec<_> =
            validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(problems, [""; 0], "{document}");
    }
    for template in [
        json!({"arch": "amd64"}),
        json!({"images": [{"digest": "x"}]}),
        json!({"cpus": []}),
        json!({"mounts": [{"location": "/a", "writable": "yes"}]}),
    ] {
        assert!(
            !validator.is_valid(&instance(template.clone())),
            "the definition accepts {template}"
        );
    }
}

/// OpenAPI's own keywords as JSON Schema has them.
fn as_the_api_server_reads_it(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    if fields.remove("x-kubernetes-int-or-string").is_some() {
        fields.insert("type".into(), json!(["integer", "string"]));
    }
    if fields.remove("nullable").is_some() {
        if let Some(kind) = fields.get("type").and_then(Value::as_str).map(str::to_owned) {
            fields.insert("type".into(), json!([kind, "null"]));
        } else if let Some(Value::Array(kinds)) = fields.get_mut("type") {
            kinds.push("null".into());
        }
        if let Some(Value::Array(values)) = fields.get_mut("enum") {
            values.push(Value::Null);
        }
    }
    {
        let inner = "properties";
        fields
            .get_mut(inner)
            .and_then(Value::as_object_mut)
            .into_iter()
            .flat_map(|map| map.values_mut())
            .for_each(as_the_api_server_reads_it);
    }
    for inner in ["items", "additionalProperties"] {
        fields.get_mut(inner).into_iter().for_each(as_the_api_server_reads_it);
    }
}
