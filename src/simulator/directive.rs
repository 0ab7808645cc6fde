//! Directives: lines `sim: …` in a message that say what the simulator shall do.
//!
//! The table of them is in the room's header. A line that starts with `sim:` and is none of them is
//! an error of the request, so that a misspelled one never passes for an ordinary text.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::Value;

use super::faults::{Break, Fault, error_status};
use super::key::Key;
use super::prose::clip;
use super::record::Counters;
use crate::units::parse_duration;

/// What a line starts with to be a directive.
const MARK: &str = "sim:";
/// The most directives that one request may hold.
const MAX_DIRECTIVES: usize = 256;
const NAMES: &str = "`error`, `hang`, `cut`, `truncate`, `stall`, `malformed`, `error-event`, `latency`, `speed`, \
                     `say`, `json`, `call`, `tokens` or `refuse`";

/// All that the directives of a request ask for.
#[derive(Debug, Default)]
pub(super) struct Script {
    faults: Vec<Timed<Fault>>,
    says: Vec<Timed<Say>>,
    pub(super) latency: Option<Duration>,
    pub(super) speed: Option<NonZeroU32>,
}

/// An answer that was written out.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Say {
    /// This text.
    Text(String),
    /// A call of the tool with this name and these arguments.
    Call { name: String, arguments: String },
    /// A text of this many tokens.
    Tokens(u64),
    /// A refusal.
    Refusal(String),
}

/// Something that is done each time, or only the first few times.
#[derive(Debug)]
struct Timed<T> {
    what: T,
    times: Option<u32>,
    /// The message and the place in it that the count belongs to.
    key: Key,
}

impl Script {
    /// Adds the directives of a text.
    ///
    /// # Errors
    /// The message for whoever wrote a line that cannot be read.
    pub(super) fn read(&mut self, text: &str) -> Result<(), String> {
        if !text.contains(MARK) {
            return Ok(());
        }
        let message = Key::new(0).text(text);
        for (number, line) in text.lines().enumerate() {
            if let Some(directive) = directive(line) {
                let count = self.faults.len() + self.says.len();
                if count >= MAX_DIRECTIVES {
                    return Err(format!("the messages hold more than {MAX_DIRECTIVES} directives"));
                }
                self.directive(directive, message.number(number as u64))
                    .map_err(|problem| format!("the directive `{}` {problem}", clip(line.trim(), 80)))?;
            }
        }
        Ok(())
    }

    /// The first fault that is not used up. Counts one use.
    pub(super) fn fault(&self, counters: &Counters) -> Option<Fault> {
        first_left(&self.faults, counters)
    }

    /// The first answer that is not used up. Counts one use.
    pub(super) fn say(&self, counters: &Counters) -> Option<Say> {
        first_left(&self.says, counters)
    }

    fn directive(&mut self, directive: &str, key: Key) -> Result<(), String> {
        let (name, rest) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
        let rest = rest.trim();
        let fault = match name {
            "latency" => {
                self.latency = Some(parse_duration(rest).map_err(|problem| format!("is wrong: {problem}"))?);
                return Ok(());
            }
            "speed" => {
                let speed = rest.parse().map_err(|_| "needs a number of tokens a second".to_owned())?;
                self.speed = Some(speed);
                return Ok(());
            }
            "say" | "json" | "call" | "tokens" | "refuse" => {
                let (what, times) = say(name, rest)?;
                self.says.push(Timed { what, times, key });
                return Ok(());
            }
            "error" => {
                let (status, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
                let status = status.parse().ok().and_then(error_status);
                let status = status.ok_or("needs a status from 400 to 599")?;
                let (retry_after, rest) = retry_after(rest.trim())?;
                self.faults.push(Timed {
                    what: Fault::Error { status, retry_after },
                    times: times(rest)?,
                    key,
                });
                return Ok(());
            }
            "hang" => Fault::Hang,
            "cut" => Fault::Broken(Break::Cut),
            "truncate" => Fault::Broken(Break::Truncate),
            "stall" => Fault::Broken(Break::Stall),
            "malformed" => Fault::Broken(Break::Malformed),
            "error-event" => Fault::Broken(Break::ErrorEvent),
            _ => return Err(format!("is unknown: expected {NAMES}")),
        };
        self.faults.push(Timed { what: fault, times: times(rest)?, key });
        Ok(())
    }
}

/// The text without its directives.
pub(super) fn without_directives(text: &str) -> Cow<'_, str> {
    if !text.contains(MARK) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.lines().filter(|line| directive(line).is_none()).collect::<Vec<_>>().join("\n"))
}

/// What follows `sim:` on a line that starts with it.
fn directive(line: &str) -> Option<&str> {
    line.trim().strip_prefix(MARK).map(str::trim)
}

fn first_left<T: Clone>(timed: &[Timed<T>], counters: &Counters) -> Option<T> {
    let left = |one: &&Timed<T>| one.times.is_none_or(|times| counters.within(one.key, times));
    timed.iter().find(left).map(|one| one.what.clone())
}

