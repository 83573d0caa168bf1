//! List entries that mean one thing, made into one.
//!
//! Two templates may both speak of the mount `/work`: the first one's entry takes from the
//! second's what it does not set, and the second goes. The key `*` speaks of all entries before.

use serde_json::Value;

use crate::parse::{Key, Node, Tree};

/// What tells that two entries mean one thing.
type EntryKey = fn(&Node) -> Option<String>;

const DISKS: (&str, EntryKey) = ("additionalDisks", disk_key);
const MOUNTS: (&str, EntryKey) = ("mounts", mount_key);
const NETWORKS: (&str, EntryKey) = ("networks", network_key);

/// Combines the entries of `additionalDisks`, `mounts` and `networks`. Tells whether any was.
pub(super) fn combine(template: &mut Node) -> bool {
    let disks = combine_list(template, DISKS, &disk_into);
    let mounts = combine_list(template, MOUNTS, &mount_into);
    let networks = combine_list(template, NETWORKS, &network_into);
    disks || mounts || networks
}

/// Whether an entry speaks of all before it. Other twins of a template that builds on nothing are
/// a slip, which the rules tell.
pub(super) fn has_wildcards(template: &Node) -> bool {
    [DISKS, MOUNTS, NETWORKS].into_iter().any(|(name, key)| match template.get(name) {
        Some(Node { value: Tree::List(items), .. }) => {
            items.iter().filter_map(key).any(|key| key == "*")
        }
        _ => false,
    })
}

fn combine_list(
    template: &mut Node,
    (name, key): (&str, EntryKey),
    into: &dyn Fn(&mut Node, &Node),
) -> bool {
    let Some(Node { value: Tree::List(items), .. }) = template.get_mut(name) else { return false };
    let before = items.len();
    let mut kept: Vec<(Option<String>, Node)> = Vec::with_capacity(before);
    for item in items.drain(..) {
        let own = key(&item);
        match own.as_deref() {
            Some("*") => kept.iter_mut().for_each(|(_, earlier)| into(earlier, &item)),
            Some(name) => {
                let same = kept.iter_mut().find(|(key, _)| key.as_deref() == Some(name));
                match same {
                    Some((_, earlier)) => into(earlier, &item),
                    None => kept.push((own, item)),
                }
            }
            None => kept.push((None, item)),
        }
    }
    *items = kept.into_iter().map(|(_, item)| item).collect();
    items.len() < before
}

fn text(node: &Node, field: &str) -> Option<String> {
    node.get(field).and_then(Node::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn disk_key(disk: &Node) -> Option<String> {
    disk.as_str().filter(|name| !name.is_empty()).map(str::to_owned).or_else(|| text(disk, "name"))
}

fn mount_key(mount: &Node) -> Option<String> {
    text(mount, "mountPoint").or_else(|| text(mount, "location"))
}

fn network_key(network: &Node) -> Option<String> {
    text(network, "interface")
}

fn disk_into(disk: &mut Node, from: &Node) {
    if let Some(name) = disk.as_str().map(str::to_owned) {
        let key = Key { at: disk.at, name: "name".to_owned() };
        let name = Node { at: disk.at, value: Tree::Scalar(Value::String(name)) };
        disk.value = Tree::Map(vec![(key, name)]);
    }
    fill(disk, from, &["format", "fsType", "fsArgs"]);
}

fn mount_into(mount: &mut Node, from: &Node) {
    let wildcard = mount_key(from).as_deref() == Some("*");
    let fields: &[_] = if wildcard { &["writable"] } else { &["mountPoint", "writable"] };
    fill(mount, from, fields);
    for (settings, fields) in [
        ("sshfs", &["cache", "followSymlinks", "sftpDriver"][..]),
        ("9p", &["securityModel", "protocolVersion", "msize", "cache"]),
        ("virtiofs", &["queueSize"]),
    ] {
        fill_nested(mount, from, settings, fields);
    }
}

fn network_into(network: &mut Node, from: &Node) {
    // An interface is on a network or on a socket.
    if is_unset(network, "lima") && is_unset(network, "socket") {
        fill(network, from, &["lima", "socket"]);
    }
    fill(network, from, &["macAddress", "vzNAT", "metric"]);
}

fn is_unset(node: &Node, field: &str) -> bool {
    let empty = |value: &Node| match &value.value {
        Tree::Scalar(Value::Null) => true,
        Tree::Scalar(Value::String(text)) => text.is_empty(),
        Tree::List(items) => items.is_empty(),
        _ => false,
    };
    node.get(field).is_none_or(empty)
}

/// Copies the fields that are not set.
fn fill(into: &mut Node, from: &Node, fields: &[&str]) {
    for field in fields.iter().filter(|field| !is_unset(from, field)) {
        if is_unset(into, field)
            && let (Some(entry), Some(own)) = (from.field(field).cloned(), into.fields_mut())
        {
            own.retain(|(key, _)| key.name != **field);
            own.push(entry);
        }
    }
}

/// Copies the fields of a mapping inside that are not set.
fn fill_nested(into: &mut Node, from: &Node, name: &str, fields: &[&str]) {
    let Some((key, settings)) = from.field(name) else { return };
    if is_unset(into, name)
        && let Some(own) = into.fields_mut()
    {
        own.retain(|(known, _)| known.name != name);
        own.push((key.clone(), Node { at: settings.at, value: Tree::Map(Vec::new()) }));
    }
    if let Some(own) = into.get_mut(name) {
        fill(own, settings, fields);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::parse::read_node;

    fn combined(yaml: &str) -> Value {
        let mut node = read_node(yaml, 0).expect("yaml");
        combine(&mut node);
        node.to_json()
    }

    #[test]
    fn disks_of_one_name_become_one() {
        assert_eq!(
            combined(
                "additionalDisks: [a, {name: b, fsArgs: [x]}, {name: a, fsType: xfs}, {name: b, fsArgs: [y], format: false}]"
            ),
            json!({"additionalDisks": [{"name": "a", "fsType": "xfs"}, {"name": "b", "fsArgs": ["x"], "format": false}]})
        );
    }

    #[test]
    fn mounts_on_one_place_become_one() {
        assert_eq!(
            combined(
                "mounts: [{location: /a, 9p: {cache: mmap}}, {location: /b, mountPoint: /a, writable: true, 9p: {cache: none, msize: 1}, sshfs: {cache: false}}]"
            ),
            json!({"mounts": [{"location": "/a", "mountPoint": "/a", "writable": true, "9p": {"cache": "mmap", "msize": 1}, "sshfs": {"cache": false}}]})
        );
    }

    #[test]
    fn interfaces_of_one_name_become_one() {
        assert_eq!(
            combined(
                "networks: [{interface: x, lima: a}, {lima: c}, {interface: x, socket: /s, metric: 5}, {lima: c}]"
            ),
            json!({"networks": [{"interface": "x", "lima": "a", "metric": 5}, {"lima": "c"}, {"lima": "c"}]})
        );
    }

    #[test]
    fn a_star_speaks_of_all_before() {
        assert_eq!(
            combined(
                "mounts: [{location: /a}, {location: /b, writable: false}, {location: '*', writable: true}, {location: /c}]"
            ),
            json!({"mounts": [{"location": "/a", "writable": true}, {"location": "/b", "writable": false}, {"location": "/c"}]})
        );
        assert_eq!(
            combined("additionalDisks: [a, {name: '*', fsType: xfs}]"),
            json!({"additionalDisks": [{"name": "a", "fsType": "xfs"}]})
        );
    }
}
