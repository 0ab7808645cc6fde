//! The written form of entries: one blob for each commit, which carries the version of its format, so
//! that an old program refuses what a newer one wrote instead of misreading it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::journal::entry::Entry;
use crate::journal::store::StoreError;
use crate::value::fits_depth;

/// The format in which entries are written, and the newest that can be read.
pub const FORMAT: u32 = 1;

/// The deepest nesting of lists and maps in a value that is kept: what is deeper could be written
/// and never read again.
pub const DEPTH_LIMIT: usize = 96;

#[derive(Serialize)]
struct Written<'a> {
    v: u32,
    entries: &'a [Entry],
}

#[derive(Deserialize)]
struct Read<'a> {
    v: u32,
    #[serde(borrow)]
    entries: &'a RawValue,
}

/// The blob of the entries of one commit.
///
/// # Errors
/// When there are none, or a value in them is nested deeper than [`DEPTH_LIMIT`].
pub fn encode(entries: &[Entry]) -> Result<Vec<u8>, StoreError> {
    if entries.is_empty() {
        return Err(StoreError::Empty);
    }
    let mut values = entries.iter().flat_map(|entry| entry.values().chain(entry.changed()));
    if values.any(|json| !fits_depth(json, DEPTH_LIMIT)) {
        return Err(StoreError::TooDeep);
    }
    serde_json::to_vec(&Written { v: FORMAT, entries })
        .map_err(|error| StoreError::Unreadable(format!("entries cannot be written as JSON: {error}")))
}

/// The entries of one commit.
///
/// # Errors
/// When the blob is of a newer format, or is not what [`encode`] writes.
pub fn decode(blob: &[u8]) -> Result<Vec<Entry>, StoreError> {
    let malformed = |error| StoreError::Unreadable(format!("entries are malformed: {error}"));
    let read: Read = serde_json::from_slice(blob).map_err(malformed)?;
    if read.v != FORMAT {
        return Err(StoreError::Unreadable(format!(
            "entries are of format {}, and this program reads format {FORMAT}: use the version of howdah that \
             wrote them",
            read.v
        )));
    }
    serde_json::from_str(read.entries.get()).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Timestamp;
    use crate::ids::{Digest, StepPath};
    use crate::journal::entry::StepEnd;
    use crate::value::{Json, Value};

    fn finished(output: Json) -> Entry {
        Entry::StepFinished {
            path: StepPath::from("label"),
            status: StepEnd::Succeeded,
            output: Value::Inline(Arc::new(output)),
            model: None,
            at: Timestamp::from_millisecond(1_700_000_000_123).unwrap(),
        }
    }

    #[test]
    fn the_written_form_stays_as_it_is() {
        let blob = encode(&[finished("billing".into())]).unwrap();
        assert_eq!(
            String::from_utf8(blob).unwrap(),
            r#"{"v":1,"entries":[{"step_finished":{"path":"label","status":"succeeded","output":{"inline":"billing"},"at":1700000000123}}]}"#
        );
    }

    #[test]
    fn a_run_that_nobody_called_is_written_as_before() {
        let first = crate::journal::samples::accepted("w");
        let text = String::from_utf8(encode(std::slice::from_ref(&first)).unwrap()).unwrap();
        assert!(!text.contains("parent"), "{text}");
        assert_eq!(decode(text.as_bytes()).unwrap(), [first]);
        let done = Entry::ItemDone {
            path: "each[3]".into(),
            key: Digest::of(b"k"),
            until: None,
            at: Timestamp::from_millisecond(1).unwrap(),
        };
        let text = String::from_utf8(encode(std::slice::from_ref(&done)).unwrap()).unwrap();
        assert!(text.ends_with(r#""at":1}}]}"#) && !text.contains("until"), "{text}");
        assert_eq!(decode(text.as_bytes()).unwrap(), [done]);
    }

    #[test]
    fn a_newer_format_and_an_unknown_entry_are_refused() {
        let newer = decode(br#"{"v":2,"entries":{"whatever":true}}"#).unwrap_err().to_string();
        assert!(newer.contains("of format 2, and this program reads format 1"), "{newer}");
        let unknown = decode(br#"{"v":1,"entries":[{"step_teleported":{}}]}"#).unwrap_err().to_string();
        assert!(unknown.contains("unknown variant `step_teleported`"), "{unknown}");
        assert!(decode(b"\xff").is_err());
    }

    #[test]
    fn what_is_accepted_can_be_read_back_however_deep() {
        let nested = |depth| (0..depth).fold(Json::Null, |inner, _| Json::Array(vec![inner]));
        let deepest = [finished(nested(DEPTH_LIMIT))];
        assert_eq!(decode(&encode(&deepest).unwrap()).unwrap(), deepest);
        assert!(matches!(encode(&[finished(nested(DEPTH_LIMIT + 1))]), Err(StoreError::TooDeep)));
    }
}
