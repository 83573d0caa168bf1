//! A base template into the template that builds on it.

use crate::LimaVersion;
use crate::parse::{Key, Node, Tree};

/// Lists whose items from the base come first: scripts of a base run before those that build on
/// it.
const BASE_FIRST: [&str; 2] = ["provision", "probes"];
/// Fields of which the higher version holds.
const VERSIONS: [&str; 2] = ["minimumLimaVersion", "vmOpts.qemu.minimumVersion"];

/// Puts into `template` what it does not set itself. Mappings are merged, lists joined; anything
/// else that is set stays, also an explicit `null`.
pub(super) fn merge(template: &mut Node, base: Node) {
    merge_values("", template, base);
}

fn merge_values(path: &str, own: &mut Node, base: Node) {
    if VERSIONS.contains(&path) {
        return keep_higher(own, base);
    }
    match (&mut own.value, base.value) {
        (Tree::Map(own), Tree::Map(base)) => merge_fields(path, own, base),
        (Tree::List(own), Tree::List(base)) => join(path, own, base),
        _ => {}
    }
}

fn merge_fields(path: &str, own: &mut Vec<(Key, Node)>, base: Vec<(Key, Node)>) {
    for (key, node) in base {
        match own.iter_mut().find(|(known, _)| known.name == key.name) {
            Some((_, own)) if path.is_empty() => merge_values(&key.name, own, node),
            Some((_, own)) => merge_values(&format!("{path}.{}", key.name), own, node),
            None => own.push((key, node)),
        }
    }
}

fn join(path: &str, own: &mut Vec<Node>, base: Vec<Node>) {
    match path {
        // One list of servers or the other: half of each would be neither.
        "dns" if !own.is_empty() => {}
        path if BASE_FIRST.contains(&path) => {
            own.splice(..0, base);
        }
        "mountTypesUnsupported" => {
            for item in base {
                if !own.iter().any(|known| known.value == item.value) {
                    own.push(item);
                }
            }
        }
        _ => own.extend(base),
    }
}

fn keep_higher(own: &mut Node, base: Node) {
    let higher = match (own.as_str(), base.as_str()) {
        (Some(own), Some(base)) => LimaVersion::new(own).is_before(&LimaVersion::new(base)),
        _ => false,
    };
    if higher {
        *own = base;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::parse::read_node;

    fn merged(template: &str, base: &str) -> serde_json::Value {
        let node = |text| read_node(text, 0).expect("yaml");
        let mut template = node(template);
        merge(&mut template, node(base));
        template.to_json()
    }

    #[test]
    fn what_is_set_stays() {
        assert_eq!(
            merged(
                "cpus: 2\nssh: {localPort: 1}",
                "cpus: 4\nmemory: 1GiB\nssh: {forwardAgent: true, localPort: 2}"
            ),
            json!({"cpus": 2, "ssh": {"localPort": 1, "forwardAgent": true}, "memory": "1GiB"})
        );
        assert_eq!(merged("networks: null", "networks: [{lima: a}]"), json!({"networks": null}));
        assert_eq!(merged("mounts: x", "mounts: [1]"), json!({"mounts": "x"}));
    }

    #[test]
    fn lists_are_joined() {
        assert_eq!(merged("images: [1]", "images: [2]"), json!({"images": [1, 2]}));
        assert_eq!(merged("images: []", "images: [2]"), json!({"images": [2]}));
        assert_eq!(
            merged("provision: [1]\nprobes: [3]", "provision: [2]\nprobes: [4]"),
            json!({"provision": [2, 1], "probes": [4, 3]})
        );
        assert_eq!(
            merged("containerd: {archives: [1]}", "containerd: {archives: [2], user: false}"),
            json!({"containerd": {"archives": [1, 2], "user": false}})
        );
    }

    #[test]
    fn some_lists_have_rules_of_their_own() {
        assert_eq!(merged("dns: [1.1.1.1]", "dns: [8.8.8.8]"), json!({"dns": ["1.1.1.1"]}));
        assert_eq!(merged("dns: []", "dns: [8.8.8.8]"), json!({"dns": ["8.8.8.8"]}));
        assert_eq!(
            merged("mountTypesUnsupported: [9p]", "mountTypesUnsupported: [virtiofs, 9p]"),
            json!({"mountTypesUnsupported": ["9p", "virtiofs"]})
        );
    }

    #[test]
    fn the_higher_version_holds() {
        for (own, base, kept) in [
            ("1.0.0", "2.0.0", "2.0.0"),
            ("2.0.0", "1.9.9", "2.0.0"),
            ("1.10.0", "1.9.0", "1.10.0"),
            ("odd", "1.0.0", "odd"),
            ("1.0.0", "odd", "1.0.0"),
            ("v1.0.0", "1.0.1-rc.1", "1.0.1-rc.1"),
            ("1.0.0", "1.0.0-rc.1", "1.0.0"),
        ] {
            assert_eq!(
                merged(
                    &format!("minimumLimaVersion: {own}"),
                    &format!("minimumLimaVersion: {base}")
                ),
                json!({"minimumLimaVersion": kept})
            );
            assert_eq!(
                merged(
                    &format!("vmOpts: {{qemu: {{minimumVersion: {own}}}}}"),
                    &format!("vmOpts: {{qemu: {{minimumVersion: {base}}}}}")
                ),
                json!({"vmOpts": {"qemu": {"minimumVersion": kept}}})
            );
        }
    }
}
