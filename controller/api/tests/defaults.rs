//! Each default and each rule of merging: `tests/tables/defaults.txt`.

use limekiln_api::{Arch, HostFacts, Lima, LimaVersion, Name, fill_as, read_lima};
use serde_json::Value;

/// A row's conditions, and its template.
fn conditions(mut row: &str) -> (HostFacts, LimaVersion, Lima) {
    let (mut host, mut version) = (HostFacts::example(), LimaVersion::current());
    host.user_uid = 501;
    while let Some(rest) = row.strip_prefix('@') {
        let end = if rest.starts_with("d=") || rest.starts_with("o=") { "} " } else { " " };
        let (word, after) = rest.split_once(end).expect("a template follows");
        let layer = |text: &str| read_lima(&format!("{text}}}")).expect("yaml");
        match word.split_once('=') {
            Some(("d", yaml)) => host.defaults = layer(yaml),
            Some(("o", yaml)) => host.overrides = layer(yaml),
            Some(("lima", text)) => version = LimaVersion::new(text),
            _ => change(&mut host, word),
        }
        row = after.trim_start();
    }
    (host, version, read_lima(row).expect("yaml"))
}

fn change(host: &mut HostFacts, word: &str) {
    match word {
        "macos" => {
            host.os = "macos".into();
            host.arch = Arch::Aarch64;
            host.drivers = vec!["vz".into(), "qemu".into()];
        }
        "arm" => host.arch = Arch::Aarch64,
        "small" => (host.cpus, host.memory) = (2, 3 << 30),
        "root" => (host.user_name, host.user_uid) = ("root".into(), 0),
        "admin" => host.user_name = "admin".into(),
        "odd-name" => host.user_name = "Alice.B".into(),
        "no-containerd" => host.containerd = false,
        _ => panic!("unknown condition {word}"),
    }
}

fn at<'a>(mut value: &'a Value, path: &str) -> &'a Value {
    for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
        let next = part.parse::<usize>().ok().and_then(|index| value.get(index));
        value = next.or_else(|| value.get(part)).unwrap_or(&Value::Null);
    }
    value
}

#[test]
fn each_field_is_filled_as_by_lima() {
    let rows = include_str!("tables/defaults.txt").lines().map(str::trim);
    let name = Name::new("web_1.x").expect("a name");
    let mut wrong = Vec::new();
    for row in rows.filter(|row| !row.is_empty() && !row.starts_with('#')) {
        let (given, expected) = row.split_once(" => ").expect("a row has two sides");
        let (host, version, template) = conditions(given.trim());
        let (path, expected) = expected.split_once(" = ").expect("a field and its value");
        let filled = fill_as(&template, &name, &host, &version);
        let filled = serde_json::to_value(filled).expect("serialises");
        let expected: Value = serde_json::from_str(expected).expect("JSON");
        let found = at(&filled, path);
        if *found != expected {
            wrong.push(format!("{row}\n    found {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
