//! Formats of lines: plain ones, JSON values, rows of a table.

use crate::template::functions;
use crate::value::Json;

/// The most lines that become values.
const LINE_LIMIT: usize = 500_000;

/// The delimiters that a table may have, the likelier first.
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// The lines without their ends.
pub(super) fn read_lines(text: &str) -> Result<Json, String> {
    bounded(text)?;
    Ok(text.lines().map(Json::from).collect())
}

/// A value of each line that is not empty.
pub(super) fn read_ndjson(text: &str) -> Result<Json, String> {
    bounded(text)?;
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str::<Json>(line).map_err(|error| format!("line {}: {error}", index + 1))
        })
        .collect()
}

fn bounded(text: &str) -> Result<(), String> {
    match text.lines().nth(LINE_LIMIT) {
        Some(_) => Err(format!("it has more than {LINE_LIMIT} lines")),
        None => Ok(()),
    }
}

/// The rows of a table, by the delimiter that its first row has most of.
pub(super) fn read_csv(text: &str) -> Result<Json, String> {
    functions::read_csv(text, delimiter(text))
}

fn delimiter(text: &str) -> char {
    let mut counts = [0_usize; DELIMITERS.len()];
    let mut quoted = false;
    for c in text.trim_start_matches(['\r', '\n']).chars() {
        match c {
            '"' => quoted = !quoted,
            '\n' | '\r' if !quoted => break,
            c if !quoted => {
                if let Some(at) = DELIMITERS.iter().position(|delimiter| *delimiter == c) {
                    counts[at] += 1;
                }
            }
            _ => {}
        }
    }
    let best = counts.iter().copied().max().unwrap_or_default();
    counts.iter().position(|count| *count == best).map_or(',', |at| DELIMITERS[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_row_tells_the_delimiter() {
        for (text, value) in [
            ("a,b\n1,2\n", json!([{"a": "1", "b": "2"}])),
            ("a;b\n1,5;2\n", json!([{"a": "1,5", "b": "2"}])),
            ("a\tb, c\td\n1\t2\t3\n", json!([{"a": "1", "b, c": "2", "d": "3"}])),
            ("\"a;b;c\",d\n1,2\n", json!([{"a;b;c": "1", "d": "2"}])),
            ("a\n1\n", json!([{"a": "1"}])),
        ] {
            assert_eq!(read_csv(text), Ok(value), "{text:?}");
        }
    }

    #[test]
    fn lines_are_told_by_number() {
        assert_eq!(read_lines("a\r\n\nb"), Ok(json!(["a", "", "b"])));
        assert_eq!(read_ndjson("1\n\n{\"a\": 2}\n"), Ok(json!([1, {"a": 2}])));
        assert!(read_ndjson("1\n\n{").unwrap_err().starts_with("line 3: "));
    }
}
