use serde_json::json;

use super::*;
use crate::template::{Expr, Partials, Template};

fn schema(schema: Json) -> Ty {
    Ty::of_schema(crate::template::Schema::parse(&schema).unwrap().json())
}

/// A workflow's names, as a checker would give them.
fn names() -> Names {
    let label = schema(json!({
        "queue(enum)": ["billing", "outage", "spam"],
        "urgency": "integer",
        "note?": "string",
        "tags(array)": "string",
        "people(array)": { "name": "string", "age?": "integer" },
        "place": { "city": "string" },
    }));
    let step = |output: Ty| {
        Ty::map([
            ("output", output, Presence::Required),
            ("status", Ty::words(["succeeded", "skipped"]), Presence::Required),
            ("started", Ty::text(), Presence::Optional),
        ])
    };
    let mut names = Names::new().with_root("event", Ty::any()).with_root(
        "inputs",
        Ty::map([
            ("ticket", Ty::text(), Presence::Required),
            ("tone", Ty::text().or_null(), Presence::Required),
            ("count", Ty::integer(), Presence::Required),
            ("flag", Ty::boolean(), Presence::Required),
        ]),
    );
    names.add_step("label", step(label));
    names.add_step("draft", step(Ty::text().or_absent("step `draft` may be skipped")));
    names.add_step(
        "maybe",
        step(Ty::map([("n", Ty::integer(), Presence::Required)]).or_absent("step `maybe` may be skipped")),
    );
    names.add_step(
        "open",
        step(schema(json!({ "type": "object", "properties": { "queue": { "type": "string" } } }))),
    );
    names
}

fn told(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|Finding { problem, .. }| format!("{}: {}", problem.code, problem.message)).collect()
}

/// The type of an expression that is right.
#[track_caller]
fn gives(expression: &str, ty: &str) {
    let found = Expr::compile(expression).unwrap().infer(&names());
    assert_eq!(told(&found.findings), Vec::<String>::new(), "{expression}");
    assert_eq!(found.ty.to_string(), ty, "{expression}");
}

/// The one finding of an expression: what it covers, and its words.
#[track_caller]
fn refuses(expression: &str, covers: &str, finding: &str, help: &str) {
    let found = Expr::compile(expression).unwrap().infer(&names());
    assert_eq!(told(&found.findings), [finding], "{expression}");
    let problem = &found.findings[0].problem;
    assert_eq!(&expression[problem.range.clone()], covers, "{expression}");
    assert!(problem.help.as_deref().unwrap_or_default().contains(help), "{expression}: {:?}", problem.help);
}

#[track_caller]
fn text_refuses(text: &str, finding: &str, help: &str) {
    let found = Template::compile(text, &Partials::new()).unwrap().infer(&names());
    assert_eq!(told(&found.findings), [finding], "{text}");
    let problem = &found.findings[0].problem;
    assert!(problem.help.as_deref().unwrap_or_default().contains(help), "{text}: {:?}", problem.help);
}

#[track_caller]
fn text_clean(text: &str) {
    let found = Template::compile(text, &Partials::new()).unwrap().infer(&names());
    assert_eq!(told(&found.findings), Vec::<String>::new(), "{text}");
}

#[test]
fn schemas_become_types() {
    for (written, ty) in [
        (json!({}), "any value"),
        (json!({ "type": "string" }), "text"),
        (json!({ "type": ["integer", "null"] }), "a whole number or null"),
        (json!({ "enum": ["a", 1, null] }), "`1`, `a` or null"),
        (json!({ "const": "x" }), "`x`"),
        (json!({ "type": "string", "enum": ["a", 1] }), "`a`"),
        (
            json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "number" } }] }),
            "text or a list of numbers",
        ),
        (json!({ "allOf": [{ "type": ["string", "null"] }, { "enum": ["a", "b", 3] }] }), "`a` or `b`"),
        (
            json!({ "type": "array", "prefixItems": [{ "type": "string" }], "items": { "type": "integer" } }),
            "a list",
        ),
        (
            json!({ "type": "array", "prefixItems": [{ "type": "string" }], "items": false }),
            "a list of texts",
        ),
        (json!({ "$ref": "#/$defs/n", "$defs": { "n": { "type": "boolean" } } }), "true or false"),
        (json!({ "$ref": "#/$defs/gone" }), "any value"),
        (json!({ "$ref": "#" }), "any value"),
        (json!({ "type": "object", "properties": { "x": { "$ref": "#" } } }), "a map"),
        (json!(false), "any value"),
    ] {
        assert_eq!(Ty::of_schema(&written).to_string(), ty, "{written}");
    }
}

