//! Whether commits are signed by whom this host trusts.

use std::fs;
use std::path::Path;

use gix_hash::ObjectId;

use super::keyring::Keyring;
use super::objects::Objects;
use super::program::{Git, Output};
use super::url::Url;
use super::{GitError, SignatureFault, Verify};
use crate::process::Bounds;

/// Checks that the files of keys can be used, and that nobody who writes to the repository writes
/// to them.
///
/// # Errors
/// There is none, or one of them can't.
pub(super) fn check_keys(verify: &Verify, url: &Url) -> Result<(), GitError> {
    if verify.files().next().is_none() {
        let reason = "names neither a keyring nor allowed signers";
        return Err(GitError::Config { what: "verify".to_owned(), reason });
    }
    for file in verify.files() {
        let refuse =
            |reason: &str| GitError::Keys { path: file.to_owned(), reason: reason.to_owned() };
        if !file.is_absolute() {
            return Err(refuse("its path must be absolute"));
        }
        let real = file.canonicalize().map_err(|error| refuse(&error.to_string()))?;
        let inside = |dir: &Path| dir.canonicalize().is_ok_and(|dir| real.starts_with(dir));
        if url.local.as_deref().is_some_and(inside) {
            return Err(refuse("it must be outside of the repository"));
        }
        if !real.is_file() || fs::File::open(&real).is_err() {
            return Err(refuse("it is no file that can be read"));
        }
    }
    Ok(())
}

/// Checks the signatures of commits by one set of keys.
pub(super) struct Verifier<'a> {
    git: &'a Git<'a>,
    objects: &'a Objects,
    verify: &'a Verify,
    /// Without it git would look into the user's own.
    keyring: Keyring,
}

impl<'a> Verifier<'a> {
    /// # Errors
    /// The keys can't be used.
    pub(super) fn new(
        git: &'a Git<'a>,
        objects: &'a Objects,
        verify: &'a Verify,
    ) -> Result<Self, GitError> {
        let bounds = Bounds { timeout: git.left(), out: 1 << 20, err: 64 << 10 };
        let keyring = match &verify.keyring {
            Some(file) => Keyring::import(&git.options.gpg, file, bounds)?,
            None => Keyring::empty()?,
        };
        Ok(Self { git, objects, verify, keyring })
    }

    /// # Errors
    /// The commit is not signed by a trusted key.
    pub(super) fn check(&self, commit: ObjectId) -> Result<(), GitError> {
        match self.fault(commit)? {
            None => Ok(()),
            Some(fault) => {
                let (url, commit) = (self.git.url.shown.clone(), commit.to_string());
                Err(GitError::Untrusted { url, commit, fault })
            }
        }
    }

    fn fault(&self, commit: ObjectId) -> Result<Option<SignatureFault>, GitError> {
        let signatures = self.objects.signatures(commit)?;
        let kind = match Kind::of(&signatures) {
            Ok(kind) => kind,
            Err(fault) => return Ok(Some(fault)),
        };
        let keys = match kind {
            Kind::OpenPgp => &self.verify.keyring,
            Kind::Ssh => &self.verify.allowed_signers,
        };
        let Some(keys) = keys else { return Ok(Some(SignatureFault::NoKeys(kind.name()))) };
        let output = self.ask_git(commit, keys)?;
        Ok(match kind {
            Kind::OpenPgp => openpgp_fault(&output),
            Kind::Ssh => ssh_fault(&output),
        })
    }

    fn ask_git(&self, commit: ObjectId, keys: &Path) -> Result<Output, GitError> {
        let signers = format!("gpg.ssh.allowedSignersFile={}", keys.display());
        let gpg = format!("gpg.program={}", self.git.options.gpg.display());
        let openpgp = format!("gpg.openpgp.program={}", self.git.options.gpg.display());
        let mut command = self.git.plain();
        for setting in [&*signers, &*gpg, &*openpgp, "gpg.ssh.program=ssh-keygen"] {
            command.args(["-c", setting]);
        }
        command.arg("--git-dir").arg(self.git.dir);
        command.args(["verify-commit", "--raw", &commit.to_string()]);
        command.env("GNUPGHOME", self.keyring.path());
        // Each commit has its time: how many there are is bounded elsewhere.
        self.git.renewed().run_with(&mut command, &mut || true)
    }
}

/// Kinds of signatures whose keys can be named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    OpenPgp,
    Ssh,
}

