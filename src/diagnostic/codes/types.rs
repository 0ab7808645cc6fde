//! Pages on what values are, as far as that is known before a run.

use super::Page;

pub(super) const PAGES: &[Page] = &[
    Page::error(
        "may-be-absent",
        "A value is read that may not be there.",
        "Its step may be skipped or may fail and the run goes on, its schema does not require it, or only one of several triggers gives it.",
        "Give a value for that case with `default`, or ask first: `exists(…)` in an `if`, or `{{#if (exists …)}}`.",
    )
    .shown(
        "inputs: { n: integer }\nsteps:\n  - id: one\n    if: inputs.n > 3\n    set: { a: 1 }\n  - set: { b: \"{{steps.one.output.a}}\" }\n",
        "inputs: { n: integer }\nsteps:\n  - id: one\n    if: inputs.n > 3\n    set: { a: 1 }\n  - set: { b: \"{{default steps.one.output.a 0}}\" }\n",
    ),
    Page::error(
        "unknown-value",
        "A value is compared with one that it never is.",
        "It is one of a few by its schema, and this is none of them: mostly a slip of the finger.",
        "Write one of the values that the schema lists.",
    )
    .shown(
        "inputs: { queue: { type: string, enum: [billing, spam] } }\nsteps:\n  - fail: no\n    if: inputs.queue == 'bilIing'\n",
        "inputs: { queue: { type: string, enum: [billing, spam] } }\nsteps:\n  - fail: no\n    if: inputs.queue == 'billing'\n",
    ),
    Page::warning(
        "never-equal",
        "Two values are compared that are never equal.",
        "They are of different kinds: a number is no text, even if it looks the same.",
        "Compare values of one kind; `string(…)` makes text of a number and `int(…)` a number of text.",
    )
    .shown(
        "inputs: { n: integer }\nsteps:\n  - fail: no\n    if: inputs.n == '3'\n",
        "inputs: { n: integer }\nsteps:\n  - fail: no\n    if: inputs.n == 3\n",
    ),
    Page::error(
        "unknown-case",
        "A case of a `switch` is never taken.",
        "The value that chooses is one of a few by its schema, and this is none of them.",
        "Write one of the values that the schema lists, or take the case out.",
    )
    .shown(
        "inputs: { queue: { type: string, enum: [billing, spam] } }\nsteps:\n  - switch: inputs.queue\n    cases:\n      biling: [{ fail: no }]\n      spam: []\n",
        "inputs: { queue: { type: string, enum: [billing, spam] } }\nsteps:\n  - switch: inputs.queue\n    cases:\n      billing: [{ fail: no }]\n      spam: []\n",
    ),
    Page::error(
        "missing-case",
        "A `switch` over a few values has no case for one of them.",
        "There is no `default` either, so for that value nothing would happen, and nobody said so.",
        "Add the case (`[]` does nothing), or a `default`.",
    )
    .shown(
        "inputs: { queue: { type: string, enum: [billing, spam] } }\nsteps:\n  - switch: inputs.queue\n    cases:\n      billing: [{ fail: no }]\n",
        "inputs: { queue: { type: string, enum: [billing, spam] } }\nsteps:\n  - switch: inputs.queue\n    cases:\n      billing: [{ fail: no }]\n      spam: []\n",
    ),
    Page::warning(
        "unused-input",
        "Nothing reads an input.",
        "Whoever starts the workflow has to think about it, and it changes nothing.",
        "Read it as `inputs.NAME`, or take it out.",
    )
    .shown(
        "inputs: { name: string, tone: string }\nsteps:\n  - set: { a: \"{{inputs.name}}\" }\n",
        "inputs: { name: string }\nsteps:\n  - set: { a: \"{{inputs.name}}\" }\n",
    ),
    Page::warning(
        "unused-var",
        "Nothing reads one of the workflow's `vars`.",
        "It is evaluated in every run for nobody.",
        "Read it as `vars.NAME`, or take it out.",
    )
    .shown(
        "vars: { limit: 3 }\nsteps:\n  - set: { a: 1 }\n",
        "vars: { limit: 3 }\nsteps:\n  - set: { a: \"{{vars.limit}}\" }\n",
    ),
    Page::warning(
        "unused-step",
        "A step does nothing but give a value that nobody reads.",
        "`set`, `compute` and `read` change nothing outside of the run.",
        "Read its output as `steps.ID.output`, or take the step out.",
    )
    .shown(
        "steps:\n  - id: one\n    set: { a: 1 }\n  - write: { path: out/a.txt, content: hi }\n",
        "steps:\n  - id: one\n    set: { a: 1 }\n  - write: { path: out/a.txt, content: \"{{steps.one.output.a}}\" }\n",
    ),
];
