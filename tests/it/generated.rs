//! What checks clean runs: workflows made by chance, right ones and ones with a slip, are checked by
//! the binary and run by the daemon under the simulator. A run of a workflow without errors may
//! fail for what a model said, never for a name or a type.
//!
//! `HOWDAH_SEED` and `HOWDAH_WORKFLOWS` change what is made; a failure prints the workflow.

use std::fmt::Write as _;

use fastrand::Rng;
use serde_json::{Value as Json, json};

use crate::bed::{Bed, simulator};

/// How many workflows are made, and as many again with a slip.
const WORKFLOWS: usize = 60;

/// The failures of a run that the checker must have told before.
const KNOWABLE: [&str; 7] = [
    "missing_path",
    "template_type",
    "template_error",
    "function_error",
    "wrong_value",
    "secret_in_template",
    "internal",
];

/// What a value is.
#[derive(Clone, PartialEq, Debug)]
enum Type {
    Text,
    Integer,
    Boolean,
    Word,
    List(Box<Type>),
    Map(Vec<(String, Type)>),
}

/// The words of [`Type::Word`].
const WORDS: [&str; 3] = ["red", "green", "blue"];

/// Something that can be read: its path and what stands there.
type Known = (String, Type);

struct Maker {
    rng: Rng,
    text: String,
    steps: usize,
}

