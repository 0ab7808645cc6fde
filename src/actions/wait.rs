//! `wait`: goes on after a while, at an instant, or when somebody sends a request to an address that
//! only this wait has. The wait itself is the engine's, and survives it.

use serde::Deserialize;
use serde_json::json;

use crate::clock::Timestamp;
use crate::component::{
    Action, ActionDeclaration, Arguments, Attempt, Effect, Field, FieldType, OutputType, Resumed, StepFuture,
    Type, Wait as Waiting, Written,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::Awaited;
use crate::units::parse_duration;
use crate::value::{Failure, Json, Output};
use jiff::tz::TimeZone;

/// `wait`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "wait",
    summary: "Waits for a while, until an instant, or for a request to an address of its own; also over restarts.",
    fields: &[
        Field::optional("for", FieldType::Duration, "How long"),
        Field::optional(
            "until",
            FieldType::Text,
            "Until when: RFC 3339, or without an offset in the workspace's `timezone`; past instants go on at once",
        ),
        Field::optional(
            "event",
            FieldType::Record(&[Field::optional(
                "timeout",
                FieldType::Duration,
                "After which it goes on without an event, with `resumed: time`",
            )
            .with_default("never")]),
            "For a POST to the address that `approval.url` holds in `notify`: JSON, a form or text",
        ),
        Field::optional(
            "notify",
            FieldType::Steps,
            "With `event`: steps that tell somebody the address, run once before the wait",
        ),
    ],
    shorthand: Some("for"),
    open: None,
    output: OutputType::Fixed(Type::Record(&[
        ("resumed", Type::Text),
        ("by", Type::Any),
        ("body", Type::Any),
        ("headers", Type::Any),
        ("query", Type::Any),
    ])),
    effect: Effect::None,
    rules: Some(rules),
    worst_case: None,
    example: "- wait: 5m\n- id: paid\n  wait:\n    event: { timeout: 2d }\n    notify:\n      - webhook: { url: \"{{secrets.SHOP_URL}}\", json: { callback: \"{{approval.url}}\" } }\n",
};

fn rules(written: &Written<'_>, diagnostics: &mut Diagnostics) {
    match written.keys_among(&["for", "until", "event"])[..] {
        [] => diagnostics.push(
            Diagnostic::error("missing-key", written.name, "`wait` does not say what to wait for")
                .with_help("write `for:` with a duration, `until:` with an instant, or `event: {}`"),
        ),
        [_] => {}
        [(first, _), (second, at), ..] => {
            let message = format!("`{first}` and `{second}` are two waits");
            let problem = Diagnostic::error("two-waits", at, message);
            diagnostics.push(problem.with_help(match second {
                "event" => "the longest wait for an event is its `timeout`",
                _ => "write one of them, or two steps",
            }));
        }
    }
    if written.get("event").is_none()
        && let [(_, at)] = written.keys_among(&["notify"])[..]
    {
        let problem = Diagnostic::error("no-effect", at, "only a wait for an `event` has something to tell");
        diagnostics.push(problem.with_help("put these steps before the `wait`"));
    }
    if let Some(until) = written.get("until").and_then(|node| Some((node, node.as_text()?)))
        && !until.1.contains("{{")
        && let Err(failure) = instant(until.1, &TimeZone::UTC)
    {
        diagnostics.push(Diagnostic::error("wrong-type", until.0.span, failure.message));
    }
}

/// The action.
pub struct Wait {
    timezone: TimeZone,
}

impl Wait {
    /// Waits in which an instant without an offset is meant in this time zone.
    pub fn new(timezone: TimeZone) -> Self {
        Self { timezone }
    }
}

#[derive(Deserialize)]
struct Values {
    r#for: Option<String>,
    until: Option<String>,
    event: Option<Event>,
}

#[derive(Deserialize)]
struct Event {
    timeout: Option<String>,
}

impl Action for Wait {
    fn run<'a>(&'a self, attempt: Attempt<'a>) -> StepFuture<'a> {
        Box::pin(async move {
            let now = attempt.context.clock().now();
            let values: Values = attempt.values.decode()?;
            let (awaited, due) = match values {
                Values { event: Some(event), .. } => {
                    (Awaited::Event, event.timeout.map(|timeout| after(now, &timeout)).transpose()?)
                }
                Values { r#for: Some(length), .. } => (Awaited::Time, Some(after(now, &length)?)),
                Values { until: Some(until), .. } => (Awaited::Time, Some(instant(&until, &self.timezone)?)),
                _ => return Err(Failure::new("wrong_value", "`wait` does not say what to wait for").into()),
            };
            let resumed = attempt.context.wait(Waiting { awaited, due, fields: None }).await?;
            Ok(Output::new(match resumed {
                Resumed::Due => {
                    json!({ "resumed": "time", "by": null, "body": null, "headers": null, "query": null })
                }
                Resumed::Signal(signal) => {
                    let part = |name: &str| signal.data.get(name).cloned().unwrap_or_default();
                    json!({
                        "resumed": "event",
                        "by": signal.by,
                        "body": part("body"),
                        "headers": part("headers"),
                        "query": part("query"),
                    })
                }
            }))
        })
    }

    fn effect(&self, _: &Arguments) -> Effect {
        Effect::None
    }
}

/// The instant that is so long after this one.
pub(super) fn after(now: Timestamp, length: &str) -> Result<Timestamp, Failure> {
    let length = parse_duration(length)
        .map_err(|error| Failure::new("wrong_value", format!("{error}, found `{}`", brief(length))))?;
    Ok(now.checked_add(length).unwrap_or(Timestamp::MAX))
}

/// The instant that a text names.
fn instant(text: &str, timezone: &TimeZone) -> Result<Timestamp, Failure> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant);
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok();
    let zoned = civil.and_then(|civil| timezone.to_ambiguous_timestamp(civil).compatible().ok());
    zoned.ok_or_else(|| {
        let message = format!(
            "expected an instant like `2026-12-01T09:00:00+01:00`, or `2026-12-01T09:00` in the workspace's time zone, found `{}`",
            brief(text)
        );
        Failure::new("wrong_value", message)
    })
}

fn brief(text: &str) -> String {
    Json::String(text.chars().take(60).collect()).as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_has_an_offset_or_the_workspaces() {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        for (text, expected) in [
            ("2026-12-01T09:00:00+01:00", "2026-12-01T08:00:00Z"),
            ("2026-12-01T09:00:00Z", "2026-12-01T09:00:00Z"),
            (" 2026-12-01T09:00 ", "2026-12-01T08:00:00Z"),
            ("2026-07-01 09:00:00", "2026-07-01T07:00:00Z"),
            ("2026-12-01", "2026-11-30T23:00:00Z"),
        ] {
            assert_eq!(instant(text, &paris).unwrap().to_string(), expected, "{text}");
        }
        for text in ["", "tomorrow", "09:00", "2026-13-01T00:00:00Z"] {
            let message = instant(text, &paris).unwrap_err().message;
            assert!(message.starts_with("expected an instant like"), "{message}");
        }
    }

    #[test]
    fn a_wait_longer_than_time_ends_at_its_end() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(after(now, "5m").unwrap().as_second(), 300);
        assert_eq!(after(now, "99999999999d").unwrap(), Timestamp::MAX);
        assert!(after(now, "soon").is_err());
    }
}
