//! What expressions mean, also compared with the library's own evaluator.

use cel::{Context, Program};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::template::evaluate::Allowance;
use crate::template::{Branch, Need, path_text};

fn scope() -> Scope {
    let output = json!({"queue": "outage", "urgency": 4, "price": 1.5, "none": null, "ok": true, "x-y": 1,
        "items": [{"name": "a", "n": 1}, {"name": "b", "n": 2}, {"n": 3}], "m": {"k": 1, "j": 2}});
    let step = Branch::new().with("output", output).with("status", json!("succeeded"));
    Scope::new()
        .with("steps", Branch::new().with("a", step))
        .with("inputs", json!({"list": [3, 1, 2], "text": "äbc", "empty": []}))
}

fn compile(text: &str) -> Expr {
    Expr::compile(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"))
}

fn value(text: &str) -> Json {
    compile(text).evaluate(&scope()).unwrap_or_else(|failure| panic!("{text}: {failure}"))
}

fn error(text: &str) -> TemplateError {
    Expr::compile(text).map(|_| text).unwrap_err().remove(0)
}

#[test]
fn expressions_have_values() {
    let cases = [
        ("steps.a.output.urgency >= 4", json!(true)),
        ("steps.a.output.urgency + 1", json!(5)),
        ("steps.a.output.price * 2", json!(3.0)),
        ("steps.a.output['x-y']", json!(1)),
        ("steps.a.output.items[1].name", json!("b")),
        ("steps.a.output.queue == 'outage' && steps.a.status != 'failed'", json!(true)),
        ("steps.a.output.items.map(i, i.n)", json!([1, 2, 3])),
        ("steps.a.output.items.filter(i, i.n > 1).map(i, i.n * 10)", json!([20, 30])),
        ("inputs.list.map(x, x > 1, x * x)", json!([9, 4])),
        (
            "inputs.list.all(x, x > 0) && inputs.list.exists(x, x == 2) && inputs.list.exists_one(x, x == 2)",
            json!(true),
        ),
        ("steps.a.output.m.map(k, k)", json!(["k", "j"])),
        ("inputs.list.map(x, inputs.list.filter(y, y < x))", json!([[1, 2], [], [1]])),
        ("{'z': 1, 'a': inputs.list}", json!({"z": 1, "a": [3, 1, 2]})),
        ("2 in inputs.list && 'k' in steps.a.output.m && !('q' in steps.a.output.m)", json!(true)),
        ("inputs.text.upper() + '!' + string(size(inputs.text))", json!("ÄBC!3")),
        ("sort(inputs.list)[0]", json!(1)),
        (
            "inputs.text.startsWith('ä') && inputs.text.matches('^.b') && inputs.text.contains('c')",
            json!(true),
        ),
        ("steps.a.output.none == null ? 'none' : 'some'", json!("none")),
        ("has(steps.a.output.queue) && !has(steps.a.output.nope) && has(steps.a.output.none)", json!(true)),
        ("default(steps.b.output.x, 'd') + default(steps.a.output.none, 'e')", json!("de")),
        ("steps.a.output.items.map(i, default(i.name, '?'))", json!(["a", "b", "?"])),
        ("exists(steps.a.output.nope) || exists(steps.nope.output)", json!(false)),
        ("exists(steps.a.output.none)", json!(false)),
        ("steps.a.status", json!("succeeded")),
        ("-steps.a.output.urgency", json!(-4)),
        ("1 == 1.0 && 2 > 1.5", json!(true)),
        ("parse_json('{\"a\": [1]}').a[0]", json!(1)),
        ("true || steps.nope.output", json!(true)),
        ("steps.nope.output || true", json!(true)),
        ("18446744073709551615u > 1u", json!(true)),
        ("// a note\n1 + // two\n 1", json!(2)),
    ];
    for (text, expected) in cases {
        assert_eq!(value(text), expected, "{text}");
    }
    let kept = value("steps.a.output.items.filter(i, i.n == 1)");
    assert_eq!(kept.to_string(), r#"[{"name":"a","n":1}]"#);
}

#[test]
fn failures_name_what_is_wrong() {
    let cases = [
        (
            "steps.a.output.urgncy > 1",
            "missing_path",
            "`steps.a.output.urgncy` is missing: `steps.a.output` has no `urgncy`, did you mean `urgency`? (`default` and `exists` take a missing path)",
        ),
        (
            "inputs.list[7]",
            "missing_path",
            "`inputs.list[7]` is missing: `inputs.list` is a list of 3 items, it has no `[7]` (`default` and `exists` take a missing path)",
        ),
        (
            "steps.a.output.items.map(i, i.name)",
            "missing_path",
            "`i.name` is missing: there is no `name` here, only `n` (`default` and `exists` take a missing path)",
        ),
        ("sort(inputs.list)[9]", "missing_path", "a path is missing: a list there has no `[9]`"),
        (
            "inputs.text + 1",
            "template_type",
            "`+` does not take text and a number; `string(…)` makes text of a value",
        ),
        ("inputs.text && true", "template_type", "`&&` needs true or false, found text"),
        ("inputs.text > 1", "template_type", "`>` needs two numbers or two texts, found text and a number"),
        ("1 / 0", "template_type", "`/` by zero"),
        ("9223372036854775807 + 1", "template_type", "the result of `+` is not a 64-bit number"),
        ("1.0 / 0.0", "template_type", "the result of `/` is not a 64-bit number"),
        (
            "'b' in inputs.text",
            "template_type",
            "`in` needs a list or a map, found text; `text.contains(part)` looks into text",
        ),
        ("{'a': 1, 'a': 2}", "template_type", "the map has the key `a` twice"),
        ("upper(1 > 0 ? inputs.list : [])", "function_error", "`upper`: expected text, found a list"),
    ];
    for (text, code, message) in cases {
        let failure = compile(text).evaluate(&scope()).unwrap_err();
        assert_eq!((failure.code.as_ref(), failure.message.as_str()), (code, message), "{text}");
    }
}

#[test]
fn a_condition_is_true_or_false() {
    assert_eq!(compile("1 < 2").evaluate_bool(&scope()), Ok(true));
    let failure = compile("inputs.text").evaluate_bool(&scope()).unwrap_err();
    assert_eq!(failure.message, "a condition is true or false, found text; compare it, as in `x != null`");
}

#[test]
fn what_is_no_expression_is_told_with_its_place() {
    let cases = [
        ("upper(secrets.KEY)", "secret-use", "an expression does not see secrets", 6..17),
        ("uper('a')", "unknown-function", "there is no function `uper`", 0..4),
        ("[1].mapp(x, x)", "unknown-function", "there is no function `mapp`", 4..8),
        ("truncate('a')", "arguments", "`truncate` needs `length`", 0..8),
        ("'a'.matches('(')", "arguments", "the pattern is not right: unclosed group", 12..15),
        ("'a'.matches(inputs.text)", "arguments", "the pattern of `matches` is computed", 18..19),
        ("b'abc'", "cel-syntax", "bytes can't be written here", 0..6),
        (
            "[1].map(x, [1].map(y, [1].map(z, z)))",
            "template-limit",
            "`map`, `filter` and their kin nest at most 2 levels",
            26..29,
        ),
    ];
    for (text, code, message, range) in cases {
        let error = error(text);
        assert_eq!((error.code, error.message.as_str(), error.range), (code, message, range), "{text}");
    }
    for text in ["1 +", "a b", "[1,", "has(a)", "x.map(1, 2)", "Foo{a: 1}", "a.?b", "1 2", "if", "'\\q'"] {
        let error = error(text);
        assert!(text.get(error.range.clone()).is_some() && !error.message.is_empty(), "{text}: {error:?}");
    }
    assert_eq!(error("uper('a')").help.as_deref(), Some("did you mean `upper`?"));
    for (text, cure) in [
        ("inputs.text.getFullYear() > 2020", "date(x, '%Y')"),
        ("inputs.text.getDayOfWeek() == 1", "date(x, '%Y')"),
        ("type(inputs.text) == 'string'", "exists(item.error)"),
    ] {
        let help = error(text).help.unwrap_or_default();
        assert!(help.contains(cure), "{text}: {help}");
    }
}

#[test]
fn references_are_absolute() {
    let found = |text: &str| -> Vec<(String, String)> {
        let path = |reference: &Reference| match reference.need {
            Need::Required => path_text(&reference.path),
            Need::Optional => path_text(&reference.path) + "?",
        };
        let expression = compile(text);
        expression.references().iter().map(|one| (path(one), text[one.range.clone()].to_owned())).collect()
    };
    let cases: [(&str, &[(&str, &str)]); 6] = [
        ("'ä' + steps.a.output", &[("steps.a.output", "steps.a.output")]),
        ("steps . a [ 'x' ][0].y > 1", &[("steps.a.x[0].y", "steps . a [ 'x' ][0].y")]),
        (
            "inputs.l.map(x, x.n + run.id)",
            &[("inputs.l", "inputs.l"), ("inputs.l[*].n", "x.n"), ("run.id", "run.id")],
        ),
        ("default(a.b, c.d)", &[("a.b?", "a.b"), ("c.d", "c.d")]),
        ("has(a.b.c)", &[("a.b", "a.b"), ("a.b.c?", "a.b")]),
        ("a[inputs.i].b", &[("a", "a"), ("inputs.i", "inputs.i")]),
    ];
    for (text, expected) in cases {
        let found = found(text);
        let found: Vec<_> = found.iter().map(|(path, place)| (path.as_str(), place.as_str())).collect();
        assert_eq!(found, expected, "{text}");
    }
}

/// Where the library has a value, so have we, and the same one.
#[test]
fn the_library_agrees() {
    let cases = [
        "1 + 2 * 3 - 4",
        "7 / 2",
        "-7 / 2",
        "-7 % 3",
        "7.0 / 2.0",
        "1 < 2 && 2.5 >= 2.5",
        "'a' < 'b'",
        "'a' + 'b' == 'ab'",
        "[1, 2] + [3]",
        "[1, [2, 3]][1][0]",
        "{'a': 1}.a",
        "{'a': {'b': [1]}}.a.b[0]",
        "1 in [1, 2]",
        "'a' in {'a': 1}",
        "true ? 1 : 2",
        "!true || false",
        "size('äb')",
        "size([1, 2])",
        "'abc'.contains('b')",
        "'abc'.matches('^a.c$')",
        "[1, 2, 3].filter(x, x > 1)",
        "[1, 2, 3].map(x, x * 2)",
        "[1, 2].all(x, x > 0)",
        "[1, 2].exists(x, x > 1)",
        "[1, 2, 1].exists_one(x, x == 2)",
        "[].all(x, x > 0)",
        "has({'a': 1}.a)",
        "has({'a': 1}.b)",
        "1 == 1.0",
        "[1] == [1.0]",
        "null == null",
        "int('4') + int(4.9)",
        "double('1.5')",
        "string(4) + string(true)",
        "'a' == 1",
        "1 != 2",
        "(1 > 2) || (2 > 1)",
        "false && (1 / 0 > 1)",
        "(1 / 0 > 1) && false",
        "r'a\\b'",
        "'\\u00e4\\n'",
        "'''a'b'''",
        "[0, 1].all(x, 1 / x > 5)",
        "[0, 1].exists(x, 1 / x > 0)",
        "x + 1",
        "m.k",
        "l.map(i, i.n)",
        "m.map(k, k).size()",
    ];
    let data = json!({"x": 4, "m": {"k": "v"}, "l": [{"n": 1}, {"n": 2}]});
    for text in cases {
        let mut context = Context::default();
        context.add_variable_from_value("x", 4_i64);
        context.add_variable("m", &data["m"]).unwrap();
        context
            .add_variable("l", vec![std::collections::HashMap::from([("n", 1_i64)]), [("n", 2_i64)].into()])
            .unwrap();
        let theirs = Program::compile(text).unwrap().execute(&context);
        let scope = Scope::new()
            .with("x", data["x"].clone())
            .with("m", data["m"].clone())
            .with("l", data["l"].clone());
        let ours = compile(text).evaluate(&scope);
        match (theirs, ours) {
            (Ok(theirs), Ok(ours)) => assert_eq!(as_json(&theirs), ours, "{text}"),
            (Err(_), Err(_)) => {}
            (theirs, ours) => panic!("{text}: {theirs:?} {ours:?}"),
        }
    }
}

fn as_json(value: &cel::Value) -> Json {
    match value {
        cel::Value::Null => Json::Null,
        cel::Value::Bool(truth) => (*truth).into(),
        cel::Value::Int(integer) => (*integer).into(),
        cel::Value::UInt(integer) => (*integer).into(),
        cel::Value::Float(float) => (*float).into(),
        cel::Value::String(text) => text.as_str().into(),
        cel::Value::List(items) => items.iter().map(as_json).collect(),
        other => panic!("{other:?}"),
    }
}

/// The deepest and the longest that the guard lets pass, on a thread with the stack of a worker.
#[test]
fn the_limits_fit_a_small_stack() {
    let cases = [
        ("parentheses", "(".repeat(32) + "1" + &")".repeat(32)),
        ("lists", "[".repeat(32) + "1" + &"]".repeat(32)),
        ("maps", "{'a': ".repeat(32) + "1" + &"}".repeat(32)),
        ("calls", "[".repeat(30) + &"-".repeat(30) + "a.a" + &".a".repeat(30) + &"]".repeat(30)),
        ("path", "a".to_owned() + &".a".repeat(64)),
        ("not", "!".repeat(63) + "true"),
        ("sum", "1".to_owned() + &"+1".repeat(60)),
        ("choices", "true?1:".repeat(32) + "1"),
        ("or", "a == 1 || ".repeat(400) + "true"),
        ("list", format!("[{}]", vec!["1"; 2_000].join(","))),
        ("nested", "(a + ".repeat(31) + "1" + &")".repeat(31)),
        ("short", "steps.label.output.urgency >= 4".to_owned()),
    ];
    for (name, text) in cases {
        let work = move || {
            let expression = Expr::compile(&text).unwrap_or_else(|errors| panic!("{errors:?}"));
            let _ = expression.evaluate(&Scope::new().with("a", json!({})));
        };
        std::thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join().expect(name);
    }
}

#[test]
fn work_is_bounded() {
    let scope = Scope::new()
        .with("l", Json::Array(vec![json!("x".repeat(100)); 100]))
        .with("m", json!(vec![1; 10_001]));
    let evaluate = |text: &str, work| {
        let expression = compile(text);
        let evaluator = Evaluator::within(&scope, Allowance { work, ..Allowance::FULL });
        evaluator.own(&expression.term, None).map_err(Failure::from)
    };
    for text in [
        "l.map(x, l.map(y, y + x))",
        "l.all(x, l.all(y, x == y))",
        "l.map(x, l)",
        "l.map(x, sha256(json(l)))",
        "l.exists(x, l.exists(y, y.nope == 1))",
    ] {
        assert_eq!(evaluate(text, 500_000).unwrap_err().code, "template_limit", "{text}");
    }
    assert_eq!(evaluate("m.map(x, x)", usize::MAX).unwrap_err().code, "template_limit");
}

/// Pieces that hostile expressions are made of.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~ä\\n]{0,4}",
        prop::sample::select(vec![
            "steps.a.output",
            "inputs.list",
            "[",
            "]",
            "(",
            ")",
            "{",
            "}",
            "'",
            "\"",
            "'''",
            "\\",
            "+",
            "-",
            "*",
            "/",
            "%",
            "==",
            "!=",
            "<",
            ">=",
            "&&",
            "||",
            "!",
            "?",
            ":",
            ",",
            ".",
            "in",
            ".map(x, ",
            ".filter(x, ",
            ".all(x, ",
            "has(",
            "default(",
            "exists(",
            "x",
            "1",
            "1.5",
            "1u",
            "'a'",
            "null",
            "true",
            "r'",
            "b'",
            "//",
            "\n",
            " ",
            "upper(",
            "size(",
            "@",
            "`",
            ".?",
            "[?",
            "secrets.K",
            "9223372036854775807",
            "matches('a')",
            "0x1F",
            "1e308",
            "'\\u{",
            "==",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(piece(), 0..16)) {
        let text = pieces.concat();
        match Expr::compile(&text) {
            Ok(expression) => {
                let _ = expression.evaluate(&scope());
                for reference in expression.references() {
                    prop_assert!(text.get(reference.range.clone()).is_some(), "{text:?} {reference:?}");
                }
            }
            Err(errors) => {
                for error in errors {
                    prop_assert!(text.get(error.range.clone()).is_some(), "{text:?} {error:?}");
                }
            }
        }
    }
}
