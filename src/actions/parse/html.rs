//! Pages: their title, what a person would read of them, and where they lead.
//!
//! The page is read as tags and text, without a tree: so tag soup costs no more than its length, and
//! nothing nests. What is not for reading (scripts, styles, templates) is left out.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use serde_json::{Map, json};
use url::Url;

use crate::component::Type;
use crate::value::Json;

use super::feed::absolute;

/// What a page gives.
pub(super) const TYPE: Type = Type::Record(&[
    ("title", Type::Any),
    ("description", Type::Any),
    ("text", Type::Text),
    ("links", Type::List(&Type::Record(&[("text", Type::Text), ("url", Type::Text)]))),
    ("meta", Type::Any),
]);

/// The most links of one page.
const LINK_LIMIT: usize = 20_000;

/// Elements whose text nobody reads.
const UNREAD: [&str; 11] = [
    "script", "style", "noscript", "template", "svg", "math", "iframe", "object", "select", "textarea",
    "button",
];

/// Elements that begin and end a line.
const LINES: [&str; 22] = [
    "address",
    "article",
    "aside",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "hr",
    "li",
    "main",
    "nav",
    "section",
    "summary",
    "tr",
    "caption",
];

/// Elements with an empty line before and after them.
const PARAGRAPHS: [&str; 13] =
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "pre", "table", "body"];

/// Reads a page; links are made whole where it is known whence it came, or the page says it.
///
/// # Errors
/// When it has more links than are taken.
pub(super) fn read(text: &str, base: Option<&Url>) -> Result<Json, String> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let mut page = Page { base: base.cloned(), ..Page::default() };
    for token in Tokenizer::new_with_emitter(text, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => page.open(&tag)?,
            Token::EndTag(tag) => page.close(&String::from_utf8_lossy(&tag.name)),
            Token::String(text) => page.say(&String::from_utf8_lossy(&text.value)),
            Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    page.end_link();
    let description = ["description", "og:description", "twitter:description"];
    let description = description.iter().find_map(|name| page.meta.get(*name)).cloned();
    let title = Some(page.title.finish()).filter(|title| !title.is_empty());
    let title = title.map(Json::from).or_else(|| page.meta.get("og:title").cloned());
    Ok(json!({
        "title": title,
        "description": description,
        "text": page.text.finish(),
        "links": page.links,
        "meta": page.meta,
    }))
}

/// What was read so far.
#[derive(Default)]
struct Page {
    base: Option<Url>,
    /// The element that is left out, and how many of its name are open.
    unread: Option<(String, usize)>,
    title: Flow,
    in_title: bool,
    text: Flow,
    /// How many `pre` are open.
    pre: usize,
    link: Option<(String, Flow)>,
    links: Vec<Json>,
    meta: Map<String, Json>,
}

impl Page {
    fn open(&mut self, tag: &StartTag<()>) -> Result<(), String> {
        let name = String::from_utf8_lossy(&tag.name);
        if let Some((unread, depth)) = &mut self.unread {
            *depth += usize::from(*unread == name && !tag.self_closing);
            return Ok(());
        }
        if UNREAD.contains(&&*name) {
            // Only in `svg` and `math` does a slash end an element.
            if !(tag.self_closing && matches!(&*name, "svg" | "math")) {
                self.unread = Some((name.into_owned(), 1));
            }
            return Ok(());
        }
        match &*name {
            "title" if self.title.text.is_empty() => self.in_title = true,
            "title" => self.unread = Some((name.clone().into_owned(), 1)),
            "meta" => self.note(tag),
            "base" => {
                let href = attribute(tag, "href").and_then(|href| match &self.base {
                    Some(base) => base.join(&href).ok(),
                    None => Url::parse(&href).ok(),
                });
                self.base = href.or(self.base.take());
            }
            "a" => {
                self.end_link();
                self.link = attribute(tag, "href")
                    .filter(|href| leads_somewhere(href))
                    .map(|to| (to, Flow::default()));
                if self.links.len() >= LINK_LIMIT {
                    return Err(format!("it has more than {LINK_LIMIT} links"));
                }
            }
            "br" => self.text.break_line(1),
            "td" | "th" => self.text.space(),
            "img" => {
                if let Some(alt) = attribute(tag, "alt")
                    && let Some((_, text)) = &mut self.link
                {
                    text.add(&alt);
                }
            }
            "pre" => self.pre += 1,
            _ => {}
        }
        self.edge(&name);
        if name == "li" {
            self.text.add("- ");
        }
        Ok(())
    }

    fn close(&mut self, name: &str) {
        if let Some((unread, depth)) = &mut self.unread {
            *depth -= usize::from(*unread == *name);
            if *depth == 0 {
                self.unread = None;
            }
            return;
        }
        match name {
            "title" => self.in_title = false,
            "a" => self.end_link(),
            "pre" => self.pre = self.pre.saturating_sub(1),
            _ => {}
        }
        self.edge(name);
    }

