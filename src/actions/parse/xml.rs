//! XML as a tree, and the tree as JSON.
//!
//! The JSON is a map of the root element's name to its value. An element with nothing but text is
//! that text. Any other is a map: attributes as `@name`, text as `#text`, each child element under
//! its name, and children of one name as a list. Names keep their prefixes.
//!
//! There are no entities but the five of XML and characters by number; a document that declares its
//! own is refused, so that none can blow up and none is fetched. Depth and size are limited.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;
use serde_json::{Map, map};

use crate::value::Json;

/// How deep elements may nest.
const DEPTH_LIMIT: usize = 64;

/// How many elements, attributes and texts there may be.
const PART_LIMIT: usize = 200_000;

/// One element.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// With its prefix.
    pub(super) name: String,
    /// In order.
    pub(super) attributes: Vec<(String, String)>,
    /// In order.
    pub(super) children: Vec<Child>,
}

/// What stands in an element.
#[derive(Debug)]
pub(super) enum Child {
    Element(Element),
    Text(String),
}

/// Reads a document.
///
/// # Errors
/// What is wrong with it, and at which byte.
pub(super) fn read(text: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    let mut left = PART_LIMIT;
    loop {
        let event = reader.read_event().map_err(|error| at(&reader, &error.to_string()))?;
        let done = match event {
            Event::Start(start) => {
                let element = element(&start, &mut left).map_err(|error| at(&reader, &error))?;
                open.push(element);
                if open.len() > DEPTH_LIMIT {
                    return Err(format!("elements nest deeper than {DEPTH_LIMIT} levels"));
                }
                None
            }
            Event::Empty(start) => Some(element(&start, &mut left).map_err(|error| at(&reader, &error))?),
            Event::End(_) => open.pop(),
            Event::Text(text) => {
                add_text(&mut open, text.xml10_content(), &mut left).map_err(|error| at(&reader, &error))?;
                None
            }
            Event::CData(text) => {
                add_text(&mut open, text.xml10_content(), &mut left).map_err(|error| at(&reader, &error))?;
                None
            }
            Event::GeneralRef(reference) => {
                let character = resolve(&reference).map_err(|error| at(&reader, &error))?;
                add_text(&mut open, character.to_string().into(), &mut left)
                    .map_err(|error| at(&reader, &error))?;
                None
            }
            Event::DocType(kind) if kind.contains('[') => {
                return Err("it declares entities or elements of its own, which are not expanded".to_owned());
            }
            Event::DocType(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => None,
            Event::Eof => break,
        };
        if let Some(element) = done {
            match open.last_mut() {
                Some(parent) => parent.children.push(Child::Element(element)),
                None if root.is_none() => root = Some(element),
                None => return Err(at(&reader, "it has a second root element")),
            }
        }
    }
    match open.last() {
        Some(element) => Err(format!("the element `{}` is never closed", shown(&element.name))),
        None => root.ok_or_else(|| "it has no element".to_owned()),
    }
}

fn at(reader: &Reader<&[u8]>, problem: &str) -> String {
    format!("{problem} (byte {})", reader.buffer_position())
}

/// As much of a name as fits in a message.
fn shown(name: &str) -> String {
    name.chars().take(60).collect()
}

fn spend(left: &mut usize) -> Result<(), String> {
    *left = left
        .checked_sub(1)
        .ok_or_else(|| format!("it has more than {PART_LIMIT} parts (elements, attributes, texts)"))?;
    Ok(())
}

fn element(start: &BytesStart<'_>, left: &mut usize) -> Result<Element, String> {
    spend(left)?;
    let name = start.name().as_ref().to_owned();
    let mut attributes = Vec::new();
    let mut seen = std::collections::HashSet::new();
    // Its own check for doubles compares each with each.
    for attribute in start.attributes().with_checks(false) {
        spend(left)?;
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = attribute.key.as_ref().to_owned();
        if !seen.insert(key.clone()) {
            return Err(format!("an element has the attribute `{}` twice", shown(&key)));
        }
        let value = attribute.normalized_value(XmlVersion::Explicit1_0).map_err(|error| error.to_string())?;
        attributes.push((key, value.into_owned()));
    }
    Ok(Element { name, attributes, children: Vec::new() })
}

fn add_text(open: &mut [Element], text: Cow<'_, str>, left: &mut usize) -> Result<(), String> {
    let Some(parent) = open.last_mut() else {
        return match text.trim().is_empty() {
            true => Ok(()),
            false => Err("there is text outside of the root element".to_owned()),
        };
    };
    if let Some(Child::Text(before)) = parent.children.last_mut() {
        before.push_str(&text);
        return Ok(());
    }
    spend(left)?;
    parent.children.push(Child::Text(text.into_owned()));
    Ok(())
}

/// The character that a reference stands for.
fn resolve(reference: &BytesRef<'_>) -> Result<char, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(character);
    }
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        other => {
            Err(format!("the entity `&{};` is none of XML's own, and no others are expanded", shown(other)))
        }
    }
}

