//! The fields of `howdah.yaml`, for editors. What they mean is decided where the configuration is
//! read; tests hold that the two know the same words.

use crate::component::{Field, FieldType};

const COUNT: FieldType = FieldType::Integer { min: 1, max: i64::MAX };
const COST: Field = Field::optional("cost", FieldType::Money, "In dollars");
const TEXTS: FieldType = FieldType::List(&FieldType::Text);

/// All of them.
pub const FIELDS: &[Field] = &[
    Field::optional("providers", FieldType::Map(&FieldType::Record(PROVIDER)), "Model servers by name"),
    Field::optional(
        "models",
        FieldType::Map(&FieldType::OneOrMany(&FieldType::Text)),
        "Your own names for models; of a list the next is tried when one fails",
    ),
    Field::optional(
        "prices",
        FieldType::Map(&FieldType::Record(PRICE)),
        "Dollars per million tokens, over the built-in table",
    ),
    Field::optional(
        "vars",
        FieldType::Map(&FieldType::Json),
        "Values that every workflow reads as `vars.NAME`",
    ),
    Field::optional(
        "timezone",
        FieldType::Text,
        "In which times are shown and schedules read, like `Europe/Paris`",
    )
    .with_default("UTC"),
    Field::optional(
        "limits",
        FieldType::Record(&[Field::optional(
            "day",
            FieldType::Record(&[COST]),
            "For all runs of a day together",
        )]),
        "What all of it may cost",
    ),
    Field::optional(
        "files",
        FieldType::Record(&[
            Field::optional("read", TEXTS, "Folders that may be read").with_default("the workspace"),
            Field::optional("write", TEXTS, "Folders that may be written")
                .with_default("the workspace, without workflows, prompts and state"),
        ]),
        "Where files may be read and written",
    ),
    Field::optional(
        "exec",
        FieldType::Record(&[Field::optional(
            "allow",
            TEXTS,
            "Programs that workflows may start, by absolute path",
        )]),
        "Programs",
    ),
    Field::optional("plugins", FieldType::Map(&FieldType::Json), "Plugins by name"),
    Field::optional(
        "server",
        FieldType::Record(&[
            Field::optional("listen", FieldType::Text, "The address for administration")
                .with_default("127.0.0.1:7878"),
            Field::optional("hooks", FieldType::Text, "The address for webhooks")
                .with_default("127.0.0.1:7879"),
            Field::optional("url", FieldType::Text, "Under which others reach the webhooks")
                .with_default("the address for webhooks"),
        ]),
        "Where the daemon listens",
    ),
    Field::optional(
        "history",
        FieldType::Record(&[
            Field::optional("keep", FieldType::Duration, "How long runs are kept after their end"),
            Field::optional("max_runs", COUNT, "How many runs are kept"),
        ]),
        "How long runs are kept",
    ),
];

const PROVIDER: &[Field] = &[
    Field::optional(
        "base_url",
        FieldType::Url,
        "The address under which `/chat/completions` lies, like `https://api.example.org/v1`",
    ),
    Field::optional("api_key", FieldType::Text, "Sent as a bearer token").with_secrets(),
    Field::optional("headers", FieldType::Map(&FieldType::Text), "Further headers").with_secrets(),
    Field::optional(
        "limits",
        FieldType::Record(&[
            Field::optional("concurrency", COUNT, "Calls at a time"),
            Field::optional("requests_per_minute", COUNT, "Calls begun in a minute"),
            Field::optional("tokens_per_minute", COUNT, "Tokens in and out in a minute"),
        ]),
        "What the server bears",
    ),
    Field::optional(
        "stream",
        FieldType::Either(&FieldType::Boolean, &FieldType::Choice(&["auto"])),
        "Whether answers are streamed on the wire",
    )
    .with_default("auto"),
    Field::optional(
        "timeouts",
        FieldType::Record(&[
            Field::optional("connect", FieldType::Duration, "For a connection").with_default("10s"),
            Field::optional("first_byte", FieldType::Duration, "For the first byte of an answer")
                .with_default("300s"),
            Field::optional("progress", FieldType::Duration, "For the next piece of an answer")
                .with_default("60s"),
            Field::optional("total", FieldType::Duration, "For the whole call").with_default("10m"),
        ]),
        "How long is waited for what",
    ),
];

const PRICE: &[Field] = &[
    Field::required("input", FieldType::Money, "For tokens read"),
    Field::required("output", FieldType::Money, "For tokens written"),
    Field::optional("cached", FieldType::Money, "For tokens read from the provider's cache")
        .with_default("as `input`"),
];
