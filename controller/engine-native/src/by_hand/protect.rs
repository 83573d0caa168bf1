//! Instances that must not be deleted.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;

use limekiln_engine::EngineError;
use limekiln_model::Name;

use super::ByHand;
use crate::error::file;

impl ByHand {
    /// Protects an instance against deletion, ours and Lima's. Whether it was not before.
    ///
    /// # Errors
    /// If there is none, or the mark cannot be written.
    pub fn protect(&self, name: &Name) -> Result<bool, EngineError> {
        self.must_exist(name)?;
        let mark = self.paths.instance(name).join("protected");
        match fs::OpenOptions::new().write(true).create_new(true).mode(0o400).open(&mark) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(file("write", &mark)(error)),
        }
    }

    /// Lets an instance be deleted again. Whether it was protected.
    ///
    /// # Errors
    /// If there is none, or the mark cannot be removed.
    pub fn unprotect(&self, name: &Name) -> Result<bool, EngineError> {
        self.must_exist(name)?;
        let mark = self.paths.instance(name).join("protected");
        match fs::remove_file(&mark) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(file("remove", &mark)(error)),
        }
    }
}
