//! The functions that templates and expressions call: one table for both languages.
//!
//! A function is pure: the same arguments give the same result, on any machine, and nothing outside
//! is read or changed. Its result is bounded by its arguments, or refused.

mod arguments;
mod data;
mod encode;
mod lists;
mod numbers;
mod signature;
mod standard;
mod text;

use std::fmt;
use std::ops::Range;

use crate::value::Json;

use super::TemplateError;
use super::term::{Op, Term};

pub use arguments::Arguments;
pub use data::{read_csv, read_front_matter, read_yaml};
pub(super) use encode::percent_encode;
pub use signature::{Gives, Takes};
pub(super) use standard::STANDARD;

/// A function: what it is called, what it takes, what it does.
pub struct Function {
    /// What people write.
    pub name: &'static str,
    /// What it takes, in order. In Handlebars each can also be written `name=value`.
    pub parameters: &'static [Parameter],
    /// What it gives, in one sentence.
    pub doc: &'static str,
    /// A call in CEL's spelling, and what it gives.
    pub example: &'static str,
    /// What it gives for arguments of some types.
    pub gives: Gives,
    body: Body,
}

/// One thing that a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What may be given for it.
    pub takes: Takes,
    /// How often it stands in a call.
    pub arity: Arity,
}

/// How often a parameter stands in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    /// Once.
    One,
    /// Once or not at all; null is taken as absent.
    Optional,
    /// Once or more; only the last parameter.
    Many,
}

