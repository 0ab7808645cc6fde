//! Functions on text. Characters are Unicode's; what could outgrow its arguments is measured first.

use crate::value::{Json, VALUE_LIMIT};

use super::Arguments;

/// The most parts that a text is taken into.
pub(super) const PART_LIMIT: usize = 500_000;

/// The longest file name that `filename` makes, in bytes; file systems take 255.
const NAME_LIMIT: usize = 200;

type Result = std::result::Result<Json, String>;

pub(super) fn lower(arguments: &Arguments<'_>) -> Result {
    Ok(arguments.plain_text(0)?.to_lowercase().into())
}

pub(super) fn upper(arguments: &Arguments<'_>) -> Result {
    Ok(arguments.plain_text(0)?.to_uppercase().into())
}

pub(super) fn trim(arguments: &Arguments<'_>) -> Result {
    Ok(arguments.plain_text(0)?.trim().into())
}

pub(super) fn split(arguments: &Arguments<'_>) -> Result {
    let (text, separator) = (arguments.text(0)?, arguments.text(1)?);
    if separator.is_empty() {
        return parts(text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]));
    }
    parts(text.split(separator))
}

pub(super) fn lines(arguments: &Arguments<'_>) -> Result {
    parts(arguments.text(0)?.lines())
}

/// A list of texts, if they are not too many.
pub(super) fn parts<'t>(parts: impl Iterator<Item = &'t str>) -> Result {
    let list: Vec<Json> = parts.take(PART_LIMIT + 1).map(Json::from).collect();
    if list.len() > PART_LIMIT {
        return Err(format!("the text has more than {PART_LIMIT} parts"));
    }
    Ok(list.into())
}

pub(super) fn join(arguments: &Arguments<'_>) -> Result {
    let separator = match arguments.optional(1) {
        Some(_) => arguments.text(1)?,
        None => ",",
    };
    let mut joined = String::new();
    for (at, item) in arguments.list(0)?.iter().enumerate() {
        if at > 0 {
            joined.push_str(separator);
        }
        joined.push_str(&crate::template::values::text(item));
        within_limit(joined.len())?;
    }
    Ok(joined.into())
}

pub(super) fn replace(arguments: &Arguments<'_>) -> Result {
    let (text, from, to) = (arguments.text(0)?, arguments.text(1)?, arguments.text(2)?);
    if from.is_empty() {
        return Err("the text to replace is empty".to_owned());
    }
    let grown = text.matches(from).count().saturating_mul(to.len().saturating_sub(from.len()));
    within_limit(text.len().saturating_add(grown))?;
    Ok(text.replace(from, to).into())
}

/// Refuses a text that would be longer than a value may be.
fn within_limit(length: usize) -> std::result::Result<(), String> {
    match length <= VALUE_LIMIT {
        true => Ok(()),
        false => Err(format!("the text would be longer than {} MiB", VALUE_LIMIT >> 20)),
    }
}

pub(super) fn slug(arguments: &Arguments<'_>) -> Result {
    let text = arguments.plain_text(0)?.to_lowercase();
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    Ok(words.join("-").into())
}

pub(super) fn filename(arguments: &Arguments<'_>) -> Result {
    let text = arguments.plain_text(0)?;
    let special =
        |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|');
    let mut name: String = text.trim().chars().map(|c| if special(c) { '_' } else { c }).collect();
    name.truncate(name.floor_char_boundary(NAME_LIMIT));
    // A name that begins with a dot is hidden, and one that ends in a dot or a space is lost on some systems.
    let name = name.trim_end_matches([' ', '.']);
    let name = match name.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None if name.is_empty() => "_".to_owned(),
        None => name.to_owned(),
    };
    Ok(name.into())
}

pub(super) fn truncate(arguments: &Arguments<'_>) -> Result {
    let (text, length) = (arguments.text(0)?, arguments.count(1, 0)?);
    let end = match arguments.optional(2) {
        Some(_) => arguments.text(2)?,
        None => "…",
    };
    if text.chars().nth(length).is_none() {
        return Ok(text.into());
    }
    let kept = length.saturating_sub(end.chars().count());
    Ok(text.chars().take(kept).chain(end.chars()).take(length).collect::<String>().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::borrow::Cow;

    fn call(body: fn(&Arguments<'_>) -> Result, values: &[Json]) -> Result {
        let values: Vec<_> = values.iter().map(Cow::Borrowed).collect();
        body(&Arguments::new(&values))
    }

    #[test]
    fn a_file_name_is_one_safe_part_of_a_path() {
        let cases = [
            ("../../etc/passwd", "_._.._etc_passwd"),
            ("..", "_"),
            (".", "_"),
            ("", "_"),
            (".bashrc", "_bashrc"),
            ("Über uns.md", "Über uns.md"),
            ("a\0b\nc", "a_b_c"),
            ("report. ", "report"),
        ];
        for (text, name) in cases {
            assert_eq!(call(filename, &[json!(text)]), Ok(json!(name)), "{text:?}");
        }
        let long = call(filename, &[json!("é".repeat(500))]).unwrap();
        assert_eq!(long.as_str().unwrap().len(), 200);
    }

    #[test]
    fn truncate_counts_characters_and_its_own_end() {
        assert_eq!(call(truncate, &[json!("äöü"), json!(3)]), Ok(json!("äöü")));
        assert_eq!(call(truncate, &[json!("äöüß"), json!(3)]), Ok(json!("äö…")));
        assert_eq!(call(truncate, &[json!("abcdef"), json!(2), json!("...")]), Ok(json!("..")));
        assert_eq!(
            call(truncate, &[json!("abc"), json!(-1)]).unwrap_err(),
            "expected a whole number from 0 on, found -1"
        );
    }

    #[test]
    fn what_would_grow_too_large_is_refused_before_it_does() {
        let text = json!("a".repeat(20_000));
        assert!(call(replace, &[text.clone(), json!("a"), text.clone()]).unwrap_err().contains("16 MiB"));
        let list = Json::Array(vec![json!(""); 20_000]);
        assert!(call(join, &[list, text]).unwrap_err().contains("16 MiB"));
        assert!(call(split, &[json!("a".repeat(PART_LIMIT + 1)), json!("")]).unwrap_err().contains("parts"));
    }

    #[test]
    fn a_slug_keeps_letters_of_every_script() {
        assert_eq!(call(slug, &[json!("  Crème brûlée — №5!")]), Ok(json!("crème-brûlée-5")));
        assert_eq!(call(slug, &[json!("!!!")]), Ok(json!("")));
    }
}
