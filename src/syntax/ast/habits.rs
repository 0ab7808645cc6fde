//! What people bring along from other programs of this kind, and how it is written here.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::syntax::fields::Fields;

/// A key of another program, and what to write here.
type Habit = (&'static str, &'static str);

/// At the top of a workflow.
pub(super) const WORKFLOW: &[Habit] = &[
    (
        "jobs",
        "a workflow has no jobs: write the steps under `steps:`, and `parallel:` around those that start together",
    ),
    ("tasks", "write them under `steps:`"),
    ("nodes", "write them under `steps:`"),
    ("triggers", "what starts a workflow stands under `on:`"),
    ("trigger", "what starts a workflow stands under `on:`"),
    ("schedule", "what starts a workflow stands under `on:`, like `on: { schedule: { every: 1h } }`"),
    ("params", "what a run is given stands under `inputs:`"),
    ("variables", "values that steps read stand under `vars:`, what a run is given under `inputs:`"),
    (
        "env",
        "workflows read no environment: plain values stand under `vars:`, and a credential is `{{secrets.NAME}}`",
    ),
    ("secrets", "secrets are not declared: read one as `{{secrets.NAME}}` where a credential belongs"),
    ("outputs", "what a run gives stands under `output:`"),
    ("timeout", "the time of a run stands under `limits:`, like `limits: { run: { time: 5m } }`"),
    ("errors", "what happens when a run failed stands under `on_failure:`"),
    ("id", "the name of a workflow is `name:`"),
];

/// In a step.
pub(super) const STEP: &[Habit] = &[
    (
        "uses",
        "a step has the name of its action as a key, like `http:`; another workflow is started by `call:`",
    ),
    ("run", "there is no shell: a program is started by `exec: { command: [program, argument] }`"),
    ("shell", "there is no shell: a program is started by `exec: { command: [program, argument] }`"),
    ("type", "a step has the name of its action as a key, like `chat:` or `http:`"),
    ("action", "a step has the name of its action as a key, like `chat:` or `http:`"),
    ("when", "a condition is `if:`"),
    ("condition", "a condition is `if:`"),
    ("depends", "what a step waits for is `needs:`"),
    ("depends_on", "what a step waits for is `needs:`"),
    ("dependsOn", "what a step waits for is `needs:`"),
    (
        "env",
        "the environment of a program stands in its `exec:`; plain values stand under `vars:` of the workflow",
    ),
    ("matrix", "a list is gone through by `foreach:`"),
    ("strategy", "a list is gone through by `foreach:`"),
    ("for_each", "a list is gone through by `foreach:`"),
    ("forEach", "a list is gone through by `foreach:`"),
    ("continue-on-error", "write `on_error: continue`"),
    ("continue_on_error", "write `on_error: continue`"),
    ("timeout-minutes", "a time has its unit: `timeout: 5m`"),
    ("retries", "write `retry: { attempts: 3 }`"),
    ("prompt", "a prompt stands in its action: `chat: { prompt: … }`"),
    ("while", "a loop with a condition is `repeat: { until: …, steps: … }`"),
    ("until", "a loop with a condition is `repeat: { until: …, steps: … }`"),
    ("sleep", "a pause is `wait: { for: 30s }`"),
    ("catch", "what happens when a step failed is `on_error:`"),
    ("else", "`else:` stands beside `steps:`: write `steps:` around what is done when the condition holds"),
    ("with", "the fields of an action stand below its name, like `http: { get: … }`"),
    ("as", "the item of a `foreach:` gets its name by `as:` beside it"),
    ("cases", "cases stand beside `switch:`"),
    ("default", "what is done when no case fits stands beside `switch:` and `cases:`"),
];

/// In an action, a trigger or a part of a workflow, by what messages call it: keys that are one mistake
/// together, and what to write here.
const FIELDS: &[(&str, &[&str], &str)] = &[
    (
        "`http`",
        &["method", "url", "uri"],
        "the method is the key of the address, like `get: https://…` or `post: https://…`",
    ),
    ("`http`", &["data", "payload"], "what is sent stands in `json`, `form`, `body` or `multipart`"),
    (
        "`chat`",
        &["api_key", "base_url", "provider"],
        "providers and their keys stand in `howdah.yaml`; `model: PROVIDER/MODEL` names one",
    ),
    ("`chat`", &["instructions", "system_prompt"], "what the model is told before the prompt is `system`"),
    ("`chat`", &["content", "message", "input", "user"], "what the model is asked is `prompt`"),
    (
        "`chat`",
        &["response_format", "json_schema", "output_schema", "format"],
        "what the answer must be is its `schema`",
    ),
    ("`webhook`", &["body", "data", "payload"], "what is sent is `json`"),
    ("`write`", &["text", "body", "data"], "what is written is its `content`"),
    ("`write`", &["file", "filename", "to"], "the file is its `path`"),
    ("`read`", &["file", "filename", "from"], "the file is its `path`"),
    (
        "`concurrency`",
        &["group", "cancel-in-progress"],
        "how many run at once is its `limit`, what tells them apart its `key`, and `overflow: cancel_oldest` ends the older one",
    ),
];

/// The same for the keys of `what` that are the habit of other programs.
pub fn report_fields(fields: &mut Fields<'_>, what: &str, diagnostics: &mut Diagnostics) {
    for (_, keys, help) in FIELDS.iter().filter(|(of, ..)| *of == what) {
        let found: Vec<_> = fields.keys().filter(|key| keys.contains(&&*key.value)).cloned().collect();
        for key in &found {
            fields.take(&key.value);
        }
        if let Some(first) = found.first() {
            let message = format!("unknown key `{}` in {what}", first.value);
            diagnostics.push(Diagnostic::error("unknown-key", first.span, message).with_help(*help));
        }
    }
}

/// Reports the keys that are left and that are a habit from elsewhere, and takes them.
pub(super) fn report(fields: &mut Fields<'_>, what: &str, habits: &[Habit], diagnostics: &mut Diagnostics) {
    let left: Vec<_> = fields.keys().cloned().collect();
    for key in left {
        let Some((_, help)) = habits.iter().find(|(habit, _)| *habit == &*key.value) else { continue };
        fields.take(&key.value);
        let message = format!("unknown key `{}` in {what}", key.value);
        diagnostics.push(Diagnostic::error("unknown-key", key.span, message).with_help(*help));
    }
}
