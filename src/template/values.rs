//! JSON values as both languages see them: their names, truth, equality, order, text and size.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Number;

use crate::value::Json;

/// The deepest value that a text, an expression or a function may give.
pub(super) const DEPTH_LIMIT: usize = 64;

/// What people call a value of this type.
pub(super) fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

/// Handlebars' idea of truth: everything but `false`, `null`, 0, empty text and an empty list.
pub(super) fn is_truthy(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(truth) => *truth,
        Json::Number(number) => number.as_f64().is_none_or(|number| number != 0.0),
        Json::String(text) => !text.is_empty(),
        Json::Array(items) => !items.is_empty(),
        Json::Object(_) => true,
    }
}

/// A value inside text: text as it is, null as nothing, all else as JSON.
pub(super) fn text(value: &Json) -> Cow<'_, str> {
    match value {
        Json::String(text) => Cow::Borrowed(text),
        Json::Null => Cow::Borrowed(""),
        other => Cow::Owned(other.to_string()),
    }
}

/// Equality of values: numbers by what they count, so that `4` equals `4.0`.
pub(super) fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => compare_numbers(a, b) == Some(Ordering::Equal),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

/// The order of two numbers, two texts or two truths; none of other pairs.
pub(super) fn compare(a: &Json, b: &Json) -> Option<Ordering> {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => compare_numbers(a, b),
        (Json::String(a), Json::String(b)) => Some(a.cmp(b)),
        (Json::Bool(a), Json::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// The order of two numbers, exact between integers.
pub(super) fn compare_numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// A whole number, written as `4` or as `4.0`.
pub(super) fn as_integer(value: &Json) -> Option<i64> {
    match value {
        Json::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            // The range in which every whole float is an exact integer.
            (float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0).then_some(float as i64)
        }),
        _ => None,
    }
}

/// The number of this float, as an integer where it is one; none when it is not finite.
pub(super) fn number(value: f64) -> Option<Json> {
    Number::from_f64(value).map(Json::Number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_equal_by_what_they_count() {
        assert!(equal(&json!([1, {"a": 2.0}]), &json!([1.0, {"a": 2}])));
        assert!(!equal(&json!(1), &json!("1")));
        assert_eq!(compare(&json!(u64::MAX), &json!(-1)), Some(Ordering::Greater));
        assert_eq!(
            compare(&json!(9_007_199_254_740_993_i64), &json!(9_007_199_254_740_992_i64)),
            Some(Ordering::Greater)
        );
        assert_eq!(compare(&json!("a"), &json!(1)), None);
    }

    #[test]
    fn truth_is_that_of_handlebars() {
        for value in [json!(0), json!(""), json!(null), json!(false), json!([]), json!(0.0)] {
            assert!(!is_truthy(&value), "{value}");
        }
        for value in [json!({}), json!("0"), json!([0]), json!(-1), json!(true)] {
            assert!(is_truthy(&value), "{value}");
        }
    }
}
