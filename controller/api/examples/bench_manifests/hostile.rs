//! Files that somebody wrote to do harm, or by an accident that looks like it.

/// One of them.
pub struct Hostile {
    /// What it does.
    pub name: &'static str,
    /// The file's bytes.
    pub bytes: Vec<u8>,
    /// Whether it is to be read all the same.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the test that shares this file"))]
    pub good: bool,
}

/// All of them.
pub fn inputs() -> Vec<Hostile> {
    let refused = |name, bytes: String| Hostile { name, bytes: bytes.into_bytes(), good: false };
    let read = |name, bytes: &[u8]| Hostile { name, bytes: bytes.to_vec(), good: true };
    vec![
        refused("alias bomb", alias_bomb()),
        refused(
            "alias bomb in each of 9,000 documents",
            format!("---\n{}", alias_bomb()).repeat(9_000),
        ),
        refused("10 MiB", format!("message: {}\n", "x".repeat(10 << 20))),
        refused("depth 10,000 in flow style", format!("a: {}", "[".repeat(10_000))),
        refused("depth 10,000 in block style", "- ".repeat(10_000)),
        refused("depth 10,000 of explicit keys", "? ".repeat(10_000)),
        refused("depth 2,700 by indentation", indentation(2_700)),
        refused("duplicate keys", "cpus: 1\n".repeat(100_000)),
        refused("100,000 keys", (0..100_000).map(|n| format!("k{n}: 1\n")).collect()),
        refused("1,000,000 items", format!("dns: [{}]\n", "1,".repeat(1_000_000))),
        refused("5,000 documents with an unknown key", "---\ncpu: 1\n".repeat(5_000)),
        refused("300,000 documents", "---\na: 1\n".repeat(300_000)),
        refused("1,000,000 anchors", "&a ".repeat(1_000_000)),
        refused("tabs for indentation", "ssh:\n\tlocalPort: 1\n".to_owned()),
        refused("a NUL", "cpus: 2\0\n".to_owned()),
        Hostile { name: "not UTF-8", bytes: b"message: \xff\n".to_vec(), good: false },
        Hostile { name: "UTF-16", bytes: b"\xff\xfec\0p\0u\0s\0".to_vec(), good: false },
        read("CRLF", b"cpus: 2\r\nprovision:\r\n- script: |\r\n    a\r\n    b\r\n"),
        read(
            "500 lines of comments",
            format!("cpus: 2\ndns:\n{}- 1.1.1.1\n", "# x\n".repeat(500)).as_bytes(),
        ),
        read("a byte order mark", b"\xef\xbb\xbfcpus: 2\n"),
        read("tabs in values", b"message: \"a\\tb\"\nprovision:\n- script: \"\\techo\"\n"),
        read(
            "anchors and merge keys",
            b"mounts:\n- &m {location: /a}\n- {<<: *m, writable: true}\n",
        ),
    ]
}

/// Nine levels of nine: 387 million nodes when written out.
fn alias_bomb() -> String {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..10 {
        let below = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", [below.as_str(); 9].join(","));
    }
    text
}

fn indentation(depth: usize) -> String {
    (0..depth).map(|level| format!("{}a:\n", " ".repeat(level))).collect()
}
