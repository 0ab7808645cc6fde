//! The functions that CEL itself defines; they exist in expressions only.

use crate::template::values::{as_integer, kind, number};
use crate::value::Json;

use super::{Arguments, Body, Function, Gives, Parameter, Takes, lists, one, signature};

type Result = std::result::Result<Json, String>;

/// CEL's own functions. `matches` is not among them: its pattern is prepared beforehand.
pub(in crate::template) static STANDARD: &[Function] = &[
    standard(
        "size",
        &[one("value", Takes::Countable)],
        "How many items, fields or characters there are.",
        "'abc'.size()",
        lists::length,
        signature::integer,
    ),
    standard(
        "contains",
        PAIR,
        "Whether the text holds the part.",
        "'abc'.contains('b')",
        contains,
        signature::boolean,
    ),
    standard(
        "startsWith",
        PAIR,
        "Whether the text begins with the part.",
        "'abc'.startsWith('a')",
        starts_with,
        signature::boolean,
    ),
    standard(
        "endsWith",
        PAIR,
        "Whether the text ends with the part.",
        "'abc'.endsWith('c')",
        ends_with,
        signature::boolean,
    ),
    standard(
        "int",
        &[one("value", Takes::NumberOrText)],
        "The whole number of a text or a number, cut towards zero.",
        "int('4')",
        int,
        signature::integer,
    ),
    standard(
        "double",
        &[one("value", Takes::NumberOrText)],
        "The number of a text or a number.",
        "double('4.5')",
        double,
        signature::number,
    ),
    standard(
        "string",
        &[one("value", Takes::Plain)],
        "The text of a text, a number or a truth.",
        "string(4)",
        string,
        signature::text,
    ),
    standard(
        "bool",
        &[one("value", Takes::Truth)],
        "The truth of `true` or `false` as text.",
        "bool('true')",
        bool,
        signature::boolean,
    ),
];

const PAIR: &[Parameter] = &[one("text", Takes::Text), one("part", Takes::Text)];

const fn standard(
    name: &'static str,
    parameters: &'static [Parameter],
    doc: &'static str,
    example: &'static str,
    body: fn(&Arguments<'_>) -> Result,
    gives: Gives,
) -> Function {
    Function { name, parameters, doc, example, gives, body: Body::Plain(body) }
}

fn contains(arguments: &Arguments<'_>) -> Result {
    Ok(arguments.text(0)?.contains(arguments.text(1)?).into())
}

fn starts_with(arguments: &Arguments<'_>) -> Result {
    Ok(arguments.text(0)?.starts_with(arguments.text(1)?).into())
}

fn ends_with(arguments: &Arguments<'_>) -> Result {
    Ok(arguments.text(0)?.ends_with(arguments.text(1)?).into())
}

fn int(arguments: &Arguments<'_>) -> Result {
    let integer = match arguments.value(0) {
        Json::String(text) => text.parse().ok(),
        Json::Number(number) if number.is_f64() => {
            number.as_f64().and_then(|float| as_integer(&self::number(float.trunc())?))
        }
        Json::Number(number) => number.as_i64(),
        other => return Err(format!("expected a number or its text, found {}", kind(other))),
    };
    integer.map(Json::from).ok_or_else(|| "the value is not a 64-bit whole number".to_owned())
}

fn double(arguments: &Arguments<'_>) -> Result {
    let float = match arguments.value(0) {
        Json::String(text) => text.parse().ok(),
        Json::Number(number) => number.as_f64(),
        other => return Err(format!("expected a number or its text, found {}", kind(other))),
    };
    float.and_then(number).ok_or_else(|| "the text is not a number".to_owned())
}

fn string(arguments: &Arguments<'_>) -> Result {
    Ok(arguments.plain_text(0)?.into())
}

fn bool(arguments: &Arguments<'_>) -> Result {
    match arguments.value(0) {
        truth @ Json::Bool(_) => Ok(truth.clone()),
        Json::String(text) if text == "true" => Ok(true.into()),
        Json::String(text) if text == "false" => Ok(false.into()),
        other => Err(format!("expected `true` or `false`, found {}", kind(other))),
    }
}
