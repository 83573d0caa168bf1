//! File systems and disk images from a folder, without root and without loop devices.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::sh;

/// Makes an ext4 image at `image` with the contents of `tree`, everything owned by root.
///
/// # Errors
/// mke2fs or debugfs is missing or fails; mke2fs does when the tree doesn't fit.
pub fn ext4(tree: &Path, image: &Path, mebibytes: u32, label: &str) -> anyhow::Result<()> {
    if image.exists() {
        fs::remove_file(image)?;
    }
    // 4 KiB blocks, so that an image which grows a thousandfold at boot keeps a sane layout.
    let mut mke2fs = sh::tool("mke2fs");
    mke2fs.args(["-q", "-t", "ext4", "-b", "4096", "-m", "0", "-L", label]);
    mke2fs.args(["-E", "root_owner=0:0", "-d"]).arg(tree).arg(image).arg(format!("{mebibytes}M"));
    sh::output(&mut mke2fs)?;
    own_by_root(tree, image)
}

/// mke2fs copies the owners that files have on the host; ours must be root's.
fn own_by_root(tree: &Path, image: &Path) -> anyhow::Result<()> {
    if fs::metadata(tree)?.uid() == 0 {
        return Ok(());
    }
    let mut script = String::new();
    list(tree, Path::new("/"), &mut script)?;
    let file = tempfile::NamedTempFile::new()?;
    fs::write(file.path(), script)?;
    sh::output(sh::tool("debugfs").arg("-w").arg("-f").arg(file.path()).arg(image))?;
    Ok(())
}

fn list(dir: &Path, inside: &Path, script: &mut String) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = inside.join(entry.file_name());
        writeln!(script, "sif \"{0}\" uid 0\nsif \"{0}\" gid 0", name.display())?;
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &name, script)?;
        }
    }
    Ok(())
}