/// How a function works.
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// From the values of its arguments.
    Plain(fn(&Arguments<'_>) -> Result<Json, String>),
    /// It takes a missing path, so it is evaluated in its place.
    Default,
    /// It takes a missing path, so it is evaluated in its place.
    Exists,
}

/// Every function, in the order in which they are listed to people.
pub static FUNCTIONS: &[Function] = &[
    Function {
        name: "default",
        parameters: &[one("value", Takes::Any), one("fallback", Takes::Any)],
        doc: "The value, or the fallback where the value is missing or null.",
        example: "default(inputs.tone, 'friendly')",
        gives: signature::fallback,
        body: Body::Default,
    },
    Function {
        name: "exists",
        parameters: &[one("value", Takes::Any)],
        doc: "Whether the value is there and not null.",
        example: "exists(steps.draft.output)",
        gives: signature::boolean,
        body: Body::Exists,
    },
    Function {
        name: "omit",
        parameters: &[one("map", Takes::Map), many("key", Takes::TextOrList)],
        doc: "The map without these keys; a list of keys is taken too.",
        example: "omit({'a': 1, 'b': 2}, 'b') is {'a': 1}",
        gives: signature::omitted,
        body: Body::Plain(lists::omit),
    },
    Function {
        name: "json",
        parameters: &[one("value", Takes::Any), optional("indent", Takes::Integer)],
        doc: "The value as JSON text, on one line or indented by so many spaces (at most 8).",
        example: "json({'a': [1]}) is '{\"a\":[1]}'",
        gives: signature::text,
        body: Body::Plain(data::json),
    },
    Function {
        name: "parse_json",
        parameters: &[one("text", Takes::Text)],
        doc: "The value of a JSON text.",
        example: "parse_json('[1]') is [1]",
        gives: signature::any,
        body: Body::Plain(data::parse_json),
    },
    Function {
        name: "yaml",
        parameters: &[one("value", Takes::Any)],
        doc: "The value as YAML text.",
        example: "yaml({'a': 1}) is 'a: 1\\n'",
        gives: signature::text,
        body: Body::Plain(data::yaml),
    },
    Function {
        name: "parse_yaml",
        parameters: &[one("text", Takes::Text)],
        doc: "The value of a YAML text of one document.",
        example: "parse_yaml('a: 1') is {'a': 1}",
        gives: signature::any,
        body: Body::Plain(data::parse_yaml),
    },
    Function {
        name: "parse_csv",
        parameters: &[one("text", Takes::Text), optional("delimiter", Takes::Text)],
        doc: "The rows of a CSV text as maps with the names of its first row; every field is text.",
        example: "parse_csv('a,b\\n1,2') is [{'a': '1', 'b': '2'}]",
        gives: signature::rows,
        body: Body::Plain(data::parse_csv),
    },
    Function {
        name: "front_matter",
        parameters: &[one("text", Takes::Text)],
        doc: "A text's front matter (YAML between `---` lines) and the content after it.",
        example: "front_matter('---\\na: 1\\n---\\nHi') is {'front_matter': {'a': 1}, 'content': 'Hi'}",
        gives: signature::front_matter,
        body: Body::Plain(data::front_matter),
    },
    Function {
        name: "lower",
        parameters: &[one("text", Takes::Plain)],
        doc: "The text in lower case.",
        example: "lower('ABC') is 'abc'",
        gives: signature::text,
        body: Body::Plain(text::lower),
    },
    Function {
        name: "upper",
        parameters: &[one("text", Takes::Plain)],
        doc: "The text in upper case.",
        example: "upper('abc') is 'ABC'",
        gives: signature::text,
        body: Body::Plain(text::upper),
    },
    Function {
        name: "trim",
        parameters: &[one("text", Takes::Plain)],
        doc: "The text without white space at its ends.",
        example: "trim(' a ') is 'a'",
        gives: signature::text,
        body: Body::Plain(text::trim),
    },
    Function {
        name: "split",
        parameters: &[one("text", Takes::Text), one("separator", Takes::Text)],
        doc: "The parts of the text between separators; an empty separator parts all characters.",
        example: "split('a,b', ',') is ['a', 'b']",
        gives: signature::parts,
        body: Body::Plain(text::split),
    },
    Function {
        name: "join",
        parameters: &[one("list", Takes::List), optional("separator", Takes::Text)],
        doc: "The items as one text, with the separator (by default `,`) between them.",
        example: "join(['a', 'b'], ' and ') is 'a and b'",
        gives: signature::text,
        body: Body::Plain(text::join),
    },
    Function {
        name: "replace",
        parameters: &[one("text", Takes::Text), one("from", Takes::Text), one("to", Takes::Text)],
        doc: "The text with every `from` replaced by `to`.",
        example: "replace('a-b', '-', '+') is 'a+b'",
        gives: signature::text,
        body: Body::Plain(text::replace),
    },
    Function {
        name: "slug",
        parameters: &[one("text", Takes::Plain)],
        doc: "The text in lower case with one `-` for all between letters and digits.",
        example: "slug('Hello, World!') is 'hello-world'",
        gives: signature::text,
        body: Body::Plain(text::slug),
    },
    Function {
        name: "filename",
        parameters: &[one("text", Takes::Plain)],
        doc: "The text as one safe file name of at most 200 bytes: separators and other special characters become `_`.",
        example: "filename('a/b: c') is 'a_b_ c'",
        gives: signature::text,
        body: Body::Plain(text::filename),
    },
    Function {
        name: "truncate",
        parameters: &[one("text", Takes::Text), one("length", Takes::Integer), optional("end", Takes::Text)],
        doc: "The text cut to so many characters, `end` (by default `…`) included where something is cut.",
        example: "truncate('abcdef', 4) is 'abc…'",
        gives: signature::text,
        body: Body::Plain(text::truncate),
    },
    Function {
        name: "lines",
        parameters: &[one("text", Takes::Text)],
        doc: "The lines of the text, without their ends.",
        example: "lines('a\\nb') is ['a', 'b']",
        gives: signature::texts,
        body: Body::Plain(text::lines),
    },
    Function {
        name: "first",
        parameters: &[one("list", Takes::ListOrText)],
        doc: "The first item of a list, or character of a text; null where it is empty.",
        example: "first([1, 2]) is 1",
        gives: signature::one_of,
        body: Body::Plain(lists::first),
    },
    Function {
        name: "last",
        parameters: &[one("list", Takes::ListOrText)],
        doc: "The last item of a list, or character of a text; null where it is empty.",
        example: "last([1, 2]) is 2",
        gives: signature::one_of,
        body: Body::Plain(lists::last),
    },
    Function {
        name: "sort",
        parameters: &[one("list", Takes::List), optional("by", Takes::Text)],
        doc: "The items in order: numbers, or texts; maps by the field `by`. Equal items keep their order.",
        example: "sort([3, 1, 2]) is [1, 2, 3]",
        gives: signature::all_of,
        body: Body::Plain(lists::sort),
    },
    Function {
        name: "distinct",
        parameters: &[one("list", Takes::List)],
        doc: "The items without repetitions, in their first order.",
        example: "distinct([1, 2, 1]) is [1, 2]",
        gives: signature::all_of,
        body: Body::Plain(lists::distinct),
    },
    Function {
        name: "flatten",
        parameters: &[one("list", Takes::List)],
        doc: "The items of the lists in a list, one level.",
        example: "flatten([[1], [2, 3], 4]) is [1, 2, 3, 4]",
        gives: signature::flattened,
        body: Body::Plain(lists::flatten),
    },
    Function {
        name: "chunk",
        parameters: &[one("list", Takes::ListOrText), one("size", Takes::Integer)],
        doc: "The list, or the text, in parts of at most so many items or characters.",
        example: "chunk([1, 2, 3], 2) is [[1, 2], [3]]",
        gives: signature::chunks,
        body: Body::Plain(lists::chunk),
    },
    Function {
        name: "take",
        parameters: &[one("list", Takes::ListOrText), one("count", Takes::Integer)],
        doc: "The first items of a list, or characters of a text; with a negative count the last.",
        example: "take([1, 2, 3], 2) is [1, 2]",
        gives: signature::some_of,
        body: Body::Plain(lists::take),
    },
    Function {
        name: "length",
        parameters: &[one("value", Takes::Countable)],
        doc: "How many items, fields or characters there are.",
        example: "length('abc') is 3",
        gives: signature::integer,
        body: Body::Plain(lists::length),
    },
    Function {
        name: "round",
        parameters: &[one("number", Takes::Number), optional("digits", Takes::Integer)],
        doc: "The number rounded to so many decimals (by default 0, which gives an integer), halves away from zero.",
        example: "round(2.345, 2) is 2.35",
        gives: signature::rounded,
        body: Body::Plain(numbers::round),
    },
    Function {
        name: "min",
        parameters: &[many("value", Takes::Ordered)],
        doc: "The least of several numbers or texts, or of one list; null for an empty list.",
        example: "min([3, 1, 2]) is 1",
        gives: signature::extreme,
        body: Body::Plain(numbers::min),
    },
    Function {
        name: "max",
        parameters: &[many("value", Takes::Ordered)],
        doc: "The greatest of several numbers or texts, or of one list; null for an empty list.",
        example: "max(3, 1, 2) is 3",
        gives: signature::extreme,
        body: Body::Plain(numbers::max),
    },
    Function {
        name: "sum",
        parameters: &[one("list", Takes::List)],
        doc: "The sum of the numbers of a list.",
        example: "sum([1, 2, 3]) is 6",
        gives: signature::total,
        body: Body::Plain(numbers::sum),
    },
    Function {
        name: "date",
        parameters: &[
            one("value", Takes::NumberOrText),
            optional("format", Takes::Text),
            optional("tz", Takes::Text),
        ],
        doc: "An instant (RFC 3339 text, or seconds since 1970) in a strftime format (by default `%Y-%m-%d`) and time zone (by default UTC).",
        example: "date('2026-11-23T09:30:00Z', '%d.%m.%Y %H:%M', 'Europe/Paris') is '23.11.2026 10:30'",
        gives: signature::text,
        body: Body::Plain(numbers::date),
    },
    Function {
        name: "duration",
        parameters: &[one("text", Takes::Text)],
        doc: "The seconds of a duration like `500ms`, `5m` or `1h30m`.",
        example: "duration('1h30m') is 5400",
        gives: signature::number,
        body: Body::Plain(numbers::duration),
    },
    Function {
        name: "sha256",
        parameters: &[one("text", Takes::Any)],
        doc: "The SHA-256 of the text (of a value's JSON), in lower-case hexadecimal.",
        example: "sha256('') is 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'",
        gives: signature::text,
        body: Body::Plain(encode::sha256),
    },
    Function {
        name: "base64",
        parameters: &[one("text", Takes::Any)],
        doc: "The text (a value's JSON) in base64, with padding.",
        example: "base64('hi') is 'aGk='",
        gives: signature::text,
        body: Body::Plain(encode::base64),
    },
    Function {
        name: "url_encode",
        parameters: &[one("text", Takes::Any)],
        doc: "The text with every byte but letters, digits and `-_.~` percent-encoded.",
        example: "url_encode('a b&c') is 'a%20b%26c'",
        gives: signature::text,
        body: Body::Plain(encode::url_encode),
    },
    Function {
        name: "tokens",
        parameters: &[one("text", Takes::Any)],
        doc: "About how many tokens the text takes: a quarter of its characters, rounded up.",
        example: "tokens('12345') is 2",
        gives: signature::integer,
        body: Body::Plain(encode::tokens),
    },
];

const fn one(name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, takes, arity: Arity::One }
}

