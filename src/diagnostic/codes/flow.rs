//! Pages on what a workflow does to itself and to others: loops, calls, costs, and what data may choose.

use super::Page;

pub(super) const PAGES: &[Page] = &[
    Page::warning(
        "file-loop",
        "A step writes a file that starts the same workflow again.",
        "What is written lies under the `paths` of the workflow's own trigger, or of another workflow that writes for this one in turn.",
        "Write to another folder, leave the file out with `ignore:`, or let the trigger's `if` tell such files apart.",
    )
    .shown(
        "on:\n  file: { paths: \"inbox/*.txt\" }\nsteps:\n  - write: { path: inbox/last.txt, content: \"{{event.text}}\" }\n",
        "on:\n  file: { paths: \"inbox/*.txt\" }\nsteps:\n  - write: { path: out/last.txt, content: \"{{event.text}}\" }\n",
    ),
    Page::error(
        "endless-call",
        "A workflow calls itself, perhaps by way of others, and nothing ever ends that.",
        "No `if`, loop, case or handler stands between one call and the next: each run would call one more.",
        "Give one of the calls an `if` that ends it, or take one out.",
    )
    .shown(
        "steps:\n  - call: example\n",
        "inputs: { left: integer }\nsteps:\n  - if: inputs.left > 0\n    call: example\n    with: { left: 0 }\n",
    ),
    Page::error(
        "needs-event",
        "A workflow is called that reads `event`.",
        "A call gives inputs and no event, so there would be nothing to read.",
        "Declare inputs in the called workflow, fill them in its triggers with `with:`, and read those.",
    )
    .shown(
        "steps:\n  - call: greet\n# workflows/greet.yaml\non:\n  webhook: { path: /greet, auth: none }\nsteps:\n  - write: { path: out/a.txt, content: \"{{event.raw}}\" }\n",
        "steps:\n  - call: greet\n    with: { text: hello }\n# workflows/greet.yaml\ninputs: { text: string }\non:\n  webhook: { path: /greet, auth: none, with: { text: \"{{event.raw}}\" } }\nsteps:\n  - write: { path: out/a.txt, content: \"{{inputs.text}}\" }\n",
    ),
    Page::warning(
        "once-without-id",
        "A loop with `once` has no `id`.",
        "What is done is remembered under the loop's id, or else under its place in the list: a step put in before it makes it forget.",
        "Give the loop an `id`, and keep it.",
    )
    .shown(
        "steps:\n  - foreach: \"['a', 'b']\"\n    once: { key: item }\n    steps:\n      - set: { letter: \"{{item}}\" }\n",
        "steps:\n  - id: letters\n    foreach: \"['a', 'b']\"\n    once: { key: item }\n    steps:\n      - set: { letter: \"{{item}}\" }\n",
    ),
    Page::warning(
        "over-limit",
        "The steps can cost more than `limits.run.cost` allows.",
        "Counted are the longest answers that the model calls may give; a call that could pass the limit is not made.",
        "Raise the limit, set a smaller `max_tokens`, or take a cheaper model.",
    )
    .shown(
        "limits: { run: { cost: $0.003 } }\nsteps:\n  - chat: { model: gpt-4.1, prompt: hi, max_tokens: 1000 }\n",
        "limits: { run: { cost: $0.003 } }\nsteps:\n  - chat: { model: gpt-4.1, prompt: hi, max_tokens: 100 }\n",
    ),
    Page::warning(
        "host-from-data",
        "Data chooses the host of an address.",
        "Whoever sends the data could have the request, and what it carries, sent anywhere; so it is refused when the step runs.",
        "Name the hosts that are meant under `allow: { hosts: […] }`.",
    )
    .shown(
        "inputs: { shop: string }\nsteps:\n  - http: { get: \"https://{{inputs.shop}}.example.org/stock\" }\n",
        "allow: { hosts: [\"*.example.org\"] }\ninputs: { shop: string }\nsteps:\n  - http: { get: \"https://{{inputs.shop}}.example.org/stock\" }\n",
    ),
    Page::warning(
        "path-from-data",
        "Data stands as it is in the path of a file that is written.",
        "A `/` in it would lead to another folder; so it is refused when the step runs.",
        "Make it one file name with `{{filename …}}`, or allow the folders under `allow: { files: […] }`.",
    )
    .shown(
        "inputs: { name: string }\nsteps:\n  - write: { path: \"out/{{inputs.name}}.txt\", content: hello }\n",
        "inputs: { name: string }\nsteps:\n  - write: { path: \"out/{{filename inputs.name}}.txt\", content: hello }\n",
    ),
];
