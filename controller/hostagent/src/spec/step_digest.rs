//! By what a step of provisioning is known again.

use sha2::{Digest, Sha256};

use super::{Step, StepKind};

impl Step {
    /// A digest of all that makes the step what it is, 64 hexadecimal digits. Its place in the list
    /// is no part of it.
    pub fn digest(&self) -> String {
        let mut parts: Vec<&str> = vec![self.kind.word(), &self.text];
        match &self.kind {
            StepKind::Data { path, owner, permissions, overwrite } => {
                let overwrite = if *overwrite { "overwrite" } else { "keep" };
                parts.extend([path.as_str(), owner, permissions, overwrite]);
            }
            StepKind::Yq { path, format, owner, permissions } => {
                parts.extend([path.as_str(), format, owner, permissions]);
            }
            _ => {}
        }
        let mut hash = Sha256::new();
        for part in parts {
            // With its length, so that no two lists of parts are one text.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether it can run in a guest that is up: the others belong to the boot.
    pub fn is_live(&self) -> bool {
        !matches!(self.kind, StepKind::Boot | StepKind::Dependency)
    }

    /// Its name among so many, as the seed volume has it: `provision.system/00000003`.
    pub fn name(&self, index: usize) -> String {
        format!("provision.{}/{index:08}", self.kind.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let data = |path: &str, text: &str, overwrite| {
            let (owner, permissions) = ("root:root".to_owned(), "644".to_owned());
            let kind = StepKind::Data { path: path.to_owned(), owner, permissions, overwrite };
            Step { kind, text: text.to_owned() }.digest()
        };
        let one = data("/a", "b", true);
        assert_eq!(one, data("/a", "b", true));
        assert_eq!(one.len(), 64);
        for other in [data("/a", "c", true), data("/b", "b", true), data("/a", "b", false)] {
            assert_ne!(one, other);
        }
        let script = |kind| Step { kind, text: "true".to_owned() }.digest();
        assert_ne!(script(StepKind::System), script(StepKind::User));
    }
}
