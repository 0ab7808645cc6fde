//! Pages on prompt files.

use super::Page;

pub(super) const PAGES: &[Page] = &[
    Page::error(
        "unknown-prompt",
        "The prompt file does not exist.",
        "The path is misspelled, is not one from the workspace, or leads out of `prompts` and `workflows`.",
        "Write the path that the help offers, like `prompts/hello.prompt`.",
    )
    .shown(
        "steps:\n  - chat: { model: gpt-4.1-mini, prompt: { file: prompts/helo.prompt } }\n# prompts/hello.prompt\nSay hello.\n",
        "steps:\n  - chat: { model: gpt-4.1-mini, prompt: { file: prompts/hello.prompt } }\n# prompts/hello.prompt\nSay hello.\n",
    ),
    Page::error(
        "empty-prompt",
        "A prompt file says nothing.",
        "There is no text below its front matter.",
        "Write the prompt below the second `---`.",
    )
    .shown(
        "steps:\n  - set: { a: 1 }\n# prompts/hello.prompt\n---\nmodel: gpt-4.1-mini\n---\n",
        "steps:\n  - set: { a: 1 }\n# prompts/hello.prompt\n---\nmodel: gpt-4.1-mini\n---\nSay hello.\n",
    ),
    Page::error(
        "front-matter",
        "The front matter of a prompt file is never closed.",
        "It begins with a line of `---`, and no second one follows.",
        "End it with a line of `---`; a prompt without front matter needs neither.",
    )
    .shown(
        "steps:\n  - set: { a: 1 }\n# prompts/hello.prompt\n---\nmodel: gpt-4.1-mini\n\nSay hello.\n",
        "steps:\n  - set: { a: 1 }\n# prompts/hello.prompt\n---\nmodel: gpt-4.1-mini\n---\nSay hello.\n",
    ),
    Page::warning(
        "unknown-config",
        "A setting in the front matter of a prompt file means nothing here.",
        "It is misspelled, or belongs to another program that reads such files.",
        "Write a field of `chat`, as `howdah explain chat` lists them, or take it out.",
    )
    .shown(
        "steps:\n  - set: { a: 1 }\n# prompts/hello.prompt\n---\nmodel: gpt-4.1-mini\nconfig: { temprature: 0.2 }\n---\nSay hello.\n",
        "steps:\n  - set: { a: 1 }\n# prompts/hello.prompt\n---\nmodel: gpt-4.1-mini\nconfig: { temperature: 0.2 }\n---\nSay hello.\n",
    ),
    Page::warning(
        "output-format",
        "The `output.format` of a prompt file does nothing.",
        "It is not known, or asks for JSON without a schema to ask it with.",
        "Write `text`, or `json` with a `schema` beside it.",
    )
    .shown(
        "steps:\n  - set: { a: 1 }\n# prompts/hello.prompt\n---\nmodel: gpt-4.1-mini\noutput: { format: xml }\n---\nSay hello.\n",
        "steps:\n  - set: { a: 1 }\n# prompts/hello.prompt\n---\nmodel: gpt-4.1-mini\noutput: { format: text }\n---\nSay hello.\n",
    ),
];