#[test]
fn a_schema_tells_which_fields_there_are() {
    let map = Ty::of_schema(&json!({
        "type": "object", "required": ["a", "z"],
        "properties": { "a": { "type": "string" }, "b": { "type": "integer" } },
    }));
    assert_eq!(map.field("a"), Some((Ty::text(), Presence::Required)));
    assert_eq!(map.field("b"), Some((Ty::integer(), Presence::Optional)));
    assert_eq!(map.field("z"), Some((Ty::any(), Presence::Required)));
    assert_eq!(map.field("c"), Some((Ty::any(), Presence::Optional)));
    let closed = schema(json!({ "a": "string" }));
    assert_eq!(closed.field("c"), None);
    // Each part of `allOf` allows its own fields only.
    let both = Ty::of_schema(&json!({ "allOf": [
        { "type": "object", "properties": { "a": {}, "b": {} }, "additionalProperties": false },
        { "type": "object", "properties": { "b": { "type": "string" } }, "required": ["b"] },
    ] }));
    assert_eq!(both.field("b"), Some((Ty::text(), Presence::Required)));
    assert!(both.field("a").is_some() && both.field("c").is_none());
}

#[test]
fn types_join_and_meet() {
    let a = Ty::map([("x", Ty::text(), Presence::Required), ("y", Ty::integer(), Presence::Required)]);
    let b = Ty::map([("x", Ty::integer(), Presence::Required)]);
    let either = a.or(&b);
    assert_eq!(either.field("x").unwrap().0.to_string(), "a whole number or text");
    assert_eq!(either.field("y"), Some((Ty::integer(), Presence::Optional)));
    assert_eq!(Ty::words(["a", "b"]).or(&Ty::words(["b", "c"])), Ty::words(["a", "b", "c"]));
    assert_eq!(Ty::words(["a", "b"]).and(&Ty::words(["b", "c"])), Ty::words(["b"]));
    assert!(Ty::words(["a"]).excludes(&Ty::words(["b"])) && !Ty::words(["a"]).excludes(&Ty::text()));
    assert!(Ty::text().excludes(&Ty::integer()) && !Ty::integer().excludes(&Ty::number()));
    assert!(!Ty::text().or_null().excludes(&Ty::null()) && !Ty::any().excludes(&Ty::text()));
    // Nothing is both: whatever is said of it further would repeat the mistake.
    assert!(Ty::text().and(&Ty::integer()).is_any());
}

#[test]
fn a_type_stays_small_whatever_it_is_made_of() {
    let deep = (0..10_000).fold(Ty::text(), |ty, _| Ty::list(ty));
    assert!(deep.to_string().starts_with("a list") || deep.is_any());
    let wide = (0..200).fold(Ty::text(), |ty, _| {
        Ty::map([("a", ty.clone(), Presence::Required), ("b", ty, Presence::Required)])
    });
    assert_eq!(wide.or(&Ty::text().or(&wide)), wide.or(&wide).or(&Ty::text()));
    let bomb: serde_json::Map<String, Json> = (0..40)
        .map(|at| {
            (format!("d{at}"), json!({ "anyOf": vec![json!({ "$ref": format!("#/$defs/d{}", at + 1) }); 9] }))
        })
        .collect();
    assert!(Ty::of_schema(&json!({ "$ref": "#/$defs/d0", "$defs": bomb })).is_any());
}