impl Maker {
    fn pick<'k>(&mut self, known: &'k [Known], wanted: impl Fn(&Type) -> bool) -> Option<&'k Known> {
        let fit: Vec<_> = known.iter().filter(|(_, ty)| wanted(ty)).collect();
        (!fit.is_empty()).then(|| fit[self.rng.usize(..fit.len())])
    }

    /// CEL of this type.
    fn expression(&mut self, known: &[Known], ty: &Type, depth: usize) -> String {
        if self.rng.u8(..3) > 0
            && let Some((path, _)) = self.pick(known, |found| found == ty)
        {
            return path.clone();
        }
        let deeper = |maker: &mut Self, ty: &Type| maker.expression(known, ty, depth + 1);
        let leaf = depth > 2;
        match ty {
            Type::Integer if leaf => self.rng.u8(..9).to_string(),
            Type::Integer => match self.rng.u8(..4) {
                0 => self.rng.u8(..9).to_string(),
                1 => format!("({} + {})", deeper(self, ty), deeper(self, ty)),
                2 => match self.pick(known, |ty| matches!(ty, Type::List(_))) {
                    Some((path, _)) => format!("size({path})"),
                    None => "7".to_owned(),
                },
                _ => format!("length({})", deeper(self, &Type::Text)),
            },
            Type::Text if leaf => format!("'t{}'", self.rng.u8(..9)),
            Type::Text => match self.rng.u8(..4) {
                0 => format!("'t{}'", self.rng.u8(..9)),
                1 => format!("upper({})", deeper(self, ty)),
                2 => format!("({} + {})", deeper(self, ty), deeper(self, ty)),
                _ => format!("string({})", deeper(self, &Type::Integer)),
            },
            Type::Boolean if leaf => "true".to_owned(),
            Type::Boolean => match self.rng.u8(..4) {
                0 => format!("({} > {})", deeper(self, &Type::Integer), deeper(self, &Type::Integer)),
                1 => format!("({} == {})", deeper(self, &Type::Text), deeper(self, &Type::Text)),
                2 => format!("!({})", deeper(self, ty)),
                _ => format!("({} && {})", deeper(self, ty), deeper(self, ty)),
            },
            // A word that is written out is one that can be no other, and not to be switched on.
            Type::Word => "inputs.word".to_owned(),
            Type::List(of) => {
                let count = self.rng.usize(1..4);
                let items: Vec<_> = (0..count).map(|_| deeper(self, of)).collect();
                format!("[{}]", items.join(", "))
            }
            Type::Map(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|(name, ty)| format!("'{name}': {}", deeper(self, ty))).collect();
                format!("{{{}}}", fields.join(", "))
            }
        }
    }

    /// Text with values in it.
    fn template(&mut self, known: &[Known]) -> String {
        let mut text = format!("word{}", self.rng.u8(..9));
        for _ in 0..self.rng.u8(..3) {
            let Some((path, ty)) = self.pick(known, |_| true).cloned() else { break };
            match ty {
                Type::List(of) if matches!(*of, Type::Map(_)) => {
                    let Type::Map(fields) = *of else { continue };
                    let (field, _) = &fields[self.rng.usize(..fields.len())];
                    let _ = write!(text, " {{{{#each {path}}}}}{{{{@index}}}}={{{{{field}}}}};{{{{/each}}}}");
                }
                Type::List(_) => {
                    let _ = write!(text, " {{{{#each {path}}}}}{{{{this}}}},{{{{else}}}}none{{{{/each}}}}");
                }
                Type::Boolean => {
                    let _ = write!(text, " {{{{#if {path}}}}}yes{{{{else}}}}no{{{{/if}}}}");
                }
                Type::Map(fields) => {
                    let (field, _) = &fields[self.rng.usize(..fields.len())];
                    let _ = write!(text, " {{{{#with {path}}}}}{{{{{field}}}}}{{{{/with}}}}");
                }
                _ => {
                    let _ = write!(text, " {{{{{path}}}}}");
                }
            }
        }
        text
    }

    fn ty(&mut self, depth: usize) -> Type {
        match self.rng.u8(..if depth > 1 { 4 } else { 6 }) {
            0 => Type::Text,
            1 => Type::Integer,
            2 => Type::Boolean,
            3 => Type::Word,
            4 => Type::List(Box::new(self.ty(depth + 1))),
            _ => Type::Map(vec![("a".to_owned(), self.ty(depth + 1)), ("b".to_owned(), self.ty(depth + 1))]),
        }
    }

    fn line(&mut self, indent: usize, text: &str) {
        let _ = writeln!(self.text, "{:indent$}{text}", "");
    }

    /// A list of steps; gives what can be read after it.
    fn list(&mut self, indent: usize, depth: usize, count: usize, known: &[Known]) -> Vec<Known> {
        let mut known = known.to_vec();
        for _ in 0..count {
            let news = self.step(indent, depth, &known);
            known.extend(news);
        }
        known
    }

    fn step(&mut self, indent: usize, depth: usize, known: &[Known]) -> Vec<Known> {
        self.steps += 1;
        let id = format!("s{}", self.steps);
        let output = format!("steps.{id}.output");
        self.line(indent, &format!("- id: {id}"));
        let inside = indent + 2;
        match self.rng.u8(..if depth > 1 { 5 } else { 11 }) {
            0 => {
                let ty = self.ty(0);
                let value = self.expression(known, &ty, 0);
                self.line(inside, "compute:");
                self.line(inside + 2, &format!("v: {}", json!(value)));
                vec![(format!("{output}.v"), ty)]
            }
            1 => {
                let text = self.template(known);
                self.line(inside, &format!("set: {{ t: {}, n: 3, l: [1, 2] }}", json!(text)));
                vec![
                    (format!("{output}.t"), Type::Text),
                    (format!("{output}.n"), Type::Integer),
                    (format!("{output}.l"), Type::List(Box::new(Type::Integer))),
                ]
            }
            2 => {
                let prompt = self.template(known);
                self.line(inside, "chat:");
                self.line(inside + 2, &format!("prompt: {}", json!(prompt)));
                vec![(output, Type::Text)]
            }
            3 => {
                let prompt = self.template(known);
                self.line(inside, "chat:");
                self.line(inside + 2, &format!("prompt: {}", json!(prompt)));
                self.line(inside + 2, "schema: { word(enum): [red, green, blue], n: integer, ok: boolean, list(array): string }");
                vec![
                    (format!("{output}.word"), Type::Word),
                    (format!("{output}.n"), Type::Integer),
                    (format!("{output}.ok"), Type::Boolean),
                    (format!("{output}.list"), Type::List(Box::new(Type::Text))),
                ]
            }
            4 => {
                let content = self.template(known);
                self.line(
                    inside,
                    &format!(
                        "write: {{ path: \"out/{{{{run.id}}}}-{id}.txt\", content: {} }}",
                        json!(content)
                    ),
                );
                vec![(format!("{output}.bytes"), Type::Integer), (format!("{output}.path"), Type::Text)]
            }
            5 => {
                let of = self.ty(1);
                let over = self.expression(known, &Type::List(Box::new(of.clone())), 1);
                self.line(inside, &format!("foreach: {}", json!(over)));
                let item = format!("item{}", self.steps);
                self.line(inside, &format!("as: {item}"));
                let together = self.rng.u8(1..4);
                self.line(inside, &format!("concurrency: {together}"));
                self.line(inside, "steps:");
                let mut inner = known.to_vec();
                inner.push((item, of));
                inner.push(("index".to_owned(), Type::Integer));
                let after = self.list(inside + 2, depth + 1, 2, &inner);
                let ty = self.ty(1);
                let collect = self.expression(&after, &ty, 0);
                self.line(inside, &format!("collect: {}", json!(collect)));
                vec![(output, Type::List(Box::new(ty)))]
            }
            6 => {
                let Some((on, _)) = self.pick(known, |ty| *ty == Type::Word).cloned() else {
                    self.line(inside, "set: { nothing: to choose by }");
                    return Vec::new();
                };
                self.line(inside, &format!("switch: {}", json!(on)));
                self.line(inside, "cases:");
                // Inside a case the value is that case, and not to be chosen by once more.
                let others: Vec<_> = known.iter().filter(|(path, _)| *path != on).cloned().collect();
                for word in WORDS {
                    self.line(inside + 2, &format!("{word}:"));
                    self.list(inside + 4, depth + 1, 1, &others);
                }
                self.line(inside, "default: []");
                Vec::new()
            }
            7 => {
                let condition = self.expression(known, &Type::Boolean, 0);
                self.line(inside, &format!("if: {}", json!(condition)));
                self.line(inside, "steps:");
                let before = self.text.len();
                self.list(inside + 2, depth + 1, 2, known);
                assert!(self.text.len() > before);
                // What lies in it may have been skipped, so nothing of it is read later but with care.
                let name = format!("after_{id}");
                self.line(indent, &format!("- id: {name}"));
                self.line(inside, &format!("set: {{ had: \"{{{{default {output} 'none'}}}}\" }}"));
                Vec::new()
            }
            8 => {
                self.line(inside, "parallel:");
                // Of those that are one step each.
                let mut news = self.step(inside + 2, 2, known);
                news.extend(self.step(inside + 2, 2, known));
                news
            }
            9 => {
                let rounds = self.rng.u8(1..4);
                self.line(inside, "repeat:");
                self.line(inside + 2, &format!("until: round.index >= {rounds}"));
                self.line(inside + 2, "max: 9");
                self.line(inside + 2, "steps:");
                let mut inner = known.to_vec();
                inner.push(("round.index".to_owned(), Type::Integer));
                let after = self.list(inside + 4, depth + 1, 1, &inner);
                let collect = self.expression(&after, &Type::Text, 0);
                self.line(inside + 2, &format!("collect: {}", json!(collect)));
                vec![(output, Type::List(Box::new(Type::Text)))]
            }
            _ => {
                let text = self.template(known);
                self.line(inside, "on_error: continue");
                self.line(inside, &format!("fail: {}", json!(text)));
                let name = format!("after_{id}");
                self.line(indent, &format!("- id: {name}"));
                self.line(inside, &format!("if: exists(steps.{id}.error)"));
                self.line(inside, &format!("set: {{ why: \"{{{{steps.{id}.error.message}}}}\" }}"));
                Vec::new()
            }
        }
    }

    fn workflow(seed: u64) -> String {
        let mut maker = Self { rng: Rng::with_seed(seed), text: String::new(), steps: 0 };
        maker.line(0, "inputs:");
        maker.line(2, "t: { type: string, default: hello }");
        maker.line(2, "n: { type: integer, default: 4 }");
        maker.line(2, "word: { type: string, enum: [red, green, blue], default: red }");
        maker.line(2, "l: { type: array, items: { type: string }, default: [a, b] }");
        maker.line(0, "defaults: { chat: { model: local/m } }");
        maker.line(0, "steps:");
        let known = vec![
            ("inputs.t".to_owned(), Type::Text),
            ("inputs.n".to_owned(), Type::Integer),
            ("inputs.word".to_owned(), Type::Word),
            ("inputs.l".to_owned(), Type::List(Box::new(Type::Text))),
            ("run.id".to_owned(), Type::Text),
        ];
        let count = maker.rng.usize(2..7);
        let after = maker.list(2, 0, count, &known);
        let ty = maker.ty(0);
        if let Some((path, _)) = maker.pick(&after, |found| *found == ty).cloned() {
            maker.line(0, &format!("output: {{ v: \"{{{{{path}}}}}\" }}"));
        }
        maker.text
    }
}

