//! `pages`: the rest of a list that a server gives in pieces.
//!
//! The address of the next page is data, so it must lie where the first one lies: nothing that an
//! author wrote for one server, credentials least of all, is sent to another that an answer names.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::component::{Arguments, Field, FieldType, StepError, Type};
use crate::net::{Headers, Request};
use crate::template::{Expr, Scope};
use crate::units::ByteSize;
use crate::value::{Failure, Json};

use super::super::parse::Format;
use super::{Exchange, headers, source, unsent};

/// What the expressions see.
const NAMES: &[&str] = &["status", "headers", "body", "link"];

/// How many pages are got where the step does not say.
const DEFAULT: u32 = 10;

/// The most pages.
const MOST: i64 = 1_000;

/// `pages`.
pub(super) const FIELDS: &[Field] = &[
    Field::required(
        "next",
        FieldType::ExpressionOver(NAMES),
        "The address of the next page, or null at the last; `link` is that of the `Link` header's `rel=next`",
    ),
    Field::optional("items", FieldType::ExpressionOver(NAMES), "The list of one page").with_default("body"),
    Field::optional("max", FieldType::Integer { min: 1, max: MOST }, "The most pages").with_default("10"),
];

/// What all pages give.
pub(super) const TYPE: Type = Type::Record(&[
    ("status", Type::Integer),
    ("headers", Type::Any),
    ("body", Type::List(&Type::Any)),
    ("pages", Type::Integer),
    ("complete", Type::Boolean),
]);

/// The value of `pages`, its expressions apart.
#[derive(Deserialize)]
pub(super) struct Written {
    max: Option<u32>,
}

/// How pages follow each other.
pub(super) struct Rules {
    next: Arc<Expr>,
    items: Option<Arc<Expr>>,
    max: u32,
}

impl Rules {
    /// The rules that are written.
    ///
    /// # Errors
    /// `wrong_value` when a template gave a number of pages that is none.
    pub(super) fn new(written: &Written, arguments: &Arguments) -> Result<Self, Failure> {
        let max = written.max.unwrap_or(DEFAULT);
        if !(1..=MOST).contains(&i64::from(max)) {
            let message = format!("`pages.max` lies between 1 and {MOST}, found {max}");
            return Err(Failure::new("wrong_value", message));
        }
        let next = arguments.later("pages", "next").cloned();
        let next = next.ok_or_else(|| Failure::new("wrong_value", "`pages.next` is missing"))?;
        Ok(Self { next, items: arguments.later("pages", "items").cloned(), max })
    }
}

impl Exchange<'_> {
    /// The items of all pages, and the status and the headers of the last.
    pub(super) async fn pages(&self, mut request: Request, rules: &Rules) -> Result<Json, StepError> {
        let limit = request.limits.max_body;
        let mut left = limit;
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        for page in 1.. {
            request.limits.max_body = left;
            let response = self.answer(&request).await?;
            let (status, url, headers) =
                (response.status, response.url().clone(), headers(&response.headers));
            let link = next_link(&response.headers);
            let source = source(&response, self.http.net.secrets());
            let format = Format::of_content_type(source.content_type.as_deref().unwrap_or_default());
            let bytes = response.bytes().await.map_err(|error| match error.class {
                crate::net::Class::TooLarge => too_large(page, limit).into(),
                _ => unsent(&error),
            })?;
            left = left.saturating_sub(bytes.len() as u64);
            let body = match bytes.is_empty() {
                true => Json::Null,
                false => format.value(bytes, source, &self.http.files).await?,
            };
            let scope = Scope::new()
                .with("status", json!(status))
                .with("headers", headers.clone())
                .with("body", body)
                .with("link", json!(link));
            all.extend(items(rules, &scope, page)?);
            let next = next(rules, &scope, page, &url)?;
            seen.insert(url.clone());
            let complete = next.is_none();
            if let Some(next) = next.filter(|_| page < rules.max) {
                same_origin(&url, &next)?;
                if seen.contains(&next) {
                    let message = format!(
                        "page {page} names a page that was got already as the next: the pages never end"
                    );
                    return Err(Failure::new("endless_pages", message).into());
                }
                request.url = next.into();
                continue;
            }
            let mut body = Json::Array(all);
            if self.credential.is_token() {
                self.secrets().redact_json(&mut body);
            }
            return Ok(json!({
                "status": status, "headers": headers, "body": body, "pages": page, "complete": complete,
            }));
        }
        Err(Failure::new("endless_pages", "the pages never end").into())
    }
}

fn too_large(page: u32, limit: u64) -> Failure {
    let message = format!(
        "with page {page} the answers are larger than {} together: raise `max_size`",
        ByteSize(limit)
    );
    Failure::new("answer_too_large", message)
}

