//! Paths of the host: below which directories they are, links followed.

use std::path::{Path, PathBuf};

use super::judge::{Denial, Judge, denied, quoted, written};

impl Judge<'_> {
    /// A path of a policy file: `~` and `$LIMA_HOME` are replaced.
    fn expand(&self, text: &str) -> PathBuf {
        let facts = self.ground.facts;
        let below = |rest: &str, dir: &Path| {
            (rest.is_empty() || rest.starts_with('/'))
                .then(|| dir.join(rest.trim_start_matches('/')))
        };
        let home = text.strip_prefix('~').and_then(|rest| below(rest, &facts.home));
        let lima = text.strip_prefix("$LIMA_HOME").and_then(|rest| below(rest, &facts.lima_home));
        home.or(lima).unwrap_or_else(|| text.into())
    }

    /// The root among `roots` below which a real path is. Roots may be links themselves.
    fn root<'r>(&self, real: &Path, roots: impl Iterator<Item = &'r str>) -> Option<&'r str> {
        let mut roots = roots;
        roots.find(|root| {
            (self.ground.resolve)(&self.expand(root)).is_ok_and(|root| real.starts_with(root))
        })
    }

    /// What a path really leads to.
    fn real(&self, path: &str) -> Result<PathBuf, Denial> {
        let path = path.strip_prefix("file://").unwrap_or(path);
        let path = self.expand(path);
        if !path.is_absolute() {
            let why = format!("{} is no absolute path", path.display());
            return Err(Denial::unless(why, "write an absolute path"));
        }
        (self.ground.resolve)(&path).map_err(|why| {
            let why = format!("nobody can say where {} leads: {why}", path.display());
            Denial::unless(why, "mend the path, or write another")
        })
    }

    /// Notes whether a path of the host is below one of the roots of a rule, and not protected.
    /// Gives the root if it is.
    pub(super) fn below<'r>(
        &mut self,
        rule: &str,
        field: &str,
        path: &str,
        roots: impl Iterator<Item = &'r str>,
        write: impl Fn(&str) -> String,
    ) -> Option<&'r str> {
        let real = match self.real(path) {
            Ok(real) => real,
            Err(denial) => {
                self.note(rule, field, path, Some(denial));
                return None;
            }
        };
        let shown = match real.to_string_lossy() {
            real if real == path => path.to_owned(),
            real => format!("{path}, which leads to {real},"),
        };
        let Some(root) = self.root(&real, roots) else {
            let write = written(rule, &write(&real.to_string_lossy()));
            self.note(
                rule,
                field,
                path,
                Some(denied(format!("{shown} is below none of its directories"), write)),
            );
            return None;
        };
        if let Some(protected) = self.protected(&real) {
            let why = format!("{shown} is, holds or is below {protected}, which is never shared");
            let hint =
                format!("write another path, or take {} out of `protected`", quoted(protected));
            let denial = Denial::unless(why, hint);
            self.note("protected", field, path, Some(denial));
            return None;
        }
        self.note(rule, field, path, None);
        Some(root)
    }

    /// The protected path that a real path is, holds, or is below.
    fn protected(&self, real: &Path) -> Option<&str> {
        let mut protected = self.policy.rules().protected.iter().map(String::as_str);
        protected.find(|&protected| {
            let expanded = self.expand(protected);
            let resolved = (self.ground.resolve)(&expanded).unwrap_or(expanded);
            real.starts_with(&resolved) || resolved.starts_with(real)
        })
    }
}

/// One root, as it is written into most rules.
pub(super) fn one_root(path: &str) -> String {
    format!("[{}]", quoted(path))
}