#[test]
fn expressions_have_types() {
    for (expression, ty) in [
        ("inputs.count + 1", "a whole number"),
        ("inputs.count / 2.0", "a number"),
        ("inputs.ticket + '!'", "text"),
        ("[1, 2] + [3]", "a list of whole numbers"),
        ("inputs.count > 3 && inputs.flag", "true or false"),
        ("inputs.flag ? 'a' : 'b'", "`a` or `b`"),
        ("default(inputs.tone, 'plain')", "text"),
        ("default(steps.draft.output, 0)", "a whole number or text"),
        ("default(steps.maybe.output.n, 0)", "a whole number"),
        ("first(steps.label.output.people)", "a map or null"),
        ("sort(steps.label.output.tags)", "a list of texts"),
        ("split(inputs.ticket, ',')", "a list of texts"),
        ("last(split(inputs.ticket, ','))", "text"),
        ("steps.label.output.people.map(p, p.name)", "a list of texts"),
        ("steps.label.output.people.filter(p, exists(p.age) && p.age > 3)", "a list of maps"),
        ("steps.label.output.people.exists(p, p.name == 'x')", "true or false"),
        ("steps.label.output.place.map(key, key)", "a list of texts"),
        ("steps.label.output.people[0].name", "text"),
        ("steps.label.output['queue']", "`billing`, `outage` or `spam`"),
        ("omit(steps.label.output.place, 'city')", "a map"),
        ("{'a': 1}.a", "`1`"),
        ("event.anything.at.all", "any value"),
        ("nothing.here", "any value"),
        ("steps.gone.output.x", "any value"),
        ("length(inputs.ticket)", "a whole number"),
        ("inputs.ticket.matches('^a')", "true or false"),
        ("round(2.5, 1)", "a number"),
        ("sum(steps.label.output.people.map(p, default(p.age, 0)))", "a whole number"),
        ("steps.open.output.anything", "any value"),
        ("flatten([[1], [2]])", "a list of whole numbers"),
        ("min(inputs.count, 3)", "a whole number"),
    ] {
        gives(expression, ty);
    }
}

#[test]
fn mistakes_of_expressions_are_told_at_their_place() {
    for (expression, covers, finding, help) in [
        (
            "steps.label.output.quue == 'spam'",
            "steps.label.output.quue",
            "unknown-field: `steps.label.output` has no `quue`",
            "queue",
        ),
        ("inputs.tickt + 'x'", "inputs.tickt", "unknown-input: `inputs` has no `tickt`", "ticket"),
        ("exists(inputs.tickt)", "inputs.tickt", "unknown-input: `inputs` has no `tickt`", "ticket"),
        (
            "inputs.ticket.words",
            "inputs.ticket.words",
            "unknown-field: `inputs.ticket` is text and has no `words`",
            "",
        ),
        (
            "steps.label.output.tags.length > 0",
            "steps.label.output.tags.length",
            "unknown-field: `steps.label.output.tags` is a list of texts and has no `length`",
            "length(steps.label.output.tags)",
        ),
        (
            "steps.label.output.people.name",
            "steps.label.output.people.name",
            "unknown-field: `steps.label.output.people` is a list of maps and has no `name`",
            "[0].name",
        ),
        (
            "steps.label.queue",
            "steps.label.queue",
            "unknown-field: `steps.label` has no `queue`",
            "steps.label.output.queue",
        ),
        ("steps.label.output.people.map(p, p.nam)", "p.nam", "unknown-field: `p` has no `nam`", "name"),
        (
            "steps.label.output.queue == 'bilIing'",
            "'bilIing'",
            "unknown-value: the other side is never `bilIing`",
            "`billing`",
        ),
        (
            "steps.label.output.queue in ['spam', 'outages']",
            "'outages'",
            "unknown-value: the other side is never `outages`",
            "`outage`",
        ),
        (
            "inputs.ticket < 1",
            "inputs.ticket < 1",
            "wrong-type: `<` needs two numbers or two texts, found text and `1`",
            "int",
        ),
        (
            "inputs.count + 'x'",
            "inputs.count + 'x'",
            "wrong-type: `+` does not take a whole number and `x`",
            "string",
        ),
        (
            "inputs.ticket && true",
            "inputs.ticket",
            "wrong-type: `&&` needs true or false, found text",
            "inputs.ticket != ''",
        ),
        ("!inputs.count", "inputs.count", "wrong-type: `!` needs true or false, found a whole number", "> 0"),
        (
            "'a' in inputs.ticket",
            "inputs.ticket",
            "wrong-type: `in` needs a list or a map, found text",
            "contains",
        ),
        (
            "upper(steps.label.output.tags)",
            "steps.label.output.tags",
            "wrong-type: `upper` takes text or a number, found a list of texts",
            "join",
        ),
        (
            "upper(inputs.tone)",
            "inputs.tone",
            "may-be-absent: `inputs.tone` may be null",
            "default(inputs.tone",
        ),
        (
            "inputs.ticket.map(x, x)",
            "inputs.ticket",
            "wrong-type: what goes over it needs a list or a map, found text",
            "lines",
        ),
        (
            "steps.label.output.people.filter(p, p.name)",
            "p.name",
            "wrong-type: `filter` needs true or false, found text",
            "p.name != ''",
        ),
        (
            "steps.label.output.people.map(p, p.age)",
            "p.age",
            "may-be-absent: `p.age` may be missing",
            "exists(p.age)",
        ),
        (
            "steps.label.output.note",
            "steps.label.output.note",
            "may-be-absent: `steps.label.output.note` may be missing",
            "default(steps.label.output.note",
        ),
        (
            "steps.draft.output",
            "steps.draft.output",
            "may-be-absent: `steps.draft.output` may be null: step `draft` may be skipped",
            "exists(steps.draft.output)",
        ),
        (
            "steps.maybe.output.n > 3",
            "steps.maybe.output.n",
            "may-be-absent: `steps.maybe.output` may be null: step `maybe` may be skipped",
            "exists(steps.maybe.output)",
        ),
        (
            "steps.maybe.output.m > 3",
            "steps.maybe.output.m",
            "unknown-field: `steps.maybe.output` has no `m`",
            "n",
        ),
        (
            "first(steps.label.output.people).name",
            "first(steps.label.output.people)",
            "may-be-absent: this may be null",
            "default",
        ),
        (
            "steps.open.output.queu == 'x'",
            "steps.open.output.queu",
            "unknown-field: `steps.open.output` is not known to have a `queu`",
            "queue",
        ),
        (
            "has(steps.label.output.queu)",
            "steps.label.output",
            "unknown-field: `steps.label.output` has no `queu`",
            "queue",
        ),
        (
            "inputs.count == inputs.ticket",
            "inputs.count == inputs.ticket",
            "never-equal: a whole number and text are never equal",
            "",
        ),
        ("-inputs.ticket", "inputs.ticket", "wrong-type: `-` takes a number, found text", ""),
    ] {
        refuses(expression, covers, finding, help);
    }
}

