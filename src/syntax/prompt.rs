//! A prompt file, as Dotprompt writes it: front matter between two lines of `---`, and a body.
//!
//! Not here: what the body means, and what its inputs are checked against. Every node of the front
//! matter knows its place in the file, and so does the body.
//!
//! Codes raised here: `front-matter`, `unknown-key` (a warning: Dotprompt lets a file hold what it
//! likes), and those of reading YAML.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Map;

use super::fields::{self, Fields};
use super::tree::{Kind, Node};
use super::yaml;
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Span, Spanned, did_you_mean, quoted};
use crate::value::Json;

/// A prompt file.
#[derive(Debug)]
pub struct PromptFile {
    /// What stands above the body.
    pub front: FrontMatter,
    /// The bytes of the body: the whole file, or what follows the front matter, without the space
    /// around it.
    pub body: Range<usize>,
}

/// What stands above the body of a prompt file; nothing in a file without it.
#[derive(Debug, Default)]
pub struct FrontMatter {
    /// The model, or several.
    pub model: Option<Node>,
    /// Settings of the model, by name.
    pub config: Vec<(Spanned<Arc<str>>, Node)>,
    /// The schema of the inputs, in either form.
    pub input_schema: Option<Node>,
    /// What inputs are that are not given.
    pub input_default: Option<Node>,
    /// The form of the answer.
    pub output_format: Option<Spanned<Arc<str>>>,
    /// The schema of the answer, in either form.
    pub output_schema: Option<Node>,
    /// What the model may call.
    pub tools: Option<Node>,
    /// Keys with a dot in them: `x.y.key` is `key` of `x.y`.
    pub ext: Map<String, Json>,
    /// Every key as written.
    pub raw: Map<String, Json>,
}

/// Keys that are known and have no effect on what is sent.
const DESCRIBING: [&str; 7] = ["name", "variant", "version", "description", "metadata", "toolDefs", "ext"];

/// The keys that have one.
const KEYS: [&str; 5] = ["model", "config", "input", "output", "tools"];

/// Reads a prompt file. None when its front matter has errors.
pub fn read(file: FileId, text: &str, diagnostics: &mut Diagnostics) -> Option<PromptFile> {
    match split(text) {
        Split::None => Some(PromptFile { front: FrontMatter::default(), body: 0..text.len() }),
        Split::Unclosed(line) => {
            let span = Span::new(file, line.start, line.end);
            let found = Diagnostic::error("front-matter", span, "the front matter is never closed");
            diagnostics
                .push(found.with_help("end it with a line of `---`; a body alone needs none of these lines"));
            None
        }
        Split::Front { yaml, body } => {
            let mut own = Diagnostics::new();
            // From the start of the file, so that places are those of the file.
            let root = yaml::parse(file, &text[..yaml], &mut own);
            let front = root.and_then(|root| front_matter(&root, &mut own));
            let failed = own.has_errors();
            diagnostics.extend(own);
            front.filter(|_| !failed).map(|front| PromptFile { front, body })
        }
    }
}

/// Whether a file begins with front matter, closed or not.
pub fn has_front_matter(text: &str) -> bool {
    !matches!(split(text), Split::None)
}

/// Where the parts of a file are.
enum Split {
    /// There is no front matter.
    None,
    /// It begins with this line and has no end.
    Unclosed(Range<usize>),
    Front {
        /// Where it ends.
        yaml: usize,
        body: Range<usize>,
    },
}

/// Above the front matter there may be comments: the header of a licence.
fn split(text: &str) -> Split {
    let mut opened: Option<(Range<usize>, bool)> = None;
    let (mut at, mut commented) = (0, false);
    for line in text.split_inclusive('\n') {
        let next = at + line.len();
        let bare = line.trim_end();
        match &opened {
            None if bare == "---" => opened = Some((at..at + bare.len(), commented)),
            None if bare.is_empty() => {}
            None if bare.starts_with('#') => commented = true,
            None => return Split::None,
            Some(_) if bare == "---" => {
                let rest = &text[next..];
                let start = next + (rest.len() - rest.trim_start().len());
                return Split::Front { yaml: at, body: start..start.max(next + rest.trim_end().len()) };
            }
            Some(_) => {}
        }
        at = next;
    }
    match opened {
        // A heading and a rule of Markdown look like this too.
        Some((line, false)) => Split::Unclosed(line),
        _ => Split::None,
    }
}

