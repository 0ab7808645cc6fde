//! Functions that read and write the formats of data: JSON, YAML, CSV, front matter.

use std::collections::HashSet;

use serde::Serialize as _;
use serde_json::{Map, json};
use serde_yaml::Value as Yaml;

use crate::template::values::DEPTH_LIMIT;
use crate::value::{Json, VALUE_LIMIT};

use super::Arguments;
use super::text::PART_LIMIT;

type Result = std::result::Result<Json, String>;

/// The longest YAML text that is read, in bytes: its reader takes quadratic time for some texts.
const YAML_LIMIT: usize = 256 * 1024;

pub(super) fn json(arguments: &Arguments<'_>) -> Result {
    let value = arguments.value(0);
    let indent = match arguments.optional(1) {
        Some(_) => arguments.count(1, 0)?.min(8),
        None => 0,
    };
    if indent == 0 {
        return Ok(value.to_string().into());
    }
    let mut text = Vec::new();
    let spaces = [b' '; 8];
    let style = serde_json::ser::PrettyFormatter::with_indent(&spaces[..indent]);
    let mut writer = serde_json::Serializer::with_formatter(&mut text, style);
    value.serialize(&mut writer).map_err(|error| error.to_string())?;
    String::from_utf8(text).map(Json::from).map_err(|error| error.to_string())
}

pub(super) fn parse_json(arguments: &Arguments<'_>) -> Result {
    let text = arguments.text(0)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))
}

pub(super) fn yaml(arguments: &Arguments<'_>) -> Result {
    serde_yaml::to_string(arguments.value(0)).map(Json::from).map_err(|error| error.to_string())
}

pub(super) fn parse_yaml(arguments: &Arguments<'_>) -> Result {
    read_yaml(arguments.text(0)?)
}

