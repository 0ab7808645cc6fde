//! Types put together: what is one of two, what is both of two, what can never be the same.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::template::values::equal;
use crate::value::Json;

use super::{Booleans, Field, Fields, Items, Known, Numbers, Presence, Texts, Ty, VALUES_LIMIT};

impl Ty {
    /// A value of this type or of that.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let absent = self.absent.as_ref().or(other.absent.as_ref()).cloned();
        let ty = match (&self.known, &other.known) {
            (Some(a), Some(b)) if Arc::ptr_eq(a, b) => self.clone(),
            (Some(a), Some(b)) => Self::of(Known {
                null: a.null || b.null,
                boolean: either(a.boolean.as_ref(), b.boolean.as_ref(), |a, b| {
                    if a == b { *a } else { Booleans::Both }
                }),
                number: either(a.number.as_ref(), b.number.as_ref(), |a, b| Numbers {
                    whole: a.whole && b.whole,
                    values: all(a.values.as_ref(), b.values.as_ref(), equal),
                }),
                text: either(a.text.as_ref(), b.text.as_ref(), |a: &Texts, b: &Texts| {
                    all(a.as_ref(), b.as_ref(), |a, b| a == b)
                }),
                list: either(a.list.as_ref(), b.list.as_ref(), |a, b| Items {
                    item: a.item.or(&b.item),
                    filled: a.filled && b.filled,
                }),
                map: either(a.map.as_ref(), b.map.as_ref(), Fields::or),
                ..Known::default()
            }),
            _ => Self::any(),
        };
        Self { absent, ..ty }
    }

    /// A value that is of both types. Any value where there is none, as what is said of it further
    /// would only repeat one mistake.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let (Some(a), Some(b)) = (&self.known, &other.known) else {
            let known = self.known.clone().or_else(|| other.known.clone());
            let absent = self.absent.clone().filter(|_| other.may_be_null() || other.known.is_none());
            return Self { known, absent };
        };
        let ty = Self::of(Known {
            null: a.null && b.null,
            boolean: both(a.boolean.as_ref(), b.boolean.as_ref(), |a, b| match (a, b) {
                (Booleans::Both, other) | (other, Booleans::Both) => Some(*other),
                (a, b) => (a == b).then_some(*a),
            }),
            number: both(a.number.as_ref(), b.number.as_ref(), |a, b| {
                let whole = a.whole || b.whole;
                let is_whole = |value: &Json| crate::template::values::as_integer(value).is_some();
                let mut values = common(a.values.as_ref(), b.values.as_ref(), equal);
                if let Some(values) = values.as_mut().filter(|_| whole) {
                    values.retain(is_whole);
                }
                let possible = values.as_ref().is_none_or(|values| !values.is_empty());
                possible.then_some(Numbers { whole, values })
            }),
            text: both(a.text.as_ref(), b.text.as_ref(), |a: &Texts, b: &Texts| {
                let words = common(a.as_ref(), b.as_ref(), |a, b| a == b);
                words.as_ref().is_none_or(|words| !words.is_empty()).then_some(words)
            }),
            list: both(a.list.as_ref(), b.list.as_ref(), |a, b| {
                Some(Items { item: a.item.and(&b.item), filled: a.filled || b.filled })
            }),
            map: both(a.map.as_ref(), b.map.as_ref(), |a, b| Some(Fields::and(a, b))),
            ..Known::default()
        });
        if ty.is_never() { Self::any() } else { ty }
    }

    /// Whether no value can be of both types.
    pub fn excludes(&self, other: &Self) -> bool {
        let (Some(a), Some(b)) = (&self.known, &other.known) else { return false };
        if self.may_be_null() && other.may_be_null() {
            return false;
        }
        let lists = a.list.is_some() && b.list.is_some();
        let maps = a.map.is_some() && b.map.is_some();
        let booleans = match (a.boolean, b.boolean) {
            (Some(Booleans::Only(a)), Some(Booleans::Only(b))) => a == b,
            (a, b) => a.is_some() && b.is_some(),
        };
        let numbers = match (&a.number, &b.number) {
            (Some(a), Some(b)) => {
                common(a.values.as_ref(), b.values.as_ref(), equal).is_none_or(|common| !common.is_empty())
            }
            _ => false,
        };
        let texts = match (&a.text, &b.text) {
            (Some(a), Some(b)) => {
                common(a.as_ref(), b.as_ref(), |a, b| a == b).is_none_or(|common| !common.is_empty())
            }
            _ => false,
        };
        !(lists || maps || booleans || numbers || texts)
    }

    /// The same without this value, where the type lists its values.
    #[must_use]
    pub fn without(&self, value: &Json) -> Self {
        let left = self.with_known(|known| match value {
            Json::Null => known.null = false,
            Json::Bool(truth) => match known.boolean {
                Some(Booleans::Both) => known.boolean = Some(Booleans::Only(!truth)),
                Some(Booleans::Only(only)) if only == *truth => known.boolean = None,
                _ => {}
            },
            Json::String(text) => {
                if let Some(Some(words)) = &mut known.text {
                    words.retain(|word| **word != **text);
                    if words.is_empty() {
                        known.text = None;
                    }
                }
            }
            Json::Number(_) => {
                if let Some(Numbers { values: Some(values), .. }) = &mut known.number {
                    values.retain(|known| !equal(known, value));
                    if values.is_empty() {
                        known.number = None;
                    }
                }
            }
            Json::Array(_) | Json::Object(_) => {}
        });
        let left = if value.is_null() { left.settled() } else { left };
        if left.is_never() { Self::any() } else { left }
    }
}