#[test]
fn conditions_tell_what_is_there() {
    for expression in [
        "exists(steps.maybe.output) && steps.maybe.output.n > 3",
        "!exists(steps.maybe.output) || steps.maybe.output.n > 3",
        "steps.maybe.output != null && steps.maybe.output.n > 3",
        "steps.maybe.output == null || steps.maybe.output.n > 3",
        "null != steps.maybe.output && steps.maybe.output.n > 3",
        "steps.maybe.status == 'succeeded' && steps.maybe.output.n > 3",
        "steps.maybe.status != 'skipped' && steps.maybe.output.n > 3",
        "exists(steps.maybe.output) ? steps.maybe.output.n > 3 : false",
        "exists(steps.maybe.output.n) && steps.maybe.output.n > 3",
        "!(steps.maybe.output == null) && steps.maybe.output.n > 3",
        "has(steps.label.output.note) && steps.label.output.note != ''",
        "exists(steps.label.output.note) && upper(steps.label.output.note) == 'X'",
        "'note' in steps.label.output && steps.label.output.note == 'x'",
        "default(steps.maybe.output.n == 3, false) && inputs.flag",
        "length(steps.label.output.people) > 0 && first(steps.label.output.people).name == 'x'",
        "inputs.flag && (exists(steps.maybe.output) && steps.maybe.output.n > 1 || inputs.count == 2)",
        "(exists(inputs.tone) && inputs.count > 1 || exists(inputs.tone) && inputs.count < 1) && upper(inputs.tone) == 'A'",
        "inputs.tone in ['a', 'b'] && upper(inputs.tone) == 'A'",
    ] {
        gives(expression, "true or false");
    }
    let after = Expr::compile("steps.label.output.queue == 'spam'").unwrap();
    let queue =
        |names: &Names| Expr::compile("steps.label.output.queue").unwrap().infer(names).ty.to_string();
    assert_eq!(queue(&after.assume(&names(), Outcome::Holds)), "`spam`");
    assert_eq!(queue(&after.assume(&names(), Outcome::Fails)), "`billing` or `outage`");
    let several = Expr::compile("steps.label.output.queue in ['spam', 'outage']").unwrap();
    assert_eq!(queue(&several.assume(&names(), Outcome::Holds)), "`outage` or `spam`");
    assert_eq!(queue(&several.assume(&names(), Outcome::Fails)), "`billing`");
}