/// The workflow with one slip: a name cut, a number for a text, a word in place of another, a line gone.
fn slip(text: &str, rng: &mut Rng) -> String {
    let places: Vec<_> =
        ["steps.s", "inputs.", ".output", "item", "round.", " > ", " == ", "size(", "upper(", "{{#each "]
            .into_iter()
            .flat_map(|word| text.match_indices(word).map(move |(at, _)| (at, word)))
            .collect();
    if places.is_empty() || rng.u8(..6) == 0 {
        let lines: Vec<_> = text.lines().collect();
        let gone = rng.usize(5..lines.len());
        return lines
            .iter()
            .enumerate()
            .filter(|(at, _)| *at != gone)
            .map(|(_, line)| format!("{line}\n"))
            .collect();
    }
    let (at, word) = places[rng.usize(..places.len())];
    let other = match word {
        "steps.s" => *rng.choice(&["steps.s9", "steps.x", "inputs.s"]).unwrap(),
        "inputs." => *rng.choice(&["inputs.x", "vars.", "input."]).unwrap(),
        ".output" => *rng.choice(&[".outptu", "", ".status", ".output.v", ".error"]).unwrap(),
        "item" => *rng.choice(&["itm", "index", "item.a"]).unwrap(),
        "round." => "round.previous.",
        " > " => " + ",
        " == " => " < ",
        "size(" => *rng.choice(&["upper(", "first("]).unwrap(),
        "upper(" => *rng.choice(&["size(", "sum(", "uper("]).unwrap(),
        _ => *rng.choice(&["{{#if ", "{{#with "]).unwrap(),
    };
    format!("{}{other}{}", &text[..at], &text[at + word.len()..])
}

