//! A drawing in characters: a tree that reads from top to bottom.
//!
//! Steps stand in the order in which they run. Where that is not one after the other, a step says what it
//! waits for.

use super::{Branch, Graph, Role, Step};

/// How wide a line may be, in characters; one that stands far in may be a little wider.
const WIDTH: usize = 100;

/// How many characters of a line are shown however far in it stands.
const LEAST: usize = 24;

/// With which characters to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charset {
    /// Lines and corners.
    Unicode,
    /// For terminals that have no others. Labels stay as they are.
    Ascii,
}

impl Charset {
    /// Before an item, and before what is in it: for one that others follow, and for the last one.
    fn branches(self) -> [(&'static str, &'static str); 2] {
        match self {
            Self::Unicode => [("├─ ", "│  "), ("└─ ", "   ")],
            Self::Ascii => [("|- ", "|  "), ("`- ", "   ")],
        }
    }

    fn ellipsis(self) -> &'static str {
        match self {
            Self::Unicode => "…",
            Self::Ascii => "...",
        }
    }
}

/// Draws a workflow, with a line break after each line.
pub fn text(graph: &Graph, charset: Charset) -> String {
    let mut drawing = Drawing { charset, text: String::new() };
    let title = match &graph.description {
        Some(description) => format!("{}: {description}", graph.name),
        None => graph.name.clone(),
    };
    drawing.line("", &title);
    drawing.line("", "");
    let by_hand = Item { line: "by hand".to_owned(), inside: Vec::new() };
    let triggers = graph.triggers.iter().map(|trigger| Item {
        line: with_condition(trigger.what.clone(), trigger.condition.as_deref()),
        inside: Vec::new(),
    });
    drawing.section("starts", &triggers.chain([by_hand]).collect::<Vec<_>>());
    drawing.section("steps", &items(&graph.steps));
    for (name, steps) in [("on failure", &graph.on_failure), ("finally", &graph.finally)] {
        if !steps.is_empty() {
            drawing.section(name, &items(steps));
        }
    }
    drawing.text
}

/// A line of the tree, and those in it.
struct Item {
    line: String,
    inside: Vec<Item>,
}

fn items(steps: &[Step]) -> Vec<Item> {
    if steps.is_empty() {
        return vec![Item { line: "nothing".to_owned(), inside: Vec::new() }];
    }
    steps.iter().map(|step| Item { line: line(step, steps), inside: inside(step) }).collect()
}

fn line(step: &Step, list: &[Step]) -> String {
    let mut line = with_condition(step.title(), step.condition.as_deref());
    if !step.in_line {
        let names: Vec<_> = step.after.iter().filter_map(|at| Some(name(*at, list.get(*at)?))).collect();
        line.push_str(&match names.is_empty() {
            true => ", at once".to_owned(),
            false => format!(", after {}", names.join(" and ")),
        });
    }
    if step.may_fail {
        line.push_str(", may fail");
    }
    line
}

fn with_condition(line: String, condition: Option<&str>) -> String {
    match condition {
        Some(condition) => format!("{line}, if {condition}"),
        None => line,
    }
}

/// What other steps call it.
fn name(at: usize, step: &Step) -> String {
    step.label.clone().unwrap_or_else(|| format!("step {}", at + 1))
}

/// The steps of the body, then the other branches by name.
fn inside(step: &Step) -> Vec<Item> {
    let branch = |branch: &Branch| match (branch.role.words(), branch.steps.is_empty()) {
        (None, _) => items(&branch.steps),
        (Some(words), true) => {
            vec![Item { line: format!("{}: nothing", label(&branch.role, words)), inside: Vec::new() }]
        }
        (Some(words), false) => {
            vec![Item { line: format!("{}:", label(&branch.role, words)), inside: items(&branch.steps) }]
        }
    };
    step.branches.iter().flat_map(branch).collect()
}

fn label(role: &Role, words: &str) -> String {
    match role {
        Role::Case(_) => format!("case {words}"),
        _ => words.to_owned(),
    }
}

struct Drawing {
    charset: Charset,
    text: String,
}

impl Drawing {
    fn section(&mut self, name: &str, items: &[Item]) {
        self.line("", name);
        self.items("", items);
    }

    fn items(&mut self, margin: &str, items: &[Item]) {
        let [middle, last] = self.charset.branches();
        for (at, item) in items.iter().enumerate() {
            let (mark, inside) = if at + 1 == items.len() { last } else { middle };
            self.line(&format!("{margin}{mark}"), &item.line);
            self.items(&format!("{margin}{inside}"), &item.inside);
        }
    }

    fn line(&mut self, margin: &str, line: &str) {
        let room = WIDTH.saturating_sub(margin.chars().count()).max(LEAST);
        self.text.push_str(margin);
        if line.chars().count() > room {
            let ellipsis = self.charset.ellipsis();
            self.text.extend(line.chars().take(room - ellipsis.chars().count()));
            self.text.push_str(ellipsis);
        } else {
            self.text.push_str(line);
        }
        self.text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_no_wider_than_a_terminal() {
        let graph = Graph {
            name: "w".to_owned(),
            description: Some("word ".repeat(50)),
            triggers: Vec::new(),
            steps: Vec::new(),
            on_failure: Vec::new(),
            finally: Vec::new(),
        };
        for (charset, end) in [(Charset::Unicode, "…"), (Charset::Ascii, "...")] {
            let drawn = text(&graph, charset);
            let first = drawn.lines().next().unwrap();
            assert!(first.chars().count() == WIDTH && first.ends_with(end), "{first}");
        }
        assert_eq!(
            text(&graph, Charset::Ascii).lines().skip(1).collect::<Vec<_>>(),
            ["", "starts", "`- by hand", "steps", "`- nothing"]
        );
    }
}
