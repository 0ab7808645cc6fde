//! Functions on numbers and times.

use std::cmp::Ordering;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::template::values::{compare, kind, number};
use crate::units::parse_duration;
use crate::value::Json;

use super::Arguments;

type Result = std::result::Result<Json, String>;

/// The longest date that a format may give, in bytes.
const DATE_LIMIT: usize = 1_000;

pub(super) fn round(arguments: &Arguments<'_>) -> Result {
    let digits = match arguments.optional(1) {
        Some(_) => arguments.integer(1)?,
        None => 0,
    };
    let value = arguments.value(0);
    let Some(float) = value.as_f64() else {
        return Err(format!("expected a number, found {}", kind(value)));
    };
    if !(0..=15).contains(&digits) {
        return Err(format!("a number is rounded to 0 to 15 decimals, found {digits}"));
    }
    if value.is_i64() || value.is_u64() {
        return Ok(value.clone());
    }
    if digits > 0 {
        // By way of its decimal spelling, as people read 2.345 and not the nearest binary fraction.
        let rounded = decimal_round(float, digits.unsigned_abs() as usize);
        return number(rounded).ok_or_else(|| "the number is too large".to_owned());
    }
    let whole = float.round();
    // Beyond this a float has no decimals and may not fit an integer.
    if whole.abs() < 9.2e18 { Ok((whole as i64).into()) } else { Ok(value.clone()) }
}

/// Rounds the shortest decimal spelling, halves away from zero.
fn decimal_round(value: f64, digits: usize) -> f64 {
    let spelled = value.to_string();
    let Some((whole, decimals)) = spelled.split_once('.') else { return value };
    if decimals.len() <= digits {
        return value;
    }
    let kept: f64 = format!("{whole}.{}", &decimals[..digits]).parse().unwrap_or(value);
    let up = decimals.as_bytes()[digits] >= b'5';
    let step = if up { 10_f64.powi(-i32::try_from(digits).unwrap_or(0)).copysign(value) } else { 0.0 };
    format!("{:.digits$}", kept + step).parse().unwrap_or(value)
}

pub(super) fn min(arguments: &Arguments<'_>) -> Result {
    extreme(arguments, Ordering::Less)
}

pub(super) fn max(arguments: &Arguments<'_>) -> Result {
    extreme(arguments, Ordering::Greater)
}

/// The value that comes before (after) all others.
fn extreme(arguments: &Arguments<'_>, wanted: Ordering) -> Result {
    let several: Vec<&Json> = match arguments.value(0) {
        Json::Array(items) if arguments.rest(1).next().is_none() => items.iter().collect(),
        _ => arguments.rest(0).collect(),
    };
    let mut best: Option<&Json> = None;
    for value in several {
        let order = compare(value, best.unwrap_or(value));
        match order {
            None => {
                let other = kind(best.unwrap_or(value));
                return Err(format!("expected numbers or texts, found {} and {other}", kind(value)));
            }
            Some(order) if best.is_none() || order == wanted => best = Some(value),
            Some(_) => {}
        }
    }
    Ok(best.cloned().unwrap_or_default())
}

pub(super) fn sum(arguments: &Arguments<'_>) -> Result {
    let mut integers = Some(0_i64);
    let mut floats = 0.0;
    for item in arguments.list(0)? {
        let float = item.as_f64().ok_or_else(|| format!("expected numbers, found {}", kind(item)))?;
        integers = item.as_i64().and_then(|integer| integers?.checked_add(integer));
        floats += float;
    }
    let sum = integers.map(Json::from).or_else(|| number(floats));
    sum.ok_or_else(|| "the sum is too large".to_owned())
}

pub(super) fn date(arguments: &Arguments<'_>) -> Result {
    let instant = match arguments.value(0) {
        Json::String(text) => text.parse::<Timestamp>().map_err(|_| {
            let shown: String = text.chars().take(40).collect();
            format!("expected an instant like `2026-11-23T09:30:00Z`, found `{shown}`")
        })?,
        value => {
            let seconds =
                value.as_f64().ok_or_else(|| format!("expected an instant, found {}", kind(value)))?;
            let instant = Timestamp::from_millisecond((seconds * 1_000.0).round() as i64);
            instant.map_err(|_| format!("`{value}` seconds are out of range"))?
        }
    };
    let format = match arguments.optional(1) {
        Some(_) => arguments.text(1)?,
        None => "%Y-%m-%d",
    };
    let zone = match arguments.optional(2) {
        Some(_) => {
            let name = arguments.text(2)?;
            TimeZone::get(name)
                .map_err(|_| format!("there is no time zone `{name}`, one is `Europe/Paris`"))?
        }
        None => TimeZone::UTC,
    };
    if format.len() > DATE_LIMIT / 10 {
        return Err(format!("a format has at most {} bytes", DATE_LIMIT / 10));
    }
    if has_wide_padding(format) {
        return Err("a width in a format has one digit".to_owned());
    }
    let text = jiff::fmt::strtime::format(format, &instant.to_zoned(zone));
    Ok(text.map_err(|error| format!("the format `{format}` is not right: {error}"))?.into())
}

