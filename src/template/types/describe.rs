//! Types in words, as they stand in messages.

use std::fmt;

use crate::diagnostic::quoted;
use crate::template::values::text;

use super::{Kind, Ty};

/// How many values are told before they are only counted.
const TOLD: usize = 6;

impl fmt::Display for Ty {
    /// `text`, `a whole number`, `a list of maps`, `text or null`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(known) = &self.known else { return f.write_str("any value") };
        let values = self.as_values().filter(|values| !values.is_empty() && values.len() <= TOLD);
        let listed = known.number.as_ref().is_none_or(|number| number.values.is_some())
            && known.text.as_ref().is_none_or(Option::is_some)
            && known.boolean.is_none();
        let mut words = match values.filter(|_| listed) {
            Some(values) => values.iter().map(|value| quoted(&text(value))).collect::<Vec<_>>(),
            None => known.kinds().filter(|kind| *kind != Kind::Null).map(|kind| self.word(kind)).collect(),
        };
        if self.may_be_null() {
            words.push("null".to_owned());
        }
        match words.split_last() {
            None => f.write_str("nothing"),
            Some((last, [])) => f.write_str(last),
            Some((last, before)) => write!(f, "{} or {last}", before.join(", ")),
        }
    }
}

impl Ty {
    fn word(&self, kind: Kind) -> String {
        match kind {
            Kind::Number if self.is_whole() => "a whole number".to_owned(),
            Kind::List => match self.list_item().and_then(|(item, _)| item.plural()) {
                Some(items) => format!("a list of {items}"),
                None => "a list".to_owned(),
            },
            kind => kind.words().to_owned(),
        }
    }

    /// What several of these are called, where there is one word for it.
    fn plural(&self) -> Option<&'static str> {
        let mut kinds = self.kinds()?;
        let (kind, None) = (kinds.next()?, kinds.next()) else { return None };
        Some(match kind {
            Kind::Null => return None,
            Kind::Boolean => "booleans",
            Kind::Number if self.is_whole() => "whole numbers",
            Kind::Number => "numbers",
            Kind::Text => "texts",
            Kind::List => "lists",
            Kind::Map => "maps",
        })
    }
}

impl Kind {
    /// What people call a value of this kind.
    pub fn words(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Map => "a map",
        }
    }
}
