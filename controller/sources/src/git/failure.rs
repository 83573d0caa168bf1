//! What git says when it fails, and what that means.

use super::{GitError, Obstacle};

/// The longest message that is passed on, in characters.
const MAX_DETAIL: usize = 400;

/// Words of git, curl and ssh in English, and what is in the way. The first that is found counts.
const OBSTACLES: &[(&str, Obstacle)] = &[
    ("dubious ownership", Obstacle::Ownership),
    ("Host key verification failed", Obstacle::HostKey),
    ("certificate", Obstacle::Certificate),
    ("could not read Username", Obstacle::Credentials),
    ("could not read Password", Obstacle::Credentials),
    ("terminal prompts disabled", Obstacle::Credentials),
    ("Authentication failed", Obstacle::Credentials),
    ("Permission denied (", Obstacle::Credentials),
    ("returned error: 401", Obstacle::Credentials),
    ("returned error: 403", Obstacle::Credentials),
    ("not found", Obstacle::NotFound),
    ("returned error: 404", Obstacle::NotFound),
    ("does not appear to be a git repository", Obstacle::NotFound),
    ("Could not resolve host", Obstacle::Network),
    ("Connection ", Obstacle::Network),
    ("connect to ", Obstacle::Network),
    ("timed out", Obstacle::Network),
    ("unreachable", Obstacle::Network),
    ("hung up unexpectedly", Obstacle::Network),
    ("early EOF", Obstacle::Network),
    ("returned error: 5", Obstacle::Network),
];

/// What a failed fetch means, apart from what is missing in the remote.
pub(super) fn transfer(url: &str, err: &str) -> GitError {
    let detail = detail(err);
    let url = url.to_owned();
    if err.contains("shallow roots are not allowed") {
        return GitError::Shallow { url };
    }
    if ["fsck error", "error in object", "did not send all necessary objects"]
        .iter()
        .any(|word| err.contains(word))
    {
        return GitError::Malformed { url, detail };
    }
    let found = OBSTACLES.iter().find(|(words, _)| err.contains(words));
    let obstacle = found.map_or(Obstacle::Other, |(_, obstacle)| *obstacle);
    GitError::Unreachable { url, obstacle, detail }
}

/// True if the remote answered that it has no such thing.
pub(super) fn is_missing(err: &str) -> bool {
    ["couldn't find remote ref", "not our ref", "unadvertised object"]
        .iter()
        .any(|words| err.contains(words))
}

/// True if git seems to have found its own repository, which is ours, broken. A remote can make it
/// look like that; then it is fetched once more into an empty one, and nothing is lost.
pub(super) fn is_damage(err: &str, dir: &str) -> bool {
    err.lines().any(|line| {
        let local = !line.starts_with("remote:") && !line.contains("remote error:");
        local && (line.contains(dir) || DAMAGE.iter().any(|words| line.contains(words)))
    })
}

const DAMAGE: &[&str] = &[
    "bad object ",
    "bad config ",
    "bad ref ",
    "is corrupt",
    "object file ",
    "did not send all necessary objects",
    "unable to parse object",
    "unable to read ",
];

/// The lines that say why, without what a terminal would obey: they may come from the remote.
pub(super) fn detail(err: &str) -> String {
    let lines = err.lines().map(str::trim).filter(|line| !line.is_empty() && !is_padding(line));
    let text = lines.collect::<Vec<_>>().join("; ");
    let clean = text.chars().map(|char| if char.is_control() { '?' } else { char });
    let count = text.chars().count();
    let clean: String = clean.skip(count.saturating_sub(MAX_DETAIL)).collect();
    if clean.is_empty() { "git gave no reason".to_owned() } else { clean }
}

/// Said after every failure, whatever the reason.
fn is_padding(line: &str) -> bool {
    [
        "Please make sure you have the correct access rights",
        "and the repository exists.",
        "fatal: Could not read from remote repository.",
    ]
    .contains(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_remote_says_cannot_drive_a_terminal_or_fill_a_page() {
        let hostile = format!("remote: \u{1b}[2J{}\nfatal: the end", "x".repeat(10_000));
        let detail = detail(&hostile);
        assert!(detail.chars().count() <= MAX_DETAIL && detail.ends_with("fatal: the end"));
        assert!(!super::detail("remote: \u{1b}[2J").contains('\u{1b}'));
    }

    #[test]
    fn what_is_in_the_way_is_told_apart() {
        for (said, wanted) in [
            (
                "fatal: could not read Username for 'https://x': terminal prompts disabled",
                Obstacle::Credentials,
            ),
            ("git@x: Permission denied (publickey).", Obstacle::Credentials),
            ("Host key verification failed.", Obstacle::HostKey),
            (
                "fatal: unable to access 'https://x/': server certificate verification failed.",
                Obstacle::Certificate,
            ),
            ("fatal: unable to access 'https://x/': Could not resolve host: x", Obstacle::Network),
            ("fatal: repository 'https://x/' not found", Obstacle::NotFound),
            ("fatal: detected dubious ownership in repository at '/x'", Obstacle::Ownership),
            ("something new", Obstacle::Other),
        ] {
            let error = transfer("url", said);
            assert!(
                matches!(error, GitError::Unreachable { obstacle, .. } if obstacle == wanted),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_remote_cannot_make_its_own_words_look_like_damage_here() {
        assert!(!is_damage("remote: x is corrupt\nfatal: remote error: bad object x", "/c"));
        assert!(is_damage("fatal: bad object refs/limekiln/tip", "/c"));
        assert!(is_damage("fatal: not a git repository: '/c'", "/c"));
        assert!(is_damage("error: file /c/objects/pack/x is far too short to be a packfile", "/c"));
        assert!(!is_damage("fatal: '/srv/x' does not appear to be a git repository", "/c"));
    }
}
