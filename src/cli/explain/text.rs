//! Topics as pages for people.

use indexmap::IndexMap;

use crate::cli::screen::{BAD, BOLD, DIM, GOOD, NAME, WAIT, WIDTH};
use crate::component::{Field, Need, SecretsIn};
use crate::diagnostic::codes::{Page, PageKind};
use crate::template::functions::Function;

use super::topic::{Body, Declared, Kind, Topic, inner, range};
use super::wrapped;

/// One page.
pub fn page(topic: &Topic) -> String {
    let style = match topic.kind {
        Kind::Code(PageKind::Error | PageKind::Failure) => BAD,
        Kind::Code(PageKind::Warning) => WAIT,
        _ => GOOD,
    };
    let mut text = format!("{style}{}{style:#} {BOLD}{}{BOLD:#}\n\n", topic.kind.as_str(), topic.name);
    text.push_str(&wrapped(topic.summary, 2, WIDTH));
    match &topic.body {
        Body::Page(page) => code(page, &mut text),
        Body::Declared(declared) => self::declared(declared, &mut text),
        Body::Function(function) => self::function(function, &mut text),
    }
    text
}

/// The names of all topics by kind.
pub fn list(topics: &[Topic]) -> String {
    let mut by_kind: IndexMap<&str, Vec<&str>> = IndexMap::new();
    for topic in topics {
        by_kind.entry(topic.kind.as_str()).or_default().push(topic.name);
    }
    let mut text = String::new();
    for (kind, names) in by_kind {
        text.push_str(&format!("{BOLD}{kind}{BOLD:#}\n{}\n", wrapped(&names.join(" "), 2, WIDTH)));
    }
    text.push_str(&format!("{NAME}howdah explain WORD{NAME:#} tells more of any of these\n"));
    text
}

fn code(page: &Page, text: &mut String) {
    if !page.cause.is_empty() {
        text.push('\n');
        text.push_str(&wrapped(page.cause, 2, WIDTH));
    }
    text.push_str(&format!("\n{GOOD}what to do{GOOD:#}\n"));
    text.push_str(&wrapped(page.cure, 2, WIDTH));
    if let Some(example) = page.example {
        text.push_str(&format!("\n{BAD}wrong{BAD:#}\n{}", block(example.wrong)));
        text.push_str(&format!("\n{GOOD}right{GOOD:#}\n{}", block(example.right)));
    }
    if page.kind == PageKind::Warning {
        let silence =
            format!("`# howdah: allow({})` on the line, or on the line above, silences it.", page.code);
        text.push('\n');
        text.push_str(&wrapped(&silence, 2, WIDTH));
    }
}

fn declared(declared: &Declared, text: &mut String) {
    if let Some(value) = &declared.value {
        text.push_str(&format!("\n{BOLD}value{BOLD:#}\n"));
        field(value, 1, text);
    }
    if !declared.fields.is_empty() {
        let heading = if declared.value.is_some() { "beside it" } else { "fields" };
        text.push_str(&format!("\n{BOLD}{heading}{BOLD:#}\n"));
        declared.fields.iter().for_each(|one| field(one, 1, text));
    }
    for (name, fact) in &declared.facts {
        text.push_str(&format!("\n{BOLD}{name}{BOLD:#}\n"));
        text.push_str(&wrapped(fact, 2, WIDTH));
    }
    text.push_str(&format!("\n{BOLD}example{BOLD:#}\n{}", block(declared.example)));
}

/// A field with those inside it, each level further in.
fn field(field: &Field, level: usize, text: &mut String) {
    let mut facts = vec![field.ty.describe()];
    facts.extend(range(&field.ty));
    if field.need == Need::Required {
        facts.push("required".to_owned());
    }
    facts.extend(field.default.map(|default| format!("default: {default}")));
    if field.secrets == SecretsIn::Allowed {
        facts.push("takes `{{secrets.NAME}}`".to_owned());
    }
    let (indent, facts) = (level * 2, facts.join("; "));
    let name = field.name;
    text.push_str(&format!("{:indent$}{NAME}{name}{NAME:#}", ""));
    if indent + name.len() + 2 + facts.chars().count() <= WIDTH {
        text.push_str(&format!("  {DIM}{facts}{DIM:#}\n"));
    } else {
        text.push_str(&format!(
            "\n{DIM}{}{DIM:#}\n",
            wrapped(&facts, indent + 4, WIDTH).trim_end_matches('\n')
        ));
    }
    text.push_str(&wrapped(field.doc, indent + 4, WIDTH));
    inner(&field.ty).iter().for_each(|inside| self::field(inside, level + 2, text));
}

fn function(function: &Function, text: &mut String) {
    text.push_str(&format!("\n{BOLD}in expressions{BOLD:#}\n    {}\n", function.signature()));
    let words: Vec<_> = function.parameters.iter().map(|parameter| parameter.name).collect();
    let call = format!("{{{{{} {}}}}}", function.name, words.join(" "));
    text.push_str(&format!("\n{BOLD}in text{BOLD:#}\n    {call}\n"));
    text.push_str(&format!("\n{BOLD}example{BOLD:#}\n{}", block(function.example)));
}

/// A text as it is, indented.
fn block(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}
