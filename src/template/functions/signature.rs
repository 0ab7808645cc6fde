//! What functions take and give, as types.

use std::fmt;

use crate::template::types::{Kind, Presence, Ty};

/// What may be given for a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Any value.
    Any,
    /// Text.
    Text,
    /// Text, or what has a text of its own: a number, true or false.
    Plain,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A number, or text that spells one or orders as one.
    NumberOrText,
    /// A list.
    List,
    /// A list, or text as the list of its characters.
    ListOrText,
    /// A map.
    Map,
    /// Text, or a list of texts.
    TextOrList,
    /// A list, a map or text.
    Countable,
    /// Numbers or texts, or one list of them.
    Ordered,
    /// True or false, or text that spells it.
    Truth,
}

impl Takes {
    /// Whether a value of this kind can be given.
    pub fn accepts(self, kind: Kind) -> bool {
        match self {
            Self::Any => true,
            Self::Text => kind == Kind::Text,
            Self::Plain => matches!(kind, Kind::Text | Kind::Number | Kind::Boolean),
            Self::Integer | Self::Number => kind == Kind::Number,
            Self::NumberOrText => matches!(kind, Kind::Number | Kind::Text),
            Self::List => kind == Kind::List,
            Self::ListOrText | Self::TextOrList => matches!(kind, Kind::List | Kind::Text),
            Self::Map => kind == Kind::Map,
            Self::Countable => matches!(kind, Kind::List | Kind::Text | Kind::Map),
            Self::Ordered => matches!(kind, Kind::Number | Kind::Text | Kind::List),
            Self::Truth => matches!(kind, Kind::Boolean | Kind::Text),
        }
    }
}

impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any value",
            Self::Text => "text",
            Self::Plain => "text or a number",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::NumberOrText => "a number or text",
            Self::List => "a list",
            Self::ListOrText => "a list or text",
            Self::Map => "a map",
            Self::TextOrList => "text or a list of texts",
            Self::Countable => "a list, a map or text",
            Self::Ordered => "numbers, texts or a list of them",
            Self::Truth => "true, false or text",
        })
    }
}

/// What a function gives for arguments of these types. One that is left out is null.
pub type Gives = fn(&[Ty]) -> Ty;

pub(super) fn any(_: &[Ty]) -> Ty {
    Ty::any()
}

pub(super) fn text(_: &[Ty]) -> Ty {
    Ty::text()
}

pub(super) fn integer(_: &[Ty]) -> Ty {
    Ty::integer()
}

pub(super) fn number(_: &[Ty]) -> Ty {
    Ty::number()
}

pub(super) fn boolean(_: &[Ty]) -> Ty {
    Ty::boolean()
}

/// The parts of a text; there is always one between separators.
pub(super) fn parts(arguments: &[Ty]) -> Ty {
    let separator = arguments.get(1).and_then(Ty::as_words);
    match separator.is_some_and(|words| words.iter().all(|word| !word.is_empty())) {
        true => Ty::filled_list(Ty::text()),
        false => Ty::list(Ty::text()),
    }
}

pub(super) fn texts(_: &[Ty]) -> Ty {
    Ty::list(Ty::text())
}

/// Rows of texts by column.
pub(super) fn rows(_: &[Ty]) -> Ty {
    Ty::list(Ty::map_of(Ty::text()))
}

pub(super) fn front_matter(_: &[Ty]) -> Ty {
    Ty::map([
        ("front_matter", Ty::map_of(Ty::any()), Presence::Required),
        ("content", Ty::text(), Presence::Required),
    ])
}

pub(super) fn fallback(arguments: &[Ty]) -> Ty {
    match arguments {
        [wanted, fallback] => wanted.present().or(fallback),
        _ => Ty::any(),
    }
}

/// The map without the keys that are known to be left out.
pub(super) fn omitted(arguments: &[Ty]) -> Ty {
    let Some((map, keys)) = arguments.split_first() else { return Ty::any() };
    let mut map = map.present();
    for key in keys {
        match key.as_words().or(key.item().as_words()) {
            Some([word]) => map = map.without_field(word),
            // Any of them may be the one.
            _ => return Ty::any(),
        }
    }
    map
}

/// An item of the list, null where there may be none; a character of a text.
pub(super) fn one_of(arguments: &[Ty]) -> Ty {
    let Some(list) = arguments.first() else { return Ty::any() };
    match (list.is_any(), list.can_be(Kind::Text), list.can_be(Kind::List)) {
        (true, ..) => Ty::any(),
        (_, true, false) => Ty::text().or_null(),
        (_, false, true) if list.is_filled_list() => list.item(),
        (_, false, true) => list.item().or_null(),
        _ => Ty::any(),
    }
}

/// The same list in another order or with fewer items.
pub(super) fn some_of(arguments: &[Ty]) -> Ty {
    let Some(list) = arguments.first().filter(|list| !list.is_any()) else { return Ty::any() };
    match (list.can_be(Kind::Text), list.can_be(Kind::List)) {
        (true, false) => Ty::text(),
        (false, true) => Ty::list(list.item()),
        _ => Ty::any(),
    }
}

/// The same list in another order.
pub(super) fn all_of(arguments: &[Ty]) -> Ty {
    match arguments.first() {
        Some(list) if list.is_filled_list() => Ty::filled_list(list.item()),
        _ => some_of(arguments),
    }
}

pub(super) fn flattened(arguments: &[Ty]) -> Ty {
    let Some(item) = arguments.first().map(Ty::item).filter(|item| !item.is_any()) else {
        return Ty::list(Ty::any());
    };
    match item.can_be(Kind::List) {
        true if item.kinds().is_some_and(|mut kinds| kinds.all(|kind| kind == Kind::List)) => {
            Ty::list(item.item())
        }
        true => Ty::list(Ty::any()),
        false => Ty::list(item),
    }
}

pub(super) fn chunks(arguments: &[Ty]) -> Ty {
    let Some(list) = arguments.first().filter(|list| !list.is_any()) else { return Ty::list(Ty::any()) };
    match (list.can_be(Kind::Text), list.can_be(Kind::List)) {
        (true, false) => Ty::list(Ty::text()),
        (false, true) => Ty::list(Ty::filled_list(list.item())),
        _ => Ty::list(Ty::any()),
    }
}

/// A whole number, unless decimals are asked for.
pub(super) fn rounded(arguments: &[Ty]) -> Ty {
    match arguments.get(1) {
        Some(digits) if !digits.is_null() => Ty::number(),
        _ => Ty::integer(),
    }
}

/// One of several values, or of the items of one list; null where that may be empty.
pub(super) fn extreme(arguments: &[Ty]) -> Ty {
    match arguments {
        [list] if list.can_be(Kind::List) => one_of(std::slice::from_ref(list)),
        values => values.iter().cloned().reduce(|a, b| a.or(&b)).unwrap_or_default().widened(),
    }
}

/// A whole number where all items are.
pub(super) fn total(arguments: &[Ty]) -> Ty {
    match arguments.first().map(Ty::item) {
        Some(item) if item.is_whole() => Ty::integer(),
        _ => Ty::number(),
    }
}
