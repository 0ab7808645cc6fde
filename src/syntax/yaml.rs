//! One YAML file as a tree: anchors expanded, merge keys applied, every node with its place.
//!
//! Not here: what the tree means. It must stay true that a file of [`FILE_LIMIT`] bytes is read in
//! time and memory linear in its size, whatever it holds: collections nest at most [`DEPTH_LIMIT`]
//! deep, and a tree has at most [`NODE_LIMIT`] nodes and [`TEXT_LIMIT`] bytes of text, where a node
//! reached through an alias counts each time although it is kept once.
//!
//! Reading goes on after a mistake where what was meant is clear (an unquoted template, a tag, an
//! unknown alias stand for their text), so that the mistakes behind it are told in the same go. The
//! file is long because one reader takes all events and all limits pass through it.
//!
//! Codes raised here: `file-too-large`, `not-text`, `yaml-too-large`, `yaml-documents`, `yaml-alias`;
//! those of maps are listed in `mapping`, those of broken syntax in `traps`.

mod mapping;
mod places;
#[cfg(test)]
mod tests;
mod traps;

use std::collections::HashMap;

use granit_parser::{Event, Options, Parser, ScalarStyle, StructureStyle};

use self::mapping::{Mapping, Next};
use super::FILE_LIMIT;
use super::tree::{Kind, Node, Scalar, Style};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Span, nearest, quoted};

/// How deep lists and maps may nest.
pub const DEPTH_LIMIT: usize = 32;

/// How many nodes a file may hold, keys and everything that aliases repeat included.
pub const NODE_LIMIT: usize = 100_000;

/// How many bytes of text a file may hold, everything that aliases repeat included.
pub const TEXT_LIMIT: usize = 4 * FILE_LIMIT;

/// Reads a file as one YAML document; a file without one is null.
///
/// Returns a tree also when it has mistakes that leave its shape clear; they are in `diagnostics`.
pub fn parse(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Option<Node> {
    if text.len() > FILE_LIMIT {
        let message = format!("the file has {} bytes; at most {FILE_LIMIT} (1 MiB) are read", text.len());
        let help = "split it into smaller files, or keep data in a file of its own and read it in a step";
        diagnostics.push(Diagnostic::error("file-too-large", Span::new(file, 0, 0), message).with_help(help));
        return None;
    }
    if let Some((at, char)) = text.char_indices().find(|(_, char)| is_binary(*char)) {
        let span = Span::new(file, at, at + char.len_utf8());
        let message = format!("the file holds the control character U+{:04X}", u32::from(char));
        let help = "a workflow file is plain text; write such a character as an escape in double quotes";
        diagnostics.push(Diagnostic::error("not-text", span, message).with_help(help));
        return None;
    }
    let reader = Reader {
        file,
        text,
        diagnostics,
        open: Vec::new(),
        root: None,
        anchors: HashMap::new(),
        names: Vec::new(),
        spent: Size::default(),
        trap: None,
    };
    reader.read()
}

/// A control character that YAML does not allow.
fn is_binary(char: char) -> bool {
    char.is_control() && !matches!(char, '\t' | '\n' | '\r' | '\u{85}')
}

/// How much a node and all below it count against the limits.
#[derive(Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
    /// How many levels of lists and maps.
    height: usize,
}

/// A node with a name, for aliases.
struct Anchored {
    node: Node,
    size: Size,
}

/// A list or map whose end has not come yet.
struct Open {
    body: Body,
    span: Span,
    style: StructureStyle,
    anchor: usize,
    /// What was spent before it began.
    before: Size,
    height: usize,
    /// This is a `{{`, which stands for text.
    is_template: bool,
}

enum Body {
    Sequence(Vec<Node>),
    Mapping(Box<Mapping>),
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    diagnostics: &'a mut Diagnostics,
    open: Vec<Open>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchored>,
    /// The names of the anchors so far.
    names: Vec<String>,
    spent: Size,
    /// The last mistake after which reading went on: a syntax error on its line is its consequence.
    trap: Option<Span>,
}

