//! Documents of a file.
//!
//! They are told apart before YAML is read, so that one that is broken hides no other. YAML
//! allows a line that begins with `---` nowhere inside a document.

use super::bounds::MAX_DOCUMENTS;

/// One document: its text, and the lines before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk<'a> {
    pub(crate) text: &'a str,
    pub(crate) lines_before: usize,
}

/// The documents that hold more than comments; of too many, one more than may be.
pub(crate) fn split(text: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let (mut start, mut start_line, mut offset) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if number > 0 && is_marker(line) {
            add(&mut chunks, Chunk { text: &text[start..offset], lines_before: start_line });
            if chunks.len() > MAX_DOCUMENTS {
                return chunks;
            }
            (start, start_line) = (offset, number);
        }
        offset += line.len();
    }
    add(&mut chunks, Chunk { text: &text[start..], lines_before: start_line });
    chunks
}

fn add<'a>(chunks: &mut Vec<Chunk<'a>>, chunk: Chunk<'a>) {
    if chunk.text.lines().any(has_content) {
        chunks.push(chunk);
    }
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn has_content(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with(['#', '%']) && line != "---" && line != "..."
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(usize, &str)> {
        split(text).into_iter().map(|chunk| (chunk.lines_before, chunk.text)).collect()
    }

    #[test]
    fn documents_are_told_apart() {
        assert_eq!(texts("a: 1\n---\nb: 2\n"), [(0, "a: 1\n"), (1, "---\nb: 2\n")]);
        assert_eq!(texts("---\r\na: 1\r\n---\r\n# only a comment\r\n"), [(0, "---\r\na: 1\r\n")]);
        assert_eq!(texts("a: |\n  ---\n  x\n").len(), 1, "indented is content");
        assert_eq!(texts("a: ----\n----: b\n").len(), 1, "four dashes are a key");
        assert!(texts("").is_empty() && texts("\n# c\n---\n...\n").is_empty());
    }
}
