//! Rules about an Instance beside its template.

use crate::{FieldError, HostFacts, Instance, Name};

/// What ssh makes of the control socket's name while it is being set up: `ssh.sock` and 17
/// characters.
const LONGEST_SOCKET: &str = "ssh.sock.1234567890123456";

pub(super) fn check(instance: &Instance, host: &HostFacts, errors: &mut Vec<FieldError>) {
    errors.extend(name_errors(&instance.metadata.name, host));
    for (index, dependency) in instance.spec.depends_on.iter().enumerate() {
        if dependency.kind == crate::Kind::Instance && dependency.name == instance.metadata.name {
            errors.push(
                FieldError::new(
                    format!("spec.dependsOn[{index}]"),
                    "an instance cannot depend on itself",
                )
                .hint("remove the dependency"),
            );
        }
    }
}

/// What is wrong with an instance's name on this host: Lima would take it for a file, or the
/// paths of its sockets would be too long.
pub fn name_errors(name: &Name, host: &HostFacts) -> Vec<FieldError> {
    let (name, mut errors) = (name.as_str(), Vec::new());
    let lower = name.to_lowercase();
    if lower.ends_with(".yaml") || lower.ends_with(".yml") {
        errors.push(
            FieldError::new("metadata.name", "an instance's name cannot end in .yaml or .yml")
                .hint("Lima would take it for a file; leave the ending out"),
        );
    }
    let path = host.lima_home.join(name).join(LONGEST_SOCKET);
    let length = path.as_os_str().len();
    if length >= host.unix_path_max {
        let over = length + 1 - host.unix_path_max;
        errors.push(
            FieldError::new(
                "metadata.name",
                format!("the instance's socket paths would have {length} bytes, and fewer than {} are possible", host.unix_path_max),
            )
            .hint(format!("shorten the name by {over} bytes, or set LIMA_HOME to a shorter path")),
        );
    }
    errors
}