/// Whether the format asks for padding of ten characters or more (`%300d`), which only makes text long.
fn has_wide_padding(format: &str) -> bool {
    format.split('%').skip(1).any(|directive| {
        let flags = directive.trim_start_matches(['-', '_', '^', '#', '0']);
        flags.bytes().take_while(u8::is_ascii_digit).count() > 1
    })
}

pub(super) fn duration(arguments: &Arguments<'_>) -> Result {
    let duration = parse_duration(arguments.text(0)?).map_err(|error| error.to_string())?;
    match duration.subsec_millis() {
        0 => Ok(duration.as_secs().into()),
        _ => Ok(duration.as_secs_f64().into()),
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
    fn rounding_is_that_of_people() {
        let cases = [
            (json!([2.5]), json!(3)),
            (json!([-2.5]), json!(-3)),
            (json!([7]), json!(7)),
            (json!([2.345, 2]), json!(2.35)),
            (json!([-1.005, 2]), json!(-1.01)),
            (json!([1.5, 3]), json!(1.5)),
            (json!([1e300, 2]), json!(1e300)),
            (json!([0.999, 2]), json!(1.0)),
        ];
        for (values, rounded) in cases {
            assert_eq!(call(round, values.as_array().unwrap()), Ok(rounded), "{values}");
        }
        assert!(call(round, &[json!(1.5), json!(99)]).is_err());
    }

    #[test]
    fn sums_stay_integers_while_they_can() {
        assert_eq!(call(sum, &[json!([1, 2])]), Ok(json!(3)));
        assert_eq!(call(sum, &[json!([1, 0.5])]), Ok(json!(1.5)));
        assert_eq!(call(sum, &[json!([])]), Ok(json!(0)));
        assert_eq!(call(sum, &[json!([i64::MAX, 1])]), Ok(json!(9_223_372_036_854_775_808.0)));
        assert!(call(sum, &[json!(["1"])]).is_err());
    }

    #[test]
    fn extremes_take_a_list_or_several() {
        assert_eq!(call(min, &[json!("b"), json!("a")]), Ok(json!("a")));
        assert_eq!(call(max, &[json!([])]), Ok(json!(null)));
        assert_eq!(call(max, &[json!([1, 3.5, 2])]), Ok(json!(3.5)));
        assert!(call(max, &[json!(1), json!("a")]).is_err());
        assert!(call(max, &[json!({}), json!({})]).is_err());
    }

    #[test]
    fn dates_are_written_in_a_zone() {
        let instant = json!("2026-07-01T22:30:00Z");
        let paris = [instant.clone(), json!("%Y-%m-%d %H:%M %Z"), json!("Europe/Paris")];
        assert_eq!(call(date, &paris), Ok(json!("2026-07-02 00:30 CEST")));
        assert_eq!(call(date, std::slice::from_ref(&instant)), Ok(json!("2026-07-01")));
        assert_eq!(call(date, &[json!(0)]), Ok(json!("1970-01-01")));
        assert!(call(date, &[instant.clone(), json!("%300d")]).is_err());
        assert!(call(date, &[instant.clone(), json!("%Q%")]).is_err());
        assert!(
            call(date, &[instant, json!("%Y"), json!("Mars/Olympus")]).unwrap_err().contains("Mars/Olympus")
        );
        assert!(call(date, &[json!(1e300)]).is_err());
    }

    #[test]
    fn durations_are_seconds() {
        assert_eq!(call(duration, &[json!("1500ms")]), Ok(json!(1.5)));
        assert_eq!(call(duration, &[json!("2d")]), Ok(json!(172_800)));
        assert!(call(duration, &[json!("soon")]).is_err());
    }
}
