//! `howdah test` and `howdah record`: tests that touch nothing, recordings that never lie.

use serde_json::{Value as Json, json};

use crate::bed::{Bed, Receiver, simulator};

/// A workspace of one workflow and its tests.
fn bed(workflow: &str, tests: &str) -> Bed {
    Bed::of(&[("workflows/w.yaml", workflow), ("workflows/w.test.yaml", tests)])
}

/// The tests of a workflow, all of which must pass.
#[track_caller]
fn pass(workflow: &str, tests: &str) {
    let ran = bed(workflow, tests).howdah(&["test"]).exits(0);
    assert!(ran.stdout.contains("... ok") && ran.stdout.contains("test result: ok"), "{}", ran.stdout);
}

/// What is found wrong in tests, as `path: wanted, not found` or as a code.
#[track_caller]
fn findings(workflow: &str, tests: &str) -> Vec<String> {
    let told = bed(workflow, tests).howdah(&["test", "--json"]).exits(1).json();
    let findings =
        told["tests"].as_array().unwrap().iter().flat_map(|test| test["findings"].as_array().unwrap());
    let text = |one: &Json, key: &str| one[key].as_str().unwrap().to_owned();
    findings
        .map(|one| match one.get("path") {
            Some(_) => format!("{}: {}, not {}", text(one, "path"), text(one, "wanted"), text(one, "found")),
            None => text(one, "code"),
        })
        .collect()
}

