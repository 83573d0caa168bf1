//! Kernel modules in the order in which they load.
//!
//! A package that was only unpacked has no modules.dep (depmod writes it on installation), but each
//! module names what it needs in its `.modinfo` section, as `depends=a,b`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

/// The module files below one kernel's `/lib/modules/VERSION`.
pub struct Modules {
    files: BTreeMap<String, PathBuf>,
}

impl Modules {
    /// Lists every module below `dir`.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn scan(dir: &Path) -> anyhow::Result<Self> {
        let mut files = BTreeMap::new();
        collect(dir, &mut files).with_context(|| format!("cannot read {}", dir.display()))?;
        Ok(Self { files })
    }

    /// The wanted modules and all they need, dependencies first. A name without a file is built into
    /// the kernel, or the kernel lacks it; the boot shows which.
    ///
    /// # Errors
    /// A module can't be read.
    pub fn in_order(&self, wanted: &[&str]) -> anyhow::Result<Vec<PathBuf>> {
        let (mut order, mut seen) = (Vec::new(), BTreeSet::new());
        for name in wanted {
            self.visit(name, &mut seen, &mut order)?;
        }
        Ok(order)
    }

    fn visit(
        &self,
        name: &str,
        seen: &mut BTreeSet<String>,
        order: &mut Vec<PathBuf>,
    ) -> anyhow::Result<()> {
        let name = name.replace('-', "_");
        let Some(file) = self.files.get(&name) else { return Ok(()) };
        if !seen.insert(name) {
            return Ok(());
        }
        for need in depends(&fs::read(file)?) {
            self.visit(&need, seen, order)?;
        }
        order.push(file.clone());
        Ok(())
    }
}

fn collect(dir: &Path, files: &mut BTreeMap<String, PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "ko")
            && let Some(stem) = path.file_stem()
        {
            files.insert(stem.to_string_lossy().replace('-', "_"), path);
        }
    }
    Ok(())
}

fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else {
        return Vec::new();
    };
    let value = &module[at + KEY.len()..];
    let end = value.iter().position(|&byte| byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end])
        .split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::Modules;

    #[test]
    fn dependencies_come_first_and_once() {
        let dir = tempfile::tempdir().unwrap();
        for (name, depends) in [("a", "b-x,c"), ("b-x", "c"), ("c", "")] {
            let text = format!("ELF\0depends={depends}\0more");
            fs::write(dir.path().join(format!("{name}.ko")), text).unwrap();
        }
        let order = Modules::scan(dir.path()).unwrap().in_order(&["a", "b_x", "builtin"]).unwrap();
        let names: Vec<_> = order.iter().map(|path| path.file_stem().unwrap().to_owned()).collect();
        assert_eq!(names, ["c", "b-x", "a"]);
    }
}