#[expect(clippy::disallowed_methods, reason = "the test's own settings")]
fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_checks_clean_runs_without_a_name_or_type_error() {
    let simulator = simulator().await;
    let (seed, count) = (number("HOWDAH_SEED", 7), number("HOWDAH_WORKFLOWS", WORKFLOWS as u64));
    let bed = Bed::with_models(&simulator.base_url(), &[]);
    let mut rng = Rng::with_seed(seed);
    let mut texts = std::collections::BTreeMap::new();
    for index in 0..count {
        let right = Maker::workflow(seed.wrapping_mul(1_000_003).wrapping_add(index));
        let wrong = slip(&right, &mut rng);
        for (name, text) in [(format!("right-{index}"), right), (format!("slip-{index}"), wrong)] {
            bed.write(&format!("workflows/{name}.yaml"), &text);
            texts.insert(name, text);
        }
    }
    let found = bed.howdah(&["check", "--json"]).json()["diagnostics"].as_array().unwrap().clone();
    let errors: Vec<&Json> = found.iter().filter(|one| one["severity"] == "error").collect();
    let broken = |name: &str| errors.iter().any(|one| one["file"] == format!("workflows/{name}.yaml"));
    for name in texts.keys().filter(|name| name.starts_with("right")) {
        let own: Vec<_> =
            errors.iter().filter(|one| one["file"] == format!("workflows/{name}.yaml")).collect();
        assert!(own.is_empty(), "a right workflow does not check clean: {own:#?}\n{}", texts[name]);
    }
    let caught = texts.keys().filter(|name| broken(name)).count();
    assert!(caught as u64 * 2 > count, "the checker caught {caught} slips of {count}");

    let served = bed.serve().await;
    for (name, text) in texts.iter().filter(|(name, _)| !broken(name)) {
        let started = served.post(&format!("/api/v1/workflows/{name}/runs"), &json!({ "inputs": {} })).await;
        assert!(started.status < 300, "{}\n{text}", started.text);
        let id = started.json()["run"].as_str().unwrap().to_owned();
        let run = served.wait_run(&id, &["succeeded", "failed", "cancelled", "needs_attention"]).await;
        let code = run["error"]["code"].as_str().unwrap_or_default();
        assert!(!KNOWABLE.contains(&code), "{name} failed with {}\n{text}", run["error"]);
        assert!(
            run["status"] == "succeeded" || code == "failed" || !name.starts_with("right"),
            "{run:#}\n{text}"
        );
    }
}
