//! `provision` of the mode `yq`.

use std::path::Path;

use limekiln_api::lima::{Provision, ProvisionMode};
use limekiln_api::{FieldError, Lima};
use limekiln_yq::{Expression, Format};

use super::refused;

/// What the guest agent could not do, said before there is a guest.
pub(super) fn refusals(lima: &Lima) -> Vec<FieldError> {
    let steps = lima.provision.iter().flatten().enumerate();
    let steps = steps.filter(|(_, step)| step.mode == Some(ProvisionMode::Yq));
    steps.filter_map(|(index, step)| refusal(lima, index, step)).collect()
}

fn refusal(lima: &Lima, index: usize, step: &Provision) -> Option<FieldError> {
    let field = |name: &str| format!("provision[{index}].{name}");
    if lima.plain == Some(true) {
        let why = "a plain guest has no guest agent, which edits the file";
        return Some(refused(&field("mode"), why, "use `data` or `system`"));
    }
    // Another rule tells of one that is missing.
    let expression = step.expression.as_deref()?;
    if let Err(error) = Expression::new(expression) {
        let hint = "write it as jq and yq both have it, or edit the file with a `system` script";
        return Some(refused(&field("expression"), error.to_string(), hint));
    }
    let path = Path::new(step.path.as_deref().unwrap_or_default());
    let format = Format::new(step.format.as_deref().unwrap_or_default(), path);
    let error = format.err()?;
    Some(refused(&field("format"), error.to_string(), "or edit the file with a `system` script"))
}
