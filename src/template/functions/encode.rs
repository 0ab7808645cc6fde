//! Functions that encode text, or measure it. A value that is not text is taken as its JSON.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use crate::value::Json;

use super::Arguments;

/// What stays as it is in a part of a URL, beside letters and digits.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The text as one segment of a URL's path, or one value of its query.
pub(in crate::template) fn percent_encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, UNRESERVED)
}

type Result = std::result::Result<Json, String>;

pub(super) fn sha256(arguments: &Arguments<'_>) -> Result {
    let digest = Sha256::digest(arguments.text_or_json(0).as_bytes());
    let mut spelled = String::with_capacity(64);
    for byte in digest {
        let _ = write!(spelled, "{byte:02x}");
    }
    Ok(spelled.into())
}

pub(super) fn base64(arguments: &Arguments<'_>) -> Result {
    Ok(STANDARD.encode(arguments.text_or_json(0).as_bytes()).into())
}

pub(super) fn url_encode(arguments: &Arguments<'_>) -> Result {
    Ok(percent_encode(&arguments.text_or_json(0)).to_string().into())
}

pub(super) fn tokens(arguments: &Arguments<'_>) -> Result {
    Ok(arguments.text_or_json(0).chars().count().div_ceil(4).into())
}
