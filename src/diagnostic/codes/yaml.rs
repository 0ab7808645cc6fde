//! Pages on files that cannot be read, and on what YAML makes of a text.

use super::Page;

pub(super) const PAGES: &[Page] = &[
    Page::error(
        "yaml-template",
        "A value begins with `{{` and has no quotes.",
        "In YAML a bare `{` begins a map, so the template is not text any more.",
        "Put the whole value in double quotes.",
    )
    .shown(
        "inputs: { name: string }\nsteps:\n  - set:\n      greeting: {{inputs.name}}\n",
        "inputs: { name: string }\nsteps:\n  - set:\n      greeting: \"{{inputs.name}}\"\n",
    ),
    Page::error(
        "yaml-tag",
        "A value begins with `!`, which makes it a tag.",
        "YAML reads `!x` as the type of a value; workflows have no such types. Most often it is a negation in a condition.",
        "Put the whole value in double quotes; a tag like `!!str` is left out.",
    )
    .shown(
        "inputs: { quiet: boolean }\nsteps:\n  - if: !inputs.quiet\n    set: { said: hello }\n",
        "inputs: { quiet: boolean }\nsteps:\n  - if: \"!inputs.quiet\"\n    set: { said: hello }\n",
    ),
    Page::error(
        "yaml-alias",
        "A value begins with `*` or `&`, or an alias has no anchor.",
        "YAML reads `*name` as a reference to something named with `&name` above it. Globs and cron lines begin with `*` too.",
        "Put the value in double quotes, or name the anchor that is meant.",
    )
    .shown(
        "on:\n  file:\n    paths: **/*.txt\nsteps:\n  - set: { path: \"{{event.path}}\" }\n",
        "on:\n  file:\n    paths: \"**/*.txt\"\nsteps:\n  - set: { path: \"{{event.path}}\" }\n",
    ),
    Page::error(
        "yaml-reserved",
        "A value begins with `@`, a backtick or `%`.",
        "YAML keeps these characters for itself at the beginning of a value.",
        "Put the value in double quotes.",
    )
    .shown("steps:\n  - set:\n      to: @team\n", "steps:\n  - set:\n      to: \"@team\"\n"),
    Page::error(
        "yaml-colon",
        "A colon stands where YAML does not expect one, or lacks its space.",
        "A `: ` inside bare text begins a map, as in `a ? b : c`; `key:value` without a space is one word.",
        "Put the value in quotes, or a space after the key's colon.",
    )
    .shown(
        "steps:\n  - set:\n      text: error: nothing found\n",
        "steps:\n  - set:\n      text: \"error: nothing found\"\n",
    ),
    Page::error(
        "yaml-comment",
        "A ` #` cuts a value short.",
        "In bare text a `#` after a space begins a comment, and the text goes on after it.",
        "Put the value in quotes, or remove the comment.",
    )
    .shown(
        "steps:\n  - set:\n      text: ticket #5\n        is open\n",
        "steps:\n  - set:\n      text: \"ticket #5 is open\"\n",
    ),
    Page::error(
        "yaml-tab",
        "A line is indented with a tab.",
        "YAML counts columns, and forbids tabs where they are counted.",
        "Indent with spaces; most editors do it when told so.",
    )
    .shown("steps:\n  - set:\n\t\ta: 1\n", "steps:\n  - set:\n      a: 1\n"),
    Page::error(
        "yaml-indent",
        "The indentation of a line fits no line above it.",
        "Keys of one map begin in one column, and so do the `- ` of one list.",
        "Begin the line in the column of the lines that it belongs with.",
    )
    .shown(
        "steps:\n  - id: one\n    set: { a: 1 }\n   name: First\n",
        "steps:\n  - id: one\n    set: { a: 1 }\n    name: First\n",
    ),
    Page::error(
        "yaml-list",
        "A list begins on the line of its key.",
        "After `key:` a `- ` needs a line of its own.",
        "Put each `- ` on a line below the key, or write `[a, b]`.",
    )
    .shown("steps:\n  - set:\n      tags: - red\n", "steps:\n  - set:\n      tags: [red]\n"),
    Page::error(
        "yaml-quote",
        "A quote is opened and never closed.",
        "The text goes on to the end of the file, or to the next quote.",
        "Close the text with the same quote that begins it.",
    )
    .shown("steps:\n  - set:\n      a: \"one\n", "steps:\n  - set:\n      a: \"one\"\n"),
    Page::error(
        "yaml-after-quote",
        "Text stands after the quote that ends a value.",
        "A value that begins with a quote ends with the next one, as in `'x' == y` or `'it's'`.",
        "Put quotes around the whole value, of the other kind where it has some inside.",
    )
    .shown(
        "inputs: { kind: string }\nsteps:\n  - if: 'new' == inputs.kind\n    set: { a: 1 }\n",
        "inputs: { kind: string }\nsteps:\n  - if: \"'new' == inputs.kind\"\n    set: { a: 1 }\n",
    ),
    Page::error(
        "yaml-escape",
        "A backslash in double quotes begins no escape that YAML knows.",
        "In double quotes `\\n` is a line's end, and `\\d` is nothing. Patterns and paths fall into this.",
        "Write `\\\\` for a backslash, or use single quotes.",
    )
    .shown("steps:\n  - set:\n      digits: \"\\d+\"\n", "steps:\n  - set:\n      digits: '\\d+'\n"),
    Page::error(
        "yaml-bracket",
        "A bracket is not closed, or stands where none can.",
        "`[1, 2]` and `{a: 1}` need both their brackets, and a comma between their items; what follows them belongs to nothing.",
        "Close the bracket, or put the whole value in quotes if it is an expression.",
    )
    .shown("steps:\n  - set: { a: [1, 2 }\n", "steps:\n  - set: { a: [1, 2] }\n"),
    Page::error(
        "yaml-block",
        "A `|` or `>` has something behind it on its line.",
        "They begin a text of several lines; as the sign in a comparison they need quotes.",
        "Begin the text on the next line, or put the value in quotes.",
    )
    .shown(
        "steps:\n  - if: > 5\n    set: { a: 1 }\n",
        "inputs: { number: integer }\nsteps:\n  - if: inputs.number > 5\n    set: { a: 1 }\n",
    ),
    Page::error(
        "yaml-key",
        "A line is no `key: value`, or a key is none.",
        "Inside a map every line begins with a key and a colon. Keys are text: no lists, no maps, not nothing.",
        "Write `key: value`; text of several lines begins with `key: |` and is indented.",
    )
    .shown(
        "description: Greets\nsomebody\nsteps:\n  - set: { a: 1 }\n",
        "description: Greets somebody\nsteps:\n  - set: { a: 1 }\n",
    ),
    Page::error(
        "yaml-merge",
        "`<<` merges something that is no map.",
        "A merge key takes a map that is named with an anchor, or a list of such maps.",
        "Name a map with `&base` and merge it with `<<: *base`.",
    )
    .shown(
        "x-base: &base 5\nsteps:\n  - set:\n      <<: *base\n      b: 2\n",
        "x-base: &base { a: 5 }\nsteps:\n  - set:\n      <<: *base\n      b: 2\n",
    ),
    Page::error(
        "yaml-directive",
        "A line begins with `%`.",
        "YAML reads it as a directive; these files have none.",
        "Remove the line, or put the text in quotes.",
    )
    .shown("%YAML 1.2\n---\nsteps:\n  - set: { a: 1 }\n", "steps:\n  - set: { a: 1 }\n"),
    Page::error(
        "yaml-documents",
        "The file holds a second document.",
        "A line `---` begins a new document; a file is one workflow.",
        "Remove the line, or move what follows it to a file of its own.",
    )
    .shown(
        "steps:\n  - write: { path: out/a.txt, content: hello }\n---\nsteps:\n  - set: { b: 1 }\n",
        "steps:\n  - write: { path: out/a.txt, content: hello }\n  - set: { b: 1 }\n",
    ),
    Page::error(
        "yaml-depth",
        "Lists and maps nest more than 32 deep.",
        "No workflow needs that, and text that does it is a mistake or an attack.",
        "Move the inner part to a workflow of its own and `call` it, or write data as text.",
    ),
    Page::error(
        "yaml-too-large",
        "The file holds more values than are read.",
        "100,000 values or 4 MiB of text are the limit, and an alias counts with all that it stands for.",
        "Use fewer aliases, or keep data in a file of its own and `read` it in a step.",
    ),
    Page::error(
        "yaml-syntax",
        "The text is no YAML.",
        "The reader gave up at this place, and no common mistake stands there.",
        "Compare the line with those above it; when in doubt put the value in quotes.",
    ),
    Page::error(
        "duplicate-key",
        "A key stands twice in one map.",
        "Only one of the two could count.",
        "Remove one, or give it another name; `<<` takes a list: `<<: [*a, *b]`.",
    )
    .shown("steps:\n  - set: { a: 1, a: 2 }\n", "steps:\n  - set: { a: 1, b: 2 }\n"),
    Page::error(
        "file-too-large",
        "The file is larger than 1 MiB.",
        "Workflows are written by people; a file like that holds data.",
        "Split it, or keep the data in a file of its own and `read` it in a step.",
    ),
    Page::error(
        "not-text",
        "The file holds a control character.",
        "A workflow is plain text; a byte of zero or the like comes from another kind of file, or from a broken one.",
        "Write such a character as an escape in double quotes: `\"\\0\"`.",
    ),
    Page::error(
        "unreadable-file",
        "The file cannot be read.",
        "It is not UTF-8 text, too large, no regular file, or its permissions do not let it be opened.",
        "Save it as UTF-8, or change its permissions; the message says which.",
    ),
    Page::error(
        "too-many-errors",
        "A file has more than 100 errors or warnings; the rest is left out.",
        "Mostly one mistake near the top spoils what follows.",
        "Mend the first ones and check again.",
    ),
];
