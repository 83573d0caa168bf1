//! Deprecated fields to their successors.

use serde_json::{Value, json};

use super::notes::Notes;
use crate::{FieldError, Layer, Lima};

/// Moves what deprecated fields hold to where it belongs now, and says so.
pub(super) fn migrate(lima: &mut Lima, notes: &mut Notes) {
    cpu_type(lima, notes);
    rosetta(lima, notes);
}

fn deprecated(field: &str, successor: &str, notes: &mut Notes) {
    let message = format!("`{field}` is deprecated");
    let error = FieldError::of_template(Layer::Manifest, field, message).warning();
    notes.add(error.hint(format!("write `{successor}` instead")));
}

/// The options of a driver, to be changed.
fn driver<'a>(lima: &'a mut Lima, name: &str) -> Option<&'a mut serde_json::Map<String, Value>> {
    let opts = lima.vm_opts.get_or_insert_default().entry(name.to_owned()).or_insert(Value::Null);
    if opts.is_null() {
        *opts = json!({});
    }
    opts.as_object_mut()
}

/// What `vmOpts.qemu.cpuType` says about an architecture stays.
fn cpu_type(lima: &mut Lima, notes: &mut Notes) {
    let Some(models) = lima.cpu_type.take().filter(|models| !models.is_empty()) else { return };
    deprecated("cpuType", "vmOpts.qemu.cpuType", notes);
    let Some(opts) = driver(lima, "qemu") else { return };
    let known = opts.entry("cpuType").or_insert(Value::Null);
    if known.is_null() {
        *known = json!({});
    }
    let Some(known) = known.as_object_mut() else { return };
    for (arch, model) in models.into_iter().filter(|(_, model)| !model.is_empty()) {
        let slot = known.entry(arch.clone()).or_insert(Value::Null);
        if slot.is_null() || slot == "" {
            *slot = model.into();
        } else if *slot != model.as_str() {
            let path = format!("cpuType.{arch}");
            let message = format!("{model} is not used: `vmOpts.qemu.cpuType` has {slot}");
            let error = FieldError::of_template(Layer::Manifest, &path, message).warning();
            notes.add(error.hint("remove it here"));
        }
    }
}

/// `vmOpts.vz.rosetta` wins as a whole.
fn rosetta(lima: &mut Lima, notes: &mut Notes) {
    let Some(old) = lima.rosetta.take() else { return };
    if old.enabled.is_none() && old.binfmt.is_none() {
        return;
    }
    deprecated("rosetta", "vmOpts.vz.rosetta", notes);
    let Some(opts) = driver(lima, "vz") else { return };
    let new = opts.get("rosetta").and_then(Value::as_object);
    if new.is_none_or(|new| new.values().all(Value::is_null)) {
        opts.insert("rosetta".to_owned(), json!(old));
    } else {
        let message = "is not used: `vmOpts.vz.rosetta` is set, too";
        let error = FieldError::of_template(Layer::Manifest, "rosetta", message).warning();
        notes.add(error.hint("remove it here"));
    }
}