/// The list of one page.
fn items(rules: &Rules, scope: &Scope, page: u32) -> Result<Vec<Json>, Failure> {
    let value = match &rules.items {
        Some(items) => items.evaluate(scope).map_err(|failure| about("items", page, failure))?,
        None => match scope.get("body") {
            Some(crate::template::Node::Value(body)) => Json::clone(body),
            _ => Json::Null,
        },
    };
    match value {
        Json::Array(items) => Ok(items),
        Json::Null => Ok(Vec::new()),
        other => {
            let kind = match other {
                Json::Object(_) => "a map",
                Json::String(_) => "text",
                _ => "another value",
            };
            let message = format!(
                "`pages.items` gives a list, found {kind} on page {page}: say where the list is, as in `items: body.items`"
            );
            Err(Failure::new("wrong_value", message))
        }
    }
}

/// The address of the next page.
fn next(rules: &Rules, scope: &Scope, page: u32, here: &Url) -> Result<Option<Url>, Failure> {
    let next = rules.next.evaluate(scope).map_err(|failure| about("next", page, failure))?;
    let next = match next {
        Json::Null => return Ok(None),
        Json::String(next) if next.is_empty() => return Ok(None),
        Json::String(next) => next,
        _ => {
            let message =
                format!("`pages.next` gives an address or null, found another value on page {page}");
            return Err(Failure::new("wrong_value", message));
        }
    };
    let mut next = here.join(&next).map_err(|error| {
        Failure::new("wrong_value", format!("`pages.next` gave no address on page {page}: {error}"))
    })?;
    next.set_fragment(None);
    Ok(Some(next))
}

fn about(field: &str, page: u32, failure: Failure) -> Failure {
    let message = format!("`pages.{field}` on page {page}: {}", failure.message);
    Failure { message, ..failure }
}

/// Refuses a page at another server.
fn same_origin(here: &Url, next: &Url) -> Result<(), Failure> {
    if here.origin() == next.origin() {
        return Ok(());
    }
    let message = format!(
        "the next page lies at `{}`, and pages are got from `{}` alone: an answer may not choose another server",
        next.origin().ascii_serialization(),
        here.origin().ascii_serialization()
    );
    Err(Failure::new("address_refused", message))
}

/// The target of the `Link` header's `rel=next` (RFC 8288).
fn next_link(headers: &Headers) -> Option<String> {
    headers.iter().filter(|(name, _)| *name == "link").find_map(|(_, value)| {
        let mut rest = value;
        loop {
            let (_, after) = rest.split_once('<')?;
            let (target, after) = after.split_once('>')?;
            let end = end_of_link(after);
            if parameters(&after[..end]).any(|(name, value)| {
                name.eq_ignore_ascii_case("rel")
                    && value.split_ascii_whitespace().any(|rel| rel.eq_ignore_ascii_case("next"))
            }) {
                return Some(target.trim().to_owned());
            }
            rest = &after[end..];
        }
    })
}

/// Where a link's parameters end: at a comma that stands in no quotes.
fn end_of_link(text: &str) -> usize {
    let mut quoted = false;
    text.char_indices()
        .find(|(_, c)| {
            quoted ^= *c == '"';
            *c == ',' && !quoted
        })
        .map_or(text.len(), |(at, _)| at)
}

fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(';').filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        Some((name.trim(), value.trim().trim_matches('"')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found_among_others() {
        let next = |values: &[&str]| next_link(&values.iter().map(|value| ("Link", *value)).collect());
        assert_eq!(next(&["</a?p=1>; rel=\"prev\", </a?p=3>; rel=\"next\""]).as_deref(), Some("/a?p=3"));
        assert_eq!(next(&["<x>; rel=prev", "<y>;title=\"a, b\"; REL=\"last NEXT\""]).as_deref(), Some("y"));
        for none in ["", "<x>; rel=nextish", "<x", "<x>; title=\"rel=next\"", "x; rel=next"] {
            assert_eq!(next(&[none]), None, "{none}");
        }
    }

    #[test]
    fn another_server_is_no_next_page() {
        let url = |text: &str| Url::parse(text).unwrap();
        let here = url("https://example.org/a");
        assert!(same_origin(&here, &url("https://example.org:443/b")).is_ok());
        for other in [
            "http://example.org/",
            "https://example.org:8443/",
            "https://example.org.evil/",
            "https://evil@x/",
        ] {
            assert_eq!(same_origin(&here, &url(other)).unwrap_err().code, "address_refused", "{other}");
        }
    }
}
