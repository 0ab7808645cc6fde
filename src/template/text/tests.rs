//! What templates mean, as the Handlebars guide has it and where this program is stricter.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::template::evaluate::Allowance;
use crate::template::{Branch, InPartial, Need, OUTPUT_LIMIT, TEXT_LIMIT, path_text};

fn scope() -> Scope {
    let a = Branch::new()
        .with(
            "output",
            json!({"name": "Ann", "tags": ["x", "y"], "n": 3, "none": null, "on": true, "price": 1.5}),
        )
        .with("status", json!("succeeded"));
    let people = json!([{"name": "Ann", "pets": ["cat", "dog"]}, {"name": "Bob", "pets": []}]);
    let inputs = json!({
        "who": "World", "people": people, "empty": [], "map": {"b": 1, "a": 2}, "html": "<b> & \"q\"", "y": "{{inputs.who}}",
        "zero": 0, "odd name": "odd", "dir": "..", "path": "a/b", "id": "7 & 8",
    });
    Scope::new()
        .with("inputs", inputs)
        .with("steps", Branch::new().with("a", a))
        .with("event", json!({"path": "in/x.txt", "dir": "in", "name": "../x"}))
        .with("vars", json!({"base": "https://example.org/v1", "out": "out/deep"}))
        .with("run", json!({"id": "r1"}))
}

