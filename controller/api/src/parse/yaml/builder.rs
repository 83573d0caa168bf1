//! Events to nodes.

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StrInput};

use super::copies::Copies;
use super::error::{Start, YamlError};
use super::mapping::Mapping;
use super::scalar;
use crate::parse::bounds::{MAX_DEPTH, MAX_DIAGNOSTICS, MAX_NODES};
use crate::parse::tree::{Key, Node, Position, Tree};

/// A document, and what is wrong with it although it can be read.
pub(crate) struct Reading {
    pub(crate) node: Node,
    /// How many nodes it has, keys included.
    pub(crate) nodes: usize,
    /// Keys that their mapping had before, as many as are worth telling. The first one counts.
    pub(crate) repeated: Vec<Repeated>,
}

/// A key that its mapping had before.
pub(crate) struct Repeated {
    pub(crate) key: Key,
    /// Where it was before.
    pub(crate) first: Position,
}

/// Reads a text of one document; one with nothing in it is `null`. Positions are those in
/// `source`, which has so many lines before the text.
///
/// # Errors
/// The first thing that is no YAML, or that costs more than a document may.
pub(crate) fn read(text: &str, source: u16, lines_before: usize) -> Result<Reading, YamlError> {
    let mut builder = Builder::new(text, Start { source, lines_before });
    let node = builder.document()?;
    Ok(Reading { node, nodes: builder.nodes, repeated: builder.repeated })
}

/// An event, and where it is in its text.
type At<'a> = (Event<'a>, Span);

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    start: Start,
    copies: Copies,
    nodes: usize,
    depth: usize,
    repeated: Vec<Repeated>,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, start: Start) -> Self {
        let mut options = Options::default();
        // Nobody asks for them, and the parser buffers only few: a long comment is no fault.
        options.emit_comments = false;
        let parser = Parser::new_from_str_with_options(text, options);
        Self { parser, start, copies: Copies::default(), nodes: 0, depth: 0, repeated: Vec::new() }
    }

    fn next(&mut self) -> Result<At<'a>, YamlError> {
        match self.parser.next_event() {
            Some(next) => next.map_err(|error| self.start.error(&error)),
            None => Err(YamlError::new(Position::default(), "the text ends too early")),
        }
    }

    fn document(&mut self) -> Result<Node, YamlError> {
        let mut whole = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => {
                    let at = self.start.position(&span.start);
                    return Ok(whole.unwrap_or_else(|| Node::null(at)));
                }
                _ if whole.is_some() => {
                    let message = "a second document begins here without `---` before it";
                    return Err(YamlError::new(self.start.position(&span.start), message));
                }
                _ => whole = Some(self.node((event, span))?),
            }
        }
    }

    /// The node that begins with an event.
    fn node(&mut self, (event, span): At<'a>) -> Result<Node, YamlError> {
        let at = self.start.position(&span.start);
        self.count(at)?;
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, Tree::Scalar(scalar::value(text, style, tag.as_deref(), at)?))
            }
            Event::SequenceStart(_, anchor, tag) => {
                scalar::check_collection(tag.as_deref(), "seq", at)?;
                (anchor, self.nested(at, Self::list)?)
            }
            Event::MappingStart(_, anchor, tag) => {
                scalar::check_collection(tag.as_deref(), "map", at)?;
                (anchor, self.nested(at, Self::mapping)?)
            }
            Event::Alias(anchor) => {
                let node = self.copies.paste(anchor, at)?;
                self.nodes += node.count() - 1;
                return Ok(node);
            }
            _ => return Err(YamlError::new(at, "a value is missing here")),
        };
        let node = Node { at, value };
        if anchor != 0 {
            self.copies.keep(anchor, &node)?;
        }
        Ok(node)
    }

    fn count(&mut self, at: Position) -> Result<(), YamlError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("the document has more than {MAX_NODES} values");
            return Err(YamlError::too_much(at, message));
        }
        Ok(())
    }

    fn nested(
        &mut self,
        at: Position,
        read: impl FnOnce(&mut Self) -> Result<Tree, YamlError>,
    ) -> Result<Tree, YamlError> {
        if self.depth == MAX_DEPTH {
            let message = format!("the document is nested more than {MAX_DEPTH} levels deep");
            return Err(YamlError::too_much(at, message));
        }
        self.depth += 1;
        let tree = read(self);
        self.depth -= 1;
        tree
    }

    fn list(&mut self) -> Result<Tree, YamlError> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Tree::List(items)),
                first => items.push(self.node(first)?),
            }
        }
    }

    fn mapping(&mut self) -> Result<Tree, YamlError> {
        let mut mapping = Mapping::default();
        loop {
            let first = match self.next()? {
                (Event::MappingEnd, _) => break,
                first => first,
            };
            let merges = is_merge(&first.0);
            let key = self.key(first)?;
            let second = self.next()?;
            let value = self.node(second)?;
            if merges {
                mapping.merge(value)?;
            } else if let Err(key) = mapping.insert(key, value)
                && self.repeated.len() <= MAX_DIAGNOSTICS
            {
                let first = mapping.place(&key.name);
                self.repeated.push(Repeated { key, first });
            }
        }
        Ok(Tree::Map(mapping.finish()))
    }

    fn key(&mut self, first: At<'a>) -> Result<Key, YamlError> {
        let node = self.node(first)?;
        match node.value {
            Tree::Scalar(value) => Ok(Key { at: node.at, name: scalar::text(value) }),
            _ => Err(YamlError::new(node.at, "a key must be a scalar")),
        }
    }
}

/// `<<`, which puts in what an alias stands for.
fn is_merge(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(text, ScalarStyle::Plain, _, tag) => {
            let tag = tag.as_deref().and_then(scalar::kind);
            text == "<<" && tag.is_none_or(|kind| kind == "merge")
        }
        _ => false,
    }
}
