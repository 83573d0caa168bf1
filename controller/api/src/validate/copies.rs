//! Rules about files that are copied to the host.

use super::findings::Findings;
use crate::Lima;

pub(super) fn check(lima: &Lima, findings: &mut Findings) {
    for (index, copy) in lima.copy_to_host.iter().flatten().enumerate() {
        let path = format!("copyToHost[{index}]");
        let sides = [
            ("guest", &copy.guest, "write for example /etc/… or {{.Home}}/…"),
            ("host", &copy.host, "write for example {{.Dir}}/… or {{.Home}}/…"),
        ];
        for (side, file, hint) in sides {
            match file.as_deref().unwrap_or_default() {
                "" => {
                    let message = format!("copies nothing, because `{side}` is missing");
                    findings.warning(path.as_str(), message, hint);
                }
                file if file.starts_with('~') => {
                    let message = "must be an absolute path; `~` is not expanded here";
                    findings.error(format!("{path}.{side}"), message, "write {{.Home}} instead");
                }
                file if !file.starts_with('/') => {
                    findings.error(format!("{path}.{side}"), "must be an absolute path", hint);
                }
                _ => {}
            }
        }
    }
}