fn front_matter(root: &Node, diagnostics: &mut Diagnostics) -> Option<FrontMatter> {
    let mut front = FrontMatter::default();
    if root.is_null() {
        return Some(front);
    }
    let mut cursor = Fields::open(root, "the front matter", diagnostics)?;
    front.model = cursor.take("model").map(|field| field.node.clone());
    front.tools = cursor.take("tools").map(|field| field.node.clone());
    match cursor.take("config").map(|field| field.node) {
        Some(Node { kind: Kind::Mapping(entries), .. }) => front.config = entries.to_vec(),
        Some(node) if !node.is_null() => {
            let message = format!("`config` must be a map, found {}", node.describe());
            diagnostics.push(Diagnostic::error("wrong-type", node.span, message));
        }
        _ => {}
    }
    if let Some(field) = cursor.take("input")
        && let Some(mut input) = Fields::open(field.node, "`input`", diagnostics)
    {
        front.input_schema = input.take("schema").map(|field| field.node.clone());
        front.input_default = input.take("default").map(|field| field.node.clone());
        input.finish(diagnostics);
    }
    if let Some(field) = cursor.take("output")
        && let Some(mut output) = Fields::open(field.node, "`output`", diagnostics)
    {
        front.output_schema = output.take("schema").map(|field| field.node.clone());
        if let Some(field) = output.take("format") {
            let format = fields::text(field.node, "format", diagnostics);
            front.output_format = format.map(|format| Spanned::new(format.into(), field.node.span));
        }
        output.finish(diagnostics);
    }
    for name in DESCRIBING {
        cursor.take(name);
    }
    for key in cursor.keys() {
        if key.value.contains('.') {
            continue;
        }
        let message = format!("the key {} means nothing in a prompt file", quoted(&key.value));
        let near = did_you_mean(&key.value, KEYS.into_iter().chain(DESCRIBING));
        diagnostics.push(Diagnostic::warning("unknown-key", key.span, message).with_help_if(near));
    }
    if let Json::Object(raw) = root.to_json() {
        for (key, value) in &raw {
            let Some((space, name)) = key.rsplit_once('.') else { continue };
            let space = front.ext.entry(space).or_insert_with(|| Json::Object(Map::new()));
            if let Json::Object(space) = space {
                space.insert(name.to_owned(), value.clone());
            }
        }
        front.raw = raw;
    }
    Some(front)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{SourceFile, SourceMap};

    /// Codes, and what each stands on.
    type Findings = Vec<(&'static str, String)>;

    /// The front matter and the body of a text, and what was found.
    fn reading(text: &str) -> (Option<(FrontMatter, String)>, Findings) {
        let mut sources = SourceMap::default();
        let file = sources.add(SourceFile::new("prompts/x.prompt", text));
        let mut found = Diagnostics::new();
        let read = read(file, text, &mut found);
        let found = found.iter().map(|one| (one.code, sources.text(one.primary.span).to_owned())).collect();
        (read.map(|read| (read.front, text[read.body].to_owned())), found)
    }

    #[test]
    fn a_file_is_parted_where_dotprompt_parts_it() {
        for (text, body) in [
            ("Hello\n", "Hello\n"),
            ("", ""),
            ("---\nmodel: m\n---\n\n Hello \n\n", "Hello"),
            ("---\r\nmodel: m\r\n--- \r\nHello\r\n", "Hello"),
            ("# Copyright\n#\n\n---\nmodel: m\n---\nHello", "Hello"),
            ("---\n---\nHello\n---\nthere", "Hello\n---\nthere"),
            ("---\nmodel: m\n---", ""),
            ("# A heading\n---\nof Markdown\n", "# A heading\n---\nof Markdown\n"),
            ("Hello\n---\nmodel: m\n---\n", "Hello\n---\nmodel: m\n---\n"),
        ] {
            let (read, found) = reading(text);
            assert_eq!(read.map(|(_, body)| body).as_deref(), Some(body), "{text:?}");
            assert_eq!(found, [], "{text:?}");
        }
    }

    #[test]
    fn what_is_wrong_has_its_place_in_the_file() {
        let cases: [(&str, &str, &str); 6] = [
            ("---\nmodel: m\n", "front-matter", "---"),
            ("# note\n\n---\nconfig: 3\n---\nx", "wrong-type", "3"),
            ("---\ninput: { shema: string }\n---\nx", "unknown-key", "shema"),
            ("---\nconfg: {}\n---\nx", "unknown-key", "confg"),
            ("---\n- model\n---\nx", "wrong-type", "- model"),
            ("---\noutput:\n  format: 3\n---\nx", "wrong-type", "3"),
        ];
        for (text, code, place) in cases {
            assert_eq!(reading(text).1, [(code, place.to_owned())], "{text:?}");
        }
        let (read, _) = reading("---\nconfg: {}\n---\nx");
        assert!(read.is_some(), "an unknown key is a warning");
    }

    #[test]
    fn keys_with_dots_are_extensions() {
        let (read, found) = reading("---\na.b: 1\na.c.d: 2\nx.: 3\n---\n");
        let front = read.unwrap().0;
        assert_eq!(Json::Object(front.ext).to_string(), r#"{"a":{"b":1},"a.c":{"d":2},"x":{"":3}}"#);
        assert_eq!((front.raw.len(), found), (3, Vec::new()));
    }
}
