//! How much input is accepted.

use serde_saphyr::Options;

/// The largest file, as in Lima.
pub(crate) const MAX_FILE: usize = 4 << 20;
/// The most documents in one file.
pub(crate) const MAX_DOCUMENTS: usize = 10_000;
/// The deepest nesting; a template uses about 8.
pub(crate) const MAX_DEPTH: usize = 24;
/// The most nodes in one document; a large template has about 2,000.
pub(crate) const MAX_NODES: usize = 12_000;
/// The most nodes in all documents of a file.
pub(crate) const MAX_NODES_IN_FILE: usize = 500_000;
/// The most things wrong with one file that are worth telling.
pub(crate) const MAX_DIAGNOSTICS: usize = 100;
/// So many things wrong with one file are looked into: known fields are proposed for unknown ones,
/// and rules are held against the rest of a document.
pub(crate) const MAX_PROPOSALS: usize = 20;

/// How YAML is read everywhere: bounded, without the truth values of YAML 1.1, octal as Lima
/// reads it.
pub(crate) fn options() -> Options {
    let budget = serde_saphyr::budget! {
        max_depth: MAX_DEPTH,
        flow_nesting_limit: MAX_DEPTH,
        max_nodes: MAX_NODES,
        max_events: 4 * MAX_NODES,
        max_aliases: 1_000,
        max_anchors: 1_000,
        max_documents: 1,
        max_total_scalar_bytes: MAX_FILE,
    };
    let aliases = serde_saphyr::alias_limits! {
        max_total_replayed_events: MAX_NODES,
        max_replay_stack_depth: 16,
        max_alias_expansions_per_anchor: 1_000,
    };
    serde_saphyr::options! {
        budget: budget,
        alias_limits: aliases,
        strict_booleans: true,
        legacy_octal_numbers: true,
        with_snippet: false,
        // Nobody asks for them, and the reader buffers only few: a long comment is no fault.
        emit_comments: false,
    }
}

/// What the YAML reader says, without the position that it appends.
pub(crate) fn yaml_message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    // It appends the position, which we show ourselves, and advice to programmers.
    let ends = [" at line ", " (line ", ", set DuplicateKeyPolicy"];
    let cut = ends.iter().filter_map(|end| first.find(end)).min().unwrap_or(first.len());
    first[..cut].trim_end_matches([',', ':']).to_owned()
}
