//! Rules about certificates.

use super::checks::{Checks, PathKind};
use super::findings::Findings;
use crate::Lima;

pub(super) fn check(lima: &Lima, checks: &Checks<'_>, findings: &mut Findings) {
    let certs = lima.ca_certs.iter().flat_map(|certs| certs.files.iter().flatten());
    for (index, file) in certs.enumerate() {
        let path = format!("caCerts.files[{index}]");
        match checks.kind(file) {
            PathKind::Missing => {
                let message = format!("{file} does not exist");
                findings.error(path, message, "correct the path, or remove it");
            }
            PathKind::Directory | PathKind::Socket | PathKind::Other => {
                findings.error(path, format!("{file} is no file"), "name a file with certificates");
            }
            PathKind::Inaccessible => {
                findings.error(
                    path,
                    format!("{file} cannot be read"),
                    "give yourself access to it",
                );
            }
            PathKind::File | PathKind::Unknown => {}
        }
    }
}
