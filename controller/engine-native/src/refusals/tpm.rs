//! `tpm`.

use limekiln_api::{FieldError, Lima};
use limekiln_hostagent::driver::qemu::TPM_PROGRAM;

use super::{is_installed, refused};

/// swtpm is the TPM.
pub(super) fn refusal(lima: &Lima) -> Option<FieldError> {
    (lima.tpm == Some(true) && !is_installed(TPM_PROGRAM)).then(|| {
        let why = format!("{TPM_PROGRAM} is not installed, which is the guest's TPM");
        refused("tpm", why, format!("install the package {TPM_PROGRAM}, or remove `tpm`"))
    })
}