fn compile(text: &str) -> Template {
    Template::compile(text, &Partials::new()).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

fn error(text: &str) -> TemplateError {
    Template::compile(text, &Partials::new()).unwrap_err().remove(0)
}

fn rendered(text: &str) -> String {
    compile(text).render(&scope(), Sink::Text).unwrap_or_else(|failure| panic!("{text}: {failure}"))
}

fn failure(text: &str, sink: Sink) -> Failure {
    compile(text).render(&scope(), sink).unwrap_err()
}

#[test]
fn values_stand_in_text() {
    let cases = [
        ("Hello {{inputs.who}}!", "Hello World!"),
        ("{{{inputs.html}}}{{&inputs.html}}{{inputs.html}}", "<b> & \"q\"<b> & \"q\"<b> & \"q\""),
        ("{{inputs.y}}", "{{inputs.who}}"),
        (
            "{{steps.a.output.n}} {{steps.a.output.on}} {{steps.a.output.none}} {{steps.a.output.price}}",
            "3 true  1.5",
        ),
        ("{{steps.a.output.tags}} {{inputs.map}}", r#"["x","y"] {"b":1,"a":2}"#),
        ("{{inputs.people.0.name}} {{inputs.people.[1].name}} {{inputs.[odd name]}}", "Ann Bob odd"),
        ("{{steps/a/output/name}} {{@root.inputs.who}} {{this.inputs.who}}", "Ann World World"),
        (r"\{{inputs.who}} \\{{inputs.who}}", r"{{inputs.who}} \World"),
        ("{{{{raw}}}}{{x}} {{#if}}{{{{/raw}}}}", "{{x}} {{#if}}"),
        ("a {{! note }}{{!-- {{b}} --}}c", "a c"),
        ("{\"a\": {\"b\": 1}}", "{\"a\": {\"b\": 1}}"),
        ("a  {{~inputs.who~}}  b", "aWorldb"),
        (
            "{{steps.a.status}} {{lookup inputs.map \"a\"}} {{lookup inputs.people 1}}",
            "succeeded 2 {\"name\":\"Bob\",\"pets\":[]}",
        ),
        ("", ""),
        ("äöü {{inputs.who}} 日本", "äöü World 日本"),
    ];
    for (text, expected) in cases {
        assert_eq!(rendered(text), expected, "{text}");
    }
}

#[test]
fn blocks_are_those_of_the_guide() {
    let cases = [
        ("{{#if inputs.zero}}a{{else if inputs.empty}}b{{else if inputs.who}}c{{else}}d{{/if}}", "c"),
        ("{{#if inputs.zero}}a{{else if inputs.empty}}b{{else}}d{{/if}}", "d"),
        ("{{#if inputs.zero}}a{{else}}{{#if inputs.who}}b{{else if inputs.zero}}c{{/if}}{{/if}}", "b"),
        ("{{#unless inputs.zero}}a{{else}}b{{/unless}}{{#unless inputs.who}}a{{^}}b{{/unless}}", "ab"),
        ("{{#each inputs.people}}{{@index}}:{{name}}{{#unless @last}}, {{/unless}}{{/each}}", "0:Ann, 1:Bob"),
        ("{{#each inputs.people}}{{#if @first}}^{{/if}}{{this.name}}{{/each}}", "^AnnBob"),
        ("{{#each inputs.map}}{{@key}}={{this}};{{/each}}", "b=1;a=2;"),
        ("{{#each inputs.map as |v k|}}{{k}}={{v}};{{/each}}", "b=1;a=2;"),
        ("{{#each inputs.people as |p i|}}{{i}}{{p.name}}{{/each}}", "0Ann1Bob"),
        (
            "{{#each inputs.empty}}x{{else}}none{{/each}}{{#each steps.a.output.none}}x{{else}}null{{/each}}",
            "nonenull",
        ),
        ("{{#each inputs.people}}{{#each pets}}{{../name}}-{{this}} {{/each}}{{/each}}", "Ann-cat Ann-dog "),
        (
            "{{#each inputs.people as |p|}}{{#each p.pets as |pet|}}{{p.name}}-{{pet}}{{@../index}}{{@index}} {{/each}}{{/each}}",
            "Ann-cat00 Ann-dog01 ",
        ),
        ("{{#each inputs.people}}{{@root.inputs.who}}{{../inputs.zero}}{{/each}}", "World0World0"),
        ("{{#with steps.a.output}}{{name}}{{#if on}}!{{/if}}{{/with}}", "Ann!"),
        ("{{#with steps.a.output as |o|}}{{o.name}}{{@root.run.id}}{{/with}}", "Annr1"),
        ("{{#with steps.a.output.none}}a{{else}}b{{/with}}", "b"),
        ("{{#each inputs.people}}{{#with this}}{{@index}}{{name}}{{/with}}{{/each}}", "0Ann1Bob"),
        ("{{#each (split \"a,b\" \",\")}}<{{this}}>{{/each}}", "<a><b>"),
        ("{{#each inputs.people}}\n* {{name}}\n{{/each}}\nend", "* Ann\n* Bob\nend"),
    ];
    for (text, expected) in cases {
        assert_eq!(rendered(text), expected, "{text}");
    }
}

#[test]
fn functions_and_helpers_nest() {
    let cases = [
        ("{{upper inputs.who}} {{upper (lower inputs.who)}}", "WORLD WORLD"),
        ("{{truncate inputs.who 3 end=\".\"}} {{truncate length=2 text=inputs.who}}", "Wo. W…"),
        (
            "{{default inputs.nope \"x\"}} {{default steps.b.output.c inputs.who}} {{default steps.a.output.none 1}}",
            "x World 1",
        ),
        ("{{exists inputs.nope}} {{exists inputs.who}} {{exists steps.a.output.none}}", "false true false"),
        ("{{default (upper inputs.nope) 'x'}}", "x"),
        ("{{#if (exists inputs.nope)}}a{{else}}b{{/if}}", "b"),
        ("{{#if (and (eq inputs.who 'World') (gt steps.a.output.n 2))}}a{{/if}}", "a"),
        ("{{#if (or inputs.zero inputs.empty)}}a{{else}}b{{/if}}{{not inputs.zero}}", "btrue"),
        (
            "{{eq 1 1.0}} {{ne 'a' 'b'}} {{lt 9 10}} {{lt '9' '10'}} {{gte 2 2}} {{lte 3 2}}",
            "true true true false true false",
        ),
        ("{{json inputs.map indent=2}}", "{\n  \"b\": 1,\n  \"a\": 2\n}"),
        ("{{join (sort steps.a.output.tags) ' + '}}", "x + y"),
        ("{{#each inputs.people}}{{default nick name}} {{/each}}", "Ann Bob "),
    ];
    for (text, expected) in cases {
        assert_eq!(rendered(text), expected, "{text}");
    }
}

#[test]
fn a_missing_path_fails_by_name_everywhere() {
    for text in [
        "{{inputs.nope}}",
        "{{#if inputs.nope}}{{/if}}",
        "{{#unless inputs.nope}}{{/unless}}",
        "{{#each inputs.nope}}{{/each}}",
        "{{#with inputs.nope}}{{/with}}",
        "{{upper inputs.nope}}",
        "{{#if (or inputs.nope inputs.who)}}{{/if}}",
        "{{#each inputs.people}}{{../inputs.nope}}{{/each}}",
    ] {
        let failure = failure(text, Sink::Text);
        assert_eq!(failure.code, "missing_path", "{text}");
        assert!(
            failure.message.contains("inputs.nope` is missing: `inputs` has no `nope`"),
            "{text}: {failure}"
        );
    }
    let message = failure("{{#each inputs.people}}{{nmae}}{{/each}}", Sink::Text).message;
    let expected = "`nmae` is missing: there is no `nmae` here, did you mean `name`? (`default` and `exists` take a missing path)";
    assert_eq!(message, expected);
    assert!(failure("{{inputs.people.length}}", Sink::Text).message.contains("{{length inputs.people}}"));
}

#[test]
fn wrong_types_and_functions_fail() {
    let cases = [
        ("{{#each inputs.who}}{{/each}}", "template_type"),
        ("{{lt 1 'a'}}", "template_type"),
        ("{{upper inputs.people}}", "function_error"),
        ("{{parse_json 'x'}}", "function_error"),
    ];
    for (text, code) in cases {
        assert_eq!(failure(text, Sink::Text).code, code, "{text}");
    }
}

#[test]
fn a_single_value_keeps_its_type() {
    let value = |text: &str| compile(text).evaluate(&scope()).unwrap();
    assert_eq!(value("{{steps.a.output.n}}"), json!(3));
    assert_eq!(value("{{~steps.a.output.tags~}}"), json!(["x", "y"]));
    assert_eq!(value("{{length inputs.people}}"), json!(2));
    assert_eq!(value("{{steps.a}}")["status"], json!("succeeded"));
    assert_eq!(value(" {{steps.a.output.n}}"), json!(" 3"));
    assert!(compile("{{{inputs.who}}}").is_single_value() && !compile("{{inputs.who}}.").is_single_value());
    assert_eq!(compile("plain").literal(), Some("plain"));
    assert_eq!(compile(r"\{{a}}{{! b }}").literal(), Some("{{a}}"));
    assert_eq!(compile("{{inputs.who}}").literal(), None);
}

#[test]
fn references_are_absolute() {
    let paths = |text: &str| -> Vec<String> {
        let path = |reference: &Reference| match reference.need {
            Need::Required => path_text(&reference.path),
            Need::Optional => path_text(&reference.path) + "?",
        };
        compile(text).references().iter().map(path).collect()
    };
    let cases: [(&str, &[&str]); 9] = [
        ("{{inputs.a}}{{inputs.b.0}}", &["inputs.a", "inputs.b[0]"]),
        (
            "{{#each steps.l.output}}{{name}}{{this.x}}{{../run.id}}{{@root.vars.v}}{{@index}}{{/each}}",
            &["steps.l.output", "steps.l.output[*].name", "steps.l.output[*].x", "run.id", "vars.v"],
        ),
        (
            "{{#each inputs.l as |x i|}}{{#each x.y as |z|}}{{z.k}}{{x.n}}{{i}}{{/each}}{{/each}}",
            &["inputs.l", "inputs.l[*].y", "inputs.l[*].y[*].k", "inputs.l[*].n"],
        ),
        ("{{#with steps.a.output}}{{#if name}}{{/if}}{{/with}}", &["steps.a.output", "steps.a.output.name"]),
        ("{{default inputs.a inputs.b}}{{exists (upper inputs.c)}}", &["inputs.a?", "inputs.b", "inputs.c?"]),
        ("{{lookup inputs.a run.id}}", &["inputs.a", "run.id"]),
        ("{{secrets.KEY}}", &["secrets.KEY"]),
        ("{{#each (split inputs.a ',')}}{{this}}{{/each}}", &["inputs.a"]),
        ("{{nobody}}{{upper}}", &["nobody", "upper"]),
    ];
    for (text, expected) in cases {
        assert_eq!(paths(text), expected, "{text}");
    }
    let template = compile(
        "ab {{#if inputs.a}}{{else if inputs.b}}{{inputs.c}}{{/if}}{{> x}}".split("{{>").next().unwrap(),
    );
    let text = "ab {{#if inputs.a}}{{else if inputs.b}}{{inputs.c}}{{/if}}";
    let places: Vec<_> =
        template.references().iter().map(|reference| &text[reference.range.clone()]).collect();
    assert_eq!(places, ["{{#if inputs.a}}", "{{else if inputs.b}}", "{{inputs.c}}"]);
}

#[test]
fn what_cannot_be_meant_is_an_error_with_its_place() {
    let cases = [
        ("a {{uper inputs.who}}", "unknown-function", "there is no function `uper`", 2..21),
        ("{{if inputs.who}}", "unknown-function", "there is no function `if`", 0..17),
        ("{{#upper x}}{{/upper}}", "unknown-function", "there is no block `upper`", 0..12),
        ("{{#iff x}}{{/iff}}", "unknown-function", "there is no block `iff`", 0..10),
        ("{{upper a b}}", "arguments", "`upper` takes 1 values, found 2", 0..13),
        ("{{split a}}", "arguments", "`split` needs `separator`", 0..11),
        ("{{truncate a lenght=3}}", "arguments", "`truncate` has no parameter `lenght`", 0..23),
        ("{{eq a}}", "arguments", "`eq` takes 2 values, found 1", 0..8),
        ("{{#if a b}}{{/if}}", "arguments", "`{{#if}}` takes one value, found 2", 0..11),
        ("{{#if}}{{/if}}", "arguments", "`{{#if}}` takes one value, found 0", 0..7),
        (
            "{{#each a}}{{inputs.x}}{{/each}}",
            "shadowed-root",
            "inside a block `inputs.x` means `this.inputs.x`",
            11..23,
        ),
        ("{{../a}}", "template-syntax", "`../a` leads above the top of the template", 0..8),
        (
            "{{#each a}}{{../../b}}{{/each}}",
            "template-syntax",
            "`../../b` leads above the top of the template",
            11..22,
        ),
        ("{{@index}}", "template-syntax", "`@index` stands outside of `{{#each}}`", 0..10),
        ("{{@level}}", "template-syntax", "there is no `@level`", 0..10),
        ("{{this}}", "template-syntax", "`this` stands for everything here", 0..8),
        (
            "{{upper secrets.KEY}}",
            "secret-use",
            "the value of `secrets.KEY` is not known here, only where it is sent",
            0..21,
        ),
        ("{{secrets}}", "secret-use", "`secrets` is not one secret", 0..11),
        ("{{> nobody}}", "unknown-partial", "there is no partial `nobody`", 0..12),
    ];
    for (text, code, message, range) in cases {
        let error = error(text);
        assert_eq!((error.code, error.message.as_str(), error.range), (code, message, range), "{text}");
    }
    let help = error("{{#each a}}{{inputs.x}}{{/each}}").help.unwrap();
    assert_eq!(help, "write `@root.inputs.x` for the workflow's, or `this.inputs.x` for the block's");
    assert_eq!(Template::compile("{{uper a}}{{lowr b}}", &Partials::new()).unwrap_err().len(), 2);
}

#[test]
fn partials_are_expanded_where_they_stand() {
    let partials: Partials = [
        ("hello", "Hello {{who}}{{#each people}}[{{name}}]{{/each}}!\n"),
        ("line", "a\nb\n"),
        ("outer", "<{{> inner x=inputs.who}}>"),
        ("inner", "{{x}}{{inputs.zero}}"),
        ("self", "{{> other}}"),
        ("other", "{{> self}}"),
        ("broken", "{{#if}}"),
        ("typo", "ä\nb {{nofn 1}}"),
        ("bomb", "{{> hello}}{{> hello}}"),
    ]
    .into_iter()
    .collect();
    let render = |text: &str| {
        Template::compile(text, &partials).map(|template| template.render(&scope(), Sink::Text).unwrap())
    };
    assert_eq!(render("{{> hello inputs}}"), Ok("Hello World[Ann][Bob]!\n".into()));
    assert_eq!(render("x {{> outer}}"), Ok("x <World0>".into()));
    assert_eq!(render("1\n  {{> line}}\n2"), Ok("1\n  a\n  b\n2".into()));
    assert_eq!(
        render("{{#each inputs.people}}{{> inner x=name inputs=@root.inputs}} {{/each}}"),
        Ok("Ann0 Bob0 ".into())
    );
    let error = |text: &str| Template::compile(text, &partials).unwrap_err().remove(0);
    assert_eq!(error("a {{> self}}").message, "the partial includes itself: `self` → `other` → `self`");
    assert_eq!(error("a {{> self}}").range, 2..12);
    let found = error("a {{> broken}}");
    assert_eq!(found.message, "the block `{{#if}}` is never closed");
    assert_eq!(found.range, 2..14);
    assert_eq!(found.partial, Some(InPartial { name: "broken".into(), range: 0..7 }));
    // A partial that stands alone on its line is moved to the right; places in it are not.
    let found = error("a\n  {{> typo}}\n");
    assert_eq!(found.partial, Some(InPartial { name: "typo".into(), range: 5..15 }), "{found:?}");
    assert_eq!(error("{{> helo}}").help.as_deref(), Some("did you mean `hello`?"));
    let template = Template::compile("{{> outer}}", &partials).unwrap();
    assert_eq!(template.partials(), [Arc::from("outer"), Arc::from("inner")]);
    assert_eq!(path_text(&template.references()[0].path), "inputs.who");
}

#[test]
fn partials_cannot_multiply_without_end() {
    let partials: Partials = (0..16)
        .map(|level| (format!("p{level}"), format!("{{{{> p{0}}}}}{{{{> p{0}}}}}", level + 1)))
        .chain([("p16".to_owned(), "x".repeat(1_000))])
        .collect();
    let errors = Template::compile("{{> p0}}", &partials).unwrap_err();
    assert!(errors.iter().all(|error| error.code == "template-limit") && errors.len() < 10, "{errors:?}");
}

#[test]
fn a_url_encodes_what_comes_after_its_host() {
    let cases = [
        ("https://example.org/{{inputs.path}}?id={{inputs.id}}", "https://example.org/a%2Fb?id=7%20%26%208"),
        ("{{vars.base}}/items/{{inputs.id}}", "https://example.org/v1/items/7%20%26%208"),
        ("{{vars.base}}", "https://example.org/v1"),
        ("https://{{inputs.who}}.example.org/{{inputs.who}}", "https://World.example.org/World"),
        ("https://example.org?q={{inputs.map}}", "https://example.org?q=%7B%22b%22%3A1%2C%22a%22%3A2%7D"),
        ("https://example.org/?q={{inputs.dir}}", "https://example.org/?q=.."),
    ];
    for (text, expected) in cases {
        assert_eq!(compile(text).render(&scope(), Sink::Url).as_deref(), Ok(expected), "{text}");
    }
    assert_eq!(failure("https://example.org/{{inputs.dir}}/x", Sink::Url).code, "unsafe_path");
    let secret = compile("https://example.org/{{secrets.KEY}}/x").render(&scope(), Sink::Url).unwrap();
    assert!(secret.contains(&crate::secret::placeholder("KEY")));
}

#[test]
fn a_url_tells_whether_data_is_in_its_host() {
    let cases = [
        ("https://example.org/{{inputs.path}}", false, 0),
        ("https://example.org{{inputs.path}}/", true, 1),
        ("https://{{inputs.who}}.example.org/{{inputs.id}}", true, 1),
        ("{{vars.base}}/items/{{inputs.id}}", false, 1),
        ("{{secrets.URL}}", false, 1),
        ("{{event.url}}", true, 1),
        ("{{#if inputs.who}}https://a.org/{{else}}https://b.org/{{/if}}{{inputs.id}}", true, 2),
        ("{{vars.scheme}}://{{inputs.who}}/{{inputs.id}}", true, 2),
    ];
    for (text, dynamic, count) in cases {
        let template = compile(text);
        assert_eq!(
            (template.host_is_dynamic(), template.host_references().len()),
            (dynamic, count),
            "{text}"
        );
    }
}

#[test]
fn data_in_a_path_is_one_name() {
    let cases = [
        ("out/{{inputs.who}}.md", "out/World.md"),
        ("{{vars.out}}/{{run.id}}.md", "out/deep/r1.md"),
        ("{{event.dir}}/x/{{event.path}}", "in/x/in/x.txt"),
        ("{{#with event}}{{path}}{{/with}}", "in/x.txt"),
        ("out/{{filename inputs.path}}", "out/a_b"),
        ("out/{{filename inputs.dir}}", "out/_"),
    ];
    for (text, expected) in cases {
        assert_eq!(compile(text).render(&scope(), Sink::Path).as_deref(), Ok(expected), "{text}");
    }
    for text in [
        "out/{{inputs.path}}",
        "out/{{inputs.dir}}",
        "out/{{event.name}}",
        "out/{{lower event.path}}",
        "{{#each inputs.people}}{{lookup @root.inputs 'path'}}{{/each}}",
        "{{#with inputs}}{{path}}{{/with}}",
        "{{#each inputs as |v k|}}{{v}}{{/each}}",
        "out/{{default inputs.path 'x'}}",
    ] {
        assert_eq!(failure(text, Sink::Path).code, "unsafe_path", "{text}");
    }
    assert!(failure("out/{{inputs.path}}", Sink::Path).message.contains("filename"));
    let keys = Scope::new().with("inputs", json!({"m": {"../x": 1}}));
    assert_eq!(
        compile("{{#each inputs.m}}{{@key}}{{/each}}").render(&keys, Sink::Path).unwrap_err().code,
        "unsafe_path"
    );
}

#[test]
fn loops_and_output_are_bounded() {
    let list: Vec<_> = (0..20).collect();
    let scope = Scope::new().with("inputs", json!({"l": list, "t": "x".repeat(1_000_000)}));
    let fails = |text: &str, work, rounds| {
        let evaluator = Evaluator::within(&scope, Allowance { work, rounds });
        let rendered = render::render(&compile(text).parts, evaluator, Sink::Text);
        rendered.map(|text| text.len()).unwrap_err()
    };
    let plenty = usize::MAX;
    let nested =
        |inner: &str| format!("{}{inner}{}", "{{#each @root.inputs.l}}".repeat(4), "{{/each}}".repeat(4));
    let endless = "the loops of this template take more than 100000 rounds together";
    for text in [nested(""), nested("{{this}}")] {
        let failure = fails(&text, plenty, 1_000);
        assert_eq!((&*failure.code, failure.message.as_str()), ("template_limit", endless), "{text}");
    }
    let failure = fails("{{#each inputs.l}}{{@root.inputs.t}}{{/each}}", plenty, plenty);
    assert_eq!((&*failure.code, failure.message.as_str()), ("template_limit", "the text grows beyond 4 MiB"));
    let hashes = "{{#each inputs.l}}{{sha256 @root.inputs.t}}{{/each}}";
    let failure = fails(hashes, 1_500_000, plenty);
    assert_eq!(failure.message, "evaluating this takes too much work: make it read or repeat less");
    let exact =
        compile("{{inputs.t}}{{inputs.t}}{{inputs.t}}{{inputs.t}}").render(&scope, Sink::Text).unwrap();
    assert!(exact.len() < OUTPUT_LIMIT);
}

/// The deepest and the largest that the guard lets pass, on a thread with the stack of a worker.
#[test]
fn the_limits_fit_a_small_stack() {
    let deep = format!("{}{{{{this}}}}{}", "{{#with this.x}}".repeat(32), "{{/with}}".repeat(32));
    let chain = format!("{{{{#if x}}}}{}{{{{/if}}}}", "{{else if x}}".repeat(31));
    let calls = format!("{{{{{}x{}}}}}", "not (".repeat(15) + "not ", ")".repeat(15));
    let many = "{{x}} text \n".repeat(400);
    let escapes = "{{x}}".to_owned() + &"\\{{".repeat(TEXT_LIMIT / 3 - 2);
    let long = format!("{}{{{{x}}}}", "words and \\ { words ".repeat(TEXT_LIMIT / 21));
    let wide = "{{and ".to_owned() + &"x ".repeat(30_000) + "}}";
    for (name, text) in [
        ("deep", deep),
        ("chain", chain),
        ("calls", calls),
        ("many", many),
        ("escapes", escapes),
        ("long", long),
        ("wide", wide),
    ] {
        let work = move || {
            let scope = Scope::new().with("x", json!({}));
            let template =
                Template::compile(&text, &Partials::new()).unwrap_or_else(|errors| panic!("{errors:?}"));
            let _ = template.render(&scope, Sink::Text);
        };
        std::thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join().expect(name);
    }
}

/// Pieces that hostile templates are made of.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~äß\\n]{0,6}",
        prop::sample::select(vec![
            "{{",
            "}}",
            "{{{",
            "}}}",
            "{{{{",
            "}}}}",
            "{{#",
            "{{/",
            "{{else",
            "{{^",
            "{{>",
            "{{!",
            "--}}",
            "{{#if a}}",
            "{{/if}}",
            "{{#each a}}",
            "{{/each}}",
            "{{else}}",
            "{{else if b}}",
            "(",
            ")",
            "[",
            "]",
            "'",
            "\"",
            "\\",
            "~",
            "as |x y|",
            "this",
            "../",
            "@index",
            "@root",
            "=",
            "|",
            "a.b",
            "{{a}}",
            "{{~a~}}",
            "{{upper a}}",
            "{{raw}}",
            "{{{{raw}}}}",
            "{{{{/raw}}}}",
            "*",
            ">",
            "&",
            "null",
            "true",
            "1.5",
            "\n",
            " ",
            "default",
            "{{> p}}",
            ".",
            "/",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(piece(), 0..24)) {
        let text = pieces.concat();
        let partials: Partials = [("p", "{{x}}{{#each a}}{{b}}{{/each}}")].into_iter().collect();
        match Template::compile(&text, &partials) {
            Ok(template) => {
                for sink in [Sink::Text, Sink::Url, Sink::Path] {
                    let _ = template.render(&scope(), sink);
                }
                for reference in template.references() {
                    let place = text.get(reference.range.clone());
                    prop_assert!(place.is_some_and(|place| place.starts_with("{{") && place.ends_with("}}")), "{text:?} {reference:?}");
                }
            }
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    prop_assert!(text.get(error.range.clone()).is_some(), "{text:?} {error:?}");
                }
            }
        }
    }
}
