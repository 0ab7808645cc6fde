//! Functions on lists and maps; some take a text as the list of its characters.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt::Write as _;

use crate::template::values::{compare, kind};
use crate::value::Json;

use super::Arguments;
use super::text::parts;

type Result = std::result::Result<Json, String>;

pub(super) fn omit(arguments: &Arguments<'_>) -> Result {
    let mut keys = HashSet::new();
    for value in arguments.rest(1) {
        let listed = match value {
            Json::Array(items) => items.as_slice(),
            one => std::slice::from_ref(one),
        };
        for key in listed {
            keys.insert(key.as_str().ok_or_else(|| format!("a key is text, found {}", kind(key)))?);
        }
    }
    let kept = arguments.map(0)?.iter().filter(|(key, _)| !keys.contains(key.as_str()));
    Ok(Json::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect()))
}

pub(super) fn first(arguments: &Arguments<'_>) -> Result {
    match arguments.value(0) {
        Json::String(text) => Ok(text.chars().next().map(String::from).into()),
        _ => Ok(arguments.list(0)?.first().cloned().unwrap_or_default()),
    }
}

pub(super) fn last(arguments: &Arguments<'_>) -> Result {
    match arguments.value(0) {
        Json::String(text) => Ok(text.chars().next_back().map(String::from).into()),
        _ => Ok(arguments.list(0)?.last().cloned().unwrap_or_default()),
    }
}

pub(super) fn sort(arguments: &Arguments<'_>) -> Result {
    let items = arguments.list(0)?;
    let key = |item: &Json| match arguments.optional(1) {
        None => Ok(item.clone()),
        Some(Json::String(field)) => {
            item.get(field).cloned().ok_or_else(|| format!("an item of the list has no field `{field}`"))
        }
        Some(other) => Err(format!("`by` is the name of a field, found {}", kind(other))),
    };
    let mut keyed = Vec::with_capacity(items.len());
    for item in items {
        keyed.push((key(item)?, item));
    }
    // Checked beforehand, so that the order below is total.
    if let Some((other, _)) = keyed.iter().find(|(key, _)| compare(key, &keyed[0].0).is_none()) {
        let (one, other) = (kind(&keyed[0].0), kind(other));
        return Err(format!("only numbers or only texts have an order, found {one} and {other}"));
    }
    keyed.sort_by(|(a, _), (b, _)| compare(a, b).unwrap_or(Ordering::Equal));
    Ok(keyed.into_iter().map(|(_, item)| item.clone()).collect())
}

pub(super) fn distinct(arguments: &Arguments<'_>) -> Result {
    let mut seen = HashSet::new();
    let unseen = |item: &&Json| {
        let mut spelling = String::new();
        canonical(item, &mut spelling);
        seen.insert(spelling)
    };
    Ok(arguments.list(0)?.iter().filter(unseen).cloned().collect())
}

/// A spelling that equal values share: `4.0` as `4`, keys in order.
fn canonical(value: &Json, spelling: &mut String) {
    match value {
        Json::Array(items) => {
            spelling.push('[');
            for item in items {
                canonical(item, spelling);
                spelling.push(',');
            }
            spelling.push(']');
        }
        Json::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            spelling.push('{');
            for (key, field) in fields {
                let _ = write!(spelling, "{key:?}:");
                canonical(field, spelling);
                spelling.push(',');
            }
            spelling.push('}');
        }
        value => {
            let _ = match crate::template::values::as_integer(value) {
                Some(integer) => write!(spelling, "{integer}"),
                None => write!(spelling, "{value}"),
            };
        }
    }
}

pub(super) fn flatten(arguments: &Arguments<'_>) -> Result {
    let inner = |item: &Json| match item {
        Json::Array(items) => items.clone(),
        other => vec![other.clone()],
    };
    Ok(arguments.list(0)?.iter().flat_map(inner).collect())
}

pub(super) fn chunk(arguments: &Arguments<'_>) -> Result {
    let size = arguments.count(1, 1)?;
    if let Json::String(text) = arguments.value(0) {
        return parts(Pieces { rest: text, size });
    }
    Ok(arguments.list(0)?.chunks(size).map(|part| Json::from(part.to_vec())).collect())
}

/// Pieces of a text of `size` characters each.
struct Pieces<'t> {
    rest: &'t str,
    size: usize,
}

impl<'t> Iterator for Pieces<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.char_indices().nth(self.size).map_or(self.rest.len(), |(at, _)| at);
        let (piece, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(piece)
    }
}

pub(super) fn take(arguments: &Arguments<'_>) -> Result {
    let count = arguments.integer(1)?;
    let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if let Json::String(text) = arguments.value(0) {
        let skipped = if count < 0 { text.chars().count().saturating_sub(size) } else { 0 };
        return Ok(text.chars().skip(skipped).take(size).collect::<String>().into());
    }
    let items = arguments.list(0)?;
    let size = size.min(items.len());
    let taken = if count < 0 { &items[items.len() - size..] } else { &items[..size] };
    Ok(taken.to_vec().into())
}

pub(super) fn length(arguments: &Arguments<'_>) -> Result {
    match arguments.value(0) {
        Json::String(text) => Ok(text.chars().count().into()),
        Json::Array(items) => Ok(items.len().into()),
        Json::Object(fields) => Ok(fields.len().into()),
        other => Err(format!("expected text, a list or a map, found {}", kind(other))),
    }
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
    fn sort_is_stable_and_takes_one_kind() {
        let people = json!([{"n": "b", "i": 1}, {"n": "a", "i": 2}, {"n": "a", "i": 3}]);
        let sorted = call(sort, &[people, json!("n")]).unwrap();
        assert_eq!(sorted, json!([{"n": "a", "i": 2}, {"n": "a", "i": 3}, {"n": "b", "i": 1}]));
        assert_eq!(call(sort, &[json!([2, 1.5, -1])]), Ok(json!([-1, 1.5, 2])));
        assert_eq!(call(sort, &[json!([])]), Ok(json!([])));
        assert!(call(sort, &[json!([1, "a"])]).unwrap_err().contains("found a number and text"));
        assert!(call(sort, &[json!([{}]), json!("n")]).unwrap_err().contains("no field `n`"));
    }

    #[test]
    fn distinct_compares_values() {
        let list = json!([1, 1.0, "1", {"a": 1, "b": 2}, {"b": 2.0, "a": 1}, [1], [1]]);
        assert_eq!(call(distinct, &[list]), Ok(json!([1, "1", {"a": 1, "b": 2}, [1]])));
    }

    #[test]
    fn texts_are_lists_of_characters() {
        assert_eq!(call(chunk, &[json!("äbcde"), json!(2)]), Ok(json!(["äb", "cd", "e"])));
        assert_eq!(call(take, &[json!("äbc"), json!(-2)]), Ok(json!("bc")));
        assert_eq!(call(take, &[json!([1, 2]), json!(i64::MIN)]), Ok(json!([1, 2])));
        assert_eq!(call(first, &[json!("")]), Ok(json!(null)));
        assert_eq!(call(last, &[json!("äö")]), Ok(json!("ö")));
        assert_eq!(call(length, &[json!("äö")]), Ok(json!(2)));
        assert!(call(chunk, &[json!([1]), json!(0)]).is_err());
        assert!(call(length, &[json!(1)]).is_err());
    }

    #[test]
    fn omit_takes_keys_and_lists_of_keys() {
        let map = json!({"a": 1, "b": 2, "c": 3});
        assert_eq!(call(omit, &[map, json!("a"), json!(["b", "x"])]), Ok(json!({"c": 3})));
    }
}
