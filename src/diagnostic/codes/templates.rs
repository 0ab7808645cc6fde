//! Pages on texts and expressions: Handlebars and CEL.

use super::Page;

pub(super) const PAGES: &[Page] = &[
    Page::warning(
        "dollar-template",
        "A template begins with `$`, as in other programs.",
        "Here the braces alone are a template, so the `$` stays in front of the value.",
        "Write `{{…}}`; in a condition, write the expression without any braces.",
    )
    .shown(
        "inputs: { name: string }\nsteps:\n  - fail: \"${{ inputs.name }}\"\n",
        "inputs: { name: string }\nsteps:\n  - fail: \"{{ inputs.name }}\"\n",
    ),
    Page::error(
        "template-syntax",
        "A text is no Handlebars.",
        "A `{{` is not closed, a block has no end, or something is used that is not supported, like decorators.",
        "Close every `{{` with `}}` and every `{{#if}}` with `{{/if}}`; `\\{{` is written as it is.",
    )
    .shown(
        "inputs: { name: string }\nsteps:\n  - set: { a: \"Hello {{inputs.name\" }\n",
        "inputs: { name: string }\nsteps:\n  - set: { a: \"Hello {{inputs.name}}\" }\n",
    ),
    Page::error(
        "cel-syntax",
        "An expression is no CEL.",
        "A bracket or an operator is missing, or the expression has the braces of a template. Conditions are written without them.",
        "Write it as in most languages: `inputs.a == 'x' && inputs.b > 1`.",
    )
    .shown(
        "inputs: { name: string }\nsteps:\n  - if: inputs.name ==\n    set: { a: 1 }\n",
        "inputs: { name: string }\nsteps:\n  - if: inputs.name == 'Ada'\n    set: { a: 1 }\n",
    ),
    Page::error(
        "unknown-function",
        "No function has this name.",
        "It is misspelled, or one of another language.",
        "`howdah functions` lists all of them; they are the same in templates and expressions.",
    )
    .shown(
        "inputs: { name: string }\nsteps:\n  - set: { a: \"{{uppercase inputs.name}}\" }\n",
        "inputs: { name: string }\nsteps:\n  - set: { a: \"{{upper inputs.name}}\" }\n",
    ),
    Page::error(
        "arguments",
        "A function or a block has too few or too many arguments.",
        "Or one of them has a name that the function does not know.",
        "`howdah functions NAME` shows what it takes.",
    )
    .shown(
        "inputs: { name: string }\nsteps:\n  - set: { a: \"{{truncate inputs.name}}\" }\n",
        "inputs: { name: string }\nsteps:\n  - set: { a: \"{{truncate inputs.name 20}}\" }\n",
    ),
    Page::error(
        "unknown-partial",
        "No partial has this name.",
        "`{{> name}}` includes the file `prompts/_name.prompt`.",
        "Write the file, or the name of one that is there.",
    )
    .shown(
        "steps:\n  - set: { a: \"{{> greeting}}\" }\n",
        "steps:\n  - set: { a: \"Hello\" }\n",
    ),
    Page::error(
        "shadowed-root",
        "Inside a block a name hides a root, or is hidden by one.",
        "In `{{#with}}` and `{{#each}}` a bare name may be a field of the value or a root like `inputs`; nobody could tell which.",
        "Write `this.NAME` for the field, or `@root.NAME` for the root.",
    ),
    Page::error(
        "secret-use",
        "A secret is used in a way that would change or compare it.",
        "A secret is a placeholder until it is sent, so functions and expressions cannot see it.",
        "Write `{{secrets.NAME}}` by itself, in a field that takes credentials.",
    )
    .shown(
        "steps:\n  - if: secrets.TOKEN != ''\n    set: { a: 1 }\n",
        "inputs: { loud: boolean }\nsteps:\n  - if: inputs.loud\n    set: { a: 1 }\n",
    ),
    Page::error(
        "template-limit",
        "A template or an expression is larger or deeper than is read.",
        "A template has at most 64 KiB, an expression 4 KiB, and neither nests without end.",
        "Split it over several steps; keep data in files.",
    ),
];
