//! Pages on tests of workflows and their recordings.

use super::Page;

pub(super) const PAGES: &[Page] = &[
    Page::error(
        "duplicate-test",
        "Two tests of a file have one name.",
        "A test was copied and not renamed.",
        "Give each test a name of its own.",
    )
    .shown(
        "steps:\n  - id: a\n    set: { x: 1 }\noutput: \"{{steps.a.output.x}}\"\n# workflows/example.test.yaml\ntests:\n  - name: it works\n  - name: it works\n",
        "steps:\n  - id: a\n    set: { x: 1 }\noutput: \"{{steps.a.output.x}}\"\n# workflows/example.test.yaml\ntests:\n  - name: it works\n  - name: it gives something\n    expect: { output: { any: true } }\n",
    ),
    Page::error(
        "mock-mismatch",
        "What stands in for a step is nothing that the step could give.",
        "The step's schema, or its action, gives something else; or the step is a loop or a case, in which others stand.",
        "Write a value that fits, or mock the steps inside.",
    )
    .shown(
        "steps:\n  - id: a\n    chat: { model: gpt-4.1-mini, prompt: Hi, schema: { n: integer } }\noutput: \"{{steps.a.output.n}}\"\n# workflows/example.test.yaml\ntests:\n  - name: it works\n    mock: { a: { n: many } }\n",
        "steps:\n  - id: a\n    chat: { model: gpt-4.1-mini, prompt: Hi, schema: { n: integer } }\noutput: \"{{steps.a.output.n}}\"\n# workflows/example.test.yaml\ntests:\n  - name: it works\n    mock: { a: { n: 3 } }\n",
    ),
    Page::error(
        "bad-input",
        "A test gives an input a value that the workflow does not take.",
        "The workflow declares another type, or its declaration has changed.",
        "Write a value that fits the declaration under `inputs` of the workflow.",
    )
    .shown(
        "inputs: { n: integer }\nsteps:\n  - id: a\n    set: { x: \"{{inputs.n}}\" }\noutput: \"{{steps.a.output.x}}\"\n# workflows/example.test.yaml\ntests:\n  - name: it works\n    inputs: { n: many }\n",
        "inputs: { n: integer }\nsteps:\n  - id: a\n    set: { x: \"{{inputs.n}}\" }\noutput: \"{{steps.a.output.x}}\"\n# workflows/example.test.yaml\ntests:\n  - name: it works\n    inputs: { n: 3 }\n",
    ),
    Page::error(
        "bad-expectation",
        "A test expects something that nothing can be.",
        "A regular expression is none, or `any` and `absent` are not `true`.",
        "Write it as the message says.",
    )
    .shown(
        "steps:\n  - id: a\n    set: { x: 1 }\noutput: \"{{steps.a.output.x}}\"\n# workflows/example.test.yaml\ntests:\n  - name: it works\n    expect: { output: { matches: \"(\" } }\n",
        "steps:\n  - id: a\n    set: { x: 1 }\noutput: \"{{steps.a.output.x}}\"\n# workflows/example.test.yaml\ntests:\n  - name: it works\n    expect: { output: { above: 0 } }\n",
    ),
    Page::error(
        "outside-workspace",
        "A test names a file that does not lie in the workspace.",
        "The path is absolute, or has `..` in it.",
        "Write it from the workspace's folder.",
    )
    .shown(
        "steps:\n  - id: a\n    set: { x: 1 }\noutput: \"{{steps.a.output.x}}\"\n# workflows/example.test.yaml\ntests:\n  - name: it works\n    files: { ../a.txt: Hi }\n",
        "steps:\n  - id: a\n    set: { x: 1 }\noutput: \"{{steps.a.output.x}}\"\n# workflows/example.test.yaml\ntests:\n  - name: it works\n    files: { a.txt: Hi }\n",
    ),
    Page::error(
        "unexpected-result",
        "A test came out otherwise than it expects.",
        "The workflow does something else than its test says, or the test is out of date.",
        "Mend the workflow, or what the test expects.",
    ),
    Page::error(
        "not-mocked",
        "A step of a test would leave this machine, and nothing stands in for it.",
        "A test asks no model and no server, and runs no program.",
        "Say under `mock` what the step gives, or record it once with `howdah record`.",
    ),
    Page::error(
        "missing-recording",
        "The recording that a test replays cannot be read.",
        "It is not there, or is no recording.",
        "Run `howdah test --record`, which asks the models once and writes it.",
    ),
    Page::error(
        "stale-recording",
        "A step asks something else than it did when it was recorded.",
        "Its prompt, its model or its schema has changed, or what flows into them.",
        "Look at the difference; if it is meant, run `howdah test --record`.",
    ),
    Page::error(
        "test-error",
        "A test cannot be made.",
        "Its run cannot be started, or does not end in time.",
        "Do what the message says.",
    ),
    Page::failure(
        "mocked",
        "A mock in a test says that the step fails.",
        "Nothing; give the mock's `error` a `code` of its own to tell failures apart.",
    ),
];
