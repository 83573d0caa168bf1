//! Schemas accept what the types accept, and refuse what they refuse.

use std::path::Path;

use limekiln_api::{crd, parse_documents, schema};
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
            json!({"provision": [{"mode": "data", "path": "/a", "permissions": 644}], "vmOpts": {"qemu": {"cpuType": {"x86_64": "max"}}}}),
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
        json!({"apiVersion": "lima-vm.io/v1alpha1", "kind": "Instance", "metadata": {"name": "-web-"}, "spec": {"template": {}}}),
        json!({"apiVersion": "lima-vm.io/v1alpha1", "kind": "Instance", "metadata": {"name": "web"}, "spec": {}}),
        json!({"apiVersion": "v1", "kind": "Instance", "metadata": {"name": "web"}, "spec": {"template": {}}}),
    ]
}

fn reads(document: &Value) -> bool {
    parse_documents(document.to_string().as_bytes(), Path::new("web.yaml")).diagnostics.is_empty()
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