    /// The edge of an element, where a line may end.
    fn edge(&mut self, name: &str) {
        if PARAGRAPHS.contains(&name) {
            self.text.break_line(2);
        } else if LINES.contains(&name) {
            self.text.break_line(1);
        }
    }

    fn say(&mut self, text: &str) {
        if self.unread.is_some() {
            return;
        }
        if self.in_title {
            self.title.add(text);
            return;
        }
        if let Some((_, words)) = &mut self.link {
            words.add(text);
        }
        match self.pre {
            0 => self.text.add(text),
            _ => self.text.add_as_is(text),
        }
    }

    fn end_link(&mut self) {
        if let Some((to, text)) = self.link.take()
            && let Some(url) = absolute(&to, self.base.as_ref())
        {
            self.links.push(json!({ "text": text.finish(), "url": url }));
        }
    }

    /// What a `meta` says; the first of a name counts.
    fn note(&mut self, tag: &StartTag<()>) {
        let name = attribute(tag, "name").or_else(|| attribute(tag, "property"));
        if let (Some(name), Some(content)) = (name, attribute(tag, "content")) {
            let name = name.trim().to_ascii_lowercase();
            if !name.is_empty() {
                self.meta.entry(name).or_insert_with(|| content.trim().into());
            }
        }
    }
}

fn attribute(tag: &StartTag<()>, name: &str) -> Option<String> {
    tag.attributes.get(name.as_bytes()).map(|value| String::from_utf8_lossy(&value.value).into_owned())
}

/// Whether a link is a place to go to.
fn leads_somewhere(href: &str) -> bool {
    let href = href.trim();
    let scheme = href.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    !href.is_empty() && !href.starts_with('#') && !matches!(scheme.as_deref(), Some("javascript" | "data"))
}

/// Text as a browser sets it: runs of white space are one space, lines end where they must.
#[derive(Default)]
struct Flow {
    text: String,
    /// What stands between what was added and what comes.
    gap: Gap,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    Space,
    Lines(u8),
}

impl Flow {
    fn space(&mut self) {
        self.gap = self.gap.max(Gap::Space);
    }

    fn break_line(&mut self, lines: u8) {
        self.gap = self.gap.max(Gap::Lines(lines));
    }

    fn add(&mut self, text: &str) {
        for (index, word) in text.split(|c: char| c.is_whitespace() && c != '\u{a0}').enumerate() {
            if index > 0 {
                self.space();
            }
            if !word.is_empty() {
                self.add_as_is(word);
            }
        }
    }

    fn add_as_is(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match std::mem::take(&mut self.gap) {
            _ if self.text.is_empty() => {}
            Gap::None => {}
            Gap::Space => self.text.push(' '),
            Gap::Lines(lines) => (0..lines).for_each(|_| self.text.push('\n')),
        }
        self.text.push_str(text);
    }

    fn finish(self) -> String {
        self.text.trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_gives_what_a_person_reads() {
        let page = r##"<!doctype html><html><head><title>A &amp; B</title><meta name="Description" content="short">
            <meta property="og:image" content="/i.png"><style>p { color: red }</style><script>if (1 < 2) "</p>"</script></head>
            <body><!-- no --><h1>Head</h1><p>One  <b>bold</b>
            word.<p>Two<br>lines &copy;<ul><li>first<li><a href="/x?a=1&amp;b=2">second <i>link</i></a></ul>
            <pre>a
  b</pre><table><tr><td>1<td>2</table><svg><title>no</title><text>no</text></svg>
            <a href="javascript:go()">no</a><a href="mailto:a@example.org"><img alt="Mail"></a><a href="#x">no</a></body>"##;
        let value = read(page, Some(&Url::parse("https://example.org/dir/page").unwrap())).unwrap();
        assert_eq!((&value["title"], &value["description"]), (&json!("A & B"), &json!("short")));
        assert_eq!(
            value["text"],
            "Head\n\nOne bold word.\n\nTwo\nlines ©\n\n- first\n- second link\n\na\n  b\n\n1 2\n\nnono"
        );
        assert_eq!(
            value["links"],
            json!([
                {"text": "second link", "url": "https://example.org/x?a=1&b=2"},
                {"text": "Mail", "url": "mailto:a@example.org"},
            ])
        );
        assert_eq!(value["meta"], json!({"description": "short", "og:image": "/i.png"}));
    }

    #[test]
    fn links_are_whole_where_it_is_known_whence() {
        let page = "<a href='a'>x</a>";
        assert_eq!(read(page, None).unwrap()["links"][0]["url"], "a");
        let based = "<base href='https://example.org/d/'><a href='a'>x";
        assert_eq!(read(based, None).unwrap()["links"][0]["url"], "https://example.org/d/a");
    }

    #[test]
    fn what_is_no_page_is_a_page_of_text() {
        assert_eq!(read("just < text", None).unwrap()["text"], "just < text");
        assert_eq!(read("", None).unwrap()["title"], Json::Null);
        assert_eq!(read("<script>never closed", None).unwrap()["text"], "");
    }
}
