//! Durations (`500ms 30s 5m 1h 2d`) and sizes (`64KiB 2MiB`) as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Why a text is not a duration or a size.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a number followed by one of the units.
    #[error("expected a duration like `500ms`, `30s`, `5m`, `1h` or `2d`")]
    Duration,
    /// Not a number followed by one of the units.
    #[error("expected a size like `512B`, `64KiB` or `2MiB`")]
    Size,
    /// More than a 64-bit count of milliseconds or bytes.
    #[error("the value is too large")]
    Range,
}

/// Reads a duration: a whole number and a unit, or several such parts (`1h30m`).
///
/// # Errors
/// When a part has no unit, or the sum does not fit.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(UnitError::Duration);
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let (number, unit, tail) = number_and_unit(rest).ok_or(UnitError::Duration)?;
        let millis = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(UnitError::Duration),
        };
        let part = number.checked_mul(millis).ok_or(UnitError::Range)?;
        total = total.checked_add(Duration::from_millis(part)).ok_or(UnitError::Range)?;
        rest = tail;
    }
    Ok(total)
}

/// The shortest spelling that [`parse_duration`] reads back, rounded to milliseconds.
pub fn format_duration(duration: Duration) -> String {
    let mut millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        if millis >= size {
            text.push_str(&format!("{}{unit}", millis / size));
            millis %= size;
        }
    }
    text
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (number, unit, rest) = number_and_unit(text.trim()).ok_or(UnitError::Size)?;
        let unit = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return Err(UnitError::Size),
        };
        if !rest.is_empty() {
            return Err(UnitError::Size);
        }
        number.checked_mul(unit).map(Self).ok_or(UnitError::Range)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if self.0 >= size && self.0.is_multiple_of(size) {
                return write!(f, "{}{unit}", self.0 / size);
            }
        }
        write!(f, "{}B", self.0)
    }
}

/// `30s rest` as `(30, "s", " rest")`; none without digits or letters.
fn number_and_unit(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = text.split_at(digits);
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(letters);
    Some((number.parse().ok()?, unit, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_alike() {
        for text in ["500ms", "30s", "5m", "1h30m", "2d"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
        for wrong in ["", "5", "s", "5 s", "1w", "-1s", "5s!"] {
            assert_eq!(parse_duration(wrong), Err(UnitError::Duration), "{wrong}");
        }
        assert_eq!(parse_duration("99999999999999999d"), Err(UnitError::Range));
    }

    #[test]
    fn sizes_are_read_and_written_alike() {
        for text in ["512B", "64KiB", "2MiB", "1GiB"] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), text);
        }
        assert_eq!("2 MB".parse::<ByteSize>(), Err(UnitError::Size));
    }
}
