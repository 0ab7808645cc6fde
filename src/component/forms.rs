//! What may be written in a workflow beside actions and triggers: the keys at its top, the keys of
//! a step, and the forms of control flow.
//!
//! These are tables for people and editors, as the declarations of kinds are; what they mean is
//! decided where a workflow is read. A test holds that the two know the same words.

use super::declaration::{Field, FieldType};

/// A key and how it is used.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name, type and meaning.
    pub field: Field,
    /// A workflow or a step with it, in YAML.
    pub example: &'static str,
}

/// A form of control flow.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    /// The key that makes a step one of these, and what stands at it.
    pub head: Field,
    /// One sentence.
    pub summary: &'static str,
    /// What may stand beside the head.
    pub fields: &'static [Field],
    /// What `steps.ID.output` is, in words.
    pub output: &'static str,
    /// A step of this form, in YAML.
    pub example: &'static str,
}

const RUNS: FieldType = FieldType::Integer { min: 1, max: 10_000 };
const STEPS: FieldType = FieldType::Steps;
/// An expression, or a map or list of templates.
const COLLECT: FieldType = FieldType::Either(&EXPRESSION, &FieldType::Json);
/// One text or several; none is right too.
const NAMES: FieldType = FieldType::Either(&FieldType::Text, &FieldType::List(&FieldType::Text));
const EXPRESSION: FieldType = FieldType::Expression;
const COST: Field = Field::optional("cost", FieldType::Money, "The most that it may cost, in dollars");

/// The keys at the top of a workflow, in the order in which they are usually written. Keys that
/// begin with `x-` are free: a place for anchors.
pub const TOP: &[Key] = &[
    Key {
        field: Field::optional("name", FieldType::Text, "Under which it is started; unique in the workspace")
            .with_default("the file's stem"),
        example: "name: triage\n",
    },
    Key {
        field: Field::optional("description", FieldType::Text, "What it does, for people"),
        example: "description: Label a support ticket and route it.\n",
    },
    Key {
        field: Field::optional(
            "inputs",
            FieldType::Map(&FieldType::Schema),
            "What every trigger fills: a type, or a schema with `default`; `name?` may be left out",
        ),
        example: "inputs:\n  ticket: string\n  language: { type: string, enum: [fr, en], default: fr }\n",
    },
    Key {
        field: Field::optional("on", FieldType::Triggers, "What starts it; by hand it can be started always"),
        example: "on:\n  file:\n    paths: [\"inbox/**/*.txt\"]\n    with: { ticket: \"{{event.text}}\" }\n",
    },
    Key {
        field: Field::optional(
            "vars",
            FieldType::Map(&FieldType::Json),
            "Values that are worked out once at the start, in order, and read as `vars.NAME`",
        ),
        example: "vars:\n  title: \"Report of {{run.started}}\"\n",
    },
    Key {
        field: Field::optional(
            "defaults",
            FieldType::Defaults,
            "Fields of an action for all steps that do not write them",
        ),
        example: "defaults:\n  chat: { model: gpt-4.1-mini, temperature: 0.2 }\n",
    },
    Key {
        field: Field::optional(
            "limits",
            FieldType::Record(&[
                Field::optional(
                    "run",
                    FieldType::Record(&[
                        COST,
                        Field::optional("time", FieldType::Duration, "How long it may take"),
                    ]),
                    "For one run",
                ),
                Field::optional("day", FieldType::Record(&[COST]), "For all runs of a day"),
            ]),
            "What a run, and all runs of a day, may cost and take",
        ),
        example: "limits: { run: { cost: $0.02, time: 5m }, day: { cost: $1.00 } }\n",
    },
    Key {
        field: Field::optional(
            "concurrency",
            FieldType::Either(
                &RUNS,
                &FieldType::Record(&[
                    Field::required("limit", RUNS, "Runs at a time"),
                    Field::optional(
                        "key",
                        FieldType::Text,
                        "Runs with different keys do not wait for each other",
                    ),
                    Field::optional(
                        "overflow",
                        FieldType::Choice(&["queue", "skip", "cancel_oldest"]),
                        "What becomes of one run more",
                    )
                    .with_default("queue"),
                ]),
            ),
            "How many runs go on at once; a number means `limit`",
        ),
        example: "concurrency: { limit: 2, key: \"{{inputs.language}}\", overflow: queue }\n",
    },
    Key {
        field: Field::optional(
            "allow",
            FieldType::Record(&[
                Field::optional(
                    "hosts",
                    NAMES,
                    "Hosts that data may choose in an address, like `*.example.org`",
                ),
                Field::optional(
                    "files",
                    NAMES,
                    "Globs of files that data may name with folders in a path that is written",
                ),
            ]),
            "What data may choose, beyond what the author wrote",
        ),
        example: "allow: { hosts: [api.example.org] }\n",
    },
    Key {
        field: Field::required("steps", STEPS, "What it does, in this order"),
        example: "steps:\n  - id: summary\n    chat: { model: gpt-4.1-mini, prompt: \"Sum up: {{inputs.text}}\" }\n",
    },
    Key {
        field: Field::optional("output", FieldType::Json, "What it gives")
            .with_default("the output of the last step"),
        example: "output:\n  queue: \"{{steps.label.output.queue}}\"\n",
    },
    Key {
        field: Field::optional(
            "on_failure",
            STEPS,
            "What happens when a run failed; these steps see `error`",
        ),
        example: "on_failure:\n  - webhook: { url: \"{{secrets.OPS_URL}}\", json: { error: \"{{error.message}}\" } }\n",
    },
    Key {
        field: Field::optional("finally", STEPS, "What happens at the end of every run"),
        example: "finally:\n  - write: { path: \"out/{{run.id}}.txt\", content: \"ended\" }\n",
    },
];