/// The value of a YAML text, its merge keys applied: in bounded time, whatever the text.
///
/// # Errors
/// When it is not YAML, or passes a limit.
pub fn read_yaml(text: &str) -> Result {
    if text.len() > YAML_LIMIT {
        return Err(format!("a YAML text has at most {} KiB", YAML_LIMIT >> 10));
    }
    // The reader's time is quadratic in the nesting, and it would read it all before it refuses.
    if deepest_flow(text) > DEPTH_LIMIT {
        return Err(format!("a YAML text nests at most {DEPTH_LIMIT} levels"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut value: Yaml = serde_yaml::from_str(text).map_err(|error| format!("not YAML: {error}"))?;
    value.apply_merge().map_err(|error| format!("not YAML: {error}"))?;
    let mut left = VALUE_LIMIT;
    to_json(value, DEPTH_LIMIT, &mut left)
}

/// The most `[` and `{` that are open at once, quotes and comments not told apart from the rest.
fn deepest_flow(text: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => {
                open += 1;
                deepest = deepest.max(open);
            }
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// YAML as JSON: keys become text, tags are dropped. Aliases are copies by now, so size counts.
fn to_json(value: Yaml, depth: usize, left: &mut usize) -> Result {
    let size = match &value {
        Yaml::String(text) => 16 + text.len(),
        _ => 16,
    };
    *left = left.checked_sub(size).ok_or("the YAML text's aliases make it too large")?;
    let too_deep = || format!("a YAML text nests at most {DEPTH_LIMIT} levels");
    Ok(match value {
        Yaml::Null => Json::Null,
        Yaml::Bool(truth) => truth.into(),
        Yaml::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => integer.into(),
            (None, Some(integer)) => integer.into(),
            (None, None) => number.as_f64().into(),
        },
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => {
            let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
            let items: std::result::Result<_, _> =
                items.into_iter().map(|item| to_json(item, depth, left)).collect();
            Json::Array(items?)
        }
        Yaml::Mapping(fields) => {
            let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
            let mut map = Map::new();
            for (key, field) in fields {
                let key = match key {
                    Yaml::String(key) => key,
                    Yaml::Bool(key) => key.to_string(),
                    Yaml::Number(key) => key.to_string(),
                    Yaml::Null => "null".to_owned(),
                    _ => return Err("a key of a YAML map is itself a list or a map".to_owned()),
                };
                map.insert(key, to_json(field, depth, left)?);
            }
            Json::Object(map)
        }
        Yaml::Tagged(tagged) => to_json(tagged.value, depth.checked_sub(1).ok_or_else(too_deep)?, left)?,
    })
}

pub(super) fn front_matter(arguments: &Arguments<'_>) -> Result {
    read_front_matter(arguments.text(0)?)
}

/// A text parted into `front_matter`, a map, and `content`, the text after it.
///
/// # Errors
/// When the front matter is not YAML, or not a map.
pub fn read_front_matter(text: &str) -> Result {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some((head, content)) = split_front_matter(text) else {
        return Ok(json!({"front_matter": {}, "content": text}));
    };
    let fields = match read_yaml(head)? {
        Json::Null => json!({}),
        fields @ Json::Object(_) => fields,
        other => {
            return Err(format!("front matter is a map, found {}", crate::template::values::kind(&other)));
        }
    };
    Ok(json!({"front_matter": fields, "content": content}))
}

/// The text between a first line `---` and the next such line, and the text after that.
fn split_front_matter(text: &str) -> Option<(&str, &str)> {
    let mut offset = 0;
    let mut head = None;
    for line in text.split_inclusive('\n') {
        let end = offset + line.len();
        match (line.trim_end(), head) {
            ("---", None) => head = Some(end),
            ("---", Some(start)) => return Some((&text[start..offset], &text[end..])),
            (_, None) => return None,
            _ => {}
        }
        offset = end;
    }
    None
}

pub(super) fn parse_csv(arguments: &Arguments<'_>) -> Result {
    let delimiter = match arguments.optional(1) {
        Some(_) => {
            let mut characters = arguments.text(1)?.chars();
            match (characters.next(), characters.next()) {
                (Some(one), None) if !matches!(one, '"' | '\n' | '\r') => one,
                _ => {
                    return Err("the delimiter is one character, other than a quote or a line end".to_owned());
                }
            }
        }
        None => ',',
    };
    read_csv(arguments.text(0)?, delimiter)
}

/// The rows of a CSV text as maps by the names in its first row.
///
/// # Errors
/// When it is not CSV, a row has another length than the first, or the text passes a limit.
pub fn read_csv(text: &str, delimiter: char) -> Result {
    let mut rows = Rows::new(text.strip_prefix('\u{feff}').unwrap_or(text), delimiter);
    let Some(names) = rows.next_row()? else {
        return Ok(json!([]));
    };
    let mut seen = HashSet::new();
    if let Some((at, name)) = names.iter().enumerate().find(|(_, name)| !seen.insert(*name)) {
        return Err(format!("the first row has the name `{name}` twice (column {})", at + 1));
    }
    // Every row carries the names again, so long names make a small text a large value.
    let names_weight: usize = names.iter().map(|name| name.len() + 16).sum();
    let mut left = VALUE_LIMIT;
    let mut list = Vec::new();
    while let Some(row) = rows.next_row()? {
        if row.len() != names.len() {
            let (line, found, wanted) = (rows.started, row.len(), names.len());
            return Err(format!("the row on line {line} has {found} fields, the first row has {wanted}"));
        }
        let weight = names_weight + row.iter().map(String::len).sum::<usize>();
        left = left.checked_sub(weight).ok_or_else(|| {
            format!("the rows with their names make a value of more than {} MiB", VALUE_LIMIT >> 20)
        })?;
        let fields: Map<_, _> = names.iter().cloned().zip(row.into_iter().map(Json::from)).collect();
        list.push(Json::Object(fields));
        if list.len().saturating_mul(names.len()) > PART_LIMIT {
            return Err(format!("the text has more than {PART_LIMIT} fields"));
        }
    }
    Ok(list.into())
}

/// The rows of a CSV text, as RFC 4180 has them: quoted fields may hold delimiters, line ends and
/// doubled quotes. Empty lines are passed over.
struct Rows<'t> {
    rest: std::iter::Peekable<std::str::Chars<'t>>,
    delimiter: char,
    line: usize,
    /// The line on which the last row began, counted from 1.
    started: usize,
}

impl<'t> Rows<'t> {
    fn new(text: &'t str, delimiter: char) -> Self {
        Self { rest: text.chars().peekable(), delimiter, line: 1, started: 1 }
    }

    fn next_row(&mut self) -> std::result::Result<Option<Vec<String>>, String> {
        while let Some('\n' | '\r') = self.rest.peek() {
            self.line += usize::from(self.rest.next() == Some('\n'));
        }
        if self.rest.peek().is_none() {
            return Ok(None);
        }
        self.started = self.line;
        let mut row = Vec::new();
        loop {
            row.push(self.field()?);
            if row.len() > PART_LIMIT {
                return Err(format!("the text has more than {PART_LIMIT} fields"));
            }
            match self.rest.next() {
                Some(c) if c == self.delimiter => {}
                Some(end @ ('\n' | '\r')) => {
                    if end == '\r' {
                        self.rest.next_if_eq(&'\n');
                    }
                    self.line += 1;
                    return Ok(Some(row));
                }
                None => return Ok(Some(row)),
                Some(c) => return Err(format!("found `{c}` after a closing quote on line {}", self.line)),
            }
        }
    }

    fn field(&mut self) -> std::result::Result<String, String> {
        let mut field = String::new();
        if self.rest.peek() != Some(&'"') {
            while let Some(c) = self.rest.next_if(|c| *c != self.delimiter && !matches!(c, '\n' | '\r')) {
                field.push(c);
            }
            return Ok(field);
        }
        self.rest.next();
        let opened = self.line;
        loop {
            match self.rest.next() {
                Some('"') if self.rest.peek() == Some(&'"') => {
                    self.rest.next();
                    field.push('"');
                }
                Some('"') => return Ok(field),
                Some(c) => {
                    self.line += usize::from(c == '\n');
                    field.push(c);
                }
                None => return Err(format!("the quote that opens on line {opened} is never closed")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    fn call(body: fn(&Arguments<'_>) -> Result, text: &str) -> Result {
        body(&Arguments::new(&[Cow::Owned(text.into())]))
    }

    #[test]
    fn csv_is_read_as_its_rfc_has_it() {
        let text = "name,note\r\n\"Ann \"\"A\"\"\",\"one, two\nthree\"\r\n\r\nBob,\n";
        let rows = json!([{"name": "Ann \"A\"", "note": "one, two\nthree"}, {"name": "Bob", "note": ""}]);
        assert_eq!(call(parse_csv, text), Ok(rows));
        assert_eq!(call(parse_csv, ""), Ok(json!([])));
        assert_eq!(call(parse_csv, "a,b"), Ok(json!([])));
        let cases = [
            ("a,a\n1,2", "the first row has the name `a` twice (column 2)"),
            ("a,b\n1,2\n3", "the row on line 3 has 1 fields, the first row has 2"),
            ("a\n\"x", "the quote that opens on line 2 is never closed"),
            ("a\n\"x\"y", "found `y` after a closing quote on line 2"),
        ];
        for (text, message) in cases {
            assert_eq!(call(parse_csv, text).unwrap_err(), message);
        }
    }

    #[test]
    fn yaml_becomes_json() {
        let text = "base: &b {x: 1}\ncopy:\n  <<: *b\n  y: 2.5\n1: on\nnone: ~\n";
        let value = json!({"base": {"x": 1}, "copy": {"y": 2.5, "x": 1}, "1": "on", "none": null});
        assert_eq!(call(parse_yaml, text), Ok(value));
        assert!(call(parse_yaml, "a: [").unwrap_err().starts_with("not YAML"));
    }

    #[test]
    fn hostile_yaml_is_refused_fast() {
        let bomb = (1..10).fold("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned(), |text, level| {
            let alias = format!("*a{}", level - 1);
            format!("{text}a{level}: &a{level} [{}]\n", vec![alias; 10].join(","))
        });
        let dashes = "- ".repeat(100_000);
        let keys = "? ".repeat(100_000);
        for text in [bomb, "[".repeat(100_000), dashes, keys, "x".repeat(YAML_LIMIT + 1)] {
            assert!(call(parse_yaml, &text).is_err());
        }
    }

    #[test]
    fn front_matter_is_parted_from_its_content() {
        let cases = [
            ("---\na: 1\n---\nHi\n---\n", json!({"front_matter": {"a": 1}, "content": "Hi\n---\n"})),
            ("---\n---\nHi", json!({"front_matter": {}, "content": "Hi"})),
            ("Hi\n---\n", json!({"front_matter": {}, "content": "Hi\n---\n"})),
            ("---\nnever closed", json!({"front_matter": {}, "content": "---\nnever closed"})),
        ];
        for (text, parts) in cases {
            assert_eq!(call(front_matter, text), Ok(parts), "{text:?}");
        }
        assert!(call(front_matter, "---\n- 1\n---\n").is_err());
    }
}
