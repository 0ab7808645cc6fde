//! Pages on what can go wrong in a run: the values of `error.code`, which `on_error` and
//! `on_failure` see.

use super::Page;

pub(super) const PAGES: &[Page] = &[
    // Texts and values.
    Page::failure(
        "missing_path",
        "A template or an expression reads something that the value does not have.",
        "Give it a fallback, `{{default a.b 'x'}}`, or ask first, `exists(a.b)`; correct the name if it is misspelled.",
    ),
    Page::failure(
        "template_type",
        "A value has another type than the place where it is used.",
        "Convert it (`json`, `int(…)`, `string(…)`), or correct what gives it.",
    ),
    Page::failure(
        "function_error",
        "A function refused its arguments.",
        "The message names the function and what it found; `howdah functions NAME` shows what it takes.",
    ),
    Page::failure(
        "template_limit",
        "Rendering would give too much text, or take too many rounds.",
        "Cut the data first with `truncate`, `take` or `chunk`; a text has at most 4 MiB.",
    ),
    Page::failure(
        "unsafe_path",
        "Data in a path would lead to another folder.",
        "Clean it with `{{filename x}}`.",
    ),
    Page::failure(
        "wrong_value",
        "A field was rendered to a value that it cannot take.",
        "Look at the value in `howdah runs show ID`, and correct the template or what gives it.",
    ),
    Page::failure(
        "too_many_items",
        "A loop got more items than it takes.",
        "Take part of the list (`take`, `chunk`), or split the run; 10,000 are the limit.",
    ),
    Page::failure(
        "rounds_used_up",
        "The `until` of a `repeat` does not hold after its last round.",
        "Allow more with `max`, or go on all the same with `on_limit: continue`.",
    ),
    // Steps and runs.
    Page::failure(
        "failed",
        "A `fail` step ended the run.",
        "The message is the workflow's own: see the step.",
    ),
    Page::failure(
        "timeout",
        "A step, or the request that it makes, took longer than it may.",
        "Raise the `timeout` of the step, or do less in it.",
    ),
    Page::failure(
        "in_doubt",
        "The process ended while a step was under way, and nobody knows whether its effect happened.",
        "Look at the other side; write `idempotent: true` in the step if doing it twice is as good as once.",
    ),
    Page::failure(
        "approval_timeout",
        "Nobody answered an `approve` step in its `timeout`.",
        "Give people more time, remind them, or say with `on_timeout` what then holds: `reject` or `approve`.",
    ),
    Page::failure(
        "too_long",
        "The `message` of an `approve` step is longer than 16 KiB.",
        "Put what is long into a file, and let the message name it.",
    ),
    Page::failure(
        "state_limit",
        "A change of the state would pass a limit.",
        "A value has at most 64 KiB of JSON, and a workflow and the workspace 1,000 names each: delete some, or write a file.",
    ),
    Page::failure(
        "state_unreadable",
        "The state cannot be read.",
        "The journal is damaged or cannot be reached now; the message says what the storage said.",
    ),
    Page::failure(
        "output_not_kept",
        "The output of a step could not be kept.",
        "It is larger than 16 MiB, or the disk is full: let the step give less.",
    ),
    Page::failure(
        "journal_unreadable",
        "The recorded output of an earlier step cannot be read.",
        "Something outside of howdah changed `.howdah/`: restore it, or start the run anew.",
    ),
    Page::failure(
        "internal",
        "A fault of howdah itself stopped the step; others go on.",
        "Report it with the message; the run can be started anew.",
    ),
    Page::failure(
        "cancelled",
        "The run was cancelled while this went on.",
        "Start it again if it was not meant.",
    ),
    Page::failure(
        "run_too_large",
        "The outputs of the run's steps have more than 256 MiB together.",
        "Keep large values in files and pass their paths, or let another workflow do a part with `call`.",
    ),
    // Requests.
    Page::failure(
        "http_status",
        "A server answered with a status that means failure.",
        "The message holds the beginning of its answer and `error.status` the number; `accept_status` makes it no failure.",
    ),
    Page::failure(
        "unreachable",
        "A server could not be reached, or broke off.",
        "Check the address and the network; `retry` waits longer.",
    ),
    Page::failure(
        "answer_too_large",
        "An answer is larger than is read.",
        "Raise `max_size`, or ask for less.",
    ),
    Page::failure(
        "address_refused",
        "An address that data chose is not allowed.",
        "Write the host in the workflow itself, so that it is the author's word.",
    ),
    Page::failure(
        "missing_secret",
        "A secret that a step sends is not set on this machine.",
        "Put it into `.env` or the environment; `howdah secrets` lists all that are needed.",
    ),
    Page::failure(
        "not_parsed",
        "The bytes are not of the format that `parse` names.",
        "Choose the right `parse`, or `text` and look at what came.",
    ),
    // Files.
    Page::failure(
        "file_missing",
        "The file does not exist.",
        "Correct the path, or let an earlier step write it.",
    ),
    Page::failure(
        "file_denied",
        "The path is refused: it lies outside of what may be read or written.",
        "Widen `files: { read: […], write: […] }` in `howdah.yaml`, or write elsewhere; links are not followed.",
    ),
    Page::failure(
        "file_exists",
        "`mode: create` found a file that is there already.",
        "Choose another name, or `mode: replace`.",
    ),
    Page::failure(
        "file_too_large",
        "The file is larger than is read.",
        "Split it; a value has at most 16 MiB.",
    ),
    Page::failure(
        "file_not_utf8",
        "A path holds bytes that are no UTF-8.",
        "Rename the file; names are text here.",
    ),
    Page::failure(
        "file_in_doubt",
        "A file that is appended to changed in a way that nobody can explain after a crash.",
        "Look at its end, and start the run anew if the text is not there.",
    ),
    Page::failure(
        "file_io",
        "The system reported an error with a file.",
        "The message says which; it is mostly the disk or a permission.",
    ),
    Page::failure("disk_full", "The disk has no room left.", "Make room; the step can be tried again."),
    Page::failure(
        "bad_pattern",
        "A glob is none once its template is filled in.",
        "Correct what gives it; `*`, `**`, `?`, `[ab]` and `{a,b}` are known.",
    ),
    Page::failure(
        "too_many_files",
        "A glob means more files than one step takes.",
        "Make it narrower, or split the folder.",
    ),
    // Models.
    Page::failure(
        "model_auth",
        "The provider refused the key, or there is none.",
        "Set the key of the provider in `.env`; `howdah secrets` shows its name.",
    ),
    Page::failure(
        "model_quota",
        "The account at the provider has no credit left.",
        "Raise the limit or add credit there; a second model in `model: [a, b]` is tried at once.",
    ),
    Page::failure(
        "model_rate_limited",
        "The provider asks to be called less often, longer than is waited.",
        "Lower `concurrency`, or name a second model.",
    ),
    Page::failure(
        "model_unknown",
        "The provider does not know the model, or there is no such provider.",
        "Correct `model`; `provider/model` names the provider.",
    ),
    Page::failure(
        "model_context",
        "The prompt is longer than the model reads.",
        "Shorten it (`truncate`, `chunk`), or choose a model with a larger context.",
    ),
    Page::failure(
        "model_filtered",
        "The provider's content filter stopped the prompt or the answer.",
        "Change the prompt, or choose another model.",
    ),
    Page::failure(
        "model_refused",
        "The model would not answer.",
        "Change the prompt, or choose another model.",
    ),
    Page::failure(
        "model_unsupported",
        "The model cannot do what is asked, a schema or a parameter.",
        "Leave it out, or choose another model.",
    ),
    Page::failure(
        "model_bad_request",
        "The provider found the request wrong.",
        "The message holds its words; mostly a parameter is out of range.",
    ),
    Page::failure(
        "model_bad_answer",
        "What came back is no answer of this protocol.",
        "Check `base_url`: it ends where `/chat/completions` begins.",
    ),
    Page::failure(
        "model_unavailable",
        "The provider has trouble: its server reported an error.",
        "Try again later, or name a second model.",
    ),
    Page::failure(
        "model_unreachable",
        "The provider could not be reached.",
        "Check `base_url` and the network, and that a local server is running.",
    ),
    Page::failure(
        "model_timeout",
        "The model took longer than is waited.",
        "Ask for less, choose a faster model, or raise the step's `timeout`.",
    ),
    Page::failure(
        "model_no_text",
        "The model ended without saying anything.",
        "Raise `max_tokens`: reasoning may have used all of it.",
    ),
    Page::failure(
        "model_truncated",
        "The answer was cut at its length limit before it was whole.",
        "Raise `max_tokens`, or ask for less.",
    ),
    Page::failure(
        "stream_truncated",
        "The answer broke off on its way.",
        "Try again; it is mostly the network.",
    ),
    Page::failure(
        "schema_mismatch",
        "The answer does not fit the schema, also after being asked again.",
        "Make the schema simpler, describe its fields, raise `repair`, or choose a stronger model.",
    ),
    // Money and calls.
    Page::failure(
        "over_budget",
        "A model was not asked, as the call could cost more than a limit leaves.",
        "Raise the limit that the message names, set a smaller `max_tokens`, or take a cheaper model.",
    ),
    Page::failure(
        "unknown_price",
        "A model was not asked, as a limit holds and nobody said what the model costs.",
        "Set its price under `prices:` in `howdah.yaml`.",
    ),
    Page::failure(
        "storage",
        "What was spent on this day could not be read.",
        "Look at the state folder, `.howdah`: the disk may be full or failing; the step is tried again by itself.",
    ),
    Page::failure(
        "call_not_kept",
        "The run that a `call` was to start could not be recorded.",
        "Give it less: what it is given is too large, or nested too deep, to be kept.",
    ),
    Page::failure(
        "needs_event",
        "A workflow was called that reads `event`, and a call gives none.",
        "Declare inputs in it, and fill them in its triggers with `with:`.",
    ),
    Page::failure(
        "inputs",
        "A workflow was called with inputs that do not fit what it declares.",
        "The message names the input; correct the `with:` of the call, or what gives the value.",
    ),
    // Prompts and requests.
    Page::failure(
        "wrong_input",
        "A prompt file was given a value that its input schema does not allow.",
        "Correct the `with:` of the step, or the `input.schema` of the file.",
    ),
    Page::failure(
        "not_text",
        "What should be text is not: its bytes fit no encoding that was told.",
        "Read it as `parse: bytes`, or let the server say the right `charset`.",
    ),
    Page::failure(
        "request_too_large",
        "A request would carry more than it may.",
        "Send less, or split it into several requests; the message names the limit.",
    ),
    Page::failure(
        "no_token",
        "The server of an OAuth credential answered without a token.",
        "Check `token_url`, `client_id` and `client_secret`; the server must give a bearer token.",
    ),
    Page::failure(
        "endless_pages",
        "A list of pages never ends.",
        "Correct `pages.next`, so that it gives nothing on the last page, or set `pages.max`.",
    ),
];