const fn optional(name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, takes, arity: Arity::Optional }
}

const fn many(name: &'static str, takes: Takes) -> Parameter {
    Parameter { name, takes, arity: Arity::Many }
}

/// The function of this name.
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// What a call does. Two functions take a missing path and so have terms of their own.
pub(super) fn op(function: &'static Function, arguments: Vec<Term>) -> Op {
    match (function.body, <[Term; 2]>::try_from(arguments)) {
        (Body::Default, Ok(both)) => Op::Default(Box::new(both)),
        (Body::Exists, Err(arguments)) => match <[Term; 1]>::try_from(arguments) {
            Ok([value]) => Op::Exists(Box::new(value)),
            Err(arguments) => Op::Call(function, arguments),
        },
        (_, Ok(both)) => Op::Call(function, both.into()),
        (_, Err(arguments)) => Op::Call(function, arguments),
    }
}

/// Whether a call has neither too few nor too many arguments; `given` tells which are there.
pub(super) fn check_arity(
    function: &Function,
    count: usize,
    given: impl Fn(usize) -> bool,
    range: &Range<usize>,
) -> Result<(), TemplateError> {
    let (least, most) = function.arity();
    let missing = |(at, parameter): (usize, &'static Parameter)| {
        (parameter.arity != Arity::Optional && !given(at)).then_some(parameter.name)
    };
    let message = match function.parameters.iter().enumerate().find_map(missing) {
        Some(name) => format!("`{}` needs `{name}`", function.name),
        None if count > most => {
            let takes = if least == most { most.to_string() } else { format!("{least} to {most}") };
            format!("`{}` takes {takes} values, found {count}", function.name)
        }
        None => return Ok(()),
    };
    Err(TemplateError::new("arguments", range.clone(), message)
        .with_help(format!("it is `{}`", function.signature())))
}

