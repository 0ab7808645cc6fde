//! Pages on the workspace and the machine: `howdah.yaml`, secrets, and workflows beside each other.

use super::Page;

pub(super) const PAGES: &[Page] = &[
    Page::error(
        "invalid-value",
        "A setting has a value that it cannot take.",
        "The type is right and the value is not: an address that is none, a name with a space, a path with `..`.",
        "Write it as the help shows.",
    )
    .shown(
        "# howdah.yaml\nproviders:\n  local: { base_url: 127.0.0.1 }\n",
        "# howdah.yaml\nproviders:\n  local: { base_url: \"http://127.0.0.1:8080/v1\" }\n",
    ),
    Page::error(
        "out-of-range",
        "A number or an amount lies outside of what the setting takes.",
        "It is too small, too large, or finer than can be counted exactly.",
        "Write a value in the range that the message names.",
    )
    .shown(
        "# howdah.yaml\nprices:\n  local/m: { input: $0.0000001, output: $1 }\n",
        "# howdah.yaml\nprices:\n  local/m: { input: $0.01, output: $1 }\n",
    ),
    Page::error(
        "unsupported",
        "A setting is part of the language, and not of this version of howdah.",
        "It will come with a later one.",
        "Remove it for now.",
    )
    .shown(
        "# howdah.yaml\nplugins:\n  docs: { mcp: { url: \"https://mcp.example.org/mcp\" } }\n",
        "# howdah.yaml\nproviders: {}\n",
    ),
    Page::error(
        "bad-root",
        "The workspace, or a folder under `files`, cannot be used.",
        "The folder of the workspace cannot be opened.",
        "Check that it is there and that its permissions let it be opened.",
    ),
    Page::error(
        "bad-url",
        "The address of a provider is none once its template is filled in.",
        "A var that it reads holds something else.",
        "Correct the var; an address is like `https://api.example.org/v1`.",
    )
    .shown(
        "# howdah.yaml\nvars: { server: nothing }\nproviders:\n  local: { base_url: \"{{vars.server}}\" }\n",
        "# howdah.yaml\nvars: { server: \"http://127.0.0.1:8080/v1\" }\nproviders:\n  local: { base_url: \"{{vars.server}}\" }\n",
    ),
    Page::error(
        "bad-template",
        "A text of the configuration cannot be filled in.",
        "It reads a var that is not there.",
        "Set the var under `vars`; a credential is `{{secrets.NAME}}`.",
    )
    .shown(
        "# howdah.yaml\nproviders:\n  local: { base_url: \"{{vars.server}}\" }\n",
        "# howdah.yaml\nvars: { server: \"http://127.0.0.1:8080/v1\" }\nproviders:\n  local: { base_url: \"{{vars.server}}\" }\n",
    ),
    Page::error(
        "bad-var",
        "A var of the workspace cannot be worked out.",
        "A function in it refuses what it is given.",
        "Correct the template, or write the value as it is.",
    )
    .shown(
        "# howdah.yaml\nvars: { topics: \"{{parse_json 'news'}}\" }\n",
        "# howdah.yaml\nvars: { topics: [news] }\n",
    ),
    Page::warning(
        "plain-http",
        "A provider far away is called without encryption.",
        "Keys and prompts travel readable through every network on the way.",
        "Use `https://`.",
    )
    .shown(
        "# howdah.yaml\nproviders:\n  cloud: { base_url: \"http://api.example.org/v1\" }\n",
        "# howdah.yaml\nproviders:\n  cloud: { base_url: \"https://api.example.org/v1\" }\n",
    ),
    Page::warning(
        "literal-credential",
        "A credential stands in a file.",
        "Everybody who sees the file can read it, and files are committed and copied.",
        "Put it into the environment or `.env`, and write `{{secrets.NAME}}` here.",
    )
    .shown(
        "# howdah.yaml\nproviders:\n  cloud: { base_url: \"https://api.example.org/v1\", api_key: sk-0123456789 }\n",
        "# .env\nCLOUD_KEY=sk-0123456789\n# howdah.yaml\nproviders:\n  cloud: { base_url: \"https://api.example.org/v1\", api_key: \"{{secrets.CLOUD_KEY}}\" }\n",
    ),
    Page::warning(
        "missing-secret",
        "A secret that is needed is not set on this machine.",
        "It is neither among systemd's credentials, nor in the environment, nor in `.env`. A webhook without its secret lets nobody in, and a model without its key does not answer.",
        "Put `NAME=…` into `.env`, or into the environment of the daemon; `howdah secrets` lists all that are needed.",
    )
    .shown(
        "steps:\n  - webhook: { url: \"{{secrets.PAGER_URL}}\", json: { text: hello } }\n",
        "# .env\nPAGER_URL=https://pager.example.org/hook\n# workflows/example.yaml\nsteps:\n  - webhook: { url: \"{{secrets.PAGER_URL}}\", json: { text: hello } }\n",
    ),
    Page::error(
        "format",
        "`howdah fmt` leaves a file as it is.",
        "Laid out anew, it would not say the same as before; checking and running it are not affected.",
        "Leave it, or write the part that is laid out unusually in a simpler way.",
    ),
    Page::error(
        "missing-profile",
        "The profile that the daemon was started with has no file.",
        "`--profile NAME` reads `howdah.NAME.yaml` beside `howdah.yaml`; it is not there, or not any more.",
        "Make the file, or start without the profile.",
    ),
    Page::error(
        "duplicate-name",
        "Two workflows have one name.",
        "A workflow is started by its name; without `name:` it is the file's stem.",
        "Give one of them another `name:`.",
    )
    .shown(
        "# workflows/a.yaml\nname: report\nsteps:\n  - set: { a: 1 }\n# workflows/b.yaml\nname: report\nsteps:\n  - set: { b: 1 }\n",
        "# workflows/a.yaml\nname: report\nsteps:\n  - set: { a: 1 }\n# workflows/b.yaml\nname: report-weekly\nsteps:\n  - set: { b: 1 }\n",
    ),
    Page::error(
        "duplicate-path",
        "Two webhooks answer at one path.",
        "A request could go to either. `/a/{x}` and `/a/{y}` are the same path.",
        "Give one of them another path, or another method.",
    )
    .shown(
        "# workflows/a.yaml\non:\n  webhook: { path: /tickets, auth: none }\nsteps:\n  - set: { a: 1 }\n# workflows/b.yaml\non:\n  webhook: { path: /tickets, auth: none }\nsteps:\n  - set: { b: 1 }\n",
        "# workflows/a.yaml\non:\n  webhook: { path: /tickets, auth: none }\nsteps:\n  - set: { a: 1 }\n# workflows/b.yaml\non:\n  webhook: { path: /invoices, auth: none }\nsteps:\n  - set: { b: 1 }\n",
    ),
    Page::error(
        "cannot-arm",
        "A trigger is right and cannot be used on this machine.",
        "The files that it watches lie where nothing may be read, or a template in its settings gives a value that it cannot take.",
        "Widen `files: { read: […] }` in `howdah.yaml`, or correct the setting.",
    )
    .shown(
        "# howdah.yaml\nvars: { settle: soon }\n# workflows/example.yaml\non:\n  file: { paths: \"inbox/*\", settle: \"{{vars.settle}}\" }\nsteps:\n  - set: { path: \"{{event.path}}\" }\n",
        "# howdah.yaml\nvars: { settle: 5s }\n# workflows/example.yaml\non:\n  file: { paths: \"inbox/*\", settle: \"{{vars.settle}}\" }\nsteps:\n  - set: { path: \"{{event.path}}\" }\n",
    ),
    Page::error(
        "unavailable-action",
        "An action is known, and not available on this machine.",
        "Something that it needs is left out of this build.",
        "Use a complete build of howdah.",
    ),
    Page::error(
        "unavailable-trigger",
        "A trigger is known, and not available on this machine.",
        "Something that it needs is left out of this build.",
        "Use a complete build of howdah.",
    ),
];
