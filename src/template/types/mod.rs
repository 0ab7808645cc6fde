//! What is known of a value before anything runs.
//!
//! A [`Ty`] says for each kind of JSON value whether it can be one, and what is known of it then: the
//! words a text can be, the fields of a map, the items of a list. So several types together are one
//! again, and what two have in common is found kind by kind. It is not a schema: it leaves out what
//! no reader needs (patterns, limits, which field goes with which).
//!
//! What must stay true: a type never excludes a value that can be there, and what is not understood
//! is any value. A type is small and shallow whatever it is made of: what grows beyond the limits
//! below becomes any value.

mod access;
mod assume;
mod combine;
mod describe;
mod infer;
mod make;
mod names;
mod operators;
mod path;
mod schema;

use std::sync::Arc;

use indexmap::IndexMap;

use crate::value::Json;

pub use assume::Outcome;
pub use infer::{Finding, Inference};
pub use names::Names;

pub(super) use assume::{assume, assume_truth, flatten};
pub(super) use infer::{Inferrer, Language, Reading};
pub(super) use names::Env;

/// How deep a type may nest; values nest no deeper.
const DEPTH_LIMIT: u16 = 64;

/// How many parts a type may have, those that it shares with others counted as its own.
const SIZE_LIMIT: u32 = 20_000;

/// How many values a type lists before it is any text or number.
const VALUES_LIMIT: usize = 500;

/// The type of a value, as far as it is known. Cloning is cheap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ty {
    /// What it can be; without it anything.
    known: Option<Arc<Known>>,
    /// Why there may be null instead, for a reason outside of the value: its step may be skipped.
    absent: Option<Arc<str>>,
}

/// A kind of JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number, whole or not.
    Number,
    /// Text.
    Text,
    /// A list.
    List,
    /// A map.
    Map,
}

/// For each kind what is known of it; none for a kind that the value cannot be.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    null: bool,
    boolean: Option<Booleans>,
    number: Option<Numbers>,
    text: Option<Texts>,
    list: Option<Items>,
    map: Option<Fields>,
    depth: u16,
    size: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Booleans {
    Both,
    Only(bool),
}

#[derive(Clone, Debug, PartialEq)]
struct Numbers {
    /// Whether it is a whole number for sure.
    whole: bool,
    /// The values, where they are known.
    values: Option<Vec<Json>>,
}

/// The values, where they are known.
type Texts = Option<Vec<Arc<str>>>;

#[derive(Clone, Debug, PartialEq)]
struct Items {
    item: Ty,
    /// Whether there is an item for sure.
    filled: bool,
}

/// The fields of a map.
#[derive(Clone, Debug, PartialEq)]
struct Fields {
    named: IndexMap<Arc<str>, Field>,
    /// What fields of other names are; without it there are none.
    others: Option<Ty>,
}

/// A field of a map.
#[derive(Clone, Debug, PartialEq)]
struct Field {
    ty: Ty,
    presence: Presence,
}

/// Whether a field is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Always.
    Required,
    /// Perhaps.
    Optional,
}

impl Ty {
    /// The same, or null for this reason: `step `draft` may be skipped`.
    #[must_use]
    pub fn or_absent(self, why: impl Into<Arc<str>>) -> Self {
        Self { absent: Some(why.into()), ..self }
    }

    /// The same, or null.
    #[must_use]
    pub fn or_null(self) -> Self {
        self.or(&Self::null())
    }

    /// The same without null, whatever the reason for it.
    #[must_use]
    pub fn present(&self) -> Self {
        match &self.known {
            Some(known) if known.null => self.with_known(|known| known.null = false).settled(),
            _ => self.settled(),
        }
    }

    /// The same where the reason for its absence does not hold.
    #[must_use]
    pub fn settled(&self) -> Self {
        Self { known: self.known.clone(), absent: None }
    }

    /// The same without the values that it lists: text is any text, `true` is any truth. For what an
    /// author wrote as it happens to be now.
    #[must_use]
    pub fn widened(&self) -> Self {
        let Some(known) = &self.known else { return self.clone() };
        let wide = Known {
            null: known.null,
            boolean: known.boolean.map(|_| Booleans::Both),
            number: known.number.as_ref().map(|number| Numbers { whole: number.whole, values: None }),
            text: known.text.as_ref().map(|_| None),
            list: known.list.as_ref().map(|items| Items { item: items.item.widened(), ..items.clone() }),
            map: known.map.as_ref().map(|fields| Fields {
                named: fields
                    .named
                    .iter()
                    .map(|(name, field)| (name.clone(), Field { ty: field.ty.widened(), ..field.clone() }))
                    .collect(),
                others: fields.others.as_ref().map(Self::widened),
            }),
            ..Known::default()
        };
        Self { absent: self.absent.clone(), ..Self::of(wide) }
    }

    /// Whether nothing is known of it.
    pub fn is_any(&self) -> bool {
        self.known.is_none()
    }

