//! Rules about mounts. Two at one place are found while they are merged.

use super::checks::{Checks, PathKind};
use super::findings::Findings;
use crate::Lima;

const RESERVED: [&str; 10] =
    ["/", "/bin", "/dev", "/etc", "/home", "/opt", "/sbin", "/tmp", "/usr", "/var"];

pub(super) fn check(lima: &Lima, checks: &Checks<'_>, findings: &mut Findings) {
    let home = lima.user.as_ref().and_then(|user| user.home.as_deref());
    for (index, mount) in lima.mounts.iter().flatten().enumerate() {
        location(&format!("mounts[{index}].location"), &mount.location, checks, findings);
        // Where none is written it is the location, and what is wrong with that is told already.
        let by_default =
            |point: &&str| *point == mount.location && !mount.location.starts_with('/');
        if let Some(point) = mount.mount_point.as_deref().filter(|point| !by_default(point)) {
            mount_point(&format!("mounts[{index}].mountPoint"), point, home, findings);
        }
        let queue = mount.virtiofs.as_ref().and_then(|virtiofs| virtiofs.queue_size);
        if queue.is_some() && checks.host.os != "linux" {
            let field = format!("mounts[{index}].virtiofs.queueSize");
            findings.warning(field, "has no effect on this host", "only Linux has it; remove it");
        }
    }
}

fn location(path: &str, location: &str, checks: &Checks<'_>, findings: &mut Findings) {
    if location.starts_with('~') {
        let hint = "write an absolute path, or `~/` for your own home directory";
        return findings.error(path, "another user's home directory cannot be expanded", hint);
    }
    if !location.starts_with('/') {
        let hint = "write an absolute path, or one that starts with `~/`";
        return findings.error(path, format!("{location:?} is no absolute path"), hint);
    }
    match checks.kind(location) {
        PathKind::Missing => findings.warning(
            path,
            format!("the directory {location} does not exist"),
            "it is made when the instance starts; correct the path if that is not meant",
        ),
        PathKind::File | PathKind::Socket | PathKind::Other => findings.error(
            path,
            format!("{location} is no directory"),
            "name the directory that holds it",
        ),
        PathKind::Inaccessible => findings.error(
            path,
            format!("{location} cannot be looked at"),
            "give yourself access to it and to the directories above it",
        ),
        PathKind::Directory | PathKind::Unknown => {}
    }
}

fn mount_point(path: &str, point: &str, home: Option<&str>, findings: &mut Findings) {
    if point.starts_with('~') {
        let hint = "write {{.Home}}, which is the guest user's home directory";
        findings.error(path, "`~` is not expanded in the guest", hint);
    } else if !point.starts_with('/') {
        findings.error(path, "must be an absolute path", format!("write /{point}"));
    } else if RESERVED.contains(&point) {
        let hint = format!("mount it below, for example at {}", below(point));
        findings.error(path, format!("the guest needs its own {point}"), hint);
    } else if Some(point) == home {
        let hint = "mount it below, or give the user another `home`";
        findings.error(path, format!("{point} is the guest user's home directory"), hint);
    }
}

fn below(point: &str) -> String {
    format!("{}/host", point.trim_end_matches('/'))
}
