//! Times as feeds write them, in one spelling: RFC 3339 in UTC.

use jiff::Timestamp;
use jiff::civil;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;

/// Feeds get the name of the day wrong more often than the date.
const MAIL: rfc2822::DateTimeParser = rfc2822::DateTimeParser::new().relaxed_weekday(true);

/// The instant that a text names; none when it names none. Without a zone it is in UTC.
pub(super) fn utc(text: &str) -> Option<String> {
    let text = text.trim();
    let mail = || {
        let zone = text.strip_suffix("UTC").or_else(|| text.strip_suffix(" Z"));
        let spelled = zone.map(|rest| format!("{} GMT", rest.trim_end()));
        MAIL.parse_timestamp(spelled.as_deref().unwrap_or(text)).ok()
    };
    let civil = || {
        let time = text.parse::<civil::DateTime>().ok()?;
        time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp())
    };
    text.parse::<Timestamp>().ok().or_else(mail).or_else(civil).map(|time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_all_feeds_are_told_alike() {
        for (text, time) in [
            ("2026-11-23T10:00:00+01:00", Some("2026-11-23T09:00:00Z")),
            ("2026-11-23T10:00:00.5Z", Some("2026-11-23T10:00:00.5Z")),
            ("Mon, 23 Nov 2026 10:00:00 +0100", Some("2026-11-23T09:00:00Z")),
            ("Tue, 23 Nov 2026 10:00:00 GMT", Some("2026-11-23T10:00:00Z")),
            ("23 Nov 2026 10:00 UTC", Some("2026-11-23T10:00:00Z")),
            ("Mon, 23 Nov 2026 10:00:00 EST", Some("2026-11-23T15:00:00Z")),
            ("2026-11-23", Some("2026-11-23T00:00:00Z")),
            ("2026-11-23 10:00:00", Some("2026-11-23T10:00:00Z")),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(utc(text).as_deref(), time, "{text}");
        }
    }
}
