//! Types made from scratch, and the limits that hold for each of them.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::value::Json;

use super::{
    Booleans, DEPTH_LIMIT, Field, Fields, Items, Known, Numbers, Presence, SIZE_LIMIT, Ty, VALUES_LIMIT,
    schema,
};

impl Ty {
    /// Any value.
    pub fn any() -> Self {
        Self::default()
    }

    /// Always null.
    pub fn null() -> Self {
        Self::of(Known { null: true, ..Known::default() })
    }

    /// `true` or `false`.
    pub fn boolean() -> Self {
        Self::of(Known { boolean: Some(Booleans::Both), ..Known::default() })
    }

    /// A whole number.
    pub fn integer() -> Self {
        Self::of(Known { number: Some(Numbers { whole: true, values: None }), ..Known::default() })
    }

    /// A number.
    pub fn number() -> Self {
        Self::of(Known { number: Some(Numbers { whole: false, values: None }), ..Known::default() })
    }

    /// Text.
    pub fn text() -> Self {
        Self::of(Known { text: Some(None), ..Known::default() })
    }

    /// One of these texts.
    pub fn words(words: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        let words: Vec<Arc<str>> = words.into_iter().map(Into::into).collect();
        let words = (words.len() <= VALUES_LIMIT).then_some(words);
        Self::of(Known { text: Some(words), ..Known::default() })
    }

    /// A list of these.
    pub fn list(item: Self) -> Self {
        Self::of(Known { list: Some(Items { item, filled: false }), ..Known::default() })
    }

    /// A list of these with at least one.
    pub fn filled_list(item: Self) -> Self {
        Self::of(Known { list: Some(Items { item, filled: true }), ..Known::default() })
    }

    /// A map of exactly these fields.
    pub fn map<N: Into<Arc<str>>>(fields: impl IntoIterator<Item = (N, Self, Presence)>) -> Self {
        let field = |(name, ty, presence): (N, Self, Presence)| (name.into(), Field { ty, presence });
        Self::of_fields(Fields { named: fields.into_iter().map(field).collect(), others: None })
    }

    /// A map from any names to these.
    pub fn map_of(others: Self) -> Self {
        Self::of_fields(Fields { named: IndexMap::new(), others: Some(others) })
    }

    /// Exactly this value.
    pub fn of_value(value: &Json) -> Self {
        match value {
            Json::Null => Self::null(),
            Json::Bool(truth) => {
                Self::of(Known { boolean: Some(Booleans::Only(*truth)), ..Known::default() })
            }
            Json::Number(_) => {
                let whole = crate::template::values::as_integer(value).is_some();
                let values = Some(vec![value.clone()]);
                Self::of(Known { number: Some(Numbers { whole, values }), ..Known::default() })
            }
            Json::String(text) => Self::words([text.as_str()]),
            Json::Array(items) => {
                let item = items.iter().map(Self::of_value).reduce(|a, b| a.or(&b));
                match item {
                    Some(item) => Self::filled_list(item),
                    None => Self::list(Self::never()),
                }
            }
            Json::Object(fields) => Self::map(
                fields.iter().map(|(name, value)| (name.as_str(), Self::of_value(value), Presence::Required)),
            ),
        }
    }

    /// The type that a schema describes.
    pub fn of_schema(schema: &Json) -> Self {
        schema::ty(schema)
    }

    pub(super) fn of_fields(fields: Fields) -> Self {
        Self::of(Known { map: Some(fields), ..Known::default() })
    }

    /// No value at all: what an empty list holds, what a step gives that always fails.
    pub fn never() -> Self {
        Self::of(Known::default())
    }

    /// This type, or any value where it has grown too large.
    pub(super) fn of(mut known: Known) -> Self {
        let fields = known
            .map
            .iter()
            .flat_map(|fields| fields.named.values().map(|field| &field.ty).chain(&fields.others));
        let parts = known.list.iter().map(|items| &items.item).chain(fields);
        let (depth, size) = parts
            .map(|part| part.known.as_ref().map_or((0, 1), |known| (known.depth, known.size)))
            .fold((0, 1_u32), |(depth, size), (deeper, larger)| {
                (depth.max(deeper), size.saturating_add(larger))
            });
        (known.depth, known.size) = (depth + 1, size);
        let fits = known.depth <= DEPTH_LIMIT && known.size <= SIZE_LIMIT;
        Self { known: fits.then(|| Arc::new(known)), absent: None }
    }
}
