//! The definitions against the fields that were published; those of Lima's guest service were
//! published by Lima.

use std::fmt::Write as _;
use std::path::Path;

use limekiln_proto::{guest, v1alpha1};
use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorSet};

/// All messages with their fields, all values and all calls of ours and of Lima's, a line each.
fn listing() -> String {
    let files = [v1alpha1::DESCRIPTORS, guest::DESCRIPTORS].into_iter().flat_map(|bytes| {
        FileDescriptorSet::decode(bytes).expect("it was made by a compiler").file
    });
    let mut text = String::new();
    for file in files.filter(|file| !file.package().starts_with("google.")) {
        let package = file.package();
        file.message_type.iter().for_each(|one| message(&mut text, package, one));
        file.enum_type.iter().for_each(|one| values(&mut text, package, one));
        for service in &file.service {
            for call in &service.method {
                let stream = |is: bool| if is { "stream " } else { "" };
                let asked = format!("{}{}", stream(call.client_streaming()), call.input_type());
                let told = format!("{}{}", stream(call.server_streaming()), call.output_type());
                let name = format!("{package}.{}.{}", service.name(), call.name());
                line(&mut text, &format!("call {name}({asked}) {told}"));
            }
        }
    }
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n") + "\n"
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("strings grow");
}

fn message(text: &mut String, parent: &str, message: &DescriptorProto) {
    let name = format!("{parent}.{}", message.name());
    for field in &message.field {
        let kind = match field.r#type() {
            Type::Message | Type::Enum => field.type_name().to_owned(),
            kind => kind.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
        };
        let repeated = if field.label() == Label::Repeated { "repeated " } else { "" };
        let (field, number) = (field.name(), field.number());
        line(text, &format!("field {name} {number:03} {field} {repeated}{kind}"));
    }
    message.nested_type.iter().for_each(|nested| self::message(text, &name, nested));
    message.enum_type.iter().for_each(|nested| values(text, &name, nested));
}

fn values(text: &mut String, parent: &str, values: &EnumDescriptorProto) {
    for value in &values.value {
        let (name, number) = (value.name(), value.number());
        line(text, &format!("value {parent}.{} {number:03} {name}", values.name()));
    }
}

#[test]
fn no_field_is_lost_or_renumbered() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fields.txt");
    let now = listing();
    if std::env::var_os("UPDATE_FIELDS").is_some() {
        std::fs::write(&path, &now).expect("writable");
    }
    let published = std::fs::read_to_string(&path).expect("it is committed");
    let lost: Vec<_> =
        published.lines().filter(|line| !now.lines().any(|other| other == *line)).collect();
    assert!(
        lost.is_empty(),
        "clients rely on these, and they are gone or changed:\n{}",
        lost.join("\n")
    );
    assert_eq!(
        now, published,
        "what is new is to be listed: UPDATE_FIELDS=1 cargo test -p limekiln-proto"
    );
}