impl Element {
    /// A map of this element's name to its value.
    pub(super) fn to_json(&self) -> Json {
        Json::Object(Map::from_iter([(self.name.clone(), self.value())]))
    }

    /// All text in this element itself, trimmed.
    pub(super) fn text(&self) -> String {
        let texts = self.children.iter().filter_map(|child| match child {
            Child::Text(text) => Some(text.as_str()),
            Child::Element(_) => None,
        });
        texts.collect::<String>().trim().to_owned()
    }

    /// The elements directly in this one.
    pub(super) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|child| match child {
            Child::Element(element) => Some(element),
            Child::Text(_) => None,
        })
    }

    /// The value of an attribute.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// What stands in the element, as markup.
    pub(super) fn markup(&self) -> String {
        let mut markup = String::new();
        self.children.iter().for_each(|child| child.write(&mut markup));
        markup.trim().to_owned()
    }

    fn value(&self) -> Json {
        let text = self.text();
        if self.attributes.is_empty() && self.elements().next().is_none() {
            return text.into();
        }
        let mut fields = Map::new();
        for (name, value) in &self.attributes {
            fields.insert(format!("@{name}"), value.as_str().into());
        }
        let mut several = std::collections::HashSet::new();
        for child in self.elements() {
            match fields.entry(child.name.as_str()) {
                map::Entry::Vacant(entry) => {
                    entry.insert(child.value());
                }
                map::Entry::Occupied(mut entry) => match entry.get_mut() {
                    Json::Array(items) if several.contains(&child.name) => items.push(child.value()),
                    first => {
                        several.insert(&child.name);
                        *first = Json::Array(vec![first.take(), child.value()]);
                    }
                },
            }
        }
        if !text.is_empty() {
            fields.insert("#text".to_owned(), text.into());
        }
        Json::Object(fields)
    }
}

impl Child {
    fn write(&self, markup: &mut String) {
        match self {
            Self::Text(text) => escape(text, markup),
            Self::Element(Element { name, attributes, children }) => {
                markup.push('<');
                markup.push_str(name);
                for (name, value) in attributes {
                    markup.push(' ');
                    markup.push_str(name);
                    markup.push_str("=\"");
                    escape(value, markup);
                    markup.push('"');
                }
                if children.is_empty() {
                    markup.push_str("/>");
                    return;
                }
                markup.push('>');
                children.iter().for_each(|child| child.write(markup));
                markup.push_str("</");
                markup.push_str(name);
                markup.push('>');
            }
        }
    }
}

fn escape(text: &str, markup: &mut String) {
    for c in text.chars() {
        match c {
            '<' => markup.push_str("&lt;"),
            '>' => markup.push_str("&gt;"),
            '&' => markup.push_str("&amp;"),
            '"' => markup.push_str("&quot;"),
            c => markup.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn elements_become_values() {
        let text = "<?xml version='1.0'?><!DOCTYPE o><!-- c -->\n<o:order id='7' note='a &amp; b'>\n\
                    <item>one</item><item n='2'>two &lt;&#x41;<![CDATA[<b>]]></item>\n<empty/><only><x>1</x></only>tail\n</o:order>";
        let value = json!({"o:order": {
            "@id": "7", "@note": "a & b",
            "item": ["one", {"@n": "2", "#text": "two <A<b>"}],
            "empty": "", "only": {"x": "1"}, "#text": "tail",
        }});
        assert_eq!(read(text).unwrap().to_json(), value);
        let markup = read("<d>a <b c='\"'>x &amp; y</b><br/></d>").unwrap().markup();
        assert_eq!(markup, "a <b c=\"&quot;\">x &amp; y</b><br/>");
    }

    #[test]
    fn what_is_no_xml_is_told_with_its_place() {
        for (text, said) in [
            ("", "it has no element"),
            ("<a>", "the element `a` is never closed"),
            ("<a></b>", "(byte "),
            ("<a/><b/>", "a second root element"),
            ("text", "outside of the root"),
            ("<a>&nbsp;</a>", "the entity `&nbsp;`"),
            ("<a b='1' b='2'/>", "the attribute `b` twice"),
            ("{\"json\": 1}", "outside of the root"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn no_entity_of_a_document_is_expanded() {
        let laughs = "<!DOCTYPE a [<!ENTITY x 'ha'><!ENTITY y '&x;&x;&x;&x;'>]><a>&y;</a>";
        let outside = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>";
        for text in [laughs, outside] {
            assert!(read(text).unwrap_err().contains("not expanded"), "{text}");
        }
        assert!(read("<!DOCTYPE a SYSTEM 'http://127.0.0.1/a.dtd'><a>&x;</a>").is_err());
        assert!(read("<a b='&x;'/>").is_err());
    }
}
