//! Pages on the shape of a workflow: keys, types, steps, inputs.

use super::Page;

pub(super) const PAGES: &[Page] = &[
    Page::error(
        "unknown-key",
        "A key is not known where it stands.",
        "It is misspelled, belongs one level higher or lower, or does nothing beside what else is written.",
        "Write the key that the help offers, or move it to where it belongs; `howdah explain NAME` lists an action's fields.",
    )
    .shown(
        "steps:\n  - write: { path: out/a.txt, contents: hello }\n",
        "steps:\n  - write: { path: out/a.txt, content: hello }\n",
    ),
    Page::error(
        "missing-key",
        "Something that must be written is not there.",
        "A required field of an action, a trigger or a form of control flow was left out, or the `steps` of a workflow.",
        "Add the field; one that many steps share can stand once under `defaults`.",
    )
    .shown("steps:\n  - write: { path: out/a.txt }\n", "steps:\n  - write: { path: out/a.txt, content: hello }\n"),
    Page::error(
        "conflicting-keys",
        "Two keys are written that do not go together.",
        "Each says what becomes of the same thing, or one leaves nothing for the other to do.",
        "Write one of the two.",
    )
    .shown(
        "steps:\n  - http: { get: https://example.org/a.json, save: out/a.json, parse: json }\n",
        "steps:\n  - http: { get: https://example.org/a.json, save: out/a.json }\n",
    ),
    Page::error(
        "missing-value",
        "A list of steps is empty without saying so.",
        "A key like `steps:` has nothing below it; most often the steps are not indented.",
        "Write the steps below it, each with a `-`, or `[]` for none.",
    )
    .shown(
        "steps:\n  - parallel:\n",
        "steps:\n  - parallel:\n      - write: { path: out/a.txt, content: hello }\n",
    ),
    Page::error(
        "wrong-type",
        "A value is of another type than its field takes.",
        "Text where a number is asked for, a bare number where a duration is, a list where a map is.",
        "Write what the message asks for; durations are `30s`, sizes `2MiB`, and a number that is text has quotes.",
    )
    .shown(
        "steps:\n  - set: { a: 1 }\n    timeout: 30\n",
        "steps:\n  - set: { a: 1 }\n    timeout: 30s\n",
    ),
    Page::error(
        "unknown-word",
        "A field takes one of a few words, and this is none of them.",
        "It is misspelled, or of another field.",
        "Write one of the words that the help names.",
    )
    .shown(
        "steps:\n  - read: { path: data.json, parse: jsn }\n",
        "steps:\n  - read: { path: data.json, parse: json }\n",
    ),
    Page::error(
        "empty-list",
        "A list that needs an item has none.",
        "Where one or several are asked for, none would mean nothing.",
        "Write at least one, or leave the key out.",
    )
    .shown(
        "on:\n  file: { paths: [] }\nsteps:\n  - set: { path: \"{{event.path}}\" }\n",
        "on:\n  file: { paths: [\"inbox/*\"] }\nsteps:\n  - set: { path: \"{{event.path}}\" }\n",
    ),
    Page::error(
        "bad-id",
        "A name is none.",
        "Ids, inputs, vars and the name of an item are read as `steps.ID` in expressions, where `my-step` would subtract. They also may not hide `inputs`, `steps` and the like.",
        "Use letters, digits and `_`, and begin with a letter; names of workflows may hold `-` and `.` too.",
    )
    .shown(
        "steps:\n  - id: first-step\n    set: { a: 1 }\n",
        "steps:\n  - id: first_step\n    set: { a: 1 }\n",
    ),
    Page::error(
        "duplicate-id",
        "Two steps have one id.",
        "Ids are unique in a file, also across loops and cases, so that a reader knows what `steps.ID` means.",
        "Give one of them another id.",
    )
    .shown(
        "steps:\n  - id: one\n    set: { a: 1 }\n  - id: one\n    set: { a: 2 }\n",
        "steps:\n  - id: one\n    set: { a: 1 }\n  - id: two\n    set: { a: 2 }\noutput: \"{{steps.one.output.a}} {{steps.two.output.a}}\"\n",
    ),
    Page::error(
        "no-action",
        "A step does nothing.",
        "It has an id or a condition, and no action beside it; mostly the action is indented too far or not at all.",
        "Add an action, like `chat:`, `http:` or `write:`, in the column of `id:`.",
    )
    .shown("steps:\n  - id: one\n", "steps:\n  - id: one\n    set: { a: 1 }\n"),
    Page::error(
        "two-actions",
        "A step has more than one action.",
        "A step does one thing, so that it can fail, be tried again and be read by itself.",
        "Make a step of each: begin the second with its own `-`.",
    )
    .shown(
        "steps:\n  - write: { path: out/a.txt, content: hello }\n    http: { get: \"https://example.org/\" }\n",
        "steps:\n  - write: { path: out/a.txt, content: hello }\n  - http: { get: \"https://example.org/\" }\n",
    ),
    Page::error(
        "unknown-action",
        "No action has this name.",
        "It is misspelled, or of a plugin that the workspace does not have.",
        "Write one of the actions that `howdah explain` lists.",
    )
    .shown(
        "steps:\n  - wirte: { path: out/a.txt, content: hello }\n",
        "steps:\n  - write: { path: out/a.txt, content: hello }\n",
    ),
    Page::error(
        "unknown-trigger",
        "No trigger has this name.",
        "It is misspelled under `on`. Starting a workflow by hand needs no trigger.",
        "Write one of the triggers that `howdah explain` lists.",
    )
    .shown(
        "on:\n  files: { paths: \"inbox/*\" }\nsteps:\n  - set: { a: 1 }\n",
        "on:\n  file: { paths: \"inbox/*\" }\nsteps:\n  - set: { a: 1 }\n",
    ),
    Page::error(
        "too-deep",
        "Lists of steps lie more than 32 deep in each other.",
        "Groups, loops and cases were put into each other without end.",
        "Move the inner steps to a workflow of their own and `call` it.",
    ),
    Page::error(
        "too-many-steps",
        "A workflow has more than 1,000 steps.",
        "All lists count together. Steps that many are written by a program.",
        "Use `foreach` over data, or split the workflow.",
    ),
    Page::warning(
        "no-steps",
        "The workflow does nothing.",
        "`steps` is empty.",
        "Add a step below `steps:`.",
    )
    .shown("steps: []\n", "steps:\n  - set: { a: 1 }\n"),
    Page::warning(
        "unreachable-step",
        "A step never runs.",
        "The list always ends before it, with a `fail`, or its `if` is always false.",
        "Give the `fail` an `if`, or take the step out.",
    )
    .shown(
        "steps:\n  - fail: not ready yet\n  - set: { a: 1 }\n",
        "inputs: { ready: boolean }\nsteps:\n  - if: \"!inputs.ready\"\n    fail: not ready yet\n  - set: { a: 1 }\n",
    ),
    Page::error(
        "cycle",
        "Steps wait for each other.",
        "The `needs` of a step lead back to it, so none of them could ever start.",
        "Remove one of the `needs`.",
    )
    .shown(
        "steps:\n  - id: one\n    needs: [two]\n    set: { a: 1 }\n  - id: two\n    needs: [one]\n    set: { a: 2 }\n",
        "steps:\n  - id: one\n    needs: [two]\n    set: { a: \"{{steps.two.output.a}}\" }\n  - id: two\n    needs: []\n    set: { a: 2 }\noutput: \"{{steps.one.output.a}}\"\n",
    ),
    Page::error(
        "bad-schema",
        "A schema is none.",
        "A type is misspelled, a keyword has a value that it cannot take, or the short form is mixed with JSON Schema.",
        "Write the types `string`, `integer`, `number`, `boolean`, `array`, `object`, `any`, or a JSON Schema.",
    )
    .shown(
        "inputs: { ticket: text }\nsteps:\n  - set: { a: \"{{inputs.ticket}}\" }\n",
        "inputs: { ticket: string }\nsteps:\n  - set: { a: \"{{inputs.ticket}}\" }\n",
    ),
    Page::error(
        "bad-default",
        "The default of an input does not fit its own schema.",
        "Every run that does not give the input would fail.",
        "Change the default, or the type.",
    )
    .shown(
        "inputs:\n  stories: { type: integer, default: five }\nsteps:\n  - set: { a: \"{{inputs.stories}}\" }\n",
        "inputs:\n  stories: { type: integer, default: 5 }\nsteps:\n  - set: { a: \"{{inputs.stories}}\" }\n",
    ),
    Page::error(
        "missing-input",
        "A trigger does not fill an input that has no default.",
        "Every run that it starts would fail.",
        "Add the input below the trigger's `with:`, or give it a default.",
    )
    .shown(
        "inputs: { ticket: string }\non:\n  file: { paths: \"inbox/*\" }\nsteps:\n  - set: { a: \"{{inputs.ticket}}\" }\n",
        "inputs: { ticket: string }\non:\n  file: { paths: \"inbox/*\", with: { ticket: \"{{event.text}}\" } }\nsteps:\n  - set: { a: \"{{inputs.ticket}}\" }\n",
    ),
    Page::warning(
        "unused-allow",
        "A comment allows a warning that is not there.",
        "The warning was mended, stands on another line, or is an error: errors cannot be allowed.",
        "Remove the comment, or put it on the line of the warning or the line above.",
    )
    .shown(
        "steps:\n  # howdah: allow(no-steps)\n  - set: { a: 1 }\n",
        "steps:\n  - set: { a: 1 }\n",
    ),
    Page::warning(
        "unknown-allow",
        "A comment allows a code that does not exist.",
        "It is misspelled, or the code of an older version.",
        "Write the code that the warning shows in brackets.",
    )
    .shown(
        "# howdah: allow(no-step)\nsteps:\n  - set: { a: 1 }\n",
        "# howdah: allow(no-steps)\nsteps: []\n",
    ),
];