/// The keys that a step may have beside its action or form.
pub const STEP: &[Key] = &[
    Key {
        field: Field::optional("id", FieldType::Text, "Under which others read it: `steps.ID.output`"),
        example: "- id: label\n  set: { queue: billing }\n",
    },
    Key {
        field: Field::optional("name", FieldType::Text, "What people see").with_default("the id"),
        example: "- name: Label the ticket\n  set: { queue: billing }\n",
    },
    Key {
        field: Field::optional("if", EXPRESSION, "Whether it runs; one that does not has the output null"),
        example: "- if: inputs.urgency >= 4\n  fail: too urgent for a machine\n",
    },
    Key {
        field: Field::optional("needs", NAMES, "The steps of its list that it waits for; `[]` for none")
            .with_default("the step before it"),
        example: "- id: both\n  needs: [first, second]\n  set: { done: true }\n",
    },
    Key {
        field: Field::optional(
            "retry",
            FieldType::Either(&FieldType::Integer { min: 1, max: 100 }, &FieldType::Record(RETRY)),
            "How often and how soon it is tried again; a number means attempts",
        )
        .with_default("4 attempts for `chat`, `http` and `webhook`, else 1"),
        example: "- http: { get: \"https://example.org/\" }\n  retry: { attempts: 6, delay: 2s, max_delay: 1m }\n",
    },
    Key {
        field: Field::optional(
            "timeout",
            FieldType::Duration,
            "How long attempts and waits together may take",
        ),
        example: "- http: { get: \"https://example.org/\" }\n  timeout: 30s\n",
    },
    Key {
        field: Field::optional(
            "on_error",
            FieldType::Either(&FieldType::Choice(&["fail", "continue"]), &STEPS),
            "What happens when it failed for good: steps see `error`, and their last output stands in",
        )
        .with_default("fail"),
        example: "- id: page\n  http: { get: \"https://example.org/\" }\n  on_error:\n    - set: { body: nothing }\n",
    },
    Key {
        field: Field::optional(
            "idempotent",
            FieldType::Boolean,
            "Whether doing it twice is as good as once, where the author knows better",
        )
        .with_default("what the action says"),
        example: "- http: { post: \"https://example.org/\", json: { a: 1 } }\n  idempotent: true\n",
    },
    Key {
        field: Field::optional("limits", FieldType::Record(&[COST]), "What the step may cost"),
        example: "- chat: { model: gpt-4.1-mini, prompt: Hello }\n  limits: { cost: $0.01 }\n",
    },
];

/// `retry`.
const RETRY: &[Field] = &[
    Field::optional("attempts", FieldType::Integer { min: 1, max: 100 }, "In all, the first included"),
    Field::optional("delay", FieldType::Duration, "Before the second attempt").with_default("500ms"),
    Field::optional(
        "factor",
        FieldType::Number { min: 1.0, max: 10.0 },
        "How much longer each wait is than the one before",
    )
    .with_default("2"),
    Field::optional("max_delay", FieldType::Duration, "The longest wait").with_default("8s"),
];

