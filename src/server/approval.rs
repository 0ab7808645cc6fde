//! The page on which a person decides: plain HTML, made from what the step asks, and what its form
//! sends back. Pure.
//!
//! What must stay true: everything that a workflow or a person wrote is escaped.

use std::fmt::Write as _;

use crate::component::Decision;
use crate::engine::Asked;
use crate::event::Awaited;
use crate::value::Json;

/// What a form's fields are called, so that they never clash with its own.
const PREFIX: &str = "field.";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem;\
                     color:#1a1a1a;background:#fff}h1{font-size:1.3rem}p.ask{white-space:pre-wrap;\
                     overflow-wrap:anywhere;font-size:1.1rem;border-left:4px solid #888;padding-left:1rem}\
                     dl{color:#555;font-size:.9rem}dt{float:left;clear:left;width:6rem}dd{margin-left:7rem}\
                     label{display:block;margin:.8rem 0 .2rem}input,select,textarea{font:inherit;width:100%;\
                     box-sizing:border-box;padding:.3rem}input[type=checkbox]{width:auto}button{font:inherit;\
                     padding:.5rem 1.5rem;margin:1.2rem .8rem 0 0}.problem{color:#a00}\
                     @media(prefers-color-scheme:dark){body{color:#eee;background:#181818}dl{color:#aaa}\
                     .problem{color:#f77}}";

/// What a page says that asks nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// There is nothing.
    Unknown,
    /// This decision was kept.
    Taken {
        /// Which.
        approved: bool,
    },
    /// Another decision was first.
    Answered,
    /// Its time is over.
    Over,
}

/// A page that asks nothing.
pub(super) fn notice(notice: Notice) -> String {
    let (title, text) = match notice {
        Notice::Unknown => ("Nothing waits here", "The address is not right, or what it was for is gone."),
        Notice::Taken { approved: true } => ("Approved", "Your answer is kept, and the run goes on."),
        Notice::Taken { approved: false } => ("Rejected", "Your answer is kept, and the run goes on."),
        Notice::Answered => ("Answered already", "Somebody has decided before; nothing was changed."),
        Notice::Over => ("Too late", "This waits no more: its time is over, or its run has ended."),
    };
    whole(title, &format!("<h1>{title}</h1><p>{text}</p>"))
}

/// The page that asks, with what was wrong with an answer before.
pub(super) fn form(asked: &Asked, problem: Option<&str>) -> String {
    let Awaited::Approval { message, to, fields } = &asked.wait.awaited else {
        return notice(Notice::Unknown);
    };
    let mut html = String::from("<h1>Your decision is asked for</h1>");
    if let Some(problem) = problem {
        let _ = write!(html, "<p class=\"problem\" role=\"alert\">{}</p>", escape(problem));
    }
    let _ = write!(html, "<p class=\"ask\">{}</p><dl>", escape(message));
    let due = asked.wait.due.map(|due| due.to_string()).unwrap_or_default();
    let facts = [
        ("workflow", asked.workflow.clone()),
        ("step", asked.step.to_string()),
        ("run", asked.run.to_string()),
        ("asked", to.join(", ")),
        ("until", due),
    ];
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = write!(html, "<dt>{name}</dt><dd>{}</dd>", escape(value));
    }
    html.push_str("</dl><form method=\"post\" accept-charset=\"utf-8\">");
    for (name, schema) in properties(fields.as_ref()) {
        push_field(&mut html, name, schema);
    }
    html.push_str(
        "<label for=\"by\">Your name</label><input id=\"by\" name=\"by\" maxlength=\"200\" autocomplete=\"name\">\
         <label for=\"comment\">Comment</label><textarea id=\"comment\" name=\"comment\" rows=\"3\"></textarea>\
         <button name=\"decision\" value=\"approve\">Approve</button>\
         <button name=\"decision\" value=\"reject\" formnovalidate>Reject</button></form>",
    );
    whole("Your decision is asked for", &html)
}

/// What the form sent: who decided, and how. Nothing when no button was pressed.
pub(super) fn decision(asked: &Asked, sent: &Json) -> Option<(Option<String>, Decision)> {
    let text = |name: &str| sent.get(name).and_then(Json::as_str).filter(|text| !text.trim().is_empty());
    let approved = match text("decision")? {
        "approve" => true,
        "reject" => false,
        _ => return None,
    };
    let schema = match &asked.wait.awaited {
        Awaited::Approval { fields, .. } => fields.as_ref(),
        _ => None,
    };
    let given = properties(schema).filter_map(|(name, schema)| {
        let sent = text(&format!("{PREFIX}{name}"));
        let value = match (kind(schema), sent) {
            ("boolean", sent) => Json::Bool(sent.is_some()),
            (_, None) => return None,
            ("string", Some(sent)) => sent.into(),
            // What is no number or JSON stays text, and the schema says what is wrong with it.
            (_, Some(sent)) => serde_json::from_str(sent).unwrap_or_else(|_| sent.into()),
        };
        Some((name.to_owned(), value))
    });
    let fields = match schema {
        Some(_) if approved => Json::Object(given.collect()),
        _ => Json::Null,
    };
    let comment = text("comment").map(str::to_owned);
    Some((text("by").map(str::to_owned), Decision { approved, comment, fields }))
}

fn push_field(html: &mut String, name: &str, schema: &Json) {
    let title = schema.get("description").and_then(Json::as_str).unwrap_or_default();
    let id = escape(&format!("{PREFIX}{name}"));
    let hint = if title.is_empty() { String::new() } else { format!(" <small>{}</small>", escape(title)) };
    let _ = write!(html, "<label for=\"{id}\">{}{hint}</label>", escape(name));
    let words = schema.get("enum").and_then(Json::as_array);
    let _ = match (kind(schema), words) {
        (_, Some(words)) => {
            let word = |word: &Json| word.as_str().map_or_else(|| word.to_string(), str::to_owned);
            let options: String =
                words.iter().map(|one| format!("<option>{}</option>", escape(&word(one)))).collect();
            write!(html, "<select id=\"{id}\" name=\"{id}\"><option></option>{options}</select>")
        }
        ("boolean", _) => {
            write!(html, "<input type=\"checkbox\" id=\"{id}\" name=\"{id}\" value=\"true\">")
        }
        ("integer", _) => write!(html, "<input type=\"number\" step=\"1\" id=\"{id}\" name=\"{id}\">"),
        ("number", _) => write!(html, "<input type=\"number\" step=\"any\" id=\"{id}\" name=\"{id}\">"),
        ("string", _) => write!(html, "<input id=\"{id}\" name=\"{id}\">"),
        _ => write!(html, "<textarea id=\"{id}\" name=\"{id}\" rows=\"3\" placeholder=\"JSON\"></textarea>"),
    };
}

/// The fields that a schema asks for.
fn properties(schema: Option<&Json>) -> impl Iterator<Item = (&str, &Json)> {
    let properties = schema.and_then(|schema| schema.get("properties")).and_then(Json::as_object);
    properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema))
}

/// The type of a field, null apart.
fn kind(schema: &Json) -> &str {
    let words = schema.get("enum").and_then(Json::as_array);
    if words.is_some_and(|words| words.iter().all(|word| word.is_string() || word.is_null())) {
        return "string";
    }
    match schema.get("type") {
        Some(Json::String(kind)) => kind,
        Some(Json::Array(kinds)) => {
            kinds.iter().filter_map(Json::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ => "",
    }
}

fn whole(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title}</title><style>{STYLE}</style><body>{body}</body></html>"
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::Timestamp;
    use crate::engine::Stands;
    use crate::ids::RunId;
    use crate::journal::WaitState;

    fn asked(message: &str, fields: Option<Json>) -> Asked {
        let awaited = Awaited::Approval { message: message.to_owned(), to: vec!["<ada>".to_owned()], fields };
        let since = Timestamp::UNIX_EPOCH;
        Asked {
            run: RunId::new(),
            workflow: "w".to_owned(),
            step: "ask".into(),
            wait: WaitState { awaited, due: None, token: None, since, signal: None },
            stands: Stands::Open,
        }
    }

    #[test]
    fn nothing_that_was_written_becomes_markup() {
        let fields = json!({ "properties": { "\"><script>": { "description": "<b>", "enum": ["<i>"] } } });
        let html = form(&asked("<script>alert('x')</script>", Some(fields)), Some("<u>"));
        for mark in ["<script", "<b>", "<i>", "<u>", "<ada>"] {
            assert!(!html.contains(mark), "{mark} in {html}");
        }
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)"));
    }

    #[test]
    fn what_is_filled_in_gets_the_types_that_were_asked_for() {
        let schema = json!({ "properties": {
            "n": { "type": "integer" }, "s": { "type": ["string", "null"] }, "b": { "type": "boolean" },
            "o": { "type": "object" }, "left": { "type": "string" }, "e": { "enum": ["1", "2"] },
        } });
        let asked = asked("?", Some(schema));
        let sent = json!({
            "decision": "approve", "by": "ada", "comment": " ", "field.n": "3", "field.s": "4",
            "field.b": "true", "field.o": "{\"x\":1}", "field.left": "", "field.e": "1", "field.other": "x",
        });
        let (by, decided) = decision(&asked, &sent).unwrap();
        assert_eq!((by.as_deref(), decided.approved, decided.comment), (Some("ada"), true, None));
        assert_eq!(decided.fields, json!({ "n": 3, "s": "4", "b": true, "o": { "x": 1 }, "e": "1" }));
        let (_, no) = decision(&asked, &json!({ "decision": "reject", "field.n": "x" })).unwrap();
        assert_eq!((no.approved, no.fields), (false, Json::Null));
        assert!(decision(&asked, &json!({ "by": "ada" })).is_none());
    }
}
