//! Files that were read before.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use limekiln_api::Stamp;

use crate::snapshot::{FileDigest, digest};
use crate::{ReadOptions, SourceFile};

/// A file, what it was when it was read, and the digest of its bytes.
#[derive(Clone, Debug)]
pub(crate) struct KnownFile {
    stamp: Stamp,
    pub(crate) file: Arc<SourceFile>,
    pub(crate) digest: FileDigest,
}

impl KnownFile {
    /// A file that was read. The stamp was taken before.
    pub(crate) fn new(stamp: Stamp, file: SourceFile) -> Self {
        let digest = digest(&file.bytes);
        Self { stamp, file: file.into(), digest }
    }
}

/// By canonical path.
#[derive(Debug, Default)]
pub(crate) struct Known(BTreeMap<PathBuf, KnownFile>);

impl Known {
    /// The file, if it is known to hold what it held: its stamp is the same, had rested, and says
    /// that nobody is writing it.
    pub(crate) fn get(
        &self,
        origin: &Path,
        metadata: &Metadata,
        now: SystemTime,
        options: &ReadOptions,
    ) -> Option<&KnownFile> {
        let known = self.0.get(origin)?;
        let age = now.duration_since(metadata.modified().ok()?).ok()?;
        let same = known.stamp.holds(&Stamp::of(metadata, now)) && age >= options.quiet;
        (same && metadata.is_file()).then_some(known)
    }

    pub(crate) fn put(&mut self, known: KnownFile) {
        self.0.insert(known.file.origin.clone(), known);
    }
}
