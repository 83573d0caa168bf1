//! Rules about probes.

use super::findings::Findings;
use super::provision::embedded;
use crate::Lima;

pub(super) fn check(lima: &Lima, findings: &mut Findings) {
    for (index, probe) in lima.probes.iter().flatten().enumerate() {
        let path = format!("probes[{index}]");
        embedded(&path, probe.file.as_ref(), findings);
        match probe.script.as_deref().unwrap_or_default() {
            "" if probe.file.is_some() => {}
            "" => findings.error(
                path,
                "`script` is missing",
                "add a script that succeeds when the instance is ready",
            ),
            script if !script.starts_with("#!") => findings.error(
                format!("{path}.script"),
                "must start with `#!`",
                "begin with `#!/bin/bash`",
            ),
            _ => {}
        }
    }
}
