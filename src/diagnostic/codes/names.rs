//! Pages on names: what a text reads, and whether it is there.

use super::Page;

pub(super) const PAGES: &[Page] = &[
    Page::error(
        "unknown-name",
        "A text begins with a name that means nothing where it stands.",
        "Texts read `inputs`, `vars`, `event`, `steps`, `run`, `secrets`, and in places `error`, `item` and `index`; nothing else. There is no `env`.",
        "Write the root in front: `inputs.ticket`, `steps.label.output`.",
    )
    .shown(
        "inputs: { ticket: string }\nsteps:\n  - set: { a: \"{{ticket}}\" }\n",
        "inputs: { ticket: string }\nsteps:\n  - set: { a: \"{{inputs.ticket}}\" }\n",
    ),
    Page::error(
        "unknown-input",
        "The workflow has no input of this name.",
        "It is misspelled, or not declared.",
        "Declare it under `inputs:`, or write the name that is.",
    )
    .shown(
        "inputs: { ticket: string }\nsteps:\n  - set: { a: \"{{inputs.tiket}}\" }\n",
        "inputs: { ticket: string }\nsteps:\n  - set: { a: \"{{inputs.ticket}}\" }\n",
    ),
    Page::error(
        "unknown-field",
        "A value has no field of this name.",
        "The type of the value is known, from a schema or a declaration, and the field is not in it; or a step's value is read without `output`.",
        "Write a field that is there; of a step the value is `steps.ID.output`.",
    )
    .shown(
        "steps:\n  - id: page\n    http: { get: https://example.org/ }\n  - set: { a: \"{{steps.page.output.text}}\" }\n",
        "steps:\n  - id: page\n    http: { get: https://example.org/ }\n  - set: { a: \"{{steps.page.output.body}}\" }\n",
    ),
    Page::error(
        "unknown-step",
        "No step has this id.",
        "It is misspelled, or the step has a name and no `id`.",
        "Write `id:` in the step that is meant, or its id here.",
    )
    .shown(
        "steps:\n  - id: one\n    set: { a: 1 }\n  - set: { b: \"{{steps.oen.output.a}}\" }\n",
        "steps:\n  - id: one\n    set: { a: 1 }\n  - set: { b: \"{{steps.one.output.a}}\" }\n",
    ),
    Page::error(
        "unknown-workflow",
        "`call` names a workflow that the workspace does not have.",
        "It is misspelled, or the file's name is meant and the workflow has another `name:`.",
        "Write the name of the workflow; data may not choose it.",
    )
    .shown(
        "steps:\n  - call: greet\n",
        "# workflows/greet.yaml\nsteps:\n  - set: { said: hello }\n# workflows/example.yaml\nsteps:\n  - call: greet\n",
    ),
    Page::error(
        "step-not-before",
        "A step is read that has not run yet.",
        "It stands further down, runs beside this one, or nothing says that it comes first.",
        "Move it up, or let this step wait for it with `needs`.",
    )
    .shown(
        "steps:\n  - set: { b: \"{{steps.one.output.a}}\" }\n  - id: one\n    set: { a: 1 }\n",
        "steps:\n  - id: one\n    set: { a: 1 }\n  - set: { b: \"{{steps.one.output.a}}\" }\n",
    ),
    Page::error(
        "step-out-of-reach",
        "A step inside a loop, a case or a group is read from outside.",
        "It may have run many times, or not at all.",
        "Give the loop or the switch an `id` and read its output.",
    )
    .shown(
        "steps:\n  - id: all\n    foreach: \"[1, 2]\"\n    steps:\n      - id: one\n        set: { a: \"{{item}}\" }\n  - set: { b: \"{{steps.one.output.a}}\" }\n",
        "steps:\n  - id: all\n    foreach: \"[1, 2]\"\n    steps:\n      - id: one\n        set: { a: \"{{item}}\" }\n  - set: { b: \"{{steps.all.output}}\" }\n",
    ),
    Page::error(
        "secret-misplaced",
        "A secret stands where it would be written down or sent to somebody else.",
        "Prompts, files, outputs and logs are kept and shown; a credential belongs where one is asked for.",
        "Use it in `auth`, headers, `query`, `form`, `json` or the address of `http` and `webhook`.",
    )
    .shown(
        "steps:\n  - write: { path: out/a.txt, content: \"{{secrets.TOKEN}}\" }\n",
        "# .env\nTOKEN=a-token-of-your-own\n# workflows/example.yaml\nsteps:\n  - http: { get: \"https://example.org/\", auth: { bearer: \"{{secrets.TOKEN}}\" } }\n",
    ),
];
