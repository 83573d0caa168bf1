//! Rules about mounts.

use super::FieldError;
use super::error::template;
use crate::Lima;

const RESERVED: [&str; 10] =
    ["/", "/bin", "/dev", "/etc", "/home", "/opt", "/sbin", "/tmp", "/usr", "/var"];

pub(super) fn check(lima: &Lima, errors: &mut Vec<FieldError>) {
    let home = lima.user.as_ref().and_then(|user| user.home.as_deref());
    for (index, mount) in lima.mounts.iter().flatten().enumerate() {
        if !mount.location.starts_with('/') {
            template(
                errors,
                &format!("mounts[{index}].location"),
                "must be an absolute path or start with `~/`",
            );
        }
        let Some(point) = mount.mount_point.as_deref() else { continue };
        let path = format!("mounts[{index}].mountPoint");
        if !point.starts_with('/') {
            template(errors, &path, "must be an absolute path");
        } else if RESERVED.contains(&point) || Some(point) == home {
            template(errors, &path, format!("the guest needs its own {point}"));
        }
    }
    let unsupported = lima.mount_types_unsupported.as_deref().unwrap_or_default();
    let has_mounts = lima.mounts.as_ref().is_some_and(|mounts| !mounts.is_empty());
    if has_mounts && lima.mount_type.is_some_and(|kind| unsupported.contains(&kind)) {
        template(errors, "mountType", "is listed in `mountTypesUnsupported`");
    }
}
