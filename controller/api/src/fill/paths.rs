//! Paths as Lima writes them.

use std::path::Path;

/// `~` and `~/x` below the home directory; anything else as it is.
pub(super) fn at_home(path: &str, home: &Path) -> String {
    match path.strip_prefix('~') {
        Some("") => home.to_string_lossy().into_owned(),
        Some(rest) if rest.starts_with('/') => {
            home.join(rest.trim_start_matches('/')).to_string_lossy().into_owned()
        }
        _ => path.to_owned(),
    }
}

/// The shortest path with the same meaning, without looking at any file: as Go's
/// `filepath.Clean`, except that an empty path stays empty.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    match (rooted, parts.is_empty()) {
        (true, _) => format!("/{}", parts.join("/")),
        (false, true) if !path.is_empty() => ".".to_owned(),
        (false, _) => parts.join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_as_by_go() {
        for (path, cleaned) in [
            ("/a//b/./c/../d/", "/a/b/d"),
            ("/../a", "/a"),
            ("a/../../b", "../b"),
            ("./", "."),
            ("/", "/"),
            ("~/x/", "~/x"),
            ("", ""),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
    }

    #[test]
    fn tildes_are_the_home_directory() {
        let home = Path::new("/home/alice");
        for (path, expanded) in [
            ("~", "/home/alice"),
            ("~/x", "/home/alice/x"),
            ("~//x", "/home/alice/x"),
            ("~bob/x", "~bob/x"),
            ("/~", "/~"),
        ] {
            assert_eq!(at_home(path, home), expanded, "{path}");
        }
    }
}
