//! Spans of time as people read them at a glance; not the exact spelling of workflows.

use std::time::Duration;

use crate::clock::{Timestamp, elapsed};

/// `820ms`, `1.2s`, `2m 05s`, `3h 20m`, `4d 02h`.
pub fn took(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{}ms", duration.as_millis()),
        1..60 => format!("{seconds}.{}s", duration.subsec_millis() / 100),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// `just now`, `5 min ago`, `3 h ago`, `2 days ago`, and the date of what is older than a month.
pub fn ago(now: Timestamp, then: Timestamp) -> String {
    let seconds = elapsed(then, now).as_secs();
    match seconds {
        0..5 => "just now".to_owned(),
        5..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        86_400..172_800 => "1 day ago".to_owned(),
        172_800..2_678_400 => format!("{} days ago", seconds / 86_400),
        _ => then.strftime("%Y-%m-%d").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_two_figures_at_most() {
        let cases = [(0, "0ms"), (999, "999ms"), (1_250, "1.2s"), (59_999, "59.9s"), (125_000, "2m 05s")];
        let long = [(12_000_000, "3h 20m"), (352_800_000, "4d 02h")];
        for (millis, text) in cases.into_iter().chain(long) {
            assert_eq!(took(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn the_past_is_told_from_now() {
        let at = |seconds: i64| Timestamp::from_second(1_700_000_000 + seconds).unwrap();
        let ago = |seconds: i64| ago(at(0), at(-seconds));
        assert_eq!([ago(-10), ago(59), ago(3_600)], ["just now", "59 s ago", "1 h ago"]);
        assert_eq!([ago(86_400), ago(864_000), ago(8_640_000)], ["1 day ago", "10 days ago", "2023-08-06"]);
    }
}
