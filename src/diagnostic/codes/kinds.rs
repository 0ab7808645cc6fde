//! Pages on what single actions and triggers ask for beyond their fields.

use super::Page;

pub(super) const PAGES: &[Page] = &[
    Page::error(
        "two-prompts",
        "`chat` has both `messages` and `prompt` or `system`.",
        "`messages` is the whole conversation, so nothing can stand beside it.",
        "Put the text into `messages` as one of them, or use `system` and `prompt` alone.",
    )
    .shown(
        "defaults:\n  chat: { model: gpt-4.1-mini }\nsteps:\n  - chat:\n      prompt: Hello\n      messages: [{ role: user, content: Hello }]\n",
        "defaults:\n  chat: { model: gpt-4.1-mini }\nsteps:\n  - chat:\n      messages: [{ role: user, content: Hello }]\n",
    ),
    Page::error(
        "two-methods",
        "`http` has more than one method.",
        "The key is the method and its value the address, so one of them is too many.",
        "Keep one of `get`, `post`, `put`, `patch`, `delete` and `head`.",
    )
    .shown(
        "steps:\n  - http: { get: \"https://example.org/a\", post: \"https://example.org/b\" }\n",
        "steps:\n  - http: { get: \"https://example.org/a\" }\n",
    ),
    Page::error(
        "two-bodies",
        "A request or an answer has more than one body.",
        "`json`, `form`, `body` and `text` are forms of the same thing.",
        "Keep one of them.",
    )
    .shown(
        "steps:\n  - http: { post: \"https://example.org/\", json: { a: 1 }, body: text }\n",
        "steps:\n  - http: { post: \"https://example.org/\", json: { a: 1 } }\n",
    ),
    Page::error(
        "two-waits",
        "A `wait` says more than one thing to wait for.",
        "It waits for a while, until an instant, or for an event; only an event has a `timeout` beside it.",
        "Keep one of `for`, `until` and `event`, or write two steps.",
    )
    .shown(
        "steps:\n  - wait: { for: 5m, event: {} }\n",
        "steps:\n  - wait: { event: { timeout: 5m } }\n",
    ),
    Page::error(
        "one-auth",
        "The `auth` of a webhook names no scheme, or several.",
        "A sender proves itself in one way, and nothing is implied.",
        "Write one of `bearer`, `hmac`, `standard`, `github`, `slack` and `stripe`, or `auth: none`.",
    )
    .shown(
        "on:\n  webhook: { path: /a, auth: {} }\nsteps:\n  - set: { a: 1 }\n",
        "on:\n  webhook: { path: /a, auth: none }\nsteps:\n  - set: { a: 1 }\n",
    ),
    Page::error(
        "bad-path",
        "The `path` of a webhook is none.",
        "It begins with `/`, has no empty parts, no query, and `{name}` stands for one whole part.",
        "Write it like `/tickets/{queue}`.",
    )
    .shown(
        "on:\n  webhook: { path: tickets, auth: none }\nsteps:\n  - set: { a: 1 }\n",
        "on:\n  webhook: { path: /tickets, auth: none }\nsteps:\n  - set: { a: 1 }\n",
    ),
    Page::error(
        "bad-pattern",
        "A glob is none.",
        "A bracket is not closed, or the pattern leads out of the workspace.",
        "`*` is any part of a name, `**` any folders, `?` one character, `{a,b}` one of two.",
    )
    .shown(
        "on:\n  file: { paths: \"inbox/[a\" }\nsteps:\n  - set: { path: \"{{event.path}}\" }\n",
        "on:\n  file: { paths: \"inbox/[ab]*\" }\nsteps:\n  - set: { path: \"{{event.path}}\" }\n",
    ),
    Page::warning(
        "no-effect",
        "A setting is right and does nothing.",
        "Something else beside it would have to be written, or this version of howdah does not heed it.",
        "Remove it, or write what it belongs with.",
    )
    .shown(
        "on:\n  webhook: { path: /a, auth: none, respond_within: 5s }\nsteps:\n  - set: { a: 1 }\n",
        "on:\n  webhook: { path: /a, auth: none, respond: result, respond_within: 5s }\nsteps:\n  - set: { a: 1 }\n",
    ),
    Page::warning(
        "unknown-model",
        "The model is not in the list of known models.",
        "It is misspelled, or newer than this howdah. It is sent as written, and its price is not known.",
        "Correct the name; for a new model give its price under `prices` in `howdah.yaml`.",
    )
    .shown(
        "steps:\n  - chat: { model: gpt-4.1-minni, prompt: Hello }\n",
        "steps:\n  - chat: { model: gpt-4.1-mini, prompt: Hello }\n",
    ),
];