impl Kind {
    /// By the header's first line. There must be one: a second one could be of anybody.
    fn of(signatures: &[String]) -> Result<Self, SignatureFault> {
        match signatures {
            [] => Err(SignatureFault::Unsigned),
            [one] if one.starts_with(" -----BEGIN PGP ") => Ok(Self::OpenPgp),
            [one] if one.starts_with(" -----BEGIN SSH SIGNATURE-----") => Ok(Self::Ssh),
            _ => Err(SignatureFault::OtherKind),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::OpenPgp => "OpenPGP",
            Self::Ssh => "SSH",
        }
    }
}

/// By GnuPG's status lines, `doc/DETAILS` of its source: a good end of the process alone says
/// too little.
fn openpgp_fault(output: &Output) -> Option<SignatureFault> {
    let words: Vec<&str> = output
        .err
        .lines()
        .filter_map(|line| line.strip_prefix("[GNUPG:] "))
        .filter_map(|line| line.split(' ').next())
        .collect();
    let count = |wanted: &str| words.iter().filter(|word| **word == wanted).count();
    if count("BADSIG") > 0 {
        return Some(SignatureFault::Mismatch);
    }
    if count("REVKEYSIG") > 0 {
        return Some(SignatureFault::Revoked);
    }
    if count("EXPSIG") + count("EXPKEYSIG") > 0 {
        return Some(SignatureFault::Expired);
    }
    let good = count("GOODSIG") == 1 && count("VALIDSIG") == 1 && count("ERRSIG") == 0;
    (!good || !output.status.success()).then_some(SignatureFault::UnknownKey)
}

/// By what `ssh-keygen -Y verify` prints: it names a principal only for a key that is allowed.
fn ssh_fault(output: &Output) -> Option<SignatureFault> {
    const GOOD: &str = "Good \"git\" signature";
    let mut lines = output.err.lines();
    if output.status.success() && lines.any(|line| line.starts_with(&format!("{GOOD} for "))) {
        return None;
    }
    let text = &output.err;
    Some(if text.contains("xpired") {
        SignatureFault::Expired
    } else if text.contains("revoked") {
        SignatureFault::Revoked
    } else if text.contains("incorrect signature") || text.contains("verification failed") {
        SignatureFault::Mismatch
    } else {
        SignatureFault::UnknownKey
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    use super::*;

    fn ended(code: i32, err: &str) -> Output {
        let status = ExitStatus::from_raw(code << 8);
        Output { status, out: String::new(), err: err.to_owned() }
    }

    #[test]
    fn a_good_end_alone_is_no_good_signature() {
        let good = "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG 1 a\n[GNUPG:] VALIDSIG 2\n";
        assert_eq!(openpgp_fault(&ended(0, good)), None);
        assert!(openpgp_fault(&ended(0, "")).is_some());
        assert!(openpgp_fault(&ended(1, good)).is_some());
        assert!(openpgp_fault(&ended(0, &format!("{good}{good}"))).is_some());
        let both = format!("{good}[GNUPG:] ERRSIG 3\n");
        assert!(openpgp_fault(&ended(0, &both)).is_some());
        let expired = "[GNUPG:] EXPKEYSIG 1 a\n[GNUPG:] VALIDSIG 2\n";
        assert_eq!(openpgp_fault(&ended(0, expired)), Some(SignatureFault::Expired));

        let named = "Good \"git\" signature for a@b with ED25519 key SHA256:x\n";
        assert_eq!(ssh_fault(&ended(0, named)), None);
        assert!(ssh_fault(&ended(1, named)).is_some());
        let anybody = "Good \"git\" signature with ED25519 key SHA256:x\n";
        assert_eq!(ssh_fault(&ended(0, anybody)), Some(SignatureFault::UnknownKey));
        assert!(ssh_fault(&ended(0, "")).is_some());
    }

    #[test]
    fn a_second_signature_spoils_the_first() {
        let ssh = " -----BEGIN SSH SIGNATURE-----".to_owned();
        assert_eq!(Kind::of(std::slice::from_ref(&ssh)), Ok(Kind::Ssh));
        assert_eq!(Kind::of(&[ssh.clone(), ssh]), Err(SignatureFault::OtherKind));
        assert_eq!(Kind::of(&[]), Err(SignatureFault::Unsigned));
        let x509 = " -----BEGIN SIGNED MESSAGE-----".to_owned();
        assert_eq!(Kind::of(&[x509]), Err(SignatureFault::OtherKind));
    }
}
