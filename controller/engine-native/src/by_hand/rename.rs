//! Another name.

use std::fs;

use limekiln_engine::EngineError;
use limekiln_model::Name;

use super::ByHand;
use crate::disks::publish;
use crate::error::file;

impl ByHand {
    /// Gives a stopped instance another name. As with Lima, its protection is gone then, and its
    /// MAC addresses are others: they are made from its directory.
    ///
    /// # Errors
    /// If there is none, it runs, or the new name is taken or too long.
    pub fn rename_instance(&self, from: &Name, to: &Name) -> Result<(), EngineError> {
        self.must_be_stopped(from)?;
        self.must_be_free(to)?;
        let (old, new) = (self.paths.instance(from), self.paths.instance(to));
        publish(&old, &new)?;
        let protected = new.join("protected");
        match fs::remove_file(&protected) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(file("remove", &protected)(error))
            }
            _ => Ok(()),
        }
    }
}
