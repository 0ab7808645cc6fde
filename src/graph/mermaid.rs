//! A drawing as a Mermaid flowchart, which many editors and web sites show.
//!
//! Nodes have names of their own, so no name of the author's can be one of Mermaid's words. Labels stand in
//! quotes, with what could mean something to Mermaid or a browser written as the number of its character.

use super::{Branch, Graph, Role, Shape, Step};

/// Draws a workflow, with a line break after each line.
pub fn mermaid(graph: &Graph) -> String {
    let mut chart = Chart::default();
    chart.line("flowchart TD");
    chart.depth = 1;
    chart.line(&format!("accTitle: {}", bare(&graph.name)));
    if let Some(description) = &graph.description {
        chart.line(&format!("accDescr: {}", bare(description)));
    }
    let triggers: Vec<_> = graph
        .triggers
        .iter()
        .map(|trigger| chart.node("([", "])", &lines(&trigger.what, trigger.condition.as_deref())))
        .collect();
    let parts = [("on failure", &graph.on_failure), ("finally", &graph.finally)];
    let is_framed = parts.iter().any(|(_, steps)| !steps.is_empty());
    let (steps, main) = match is_framed {
        true => chart.frame("steps", &graph.steps),
        false => (chart.list(&graph.steps), None),
    };
    for trigger in triggers {
        chart.enter(&[Exit::of(trigger)], &steps.entries);
    }
    let mut before: Vec<String> = main.into_iter().collect();
    for (name, steps) in parts {
        if steps.is_empty() {
            continue;
        }
        let (_, frame) = chart.frame(name, steps);
        let Some(frame) = frame else { continue };
        for from in &before {
            chart.edges.push(match name {
                "on failure" => format!("{from} -. \"failed\" .-> {frame}"),
                _ => format!("{from} --> {frame}"),
            });
        }
        before.push(frame);
    }
    for edge in std::mem::take(&mut chart.edges) {
        chart.line(&edge);
    }
    chart.text
}

/// Where a list of steps begins and ends.
#[derive(Default)]
struct Ends {
    entries: Vec<usize>,
    exits: Vec<Exit>,
}

/// A node that is left, and what is written at the arrow from it.
#[derive(Clone)]
struct Exit {
    node: usize,
    label: Option<String>,
}

impl Exit {
    fn of(node: usize) -> Self {
        Self { node, label: None }
    }
}

#[derive(Default)]
struct Chart {
    text: String,
    depth: usize,
    nodes: usize,
    frames: usize,
    /// Written last: a node belongs to the frame in which it is named first.
    edges: Vec<String>,
}

