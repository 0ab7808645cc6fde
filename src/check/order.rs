//! The order in a list of steps: which steps have ended when another starts.

use crate::diagnostic::{Diagnostic, Diagnostics, Span, did_you_mean};
use crate::syntax::ast::Step;

/// For each step of a list, what it waits for.
pub(super) struct Order {
    /// The steps that must have ended, by place in the list.
    pub after: Vec<Vec<usize>>,
    /// For each step, whether each other step has ended when it starts.
    ended: Vec<Vec<bool>>,
}

impl Order {
    /// Whether `earlier` has ended whenever `later` starts.
    pub fn guarantees(&self, earlier: usize, later: usize) -> bool {
        self.ended[later][earlier]
    }
}

/// Steps that start together: none waits for another unless it says so.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Each waits for the one before.
    Written,
    /// All start at once.
    Together,
}

/// The order of a list. A step with `needs` leaves the line: the next one waits for the step before.
pub(super) fn order(steps: &[Step], line: Line, diagnostics: &mut Diagnostics) -> Order {
    let place =
        |id: &str| steps.iter().position(|step| step.id.as_ref().is_some_and(|own| &*own.value == id));
    let mut after = Vec::with_capacity(steps.len());
    let mut last_in_line = None;
    for (index, step) in steps.iter().enumerate() {
        let Some(needs) = &step.needs else {
            after.push(match line {
                Line::Written => last_in_line.into_iter().collect(),
                Line::Together => Vec::new(),
            });
            last_in_line = Some(index);
            continue;
        };
        let mut places = Vec::new();
        for need in needs {
            match place(&need.value) {
                Some(other) if other != index => places.push(other),
                Some(_) => {
                    let message = format!("`{}` needs itself", need.value);
                    let problem = Diagnostic::error("cycle", need.span, message);
                    diagnostics.push(problem.with_help("take it out of the list"));
                }
                None => {
                    let ids = steps.iter().filter_map(|step| step.id.as_ref()).map(|id| &*id.value);
                    let message = format!("there is no step `{}` in this list", need.value);
                    let help = did_you_mean(&need.value, ids.collect::<Vec<_>>()).unwrap_or_else(|| {
                        "`needs` names ids of steps that stand in the same list".to_owned()
                    });
                    let problem = Diagnostic::error("unknown-step", need.span, message).with_help(help);
                    diagnostics.push(problem);
                }
            }
        }
        places.sort_unstable();
        places.dedup();
        after.push(places);
    }
    break_cycles(steps, &mut after, diagnostics);
    let ended = closure(&after);
    Order { after, ended }
}

/// Reports each cycle once and takes its last arrow away, so that the list can be looked at further.
fn break_cycles(steps: &[Step], after: &mut [Vec<usize>], diagnostics: &mut Diagnostics) {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        Open,
        Done,
    }
    let mut marks = vec![Mark::New; after.len()];
    for start in 0..after.len() {
        if marks[start] != Mark::New {
            continue;
        }
        // A walk with its own stack: (step, the next of its arrows to follow).
        let mut trail = vec![(start, 0)];
        marks[start] = Mark::Open;
        while let Some((step, arrow)) = trail.pop() {
            let Some(&next) = after[step].get(arrow) else {
                marks[step] = Mark::Done;
                continue;
            };
            match marks[next] {
                Mark::Done => trail.push((step, arrow + 1)),
                Mark::New => {
                    trail.push((step, arrow + 1));
                    trail.push((next, 0));
                    marks[next] = Mark::Open;
                }
                Mark::Open => {
                    let from = trail.iter().position(|(on, _)| *on == next).unwrap_or(trail.len());
                    let mut names: Vec<_> = trail[from..]
                        .iter()
                        .map(|(on, _)| *on)
                        .chain([step, next])
                        .map(|on| name(steps, on))
                        .collect();
                    names.dedup();
                    let message = format!("these steps wait for each other: {}", names.join(" → "));
                    diagnostics.push(
                        Diagnostic::error("cycle", arrow_at(steps, step, next), message)
                            .with_help("take one name out of a `needs`"),
                    );
                    after[step].remove(arrow);
                    trail.push((step, arrow));
                }
            }
        }
    }
}

/// Where a step says that it waits for another.
fn arrow_at(steps: &[Step], from: usize, to: usize) -> Span {
    let wanted = steps[to].id.as_ref().map(|id| &id.value);
    let mut needs = steps[from].needs.iter().flatten();
    let need = needs.find(|need| Some(&need.value) == wanted);
    need.map_or(steps[from].span.at_start(), |need| need.span)
}

fn name(steps: &[Step], index: usize) -> String {
    steps[index].id.as_ref().map_or_else(|| format!("step {}", index + 1), |id| format!("`{}`", id.value))
}

/// For each step all that have ended before it, by following the arrows of an order without cycles.
fn closure(after: &[Vec<usize>]) -> Vec<Vec<bool>> {
    let mut ended: Vec<Option<Vec<bool>>> = vec![None; after.len()];
    for start in 0..after.len() {
        let mut trail = vec![start];
        while let Some(&step) = trail.last() {
            if ended[step].is_some() {
                trail.pop();
                continue;
            }
            let open: Vec<_> =
                after[step].iter().copied().filter(|before| ended[*before].is_none()).collect();
            if open.is_empty() {
                let mut row = vec![false; after.len()];
                for &before in &after[step] {
                    row[before] = true;
                    if let Some(further) = &ended[before] {
                        row.iter_mut().zip(further).for_each(|(mine, theirs)| *mine |= theirs);
                    }
                }
                ended[step] = Some(row);
                trail.pop();
            } else {
                trail.extend(open);
            }
        }
    }
    ended.into_iter().map(Option::unwrap_or_default).collect()
}
