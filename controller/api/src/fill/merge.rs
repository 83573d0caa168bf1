//! Lima's rules for merging `default.yaml`, the instance's own values and `override.yaml`.
//!
//! A single value is the override's, else the instance's, else the default. Lists are joined in
//! that order, too, so that among port forwards, where the first match counts, an override is
//! asked first. Maps are joined key by key. Mounts and networks have rules of their own.

use std::collections::{BTreeMap, BTreeSet};

use super::layers::Layers;
use super::notes::Notes;
use super::origins::Origins;
use crate::{FieldError, Layer, Lima};

/// Merges the layers into `lima`, which is the instance's own; all but mounts and networks.
pub(super) fn merge(lima: &mut Lima, layers: &Layers<'_>) -> Origins {
    let mut origins = Origins::default();
    if !layers.is_single() {
        single_values(lima, layers.defaults, layers.overrides);
        nested_values(lima, layers.defaults, layers.overrides);
        maps(lima, layers.defaults, layers.overrides);
        lists(lima, layers, &mut origins);
        authorities(lima, layers, &mut origins);
    }
    origins
}

/// The override's value, else what is there, else the default.
fn value<T: Clone>(own: &mut Option<T>, default: &Option<T>, over: &Option<T>) {
    if over.is_some() {
        own.clone_from(over);
    } else if own.is_none() {
        own.clone_from(default);
    }
}

macro_rules! values {
    ($own:expr, $default:expr, $over:expr; $($field:ident),+ $(,)?) => {
        $(value(&mut $own.$field, &$default.$field, &$over.$field);)+
    };
}

fn single_values(y: &mut Lima, d: &Lima, o: &Lima) {
    values!(y, d, o; vm_type, os, arch, cpus, memory, disk, mount_type, mount_inotify);
    values!(y, d, o; upgrade_packages, guest_install_prefix, propagate_proxy_env, plain, timezone);
    values!(y, d, o; nested_virtualization, tpm);
    let servers = [&o.dns, &y.dns, &d.dns].into_iter().flatten();
    let servers = servers.into_iter().find(|servers| !servers.is_empty()).cloned();
    y.dns = servers;
}

/// Merges the fields of a nested mapping if another layer has it.
fn within<T: Clone + Default>(
    own: &mut Option<T>,
    default: &Option<T>,
    over: &Option<T>,
    merge: impl FnOnce(&mut T, &T, &T),
) {
    if default.is_some() || over.is_some() {
        let empty = T::default();
        let (default, over) = (default.as_ref(), over.as_ref());
        merge(own.get_or_insert_default(), default.unwrap_or(&empty), over.unwrap_or(&empty));
    }
}

fn nested_values(y: &mut Lima, d: &Lima, o: &Lima) {
    within(&mut y.user, &d.user, &o.user, |y, d, o| {
        values!(y, d, o; name, comment, home, shell, uid, passwordless_sudo);
    });
    within(&mut y.ssh, &d.ssh, &o.ssh, |y, d, o| {
        values!(y, d, o; local_port, load_dot_ssh_pub_keys, forward_agent, forward_x11);
        values!(y, d, o; forward_x11_trusted, over_vsock);
    });
    within(&mut y.firmware, &d.firmware, &o.firmware, |y, d, o| {
        values!(y, d, o; legacy_bios);
    });
    within(&mut y.audio, &d.audio, &o.audio, |y, d, o| {
        values!(y, d, o; device, interface);
    });
    within(&mut y.video, &d.video, &o.video, |y, d, o| {
        values!(y, d, o; display);
        within(&mut y.vnc, &d.vnc, &o.vnc, |y, d, o| {
            values!(y, d, o; display);
        });
    });
    within(&mut y.containerd, &d.containerd, &o.containerd, |y, d, o| {
        values!(y, d, o; system, user);
    });
    within(&mut y.host_resolver, &d.host_resolver, &o.host_resolver, |y, d, o| {
        values!(y, d, o; enabled, ipv6);
        map(&mut y.hosts, &d.hosts, &o.hosts);
    });
    within(&mut y.ca_certs, &d.ca_certs, &o.ca_certs, |y, d, o| {
        values!(y, d, o; remove_defaults);
    });
}