#[test]
fn templates_are_followed_through_their_blocks() {
    for text in [
        "{{inputs.tone}} {{steps.label.output}} {{steps.label.output.tags}}",
        "{{#if steps.draft.output}}{{steps.draft.output}}{{else}}none{{/if}}",
        "{{#if (exists steps.maybe.output)}}{{steps.maybe.output.n}}{{/if}}",
        "{{#unless steps.draft.output}}none{{else}}{{steps.draft.output}}{{/unless}}",
        "{{#each steps.label.output.people as |p i|}}{{i}} {{p.name}} {{default p.age 0}} {{@index}}{{/each}}",
        "{{#each steps.label.output.people}}{{name}} {{this.name}} {{../inputs.count}}{{/each}}",
        "{{#each steps.label.output.place}}{{@key}}: {{this}}{{/each}}",
        "{{#with steps.maybe.output as |m|}}{{m.n}}{{/with}}",
        "{{#if (and steps.maybe.output inputs.flag)}}{{steps.maybe.output.n}}{{/if}}",
        "{{#if (eq steps.maybe.status 'succeeded')}}{{steps.maybe.output.n}}{{/if}}",
        "{{#each (lookup steps.label.output 'tags')}}{{upper this}}{{/each}}",
        "{{date '2026-01-01T00:00:00Z' tz='UTC'}} {{truncate inputs.ticket 10}}",
    ] {
        text_clean(text);
    }
    for (text, finding, help) in [
        (
            "a {{steps.draft.output}}",
            "may-be-absent: `steps.draft.output` may be null: step `draft` may be skipped",
            "{{#if (exists steps.draft.output)}}",
        ),
        ("{{#each steps.label.output.people}}{{nam}}{{/each}}", "unknown-field: `this` has no `nam`", "name"),
        (
            "{{#each steps.label.output.people as |p|}}{{p.nam}}{{/each}}",
            "unknown-field: `p` has no `nam`",
            "name",
        ),
        (
            "{{#if steps.label.output.quue}}x{{/if}}",
            "unknown-field: `steps.label.output` has no `quue`",
            "queue",
        ),
        (
            "{{#each steps.label.output.tgs}}x{{/each}}",
            "unknown-field: `steps.label.output` has no `tgs`",
            "tags",
        ),
        (
            "{{#each inputs.ticket}}x{{/each}}",
            "wrong-type: `{{#each}}` needs a list or a map, found text",
            "lines",
        ),
        (
            "{{#if steps.label.output.note}}x{{/if}}",
            "may-be-absent: `steps.label.output.note` may be missing",
            "exists",
        ),
        (
            "{{upper steps.label.output.place}}",
            "wrong-type: `upper` takes text or a number, found a map",
            "json",
        ),
        (
            "{{#if (eq steps.label.output.queue 'bilIing')}}x{{/if}}",
            "unknown-value: the other side is never `bilIing`",
            "billing",
        ),
        (
            "{{#with steps.label.output.place}}{{town}}{{/with}}",
            "unknown-field: `this` has no `town`",
            "city",
        ),
        (
            "{{steps.label.output.tags.length}}",
            "unknown-field: `steps.label.output.tags` is a list of texts and has no `length`",
            "{{length steps.label.output.tags}}",
        ),
    ] {
        text_refuses(text, finding, help);
    }
}

#[test]
fn a_long_expression_takes_little_time() {
    let open = "(a.x == 1 || (b.y == 2 && ".repeat(15);
    let close = "))".repeat(15);
    let expression = Expr::compile(&format!("{open}inputs.flag{close}")).unwrap();
    assert!(expression.infer(&names()).findings.is_empty());
}