impl<'a> Reader<'a> {
    fn read(mut self) -> Option<Node> {
        let mut options = Options::default();
        options.set_emit_comments(false);
        options.emit_anchor_events = true;
        options.emit_unresolved_aliases = true;
        options.disallow_directives = true;
        options.flow_nesting_limit = DEPTH_LIMIT;
        options.block_nesting_limit = DEPTH_LIMIT;

        let mut documents = 0;
        for event in Parser::new_from_str_with_options(self.text, options) {
            let (event, place) = match event {
                Ok(event) => event,
                Err(error) => {
                    self.syntax_error(error.kind(), error.marker().byte_offset());
                    return None;
                }
            };
            let tag = place.tag_span().map(|tag| self.span(&tag));
            let place = self.span(&place);
            match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        self.second_document(place);
                        break;
                    }
                }
                Event::Scalar(value, style, anchor, _) => self.scalar(&value, style, anchor, place, tag)?,
                Event::SequenceStart(style, anchor, _) => {
                    self.start(Body::Sequence(Vec::new()), style, anchor, place, tag)?;
                }
                Event::MappingStart(style, anchor, _) => {
                    self.start(Body::Mapping(Box::default()), style, anchor, place, tag)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.end(place)?,
                Event::Alias(anchor) => self.alias(anchor, place)?,
                Event::UnresolvedAlias(name) => self.unknown_alias(&name, place)?,
                Event::Anchor(_, name) => self.names.push(name.into_owned()),
                _ => {}
            }
        }
        Some(self.root.unwrap_or_else(|| Node {
            span: Span::new(self.file, 0, 0),
            alias: None,
            kind: Kind::Scalar(Scalar {
                text: "".into(),
                style: Style::Plain,
                comment: None,
                places: [].into(),
            }),
        }))
    }

    fn scalar(
        &mut self,
        value: &str,
        style: ScalarStyle,
        anchor: usize,
        place: Span,
        tag: Option<Span>,
    ) -> Option<()> {
        let style = match style {
            ScalarStyle::SingleQuoted => Style::SingleQuoted,
            ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
            ScalarStyle::Literal => Style::Literal,
            ScalarStyle::Folded => Style::Folded,
            _ => Style::Plain,
        };
        // A value that is left out comes as an empty `~`.
        let absent = style == Style::Plain && place.start == place.end;
        let value = if absent { "" } else { value };
        if let Some(tag) = tag {
            self.tag(tag);
            if matches!(style, Style::Plain | Style::SingleQuoted | Style::DoubleQuoted)
                && let Some(written) = traps::one_line(self.text, tag.start as usize..place.end as usize)
            {
                return self.stand_in(written, tag.to(place), anchor);
            }
        }
        let range = place.start as usize..place.end as usize;
        let places = match absent {
            true => Vec::new(),
            false => places::places(self.text, range, value, style),
        };
        let span = match style {
            Style::Literal | Style::Folded => self.trimmed(place),
            _ => place,
        };
        let comment = Some(traps::comment(self.text, place.end as usize))
            .filter(|_| style == Style::Plain && !absent)
            .flatten()
            .map(|at| Span::new(self.file, at, at + 1));
        let scalar = Scalar { text: value.into(), style, comment, places: places.into() };
        self.finish(Node { span, alias: None, kind: Kind::Scalar(scalar) }, anchor)
    }

    /// Text as it is written, in the place of something that was refused.
    fn stand_in(&mut self, written: &str, span: Span, anchor: usize) -> Option<()> {
        let scalar = Scalar {
            text: written.into(),
            style: Style::DoubleQuoted,
            comment: None,
            places: [(0, span.start)].into(),
        };
        self.finish(Node { span, alias: None, kind: Kind::Scalar(scalar) }, anchor)
    }

    /// Takes in a scalar.
    fn finish(&mut self, node: Node, anchor: usize) -> Option<()> {
        let bytes = node.as_scalar().map_or(0, |scalar| scalar.text.len());
        let size = Size { nodes: 1, bytes, height: 0 };
        self.spend(size, node.span)?;
        self.attach(node, size, anchor);
        Some(())
    }

    fn start(
        &mut self,
        body: Body,
        style: StructureStyle,
        anchor: usize,
        span: Span,
        tag: Option<Span>,
    ) -> Option<()> {
        if let Some(tag) = tag {
            self.tag(tag);
        }
        let before = self.spent;
        self.spend(Size { nodes: 1, bytes: 0, height: 1 }, span)?;
        if style == StructureStyle::Flow && matches!(body, Body::Mapping(_)) {
            self.watch_for_template(span);
        }
        self.open.push(Open { body, span, style, anchor, before, height: 1, is_template: false });
        Some(())
    }

    /// A `{` that is the key of the `{` before it was meant as a template.
    fn watch_for_template(&mut self, inner: Span) {
        let Some(outer) = self.open.last_mut() else { return };
        let is_key = matches!(&outer.body, Body::Mapping(map) if matches!(map.next, Next::Key));
        if !is_key || outer.style != StructureStyle::Flow || outer.span.start + 1 != inner.start {
            return;
        }
        outer.is_template = true;
        if self.diagnostics.is_full(self.file) {
            return;
        }
        let start = outer.span.start as usize;
        let in_flow = self.open.iter().rev().skip(1).any(|open| open.style == StructureStyle::Flow);
        let found = traps::template(self.file, self.text, start, in_flow);
        self.trap = Some(found.primary.span);
        self.diagnostics.push(found);
    }

    fn end(&mut self, place: Span) -> Option<()> {
        let open = self.open.pop()?;
        let span = match open.style {
            StructureStyle::Flow => open.span.to(place),
            StructureStyle::Block => open.span,
        };
        if open.is_template {
            let range = span.start as usize..span.end as usize;
            let written = traps::one_line(self.text, range).unwrap_or("{{");
            return self.stand_in(written, span, open.anchor);
        }
        let kind = match open.body {
            Body::Sequence(items) => Kind::Sequence(items.into()),
            Body::Mapping(mapping) => Kind::Mapping(mapping.into_entries().into()),
        };
        let size = Size {
            nodes: self.spent.nodes - open.before.nodes,
            bytes: self.spent.bytes - open.before.bytes,
            height: open.height,
        };
        self.attach(Node { span, alias: None, kind }, size, open.anchor);
        Some(())
    }

    fn alias(&mut self, anchor: usize, place: Span) -> Option<()> {
        let Some(Anchored { node, size }) = self.anchors.get(&anchor) else {
            let name = quoted(self.slice(place));
            let message = format!("the alias {name} stands inside the very thing it names");
            let help = "name the part that is meant, and not what holds the alias";
            self.diagnostics.push(Diagnostic::error("yaml-alias", place, message).with_help(help));
            return self.stand_in("", place, 0);
        };
        let (node, size) = (Node { alias: Some(place), ..node.clone() }, *size);
        self.spend(size, place)?;
        self.attach(node, size, 0);
        Some(())
    }

    fn unknown_alias(&mut self, name: &str, place: Span) -> Option<()> {
        let written = format!("*{name}");
        if self.diagnostics.is_full(self.file) {
            return self.stand_in(&written, place, 0);
        }
        let known = nearest(name, self.names.iter().map(String::as_str));
        let found = match known {
            Some(near) => {
                let message = format!("no anchor `&{name}` stands before the alias {}", quoted(&written));
                Diagnostic::error("yaml-alias", place, message).with_help(format!("did you mean `*{near}`?"))
            }
            None => traps::alias(self.file, self.text, place.start as usize, self.in_flow()),
        };
        self.trap = Some(found.primary.span);
        self.diagnostics.push(found);
        self.stand_in(&written, place, 0)
    }

    fn tag(&mut self, tag: Span) {
        if self.diagnostics.is_full(self.file) {
            return;
        }
        let found = traps::tag(self.file, self.text, tag.start as usize, self.in_flow());
        self.trap = Some(found.primary.span);
        self.diagnostics.push(found);
    }

    /// Counts what comes at `at` against the limits; none when one is passed.
    fn spend(&mut self, size: Size, at: Span) -> Option<()> {
        self.spent.nodes = self.spent.nodes.saturating_add(size.nodes);
        self.spent.bytes = self.spent.bytes.saturating_add(size.bytes);
        let aliases = "an alias counts with everything it stands for; use fewer of them, or shorter lists";
        let found = if self.open.len() + size.height > DEPTH_LIMIT {
            traps::too_deep(at)
        } else if self.spent.nodes > NODE_LIMIT {
            let message = "the file holds more than 100,000 values".to_owned();
            Diagnostic::error("yaml-too-large", at, message).with_label("one too many").with_help(aliases)
        } else if self.spent.bytes > TEXT_LIMIT {
            let message = format!("the file's aliases make more than {TEXT_LIMIT} bytes (4 MiB) of text");
            Diagnostic::error("yaml-too-large", at, message).with_label("one too many").with_help(aliases)
        } else {
            return Some(());
        };
        self.diagnostics.push(found);
        None
    }

    /// Puts a finished node where it belongs.
    fn attach(&mut self, node: Node, size: Size, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored { node: node.clone(), size });
        }
        let site = node.alias.unwrap_or(node.span);
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        parent.height = parent.height.max(size.height + 1);
        parent.span = parent.span.to(if site.end > parent.span.end { site } else { parent.span });
        match &mut parent.body {
            Body::Sequence(items) => items.push(node),
            Body::Mapping(mapping) => match std::mem::take(&mut mapping.next) {
                Next::Key if parent.is_template => mapping.next = Next::Refused,
                Next::Key => mapping.next = mapping.key(&node, site, self.diagnostics),
                Next::Value(key) => mapping.entries.push((key, node)),
                Next::Merge => mapping.merge(&node, self.diagnostics),
                Next::Refused => {}
            },
        }
    }

    fn syntax_error(&mut self, kind: &granit_parser::ErrorKind, at: Option<usize>) {
        let mut at = at.unwrap_or(self.text.len()).min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let told = |trap: Span| {
            let between = self.text.get(trap.start as usize..at);
            between.is_some_and(|between| !between.trim_end().contains('\n'))
        };
        if !self.trap.is_some_and(told) {
            let is_flow = |open: &&Open| open.style == StructureStyle::Flow;
            let outer = self.open.iter().find(is_flow).map(|open| open.span.start as usize);
            let inner = self.open.iter().rev().find(is_flow).map(|open| open.span.start as usize);
            let brackets = outer.zip(inner).map(|(outer, inner)| traps::Brackets { outer, inner });
            self.diagnostics.push(traps::explain(self.file, self.text, kind, at, brackets));
        }
    }

    fn second_document(&mut self, place: Span) {
        let found =
            Diagnostic::error("yaml-documents", place, "a second document begins here; a file holds one")
                .with_help("remove the `---` or `...` line, or move what follows it to a file of its own");
        self.diagnostics.push(found);
    }

    fn in_flow(&self) -> bool {
        self.open.iter().any(|open| open.style == StructureStyle::Flow)
    }

    /// A block ends with its last line that is not empty.
    fn trimmed(&self, span: Span) -> Span {
        let kept = self.slice(span).trim_end().len();
        Span::new(self.file, span.start as usize, span.start as usize + kept)
    }

    fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    fn span(&self, place: &granit_parser::Span) -> Span {
        let range = place.byte_range().unwrap_or(0..0);
        Span::new(self.file, range.start, range.end)
    }
}
