//! Long lines on narrow terminals.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use textwrap::{Options, WordSplitter};

/// The width of standard output's terminal; `None` elsewhere, where lines are left whole for
/// programs that read them.
pub fn width() -> Option<usize> {
    width_of(&std::io::stdout())
}

/// The same for standard error.
pub fn error_width() -> Option<usize> {
    width_of(&std::io::stderr())
}

fn width_of(stream: &(impl IsTerminal + AsFd)) -> Option<usize> {
    if !stream.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(stream).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Folds a line between words; what follows the first line is indented by `indent`. Words, such
/// as paths, are never cut.
pub fn fold(line: &str, indent: usize, width: Option<usize>) -> String {
    let Some(width) = width.filter(|width| *width > indent + 16) else { return line.to_owned() };
    let lead = &line[..line.len() - line.trim_start().len()];
    let hang = " ".repeat(indent);
    let options = Options::new(width)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation)
        .initial_indent(lead)
        .subsequent_indent(&hang);
    textwrap::fill(line.trim_start(), options)
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn lines_are_folded_between_words_and_only_on_terminals() {
        let line = "  disk  10GiB → 20GiB  restart  (grown while stopped)";
        assert_eq!(fold(line, 8, None), line);
        assert_eq!(
            fold(line, 8, Some(40)),
            "  disk  10GiB → 20GiB  restart  (grown\n        while stopped)"
        );
        assert_eq!(fold("one /a/very/long/path/that/stays/whole", 2, Some(20)).lines().count(), 2);
    }
}
