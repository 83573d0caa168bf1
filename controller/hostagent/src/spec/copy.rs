//! Files that the host gets of a guest.

use std::path::PathBuf;

use limekiln_api::Lima;

/// One file of `copyToHost`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopySpec {
    /// In the guest, absolute.
    pub guest: String,
    /// On the host, absolute.
    pub host: PathBuf,
    /// Whether it is fine when the guest has none.
    pub skip_if_missing: bool,
    /// Whether it goes when the VM stops.
    pub delete_on_stop: bool,
}

/// The files of a filled configuration; of a half-written entry there is none.
pub(super) fn copies(lima: &Lima) -> Vec<CopySpec> {
    let copies = lima.copy_to_host.iter().flatten();
    copies
        .filter_map(|copy| {
            Some(CopySpec {
                guest: copy.guest.clone()?,
                host: copy.host.as_deref()?.into(),
                skip_if_missing: copy.skip_if_missing == Some(true),
                delete_on_stop: copy.delete_on_stop == Some(true),
            })
        })
        .collect()
}