fn map<T: Clone>(
    own: &mut Option<BTreeMap<String, T>>,
    default: &Option<BTreeMap<String, T>>,
    over: &Option<BTreeMap<String, T>>,
) {
    let layers = [default.as_ref(), own.as_ref(), over.as_ref()].into_iter().flatten();
    let all: BTreeMap<_, _> =
        layers.flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    *own = (!all.is_empty()).then_some(all);
}

/// `vmOpts` and `osOpts` are joined by driver and system only: what is below is replaced whole.
fn maps(y: &mut Lima, d: &Lima, o: &Lima) {
    map(&mut y.env, &d.env, &o.env);
    map(&mut y.param, &d.param, &o.param);
    map(&mut y.vm_opts, &d.vm_opts, &o.vm_opts);
    map(&mut y.os_opts, &d.os_opts, &o.os_opts);
}

/// Joins a list in the order override, own, default.
fn list<T: Clone>(
    name: &'static str,
    layers: &Layers<'_>,
    items: impl for<'l> Fn(&'l Lima) -> Option<&'l Vec<T>>,
    origins: &mut Origins,
) -> Option<Vec<T>> {
    let (mut all, mut places) = (Vec::new(), Vec::new());
    for (layer, document) in layers.falling() {
        let items = items(document).map(Vec::as_slice).unwrap_or_default();
        places.extend((0..items.len()).map(|index| vec![(layer, index)]));
        all.extend_from_slice(items);
    }
    origins.set(name, places);
    (!all.is_empty()).then_some(all)
}

fn lists(y: &mut Lima, layers: &Layers<'_>, origins: &mut Origins) {
    y.images = list("images", layers, |l| l.images.as_ref(), origins);
    y.additional_disks = list("additionalDisks", layers, |l| l.additional_disks.as_ref(), origins);
    y.mount_types_unsupported =
        list("mountTypesUnsupported", layers, |l| l.mount_types_unsupported.as_ref(), origins);
    y.provision = list("provision", layers, |l| l.provision.as_ref(), origins);
    y.probes = list("probes", layers, |l| l.probes.as_ref(), origins);
    y.port_forwards = list("portForwards", layers, |l| l.port_forwards.as_ref(), origins);
    y.copy_to_host = list("copyToHost", layers, |l| l.copy_to_host.as_ref(), origins);
    let images = list("firmware.images", layers, |l| l.firmware.as_ref()?.images.as_ref(), origins);
    if let Some(firmware) = &mut y.firmware {
        firmware.images = images;
    }
    let archives =
        list("containerd.archives", layers, |l| l.containerd.as_ref()?.archives.as_ref(), origins);
    if let Some(containerd) = &mut y.containerd {
        containerd.archives = archives;
    }
}

/// Files and certificates: from the lowest layer to the highest, each once.
fn authorities(y: &mut Lima, layers: &Layers<'_>, origins: &mut Origins) {
    let Some(certs) = &mut y.ca_certs else { return };
    certs.files = once("caCerts.files", layers, |l| l.ca_certs.as_ref()?.files.as_ref(), origins);
    certs.certs = once("caCerts.certs", layers, |l| l.ca_certs.as_ref()?.certs.as_ref(), origins);
}

