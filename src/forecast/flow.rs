//! Groups, choices, loops and calls, as far as it is known which way they go.

use std::sync::Arc;

use serde_json::json;

use crate::ids::StepPath;
use crate::plan::Bound;
use crate::plan::flow::{Child, Foreach, OnItemError, Repeat, StepList};
use crate::template::foresight::{self, mark};
use crate::template::{Branch as Names, Expr, Node, Tree};
use crate::value::{Failure, Json};

use super::sight::Sight;
use super::sums::Sums;
use super::walk::{self, Broken, Done, Walk};
use super::{Branch, Chance, Doing, End};

/// How many items a loop may have.
const ITEM_LIMIT: usize = 10_000;

/// How deep calls may go.
const CALL_LIMIT: usize = 16;

impl Walk<'_> {
    /// One of two lists, or perhaps one and perhaps the other.
    pub(super) async fn group(
        &self,
        steps: &StepList<Bound>,
        otherwise: Option<&StepList<Bound>>,
        holds: Option<bool>,
        path: &StepPath,
        sight: &mut Sight,
        chance: Chance,
    ) -> Done {
        let doing = Doing::Flow("steps".to_owned());
        let mut branches = Vec::new();
        let mut sums = Vec::new();
        let mut outcome = Ok(Json::Null.into());
        if holds != Some(false) {
            let listed = self.list(steps, path.clone(), sight, chance).await;
            sums.push(listed.sums);
            branches.push(Branch { label: String::new(), chance, items: listed.items });
            outcome = listed.broken.map_or(Ok(listed.output), Err);
        }
        match otherwise {
            Some(list) if holds != Some(true) => {
                let listed = self.list(list, path.clone(), sight, chance).await;
                sums.push(listed.sums);
                branches.push(Branch { label: "otherwise".to_owned(), chance, items: listed.items });
                outcome = listed.broken.map_or(Ok(listed.output), Err);
            }
            _ if holds.is_none() => sums.push(Sums::NONE),
            _ => {}
        }
        if holds.is_none() {
            sight.forget(&steps.steps);
            otherwise.iter().for_each(|list| sight.forget(&list.steps));
            outcome = Ok(Node::Unknown);
        } else {
            sight.show_rest(&steps.steps, "skipped");
            otherwise.iter().for_each(|list| sight.show_rest(&list.steps, "skipped"));
        }
        let sums = sums.into_iter().reduce(Sums::or).unwrap_or(Sums::NONE);
        Done { doing, branches, sums, outcome, is_made_up: false }
    }

    /// One of several lists, or each of them perhaps.
    pub(super) async fn switch(
        &self,
        on: &Expr,
        cases: &[(Arc<str>, StepList<Bound>)],
        default: Option<&StepList<Bound>>,
        path: &StepPath,
        sight: &Sight,
        chance: Chance,
    ) -> Done {
        let named = cases.iter().map(|(name, list)| (&**name, list));
        let all = named.chain(default.map(|list| ("default", list)));
        let source = on.source();
        let value = match on.evaluate(&sight.scope()) {
            Ok(value) => value,
            Err(failure) if foresight::unknown(&failure).is_some() => {
                let mut branches = Vec::new();
                let mut sums = default.is_none().then_some(Sums::NONE);
                let chance = chance.and(Chance::Possible);
                for (name, list) in all {
                    let mut inside = sight.inside([]);
                    let listed = self.list(list, path.branch(name), &mut inside, chance).await;
                    sums = Some(sums.map_or(listed.sums, |sums| sums.or(listed.sums)));
                    branches.push(Branch { label: name.to_owned(), chance, items: listed.items });
                }
                let doing = Doing::Flow(format!("switch {source}: not known yet"));
                return Done::of(doing, branches, sums.unwrap_or(Sums::NONE), Node::Unknown);
            }
            Err(failure) => return Done::broken(Doing::Flow(format!("switch {source}")), failure, path),
        };
        let text = match value {
            Json::String(text) => text,
            other => other.to_string(),
        };
        let what = format!("switch {source}: {text}");
        let case = cases.iter().find(|(case, _)| **case == *text).map(|(case, list)| (&**case, list));
        match case.or(default.map(|list| ("default", list))) {
            None => Done::of(Doing::Flow(what), Vec::new(), Sums::NONE, Json::Null.into()),
            Some((name, list)) => {
                let mut inside = sight.inside([]);
                let listed = self.list(list, path.branch(name), &mut inside, chance).await;
                let mut done = Done::list(&what, listed, chance);
                done.branches.iter_mut().for_each(|branch| branch.label = name.to_owned());
                done
            }
        }
    }

    /// Steps for each item; once for an item that nobody knows, where nobody knows the list.
    pub(super) async fn foreach(
        &self,
        each: &Foreach<Bound>,
        path: &StepPath,
        sight: &Sight,
        chance: Chance,
    ) -> Done {
        let broken = |failure| Done::broken(Doing::Flow(format!("foreach {}", each.item)), failure, path);
        let items = match each.over.evaluate(&sight.scope()) {
            Ok(Json::Array(items)) if items.len() > ITEM_LIMIT => {
                let message = format!("the loop has {} items, and the limit is {ITEM_LIMIT}", items.len());
                return broken(Failure::new("too_many_items", message));
            }
            Ok(Json::Array(items)) => items,
            Ok(_) => return broken(Failure::new("wrong_value", "`foreach` needs a list")),
            Err(failure) => match foresight::unknown(&failure) {
                Some(list) => return self.unknown_items(each, list, path, sight, chance).await,
                None => return broken(failure),
            },
        };
        let items: Vec<Json> = match each.batch {
            Some(size) => items.chunks(size.max(1)).map(|batch| Json::Array(batch.to_vec())).collect(),
            None => items,
        };
        let what = match each.once {
            None => format!("foreach {}: {} items", each.item, items.len()),
            Some(_) => format!("foreach {}: those of {} items that are new", each.item, items.len()),
        };
        // Which items are new, only the history knows.
        let inner = if each.once.is_some() { chance.and(Chance::Possible) } else { chance };
        let mut done = Done::of(Doing::Flow(what), Vec::new(), Sums::NONE, Node::Unknown);
        let mut outputs = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let item = [(each.item.clone(), Node::from(item)), ("index".into(), json!(index).into())];
            let pass =
                self.pass(&each.steps, each.collect.as_ref(), path.pass(index), sight.inside(item), inner);
            let (branch, sums, outcome) = pass.await;
            done.sums = done.sums.then(if inner == chance { sums } else { sums.perhaps() });
            let is_untold = branch.items.iter().any(|item| matches!(item.doing, Doing::Untold));
            done.branches.push(branch);
            match (outcome, each.on_item_error) {
                (Ok(output), _) => outputs.push(output),
                (Err(_), OnItemError::Skip) => {}
                (Err(broken), OnItemError::Keep) => {
                    let error = super::sight::error(&broken.failure, broken.step.as_str());
                    outputs.push(json!({ "error": error }).into());
                }
                (Err(broken), OnItemError::Fail) => return Done { outcome: Err(broken), ..done },
            }
            if is_untold {
                return Done { sums: done.sums.then(Sums::OPEN), ..done };
            }
        }
        let known = outputs.iter().map(|node| node.known().map(|value| Json::clone(&value)));
        match known.collect::<Option<Vec<_>>>().filter(|_| each.once.is_none()) {
            Some(outputs) => done.giving(Json::Array(outputs).into()),
            None => done,
        }
    }

    async fn unknown_items(
        &self,
        each: &Foreach<Bound>,
        list: &str,
        path: &StepPath,
        sight: &Sight,
        chance: Chance,
    ) -> Done {
        let chance = chance.and(Chance::Possible);
        let item = [(each.item.clone(), Node::Unknown), ("index".into(), Node::Unknown)];
        let pass = self.pass(&each.steps, each.collect.as_ref(), path.clone(), sight.inside(item), chance);
        let (branch, sums, _) = pass.await;
        let what = format!("foreach {}: the items of {}, not known yet", each.item, mark(list));
        let branch = Branch { label: format!("each {}", each.item), ..branch };
        Done::of(Doing::Flow(what), vec![branch], sums.up_to(None), Node::Unknown)
    }

    /// Rounds while it is known that there is another; then one that stands for the rest.
    pub(super) async fn repeat(
        &self,
        repeat: &Repeat<Bound>,
        path: &StepPath,
        sight: &Sight,
        chance: Chance,
    ) -> Done {
        let what = match &repeat.until {
            Some(until) => format!("repeat until {}, at most {} times", until.source(), repeat.max),
            None => format!("repeat {} times", repeat.max),
        };
        let mut done = Done::of(Doing::Flow(what), Vec::new(), Sums::NONE, Node::Unknown);
        let mut previous = Node::from(Json::Null);
        let mut collected = Some(Vec::new());
        let mut is_over = repeat.until.is_none();
        for index in 0..repeat.max {
            let round = Names::new().with("index", json!(index)).with("previous", previous);
            let mut inside = sight.inside([("round".into(), round.into())]);
            let listed = self.list(&repeat.steps, path.pass(index), &mut inside, chance).await;
            done.sums = done.sums.then(listed.sums);
            let is_untold = listed.items.iter().any(|item| matches!(item.doing, Doing::Untold));
            done.branches.push(Branch { label: format!("round {}", index + 1), chance, items: listed.items });
            if let Some(broken) = listed.broken {
                return Done { outcome: Err(broken), ..done };
            }
            previous = listed.output;
            let scope = inside.scope();
            if let Some(collect) = &repeat.collect {
                let value = collect.foresee(&scope).ok().filter(foresight::Foreseen::is_known);
                collected = collected.zip(value).map(|(mut all, value)| {
                    all.push(value.value);
                    all
                });
            }
            match repeat.until.as_ref().map(|until| until.evaluate_bool(&scope)) {
                None | Some(Ok(false)) if is_untold => {
                    return Done { sums: done.sums.then(Sums::OPEN), ..done };
                }
                None | Some(Ok(false)) => {}
                Some(Ok(true)) => {
                    is_over = true;
                    break;
                }
                Some(Err(failure)) if foresight::unknown(&failure).is_some() => {
                    return self.more_rounds(repeat, index + 1, path, sight, chance, done).await;
                }
                Some(Err(failure)) => {
                    let outcome = Err(Broken { failure, step: path.pass(index) });
                    return Done { outcome, ..done };
                }
            }
        }
        let used_up = !is_over && repeat.on_limit == crate::plan::flow::OnLimit::Fail;
        if used_up {
            let message = format!("`until` does not hold after {} rounds", repeat.max);
            let outcome =
                Err(Broken { failure: Failure::new("rounds_used_up", message), step: path.clone() });
            return Done { outcome, ..done };
        }
        match (&repeat.collect, collected) {
            (Some(_), Some(all)) => done.giving(Json::Array(all).into()),
            (Some(_), None) => done,
            (None, _) => done.giving(previous),
        }
    }

    /// The rounds that may follow so many.
    async fn more_rounds(
        &self,
        repeat: &Repeat<Bound>,
        done_rounds: usize,
        path: &StepPath,
        sight: &Sight,
        chance: Chance,
        done: Done,
    ) -> Done {
        let more = repeat.max.saturating_sub(done_rounds);
        if more == 0 {
            return done;
        }
        let chance = chance.and(Chance::Possible);
        let mut inside = sight.inside([("round".into(), Node::Unknown)]);
        let listed = self.list(&repeat.steps, path.clone(), &mut inside, chance).await;
        let sums = done.sums.then(listed.sums.up_to(u64::try_from(more).ok()));
        let mut branches = done.branches;
        let label = format!("up to {more} more rounds");
        branches.push(Branch { label, chance, items: listed.items });
        Done { branches, sums, ..done }
    }

    async fn pass(
        &self,
        steps: &StepList<Bound>,
        collect: Option<&Tree>,
        path: StepPath,
        mut inside: Sight,
        chance: Chance,
    ) -> (Branch, Sums, Result<Node, Broken>) {
        let label = format!("item {}", index_of(&path));
        let listed = self.list(steps, path.clone(), &mut inside, chance).await;
        let outcome = match (listed.broken, collect) {
            (Some(broken), _) => Err(broken),
            (None, None) => Ok(listed.output),
            (None, Some(collect)) => match collect.foresee(&inside.scope()) {
                Ok(value) if value.is_known() => Ok(value.value.into()),
                Ok(_) => Ok(Node::Unknown),
                Err(failure) => Err(Broken { failure, step: path }),
            },
        };
        (Branch { label, chance, items: listed.items }, listed.sums, outcome)
    }

    /// What another workflow would do, with as much of its inputs as is known.
    pub(super) async fn call(&self, child: &Child, path: &StepPath, sight: &Sight, chance: Chance) -> Done {
        let doing = || Doing::Flow(format!("call {}", child.workflow));
        let mut given = Names::new();
        let mut known = Some(serde_json::Map::new());
        for (name, tree) in &child.with {
            match tree.foresee(&sight.scope()) {
                Ok(value) if value.is_known() => {
                    known
                        .iter_mut()
                        .for_each(|known| drop(known.insert(name.to_string(), value.value.clone())));
                    given.insert(name.clone(), value.value);
                }
                Ok(_) => {
                    known = None;
                    given.insert(name.clone(), Node::Unknown);
                }
                Err(failure) => return Done::broken(doing(), failure, path),
            }
        }
        let Some(plan) = self.setting.workflows.get(&child.workflow) else {
            return Done::of(doing(), Vec::new(), Sums::OPEN, Node::Unknown);
        };
        if self.depth.get() >= CALL_LIMIT {
            let message = format!("calls go deeper than {CALL_LIMIT}");
            return Done::broken(doing(), Failure::new("too_deep", message), path);
        }
        let inputs = match known.map(|known| plan.inputs(known)) {
            Some(Err(errors)) => {
                return Done::broken(doing(), Failure::new("inputs", errors.to_string()), path);
            }
            Some(Ok(inputs)) => inputs
                .as_object()
                .into_iter()
                .flatten()
                .fold(Names::new(), |names, (name, value)| names.with(name.as_str(), value.clone())),
            None => {
                for input in &plan.inputs {
                    if let (None, Some(default)) = (given.get(&input.name), &input.default) {
                        given.insert(input.name.clone(), default.clone());
                    }
                }
                given
            }
        };
        self.depth.set(self.depth.get() + 1);
        let scope = walk::roots(plan, inputs, Json::Null.into());
        let walked = Box::pin(self.run(plan, scope)).await;
        self.depth.set(self.depth.get() - 1);
        let mut branches = vec![Branch { label: String::new(), chance, items: walked.steps }];
        for (label, items) in [("on failure", walked.on_failure), ("finally", walked.finally)] {
            if !items.is_empty() {
                branches.push(Branch { label: label.to_owned(), chance, items });
            }
        }
        let outcome = match walked.end {
            End::Failed(failure, _) => Err(Broken { failure, step: path.clone() }),
            End::Output(output) | End::MadeUp(output) if output.is_known() => Ok(output.value.into()),
            _ => Ok(Node::Unknown),
        };
        Done { doing: doing(), branches, sums: walked.sums, outcome, is_made_up: false }
    }
}

/// The place of a pass, counted from 1, as its path tells.
fn index_of(path: &StepPath) -> usize {
    let digits = path.as_str().rsplit_once('[').map(|(_, end)| end.trim_end_matches(']'));
    digits.and_then(|digits| digits.parse::<usize>().ok()).map_or(1, |index| index + 1)
}