impl Chart {
    fn line(&mut self, line: &str) {
        self.text.extend(std::iter::repeat_n("  ", self.depth));
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn node(&mut self, open: &str, close: &str, lines: &[String]) -> usize {
        let node = self.nodes;
        self.nodes += 1;
        let label = lines.iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br/>");
        self.line(&format!("n{node}{open}\"{label}\"{close}"));
        node
    }

    /// A list of steps with a frame around it; the name of the frame.
    fn frame(&mut self, title: &str, steps: &[Step]) -> (Ends, Option<String>) {
        if steps.is_empty() {
            return (Ends::default(), None);
        }
        let name = format!("f{}", self.frames);
        self.frames += 1;
        self.line(&format!("subgraph {name}[\"{}\"]", escaped(title)));
        self.depth += 1;
        let ends = self.list(steps);
        self.depth -= 1;
        self.line("end");
        (ends, Some(name))
    }

    fn list(&mut self, steps: &[Step]) -> Ends {
        let ends: Vec<Ends> = steps.iter().map(|step| self.step(step)).collect();
        let mut is_last = vec![true; steps.len()];
        for (step, own) in steps.iter().zip(&ends) {
            for before in &step.after {
                is_last[*before] = false;
                self.enter(&ends[*before].exits, &own.entries);
            }
        }
        let first = steps.iter().zip(&ends).filter(|(step, _)| step.after.is_empty());
        let entries = first.flat_map(|(_, ends)| ends.entries.iter().copied()).collect();
        let last = ends.iter().zip(is_last).filter(|(_, is_last)| *is_last);
        Ends { entries, exits: last.flat_map(|(ends, _)| ends.exits.iter().cloned()).collect() }
    }

    fn step(&mut self, step: &Step) -> Ends {
        let (open, close) = match step.shape {
            Shape::Action => ("[", "]"),
            Shape::Approval => ("[/", "/]"),
            Shape::Call => ("[[", "]]"),
            Shape::Group if step.condition.is_some() => ("{", "}"),
            Shape::Group => ("((", "))"),
            Shape::Loop => ("{{", "}}"),
            Shape::Choice => ("{", "}"),
        };
        let mut lines = lines(&step.title(), step.condition.as_deref());
        if step.may_fail {
            lines.push("may fail".to_owned());
        }
        let node = self.node(open, close, &lines);
        let mut exits = Vec::new();
        for branch in &step.branches {
            exits.extend(self.branch(node, step, branch));
        }
        let is_passed = match step.shape {
            Shape::Action | Shape::Approval | Shape::Call => Some(None),
            Shape::Choice => (!step.is_exhaustive()).then(|| Some("otherwise".to_owned())),
            Shape::Group => {
                (step.condition.is_some() && !step.is_exhaustive()).then(|| Some("no".to_owned()))
            }
            Shape::Loop => None,
        };
        exits.extend(is_passed.map(|label| Exit { node, label }));
        if exits.is_empty() {
            exits.push(Exit::of(node));
        }
        Ends { entries: vec![node], exits }
    }

    /// Draws a list in a step, and gives where it leaves the step.
    fn branch(&mut self, node: usize, step: &Step, branch: &Branch) -> Vec<Exit> {
        let label = match &branch.role {
            Role::Body if step.shape == Shape::Group && step.condition.is_some() => Some("yes".to_owned()),
            Role::Otherwise if step.shape == Shape::Group => Some("no".to_owned()),
            role => role.words().map(str::to_owned),
        };
        let start = Exit { node, label };
        if branch.steps.is_empty() {
            return vec![start];
        }
        let is_loop = step.shape == Shape::Loop && branch.role == Role::Body;
        let ends = match is_loop {
            true => self.frame("again and again", &branch.steps).0,
            false => self.list(&branch.steps),
        };
        match branch.role {
            Role::OnError | Role::Notify => self.dotted(&start, &ends.entries),
            _ => self.enter(&[start], &ends.entries),
        }
        // What tells people leads nowhere.
        if branch.role == Role::Notify { Vec::new() } else { ends.exits }
    }

    fn enter(&mut self, from: &[Exit], to: &[usize]) {
        for Exit { node, label } in from {
            let arrow = label.as_ref().map_or_else(String::new, |label| format!("|\"{}\"|", escaped(label)));
            self.edges.extend(to.iter().map(|to| format!("n{node} -->{arrow} n{to}")));
        }
    }

    fn dotted(&mut self, from: &Exit, to: &[usize]) {
        let label = escaped(from.label.as_deref().unwrap_or_default());
        self.edges.extend(to.iter().map(|to| format!("n{} -. \"{label}\" .-> n{to}", from.node)));
    }
}

fn lines(title: &str, condition: Option<&str>) -> Vec<String> {
    [title.to_owned()].into_iter().chain(condition.map(|condition| format!("if {condition}"))).collect()
}

/// Text for a label in quotes.
fn escaped(text: &str) -> String {
    let is_safe = |char: char| char.is_alphanumeric() || " .,:=()/_-+*?!'|[]{}".contains(char);
    let written = |char: char| match is_safe(char) {
        true => char.to_string(),
        false => format!("#{};", u32::from(char)),
    };
    text.chars().map(written).collect()
}

/// Text for the rest of a line, where nothing can be escaped.
fn bare(text: &str) -> String {
    text.replace(['#', ';', '{', '}', '%'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_label_means_anything() {
        assert_eq!(
            escaped("a \"b\" #1; `c` <d> & \\ %%"),
            "a #34;b#34; #35;1#59; #96;c#96; #60;d#62; #38; #92; #37;#37;"
        );
        assert_eq!(escaped("steps.a[0] == 'é' (x|y)"), "steps.a[0] == 'é' (x|y)");
        assert_eq!(bare("one; #two %%{init}"), "one   two   {init}".replace(['{', '}'], " "));
    }

    #[test]
    fn what_waits_for_a_person_tells_people_aside() {
        let step = |what: &str, shape, after: Vec<usize>, branches| Step {
            label: None,
            what: what.to_owned(),
            shape,
            condition: None,
            after,
            in_line: true,
            may_fail: false,
            branches,
        };
        let notify =
            Branch { role: Role::Notify, steps: vec![step("webhook", Shape::Action, vec![], vec![])] };
        let graph = Graph {
            name: "w".to_owned(),
            description: None,
            triggers: Vec::new(),
            steps: vec![
                step("approve", Shape::Approval, vec![], vec![notify]),
                step("call x", Shape::Call, vec![0], vec![]),
            ],
            on_failure: Vec::new(),
            finally: Vec::new(),
        };
        assert_eq!(
            mermaid(&graph),
            "flowchart TD\n  accTitle: w\n  n0[/\"approve\"/]\n  n1[\"webhook\"]\n  n2[[\"call x\"]]\n  \
             n0 -. \"tell people\" .-> n1\n  n0 --> n2\n"
        );
    }
}