impl Fields {
    fn or(&self, other: &Self) -> Self {
        let mut named = IndexMap::with_capacity(self.named.len());
        let names =
            self.named.keys().chain(other.named.keys().filter(|name| !self.named.contains_key(*name)));
        for name in names {
            let field = match (self.named.get(name), other.named.get(name)) {
                (Some(a), Some(b)) => Field {
                    ty: a.ty.or(&b.ty),
                    presence: if a.presence == b.presence { a.presence } else { Presence::Optional },
                },
                (Some(one), None) => one.or_others(other.others.as_ref()),
                (None, Some(one)) => one.or_others(self.others.as_ref()),
                (None, None) => continue,
            };
            named.insert(name.clone(), field);
        }
        Self { named, others: either(self.others.as_ref(), other.others.as_ref(), Ty::or) }
    }

    fn and(&self, other: &Self) -> Self {
        let mut named = IndexMap::with_capacity(self.named.len());
        let names =
            self.named.keys().chain(other.named.keys().filter(|name| !self.named.contains_key(*name)));
        for name in names {
            let field = match (self.named.get(name), other.named.get(name)) {
                (Some(a), Some(b)) => Field {
                    ty: a.ty.and(&b.ty),
                    presence: if a.presence == Presence::Required { a.presence } else { b.presence },
                },
                // A map without other fields has none of this name.
                (Some(one), None) => match &other.others {
                    Some(ty) => Field { ty: one.ty.and(ty), presence: one.presence },
                    None => continue,
                },
                (None, Some(one)) => match &self.others {
                    Some(ty) => Field { ty: one.ty.and(ty), presence: one.presence },
                    None => continue,
                },
                (None, None) => continue,
            };
            named.insert(name.clone(), field);
        }
        Self { named, others: both(self.others.as_ref(), other.others.as_ref(), |a, b| Some(a.and(b))) }
    }
}

impl Field {
    /// This field, where the other map has none of its name but perhaps others.
    fn or_others(&self, others: Option<&Ty>) -> Self {
        let ty = others.map_or_else(|| self.ty.clone(), |others| self.ty.or(others));
        Self { ty, presence: Presence::Optional }
    }
}

fn either<T: Clone>(a: Option<&T>, b: Option<&T>, join: impl FnOnce(&T, &T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(join(a, b)),
        (one, other) => one.or(other).cloned(),
    }
}

fn both<T, R>(a: Option<&T>, b: Option<&T>, meet: impl FnOnce(&T, &T) -> Option<R>) -> Option<R> {
    meet(a?, b?)
}

/// The values of both lists; none where one of them is open, or all are too many.
fn all<T: Clone>(a: Option<&Vec<T>>, b: Option<&Vec<T>>, same: impl Fn(&T, &T) -> bool) -> Option<Vec<T>> {
    let (a, b) = (a?, b?);
    let more = b.iter().filter(|value| !a.iter().any(|known| same(known, value)));
    let all: Vec<T> = a.iter().chain(more).cloned().collect();
    (all.len() <= VALUES_LIMIT).then_some(all)
}

/// The values that stand in both lists, where an open list holds all.
fn common<T: Clone>(a: Option<&Vec<T>>, b: Option<&Vec<T>>, same: impl Fn(&T, &T) -> bool) -> Option<Vec<T>> {
    match (a, b) {
        (Some(a), Some(b)) => {
            Some(a.iter().filter(|value| b.iter().any(|known| same(known, value))).cloned().collect())
        }
        (one, other) => one.or(other).cloned(),
    }
}