fn once(
    name: &'static str,
    layers: &Layers<'_>,
    items: impl for<'l> Fn(&'l Lima) -> Option<&'l Vec<String>>,
    origins: &mut Origins,
) -> Option<Vec<String>> {
    let (mut all, mut places, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (layer, document) in layers.rising() {
        for (index, item) in items(document).into_iter().flatten().enumerate() {
            if seen.insert(item) {
                all.push(item.clone());
                places.push(vec![(layer, index)]);
            }
        }
    }
    origins.set(name, places);
    (!all.is_empty()).then_some(all)
}

/// Fields that Lima reads only in an instance's own document.
pub(super) fn note_without_effect(layers: &Layers<'_>, notes: &mut Notes) {
    for (layer, document) in layers.rising() {
        let set = [
            ("base", document.base.is_some()),
            ("cpuType", document.cpu_type.is_some()),
            ("message", document.message.is_some()),
            ("minimumLimaVersion", document.minimum_lima_version.is_some()),
            ("rosetta", document.rosetta.is_some()),
        ];
        for (field, _) in set.iter().filter(|(_, set)| *set && layer != Layer::Manifest) {
            let message = format!("`{field}` has no effect in this file");
            let error = FieldError::of_template(layer, field, message).warning();
            notes.add(error.hint("set it in the template, or remove it here"));
        }
    }
}

/// An empty list or map means the same as none, and compares equal to it from here on.
pub(super) fn forget_empty(lima: &mut Lima) {
    fn list<T>(list: &mut Option<Vec<T>>) {
        list.take_if(|items| items.is_empty());
    }
    fn map<T>(map: &mut Option<BTreeMap<String, T>>) {
        map.take_if(|map| map.is_empty());
    }
    list(&mut lima.images);
    list(&mut lima.additional_disks);
    list(&mut lima.mounts);
    list(&mut lima.mount_types_unsupported);
    list(&mut lima.provision);
    list(&mut lima.probes);
    list(&mut lima.port_forwards);
    list(&mut lima.copy_to_host);
    list(&mut lima.networks);
    list(&mut lima.dns);
    [&mut lima.vm_opts, &mut lima.os_opts].into_iter().for_each(map);
    [&mut lima.env, &mut lima.param].into_iter().for_each(map);
    if let Some(firmware) = &mut lima.firmware {
        list(&mut firmware.images);
    }
    if let Some(containerd) = &mut lima.containerd {
        list(&mut containerd.archives);
    }
    if let Some(certs) = &mut lima.ca_certs {
        list(&mut certs.files);
        list(&mut certs.certs);
    }
    if let Some(resolver) = &mut lima.host_resolver {
        map(&mut resolver.hosts);
    }
    lima.base.take_if(|base| base.is_empty());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::read_lima;

    /// Documents that set a field of every merge rule, or leave it.
    fn document() -> impl Strategy<Value = Lima> {
        let choices: Vec<&[&str]> = vec![
            &["cpus: 0", "cpus: 3"],
            &["memory: 1GiB", "memory: 2GiB"],
            &["timezone: ''", "timezone: UTC"],
            &["images: [{location: /a}]", "images: [{location: /b}, {location: /c}]"],
            &["portForwards: [{guestPort: 1}]", "portForwards: []"],
            &["provision: [{script: a}]", "provision: [{script: b}, {script: c}]"],
            &["env: {A: 1}", "env: {A: 2, B: 3}"],
            &["vmOpts: {qemu: {minimumVersion: 1.0.0}}", "vmOpts: {qemu: {cpuType: {}}, vz: {}}"],
            &["dns: [1.1.1.1]", "dns: []", "dns: [2.2.2.2, 3.3.3.3]"],
            &["caCerts: {files: [a, b]}", "caCerts: {files: [b, c], removeDefaults: true}"],
            &["hostResolver: {enabled: false, hosts: {a: b}}", "hostResolver: {hosts: {a: c}}"],
            &["ssh: {localPort: 1, forwardAgent: true}", "ssh: {localPort: 2}"],
        ];
        let lines: Vec<_> = choices
            .into_iter()
            .map(|lines| proptest::option::of(proptest::sample::select(lines.to_vec())))
            .collect();
        lines.prop_map(|lines| {
            let text = lines.into_iter().flatten().collect::<Vec<_>>().join("\n");
            read_lima(&text).expect("yaml")
        })
    }

    fn merged(defaults: &Lima, own: &Lima, overrides: &Lima) -> Lima {
        let mut lima = own.clone();
        merge(&mut lima, &Layers { own, defaults, overrides });
        forget_empty(&mut lima);
        lima
    }

    proptest! {
        /// It does not matter which two layers are merged first.
        #[test]
        fn merging_is_associative(d in document(), y in document(), o in document()) {
            let none = Lima::default();
            let all = merged(&d, &y, &o);
            prop_assert_eq!(&merged(&none, &merged(&d, &y, &none), &o), &all);
            prop_assert_eq!(&merged(&d, &merged(&none, &y, &o), &none), &all);
        }
    }
}
