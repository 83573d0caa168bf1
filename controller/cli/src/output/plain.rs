//! Texts of others, before they reach a terminal.

/// The text without what would change a terminal: no control characters but line ends and tabs, no
/// escape sequences.
pub fn plain(text: &str) -> String {
    let kept = |character: &char| !character.is_control() || matches!(character, '\n' | '\t');
    anstream::adapter::strip_str(text).to_string().chars().filter(kept).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_speaks_to_the_terminal() {
        assert_eq!(super::plain("\x1b[2J\x1b]0;title\x07a\tb\r\n\x08ü"), "a\tb\nü");
    }
}