impl Parameter {
    /// Whether it can be left out.
    pub fn is_optional(&self) -> bool {
        self.arity == Arity::Optional
    }
}

impl Function {
    /// `truncate(text, length, end?)`.
    pub fn signature(&self) -> String {
        let parameter = |parameter: &Parameter| match parameter.arity {
            Arity::One => parameter.name.to_owned(),
            Arity::Optional => format!("{}?", parameter.name),
            Arity::Many => format!("{}…", parameter.name),
        };
        let parameters: Vec<_> = self.parameters.iter().map(parameter).collect();
        format!("{}({})", self.name, parameters.join(", "))
    }

    /// How few and how many arguments a call has.
    pub(super) fn arity(&self) -> (usize, usize) {
        let least = self.parameters.iter().filter(|parameter| parameter.arity != Arity::Optional).count();
        let endless = self.parameters.iter().any(|parameter| parameter.arity == Arity::Many);
        (least, if endless { usize::MAX } else { self.parameters.len() })
    }

    /// How it works.
    pub(super) fn body(&self) -> Body {
        self.body
    }

    /// Calls it with values. One that takes a missing path is given null for it here.
    ///
    /// # Errors
    /// In words that continue "`name`: ".
    pub fn call(&self, arguments: &Arguments<'_>) -> Result<Json, String> {
        match self.body {
            Body::Plain(body) => body(arguments),
            Body::Default => {
                let wanted = arguments.value(0);
                Ok(if wanted.is_null() { arguments.value(1).clone() } else { wanted.clone() })
            }
            Body::Exists => Ok((!arguments.value(0).is_null()).into()),
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.signature())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{Expr, Scope};

    #[test]
    fn every_example_is_true() {
        let mut checked = 0;
        for function in FUNCTIONS {
            assert!(function.example.contains(&format!("{}(", function.name)), "{}", function.name);
            let Some((call, result)) = function.example.split_once(" is ") else { continue };
            let value = |text: &str| {
                let expression = Expr::compile(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
                expression.evaluate(&Scope::new()).unwrap_or_else(|failure| panic!("{text}: {failure}"))
            };
            assert_eq!(value(call), value(result), "{}", function.example);
            checked += 1;
        }
        assert_eq!(checked, FUNCTIONS.len() - 2);
    }

    #[test]
    fn names_are_unique_and_signatures_tell_what_is_optional() {
        let mut names: Vec<_> = FUNCTIONS.iter().chain(STANDARD).map(|function| function.name).collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
        assert_eq!(
            find("truncate").map(Function::signature).as_deref(),
            Some("truncate(text, length, end?)")
        );
    }
}