    /// Whether it can be no value: what is said of it is true and of no use.
    pub fn is_never(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.kinds().next().is_none())
    }

    /// Why there may be null instead of it, for a reason outside of the value.
    pub fn absence(&self) -> Option<&Arc<str>> {
        self.absent.as_ref()
    }

    /// Whether it can be null, for any reason that is known.
    pub fn may_be_null(&self) -> bool {
        self.absent.is_some() || self.known.as_ref().is_some_and(|known| known.null)
    }

    /// The kinds of value that it can be; none where anything is possible.
    pub fn kinds(&self) -> Option<impl Iterator<Item = Kind> + '_> {
        self.known.as_ref().map(|known| known.kinds())
    }

    /// Whether it can be of this kind.
    pub fn can_be(&self, kind: Kind) -> bool {
        self.kinds().is_none_or(|mut kinds| kinds.any(|known| known == kind))
    }

    /// Whether it is always null.
    pub fn is_null(&self) -> bool {
        self.kinds().is_some_and(|mut kinds| kinds.all(|kind| kind == Kind::Null)) && !self.is_never()
    }

    /// Whether it is always `true` or `false`.
    pub fn is_boolean(&self) -> bool {
        !self.may_be_null() && self.kinds().is_some_and(|mut kinds| kinds.all(|kind| kind == Kind::Boolean))
    }

    /// Whether it is a list with an item for sure.
    pub fn is_filled_list(&self) -> bool {
        !self.may_be_null() && self.list_item().is_some_and(|(_, filled)| filled)
    }

    /// Whether it is a whole number wherever it is a number.
    pub(super) fn is_whole(&self) -> bool {
        self.known.as_ref().is_some_and(|known| known.number.as_ref().is_some_and(|number| number.whole))
    }

    /// The words that it can be, where it is one of a few texts, null aside.
    pub fn as_words(&self) -> Option<&[Arc<str>]> {
        let known = self.known.as_ref()?;
        let is_text = known.kinds().all(|kind| matches!(kind, Kind::Text | Kind::Null));
        known.text.as_ref().filter(|_| is_text)?.as_deref()
    }

    /// All values that it can be, where they are few and none of them is a list or a map, null aside.
    pub fn as_values(&self) -> Option<Vec<Json>> {
        let known = self.known.as_ref()?;
        if known.list.is_some() || known.map.is_some() {
            return None;
        }
        let mut values = Vec::new();
        match known.boolean {
            Some(Booleans::Both) => values.extend([Json::Bool(true), Json::Bool(false)]),
            Some(Booleans::Only(truth)) => values.push(Json::Bool(truth)),
            None => {}
        }
        if let Some(number) = &known.number {
            values.extend(number.values.as_ref()?.iter().cloned());
        }
        if let Some(texts) = &known.text {
            values.extend(texts.as_ref()?.iter().map(|text| Json::from(text.as_ref())));
        }
        Some(values)
    }

    /// What a loop over it gives each time: an item of a list, a value of a map. Any value where it
    /// cannot be gone over.
    pub fn item(&self) -> Self {
        let Some(known) = &self.known else { return Self::any() };
        let fields = known
            .map
            .iter()
            .flat_map(|fields| fields.named.values().map(|field| &field.ty).chain(&fields.others));
        let parts = known.list.iter().map(|items| &items.item).chain(fields);
        parts.cloned().reduce(|a, b| a.or(&b)).filter(|item| !item.is_never()).unwrap_or_default()
    }

    /// The item of the list that it is; none where it may be something else.
    fn list_item(&self) -> Option<(&Self, bool)> {
        let items = self.known.as_ref()?.list.as_ref()?;
        Some((&items.item, items.filled))
    }

    /// The field of this name of the map that it is, and whether it is there for sure.
    pub fn field(&self, name: &str) -> Option<(Self, Presence)> {
        let fields = self.known.as_ref()?.map.as_ref()?;
        fields
            .named
            .get(name)
            .map(|field| (field.ty.clone(), field.presence))
            .or_else(|| fields.others.clone().map(|ty| (ty, Presence::Optional)))
    }

    /// The same map with this field.
    #[must_use]
    pub fn with_field(&self, name: impl Into<Arc<str>>, ty: Self, presence: Presence) -> Self {
        self.with_known(|known| {
            if let Some(fields) = &mut known.map {
                fields.named.insert(name.into(), Field { ty, presence });
            }
        })
    }

    /// The same map without this field.
    #[must_use]
    pub fn without_field(&self, name: &str) -> Self {
        self.with_known(|known| {
            if let Some(fields) = &mut known.map {
                fields.named.shift_remove(name);
            }
        })
    }

    /// The same after a change of what is known.
    fn with_known(&self, change: impl FnOnce(&mut Known)) -> Self {
        let Some(known) = &self.known else { return self.clone() };
        let mut known = Known::clone(known);
        change(&mut known);
        Self { absent: self.absent.clone(), ..Self::of(known) }
    }
}

impl Known {
    fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        [
            (self.null, Kind::Null),
            (self.boolean.is_some(), Kind::Boolean),
            (self.number.is_some(), Kind::Number),
            (self.text.is_some(), Kind::Text),
            (self.list.is_some(), Kind::List),
            (self.map.is_some(), Kind::Map),
        ]
        .into_iter()
        .filter_map(|(can_be, kind)| can_be.then_some(kind))
    }
}

#[cfg(test)]
mod tests;
