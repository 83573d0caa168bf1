//! Rules about additional disks.

use std::collections::BTreeSet;

use super::findings::Findings;
use crate::{Lima, Name};

pub(super) fn check(lima: &Lima, findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for (index, disk) in lima.additional_disks.iter().flatten().enumerate() {
        let path = format!("additionalDisks[{index}].name");
        if let Err(error) = Name::new(disk.name.as_str()) {
            findings.error(path.as_str(), error.to_string(), "write the name of a Disk");
        }
        if !seen.insert(&disk.name) {
            let message = format!("the disk {:?} is attached twice", disk.name);
            findings.error(path, message, "remove one of them");
        }
    }
}
