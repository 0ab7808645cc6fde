//! Functions that people know from CEL or elsewhere, and what does it here.

use std::ops::Range;

use crate::diagnostic::nearest;
use crate::template::TemplateError;
use crate::template::functions::{FUNCTIONS, STANDARD};

/// The functions of CEL's timestamps, which there are none of here.
const DATE_PARTS: &[&str] = &[
    "getFullYear",
    "getMonth",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
];

/// What to say of a function that is not there.
pub(super) fn unknown_function(name: &str, range: Range<usize>) -> TemplateError {
    let error = TemplateError::new("unknown-function", range, format!("there is no function `{name}`"));
    let own = ["has", "matches", "map", "filter", "all", "exists_one"];
    let known = FUNCTIONS.iter().chain(STANDARD).map(|function| function.name).chain(own);
    match nearest(name, known) {
        Some(near) if near != name => error.with_help(format!("did you mean `{near}`?")),
        Some(_) => error.with_help(format!("`{name}` takes a list first, as in `list.{name}(x, …)`")),
        None if DATE_PARTS.contains(&name) => {
            error.with_help("a part of a time is taken as text, as in `date(x, '%Y')`, which gives the year")
        }
        None if name == "type" => error.with_help(
            "types are known before a run; ask whether a value is there, as in `exists(item.error)`",
        ),
        None if name == "timestamp" => {
            error.with_help("times are RFC 3339 text in UTC, which compares as it is")
        }
        None => error.with_help("`howdah functions` lists them all"),
    }
}
