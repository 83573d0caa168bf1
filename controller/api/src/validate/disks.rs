//! Rules about additional disks.

use std::collections::BTreeSet;

use super::FieldError;
use super::error::template;
use crate::{Lima, Name};

pub(super) fn check(lima: &Lima, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (index, disk) in lima.additional_disks.iter().flatten().enumerate() {
        let path = format!("additionalDisks[{index}].name");
        if let Err(error) = Name::new(disk.name.as_str()) {
            template(errors, &path, error.to_string());
        }
        if !seen.insert(&disk.name) {
            template(errors, &path, format!("the disk {:?} is attached twice", disk.name));
        }
    }
}