/// The forms of control flow.
pub const FORMS: &[Form] = &[
    Form {
        head: Field::required("steps", STEPS, "The steps, in order"),
        summary: "A group: steps under one condition.",
        fields: &[Field::optional("else", STEPS, "The steps when the `if` of the group does not hold")],
        output: "the output of the last step",
        example: "- if: inputs.loud\n  steps:\n    - set: { a: 1 }\n  else:\n    - set: { a: 0 }\n",
    },
    Form {
        head: Field::required("parallel", STEPS, "The steps that start together"),
        summary: "Steps that start together.",
        fields: &[],
        output: "a map from id to output",
        example: "- id: both\n  parallel:\n    - id: first\n      set: { a: 1 }\n    - id: second\n      set: { b: 2 }\n",
    },
    Form {
        head: Field::required("foreach", EXPRESSION, "The list: an expression, or the list itself"),
        summary: "Steps for each item of a list; the item is `item`, its place `index`.",
        fields: &[
            Field::required("steps", STEPS, "What is done for each item"),
            Field::optional("as", FieldType::Text, "The name of the item").with_default("item"),
            Field::optional(
                "concurrency",
                FieldType::Integer { min: 1, max: 1_000 },
                "How many items are under way at once",
            )
            .with_default("1"),
            Field::optional(
                "batch",
                FieldType::Integer { min: 1, max: 10_000 },
                "Takes so many items at a time, as a list",
            ),
            Field::optional("collect", COLLECT, "What each item gives")
                .with_default("the output of its last step"),
            Field::optional(
                "on_item_error",
                FieldType::Choice(&["fail", "skip", "keep"]),
                "What happens when an item fails: all fails, it is left out, or `{error}` stands in its place",
            )
            .with_default("fail"),
            Field::optional(
                "once",
                FieldType::Either(&EXPRESSION, &FieldType::Record(&[
                    Field::required("key", EXPRESSION, "What tells items apart, like `item.id`"),
                    Field::optional("keep", FieldType::Duration, "How long an item is remembered"),
                ])),
                "Leaves out items that an earlier run finished",
            ),
        ],
        output: "a list, in the order of the items: of `collect`, else of the last outputs",
        example: "- id: doubled\n  foreach: \"[1, 2, 3]\"\n  as: number\n  concurrency: 2\n  steps:\n    - compute: { value: number * 2 }\n",
    },
    Form {
        head: Field::required("switch", EXPRESSION, "The value that chooses"),
        summary: "One of several lists of steps, chosen by a value.",
        fields: &[
            Field::required("cases", FieldType::Map(&STEPS), "The steps for each value; `[]` for none"),
            Field::optional("default", STEPS, "The steps for every other value"),
        ],
        output: "the output of the last step taken; null when no case fits",
        example: "- switch: inputs.queue\n  cases:\n    billing:\n      - set: { team: accounts }\n    spam: []\n  default:\n    - set: { team: support }\n",
    },
    Form {
        head: Field::required(
            "repeat",
            FieldType::Record(&[
                Field::required("steps", STEPS, "What is done in each round"),
                Field::optional("until", EXPRESSION, "Ends after the round in which this holds"),
                Field::optional("max", FieldType::Integer { min: 1, max: 10_000 }, "The most rounds")
                    .with_default("100"),
                Field::optional(
                    "on_limit",
                    FieldType::Choice(&["fail", "continue"]),
                    "What happens when the last round has not fulfilled `until`",
                )
                .with_default("fail"),
                Field::optional("collect", COLLECT, "What each round gives; the output is then a list"),
            ]),
            "What is repeated, and until when",
        ),
        summary: "Steps again and again until a condition holds; `round.index` and `round.previous` tell where one is.",
        fields: &[],
        output: "the output of the last round, or the list of `collect`",
        example: "- id: draft\n  repeat:\n    max: 3\n    until: steps.judged.output.good\n    steps:\n      - id: judged\n        compute: { good: round.index > 0 }\n",
    },
    Form {
        head: Field::required("call", FieldType::Text, "The name of the workflow"),
        summary: "Runs another workflow as a child, and waits for it.",
        fields: &[Field::optional("with", FieldType::Map(&FieldType::Json), "Its inputs")],
        output: "the output of the workflow that is called",
        example: "- id: label\n  call: triage\n  with: { ticket: \"{{inputs.ticket}}\" }\n",
    },
];

/// The keys of a trigger that every kind has.
pub const TRIGGER: &[Key] = &[
    Key {
        field: Field::optional(
            "if",
            EXPRESSION,
            "Which events start a run; the others are answered and dropped",
        )
        .with_default("all"),
        example: "on:\n  webhook: { path: /tickets, auth: none, if: event.body.kind == 'ticket' }\n",
    },
    Key {
        field: Field::optional("with", FieldType::Map(&FieldType::Json), "The inputs, from the event"),
        example: "on:\n  webhook: { path: /tickets, auth: none, with: { ticket: \"{{event.body.text}}\" } }\n",
    },
];