const LABEL: &str = "\
inputs: { ticket: string, n: { type: integer, default: 1 } }
steps:
  - id: label
    chat:
      model: local/m
      prompt: \"Label {{inputs.ticket}}\"
      schema: { queue(enum): [billing, outage] }
  - if: steps.label.output.queue == 'outage'
    id: page
    webhook: { url: \"{{secrets.PAGER_URL}}\", json: { text: \"{{inputs.ticket}}\", key: \"{{secrets.KEY}}\" } }
output: \"{{steps.label.output.queue}}\"
";

#[test]
fn a_mock_stands_in_and_requests_stay_here() {
    pass(
        LABEL,
        "tests:
  - name: an outage
    inputs: { ticket: it is down }
    mock: { label: { queue: outage } }
    expect:
      status: succeeded
      output: outage
      calls: 1
      cost: $0
      requests:
        - url: \"*pager*\"
          method: POST
          step: page
          json: { text: { contains: down }, key: \"{{secrets.KEY}}\" }
      steps: { label: { status: succeeded, attempts: 1, output: { queue: outage } }, page: { output: { status: 200 } } }
  - name: no outage
    inputs: { ticket: money }
    mock: { label: { queue: billing } }
    expect: { output: { not: outage }, requests: [], steps: { page: { status: skipped } } }
",
    );
}

#[test]
fn what_is_not_as_expected_is_shown_at_its_place() {
    let ran = bed(
        LABEL,
        "tests:\n  - name: an outage\n    inputs: { ticket: x }\n    mock: { label: { queue: billing } }\n    expect: { output: outage }\n",
    )
    .howdah(&["test"])
    .exits(1);
    let (shown, _) = ran.stdout.split_once(" took ").unwrap();
    assert_eq!(
        shown,
        "\
test w: an outage ... FAILED

---- w: an outage ----
error[unexpected-result]: `output` is not \"outage\"
 --> workflows/w.test.yaml:5:23
  |
5 |     expect: { output: outage }
  |                       ^^^^^^ found \"billing\"

test result: FAILED. 0 passed; 1 failed;"
    );
}

#[test]
fn every_expectation_can_fail() {
    let workflow = "steps:\n  - id: a\n    set: { x: 1 }\n  - id: f\n    write: { path: out/a.txt, content: \"one\\ntwo\\n\" }\noutput: { x: \"{{steps.a.output.x}}\", list: [1, 2] }\n";
    let told = findings(
        workflow,
        "tests:
  - name: all
    expect:
      output: { x: { above: 1 }, list: { length: 3 }, y: { any: true } }
      steps: { a: { status: failed, attempts: 2 } }
      requests: [{ url: x }]
      files: { out/a.txt: { contains: three }, out/b.txt: { any: true } }
      cost: { above: $1 }
      calls: 2
  - name: the end
    expect: { error: { code: x } }
",
    );
    assert_eq!(
        told,
        [
            "output.x: a number above 1, not 1",
            "output.list.length: 3, not 2",
            "output.y: any value, not nothing",
            "steps.a.status: \"failed\", not \"succeeded\"",
            "steps.a.attempts: 2, not 1",
            "requests: a list of 1 item, not 0 items: []",
            "files.out/a.txt: something that contains \"three\", not \"one\\ntwo\\n\"",
            "files.out/b.txt: any value, not nothing",
            "cost: more than $1.00, not $0.00",
            "calls: 2, not 0",
            "status: failed, not succeeded",
        ]
    );
}

#[test]
fn a_mock_can_fail_a_few_times_and_retries_wait_for_nothing() {
    let workflow = "steps:\n  - id: ask\n    http: { get: \"http://127.0.0.1:9/\" }\n    retry: { attempts: 3, delay: 1h }\noutput: \"{{steps.ask.output.body}}\"\n";
    pass(
        workflow,
        "tests:
  - name: twice
    mock: { ask: { error: { code: http_status, message: busy, status: 503 }, times: 2, then: { body: fine } } }
    expect: { output: fine, steps: { ask: { attempts: 3 } }, requests: { length: 3 } }
  - name: for ever
    mock: { ask: { error: no } }
    expect: { error: { message: no, code: mocked, step: ask }, steps: { ask: { status: failed, attempts: 3, error: { message: no } } } }
",
    );
}

#[test]
fn a_list_stands_in_pass_by_pass() {
    let workflow = "steps:\n  - id: each\n    foreach: \"['a', 'b', 'c']\"\n    concurrency: 3\n    steps:\n      - id: up\n        chat: { model: local/m, prompt: \"{{item}}\" }\noutput: \"{{steps.each.output}}\"\n";
    pass(
        workflow,
        "tests:
  - name: each its own
    mock: { up: [A, B, C] }
    expect: { output: [A, B, C], calls: 3, steps: { up: [{ output: A }, { output: B }, { output: C }] } }
  - name: all the same
    mock: { up: X }
    expect: { output: [X, X, X], steps: { up: { output: X } } }
",
    );
    let told =
        findings(workflow, "tests:\n  - name: too few\n    mock: { up: [A] }\n    expect: { output: [A] }\n");
    assert!(told[0].contains("the mock of `each[1]/up` has 1 passes"), "{told:?}");
}

#[test]
fn files_are_those_of_the_test_then_those_of_the_workspace() {
    let workflow = "steps:\n  - id: all\n    read: { path: \"in/*.txt\" }\n  - move: { from: in/a.txt, to: done/a.txt }\n  - id: left\n    list: { path: \"in/*.txt\" }\n  - write: { path: in/b.txt, content: new }\noutput: { all: \"{{steps.all.output}}\", left: \"{{steps.left.output}}\" }\n";
    let tests = "tests:
  - name: files
    files: { in/b.txt: mine }
    expect:
      output: { all: [{ value: theirs }, { value: mine }], left: [{ path: in/b.txt }] }
      files: { done/a.txt: theirs, in/a.txt: { absent: true }, in/b.txt: new }
";
    let bed = bed(workflow, tests);
    bed.write("in/a.txt", "theirs");
    bed.write("in/b.txt", "old");
    bed.howdah(&["test"]).exits(0);
    assert_eq!((bed.read("in/a.txt"), bed.read("in/b.txt")), ("theirs".to_owned(), "old".to_owned()));
    assert!(!bed.has("done") && !bed.has(".howdah"));
}

#[test]
fn an_event_comes_through_the_trigger() {
    let workflow = "inputs: { text: string }\non:\n  webhook:\n    path: /x\n    auth: none\n    if: event.body.kind == 'a'\n    with: { text: \"{{event.body.text}}\" }\nsteps:\n  - id: a\n    set: { x: \"{{inputs.text}} {{event.body.kind}}\" }\noutput: \"{{steps.a.output.x}}\"\n";
    pass(
        workflow,
        "tests:
  - name: wanted
    event: { body: { kind: a, text: hi } }
    trigger: webhook
    expect: { output: hi a }
  - name: not wanted
    event: { body: { kind: b } }
    expect: { status: filtered }
  - name: by hand
    inputs: { text: ho }
    event: { body: { kind: c } }
    expect: { output: ho c }
",
    );
}

#[test]
fn the_clock_stands_where_the_test_puts_it() {
    pass(
        "steps:\n  - id: a\n    set: { at: \"{{run.started}}\" }\noutput: \"{{steps.a.output.at}}\"\n",
        "tests:\n  - name: now\n    now: \"2026-03-01T09:00:00Z\"\n    expect: { output: \"2026-03-01T09:00:00Z\" }\n",
    );
}

#[test]
fn time_is_over_at_once_and_people_answer_as_the_test_says() {
    pass(
        "steps:
  - wait: 2d
  - id: ok
    approve:
      message: Publish?
      fields: { note: string }
      timeout: 1d
      notify:
        - webhook: { url: \"{{secrets.CHAT}}\", json: { ask: Publish? } }
  - id: count
    state: { add: { seen: 1 } }
output: { by: \"{{steps.ok.output.by}}\", yes: \"{{steps.ok.output.approved}}\", seen: \"{{steps.count.output.seen}}\" }
",
        "tests:
  - name: yes
    state: { seen: 4 }
    approvals: { ok: { approved: true, by: ada, fields: { note: fine } } }
    expect:
      output: { by: ada, yes: true, seen: 5 }
      requests: [{ url: \"*chat*\" }]
  - name: stood in for
    mock: { ok: { approved: false, by: grace } }
    expect: { output: { by: grace, yes: false, seen: 1 } }
",
    );
    let asks = "steps:\n  - id: ok\n    approve: { message: Publish?, fields: { note: string } }\noutput: \"{{steps.ok.output.by}}\"\n";
    assert_eq!(findings(asks, "tests: [{ name: nobody }]"), ["not-mocked"]);
    let told =
        findings(asks, "tests: [{ name: a, approvals: { ok: { approved: true, fields: { note: 5 } } } }]");
    assert!(told[0].contains("the approval of the test: the fields do not fit"), "{told:?}");
}

#[test]
fn a_called_workflow_runs_the_same_way_or_is_stood_in_for() {
    let bed = bed(
        "steps:\n  - id: sub\n    call: child\n    with: { x: 1 }\noutput: \"{{steps.sub.output}}\"\n",
        "tests:
  - name: inside
    mock: { child/ask: hello }
    expect: { output: hello 1, calls: 1 }
  - name: in its place
    mock: { sub: instead }
    expect: { output: instead, calls: 0 }
",
    );
    bed.write(
        "workflows/child.yaml",
        "inputs: { x: integer }\nsteps:\n  - id: ask\n    chat: { model: local/m, prompt: hi }\noutput: \"{{steps.ask.output}} {{inputs.x}}\"\n",
    );
    bed.howdah(&["test"]).exits(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_leaves_this_machine() {
    let world = Receiver::start().await;
    let workflow = format!(
        "steps:\n  - id: hook\n    webhook: {{ url: \"{0}/hook\", json: {{ a: 1 }} }}\n  - id: ask\n    on_error: continue\n    http: {{ get: \"{0}/ask\" }}\n  - id: chat\n    on_error: continue\n    chat: {{ model: local/m, prompt: hi }}\n",
        world.url
    );
    let bed = Bed::with_models(&format!("{}/v1", world.url), &[("workflows/w.yaml", &workflow)]);
    bed.write("workflows/w.test.yaml", "tests:\n  - name: all\n    expect: { requests: { length: 2 } }\n");
    let told = bed.howdah(&["test"]).exits(1);
    assert!(told.stdout.contains("the step `ask` asks a server, and a test asks none"), "{}", told.stdout);
    assert!(told.stdout.contains("mock: { ask: { status: 200, body: … } }"), "{}", told.stdout);
    assert!(told.stdout.contains("the step `chat` asks a model, and a test asks none"), "{}", told.stdout);
    assert_eq!(world.requests(), Vec::<Json>::new());
}

#[test]
fn tests_beside_each_other_know_nothing_of_each_other() {
    let workflow = "inputs: { n: integer }\nsteps:\n  - write: { path: out/x.txt, content: \"{{inputs.n}}\", mode: append }\n  - id: back\n    read: { path: out/x.txt }\noutput: \"{{steps.back.output}}\"\n";
    let tests: String = (0..40)
        .map(|n| format!("  - {{ name: t{n}, inputs: {{ n: {n} }}, expect: {{ output: \"{n}\\n\" }} }}\n"))
        .collect();
    let bed = bed(workflow, &format!("tests:\n{tests}"));
    let told = bed.howdah(&["test", "--json"]).exits(0).json();
    let names: Vec<_> = told["tests"].as_array().unwrap().iter().map(|test| test["name"].clone()).collect();
    assert_eq!(names, (0..40).map(|n| json!(format!("t{n}"))).collect::<Vec<_>>());
}

#[test]
fn check_finds_what_is_wrong_with_tests() {
    let bed = bed(
        LABEL,
        "tests:
  - name: a
    inputs: { tickt: x, n: many }
    mock: { lable: {}, label: { queue: other } }
    trigger: webhook
    approvals: { page: { approved: true } }
    expect: { steps: { pge: {} }, status: done }
  - name: a
    inputs: { ticket: x }
",
    );
    let told = bed.howdah(&["check", "workflows/w.test.yaml", "--json"]).exits(2).json();
    let told: Vec<_> = told["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["code"].as_str().unwrap(), one["help"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        told,
        [
            ("missing-input", "add `inputs: { ticket: … }`"),
            ("unknown-input", "did you mean `ticket`?"),
            ("bad-input", ""),
            ("unknown-step", "did you mean `label`?"),
            ("mock-mismatch", ""),
            ("no-effect", "add `event:` with what the trigger sees"),
            ("no-effect", "`approvals` answers steps with `approve`; say what others give with `mock`"),
            ("unknown-step", "did you mean `page`?"),
            (
                "invalid-value",
                "known here: `succeeded`, `failed`, `cancelled`, `needs_attention`, `filtered`"
            ),
            ("duplicate-test", "give each a name of its own"),
        ]
    );
    let ran = bed.howdah(&["test"]).exits(2);
    assert!(ran.stderr.contains("did you mean `label`?"), "{}", ran.stderr);
    bed.write("workflows/alone.test.yaml", "tests: [{ name: a }]");
    let told = bed.howdah(&["check", "workflows/alone.test.yaml"]).exits(2);
    assert!(told.stdout.contains("there is no workflow beside these tests"), "{}", told.stdout);
}

#[test]
fn tests_are_chosen_by_name_by_file_and_by_text() {
    let one = "steps:\n  - id: a\n    set: { x: 1 }\noutput: \"{{steps.a.output.x}}\"\n";
    let bed = Bed::of(&[
        ("workflows/a.yaml", one),
        ("workflows/b.yaml", one),
        ("workflows/a.test.yaml", "tests: [{ name: first }, { name: second }]"),
        ("workflows/more.test.yaml", "workflow: b\ntests: [{ name: other }]"),
    ]);
    let names = |arguments: &[&str]| {
        let told = bed.howdah(&[&["test", "--json"], arguments].concat()).exits(0).json();
        let names =
            told["tests"].as_array().unwrap().iter().map(|test| test["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["first", "second", "other"]);
    assert_eq!(names(&["a"]), ["first", "second"]);
    assert_eq!(names(&["workflows/b.yaml"]), ["other"]);
    assert_eq!(names(&["workflows/more.test.yaml", "-k", "oth"]), ["other"]);
    assert_eq!(names(&["-k", "sec"]), ["second"]);
    let told = bed.howdah(&["test", "c"]).exits(2);
    assert!(told.stderr.contains("there is no workflow and no file `c`"), "{}", told.stderr);
    bed.howdah(&["test", "--junit", "report.xml"]).exits(0);
    let report = bed.read("report.xml");
    assert!(
        report.contains("<testsuite name=\"workflows/a.test.yaml\" tests=\"2\" failures=\"0\">"),
        "{report}"
    );
    let empty = Bed::of(&[("workflows/a.yaml", one)]).howdah(&["test"]).exits(0);
    assert!(empty.stdout.starts_with("no tests"), "{}", empty.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_answers_as_long_as_the_question_is_the_same() {
    let models = simulator().await;
    let world = Receiver::start().await;
    let workflow = format!(
        "inputs: {{ name: string }}\nsteps:\n  - id: hello\n    chat:\n      model: local/m\n      system: Be kind.\n      prompt: \"Greet {{{{inputs.name}}}} in {{{{run.id}}}} of {{{{run.started}}}}\"\n  - id: tell\n    http: {{ post: \"{}/tell\", json: {{ k: \"{{{{secrets.KEY}}}}\" }} }}\noutput: {{ text: \"{{{{steps.hello.output}}}}\", run: \"{{{{run.id}}}}\", status: \"{{{{steps.tell.output.status}}}}\" }}\n",
        world.url
    );
    let bed = Bed::with_models(
        &models.base_url(),
        &[("workflows/w.yaml", &workflow), (".env", "KEY=a-secret-key\n")],
    );
    bed.write("workflows/w.test.yaml", "# Mine.\ntests:\n  - name: kept # this too\n    inputs: { name: A }\n    mock: { hello: hi, tell: { status: 201 } }\n    expect: { output: { text: hi, status: 201 } }\n");
    let before = bed.read("workflows/w.test.yaml");
    let ran = bed.howdah(&["record", "w", "-i", "name=Ada", "--name", "ada"]).exits(0);
    assert!(ran.stdout.contains("recorded recordings/w-ada.yaml and the test \"ada\""), "{}", ran.stdout);
    assert_eq!(world.requests().len(), 1);
    let after = bed.read("workflows/w.test.yaml");
    assert!(after.starts_with(&before) && after.contains("replay: \"recordings/w-ada.yaml\""), "{after}");
    let recording = bed.read("recordings/w-ada.yaml");
    assert!(recording.contains("{{secrets.KEY}}") && !recording.contains("a-secret-key"), "{recording}");
    assert!(recording.contains("cost"), "{recording}");

    // Good: the model is gone, and nobody hears of it.
    models.stop().await;
    bed.howdah(&["test"]).exits(0);
    assert_eq!(world.requests().len(), 1);
    bed.howdah(&["record", "w", "-i", "name=Ada", "--name", "ada"]).exits(2);

    // Stale: the prompt has changed.
    bed.write("workflows/w.yaml", workflow.replace("Be kind.", "Be brief."));
    let ran = bed.howdah(&["test"]).exits(1);
    for words in [
        "error[stale-recording]",
        "the step `hello` asks something else now",
        "-system: Be kind.",
        "+system: Be brief.",
    ] {
        assert!(ran.stdout.contains(words), "{words} in {}", ran.stdout);
    }
    assert_eq!(bed.read("recordings/w-ada.yaml"), recording);

    // And recorded anew, where the server is not asked again.
    let models = simulator().await;
    bed.write("howdah.yaml", format!("providers:\n  local: {{ base_url: \"{}\" }}\n", models.base_url()));
    let ran = bed.howdah(&["test", "--record"]);
    assert!(ran.stdout.contains("(recorded recordings/w-ada.yaml)"), "{}", ran.stdout);
    assert!(bed.read("recordings/w-ada.yaml").contains("Be brief."));
    assert_eq!(world.requests().len(), 1);

    // Missing.
    std::fs::remove_file(bed.path().join("recordings/w-ada.yaml")).unwrap();
    let ran = bed.howdah(&["test"]).exits(1);
    assert!(ran.stdout.contains("the recording `recordings/w-ada.yaml` is not there"), "{}", ran.stdout);
}

#[test]
fn the_simulator_answers_where_nothing_else_does() {
    let bed = bed(
        LABEL,
        "tests:\n  - name: a\n    inputs: { ticket: outage }\n    expect: { output: { matches: 'billing|outage' } }\n",
    );
    bed.write("howdah.yaml", "providers: { local: { base_url: \"http://127.0.0.1:9/v1\" } }\n");
    bed.howdah(&["test"]).exits(1);
    bed.howdah(&["test", "--simulate"]).exits(0);
}
