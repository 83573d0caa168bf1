//! What stands in `lima.yaml`.

use limekiln_api::{Lima, to_yaml};

/// The template as it is stored: as it was given, and with our defaults written out where Lima
/// has others, so that the instance is the same thing when Lima starts it.
pub(super) fn stored(template: &Lima) -> String {
    let mut stored = template.clone();
    // A Mac's Lima would take `vz`.
    if cfg!(target_os = "macos") {
        stored.vm_type.get_or_insert_with(|| "qemu".to_owned());
    }
    // Lima would fetch containerd and install it.
    stored.containerd.get_or_insert_default().user.get_or_insert(false);
    to_yaml(&stored)
}

#[cfg(test)]
mod tests {
    use limekiln_api::read_lima;

    #[test]
    fn what_lima_would_add_is_written_out() {
        let text = |yaml: &str| super::stored(&read_lima(yaml).expect("YAML"));
        assert!(text("cpus: 1").contains("containerd:\n  user: false"), "{}", text("cpus: 1"));
        let asked = text("containerd: {system: false, user: true}");
        assert!(asked.contains("user: true") && asked.contains("system: false"), "{asked}");
    }
}