/// `retry-after SECONDS` at the start of a text, and what follows it.
fn retry_after(text: &str) -> Result<(Option<Duration>, &str), String> {
    let Some(rest) = text.strip_prefix("retry-after") else { return Ok((None, text)) };
    let rest = rest.trim_start();
    let (seconds, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let wait = seconds.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    Ok((Some(wait.ok_or("needs a number of seconds after `retry-after`")?), rest))
}

/// `times N` as a whole text, or nothing.
fn times(text: &str) -> Result<Option<u32>, String> {
    match text.trim() {
        "" => Ok(None),
        text => {
            let count = text.strip_prefix("times").and_then(|count| count.trim().parse().ok());
            count.map(Some).ok_or_else(|| format!("ends in `{text}`: expected nothing or `times N`"))
        }
    }
}

fn say(name: &str, rest: &str) -> Result<(Say, Option<u32>), String> {
    match name {
        "say" | "refuse" => {
            let (text, times) = if rest.starts_with('"') {
                let (value, _, tail) = leading_json(rest)?;
                (value.as_str().unwrap_or_default().to_owned(), times(tail)?)
            } else {
                (rest.to_owned(), None)
            };
            Ok((if name == "say" { Say::Text(text) } else { Say::Refusal(text) }, times))
        }
        "json" => {
            let (_, written, tail) = leading_json(rest)?;
            Ok((Say::Text(written.to_owned()), times(tail)?))
        }
        "call" => {
            let (tool, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, "{}"));
            if tool.is_empty() || tool.len() > 64 {
                return Err("needs the name of a tool, of at most 64 characters".to_owned());
            }
            let (_, written, tail) = leading_json(rest.trim())?;
            let call = Say::Call { name: tool.to_owned(), arguments: written.to_owned() };
            Ok((call, times(tail)?))
        }
        _ => {
            let (count, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            let count = count.parse().map_err(|_| "needs a number of tokens".to_owned())?;
            Ok((Say::Tokens(count), times(rest)?))
        }
    }
}

/// The JSON value at the start of a text, how it is written, and what follows it.
fn leading_json(text: &str) -> Result<(Value, &str, &str), String> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => {
            let (written, rest) = text.split_at(values.byte_offset());
            Ok((value, written.trim(), rest))
        }
        Some(Err(problem)) => Err(format!("holds JSON that cannot be read: {problem}")),
        None => Err("needs a JSON value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(text: &str) -> Script {
        let mut script = Script::default();
        script.read(text).unwrap();
        script
    }

    fn fault(line: &str) -> Option<Fault> {
        script(line).fault(&Counters::default())
    }

    fn problem(line: &str) -> String {
        Script::default().read(line).unwrap_err()
    }

    #[test]
    fn faults_are_read() {
        let error = |status, retry_after| Fault::Error { status: error_status(status).unwrap(), retry_after };
        assert_eq!(
            fault("sim: error 429 retry-after 1.5 times 2"),
            Some(error(429, Some(Duration::from_millis(1_500))))
        );
        assert_eq!(fault("Hello\n  sim: error 500"), Some(error(500, None)));
        assert_eq!(fault("sim: hang"), Some(Fault::Hang));
        assert_eq!(fault("sim:cut times 1"), Some(Fault::Broken(Break::Cut)));
        assert_eq!(fault("a sim: hang"), None);
    }

    #[test]
    fn answers_are_read() {
        let say = |line| script(line).say(&Counters::default()).unwrap();
        assert_eq!(say(r#"sim: say "a\nb" times 1"#), Say::Text("a\nb".into()));
        assert_eq!(say("sim: say  plain words"), Say::Text("plain words".into()));
        assert_eq!(say(r#"sim: json {"a": 1} times 3"#), Say::Text(r#"{"a": 1}"#.into()));
        assert_eq!(say("sim: tokens 12"), Say::Tokens(12));
        assert_eq!(say(r#"sim: refuse "no""#), Say::Refusal("no".into()));
        let call = Say::Call { name: "find".into(), arguments: r#"{"q": 1}"#.into() };
        assert_eq!(say(r#"sim: call find {"q": 1}"#), call);
    }

    #[test]
    fn directives_follow_one_another_when_their_times_are_over() {
        let text = "sim: error 429 times 1\nsim: error 500 times 1\nsim: latency 2s\nsim: speed 9";
        let (script, counters) = (script(text), Counters::default());
        let statuses = [(); 3].map(|()| match script.fault(&counters) {
            Some(Fault::Error { status, .. }) => status.as_u16(),
            _ => 0,
        });
        assert_eq!(statuses, [429, 500, 0]);
        assert_eq!((script.latency, script.speed), (Some(Duration::from_secs(2)), NonZeroU32::new(9)));
    }

    #[test]
    fn a_wrong_directive_says_what_is_wrong() {
        assert_eq!(
            problem("sim: error 200"),
            "the directive `sim: error 200` needs a status from 400 to 599"
        );
        assert!(
            problem("sim: hnag")
                .starts_with("the directive `sim: hnag` is unknown: expected `error`, `hang`")
        );
        assert!(problem("sim: hang twice").contains("expected nothing or `times N`"));
        assert!(problem("sim: json {").contains("cannot be read"));
        assert!(problem("sim: error 429 retry-after -1").contains("number of seconds"));
        assert!(problem("sim: latency soon").contains("expected a duration"));
        assert!(problem("sim: speed 0").contains("tokens a second"));
    }

    #[test]
    fn the_text_is_left_without_its_directives() {
        assert_eq!(without_directives("a\n sim: hang\nb"), "a\nb");
        assert!(matches!(without_directives("plain"), Cow::Borrowed("plain")));
    }
}
