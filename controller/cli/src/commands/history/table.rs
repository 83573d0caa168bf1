//! Revisions, a line each.

use jiff::Timestamp;
use limekiln_proto::v1alpha1::Revision;
use limekiln_server::convert::to_timestamp;

use super::{plans, short};
use crate::output::table::Table;
use crate::output::time::age;

/// What each is to its source.
pub(super) fn state(one: &Revision) -> &'static str {
    match one {
        Revision { pinned: true, .. } => "pinned",
        Revision { rolled_back: true, .. } => "rolled back",
        Revision { source_pinned: false, newest: true, .. } => "newest",
        _ => "",
    }
}

/// The source last, since it may be a long path; `wide` shows whole revisions.
pub(super) fn table(all: &[&Revision], wide: bool) -> Table {
    let now = Timestamp::now();
    let mut table = Table::new(&["AGE", "REVISION", "STATE", "FILES", "PLANS", "SOURCE"]);
    for one in all {
        let revision = if wide { one.revision.as_str() } else { short(&one.revision) };
        table.row(vec![
            age(to_timestamp(one.time.as_ref()), now),
            revision.to_owned(),
            state(one).to_owned(),
            one.file_count.to_string(),
            plans::summary(&one.plans),
            one.source.clone(),
        ]);
    }
    table
}
