//! Going through a plan as a run would, as far as it is known where a run would go.
//!
//! The order is that of the list, which is an order in which the steps can be done; who waits for whom
//! beyond that changes nothing of what is done.

use std::cell::Cell;
use std::slice;

use futures_util::future::LocalBoxFuture;
use serde_json::json;

use crate::component::Effect;
use crate::event::TriggerId;
use crate::ids::StepPath;
use crate::plan::flow::{Body, OnError, Step, StepList};
use crate::plan::{Bound, Plan};
use crate::template::foresight::{self, Foreseen};
use crate::template::{Branch as Names, Node, Scope};
use crate::value::{Failure, Json};

use super::sight::{Sight, error};
use super::sums::Sums;
use super::{Answers, Branch, Chance, Doing, End, Item, Setting};

/// How many steps are told, those of loops counted as often as they are done.
const STEP_LIMIT: usize = 1_000;

/// A failure of a step that ends its list.
pub(super) struct Broken {
    pub failure: Failure,
    pub step: StepPath,
}

/// What became of a list.
pub(super) struct Listed {
    pub items: Vec<Item>,
    /// What the list gives: the output of its last step.
    pub output: Node,
    pub sums: Sums,
    /// Why it does not come to its end.
    pub broken: Option<Broken>,
}

/// What became of a step's body.
pub(super) struct Done {
    pub doing: Doing,
    pub branches: Vec<Branch>,
    pub sums: Sums,
    pub outcome: Result<Node, Broken>,
    /// Whether the outcome is made up.
    pub is_made_up: bool,
}

/// What became of a run.
pub(super) struct Walked {
    pub steps: Vec<Item>,
    pub on_failure: Vec<Item>,
    pub finally: Vec<Item>,
    pub end: End,
    pub sums: Sums,
}

/// A walk through a plan, and through those that it calls.
pub(super) struct Walk<'a> {
    pub setting: &'a Setting<'a>,
    /// How many steps may still be told.
    left: Cell<usize>,
    /// How many calls led here.
    pub depth: Cell<usize>,
}

/// What a run reads from its first step on.
pub(super) fn roots(plan: &Plan, inputs: Names, event: Node) -> Scope {
    let mut run = Names::new()
        .with("workflow", json!(&*plan.name))
        .with("trigger", json!(TriggerId::manual().to_string()))
        .with("attempt", json!(1));
    for name in ["id", "started", "cost", "url", "status"] {
        run.insert(name, Node::Unknown);
    }
    let others = ["state", "previous"];
    let scope = others.into_iter().fold(plan.settings.clone(), |scope, name| scope.with(name, Node::Unknown));
    scope.with("event", event).with("inputs", inputs).with("run", run)
}

impl<'a> Walk<'a> {
    pub fn new(setting: &'a Setting<'a>) -> Self {
        Self { setting, left: Cell::new(STEP_LIMIT), depth: Cell::new(0) }
    }

    /// All of a run.
    pub async fn run(&self, plan: &Plan, scope: Scope) -> Walked {
        let mut sight = match vars(plan, scope.clone()) {
            Ok(scope) => Sight::new(scope),
            Err(failure) => {
                let end = End::Failed(failure.clone(), StepPath::root());
                return self.end(plan, Sight::new(scope), Vec::new(), Sums::NONE, end).await;
            }
        };
        let listed = self.list(&plan.steps, StepPath::root(), &mut sight, Chance::Certain).await;
        let end = match listed.broken {
            Some(Broken { failure, step }) => End::Failed(failure, step),
            None => match plan.output.as_ref().map(|output| output.foresee(&sight.scope())) {
                Some(Ok(output)) => End::Output(output),
                Some(Err(failure)) => End::Failed(failure, StepPath::root()),
                None => End::Output(shown(&listed.output, "the output of the last step")),
            },
        };
        self.end(plan, sight, listed.items, listed.sums, end).await
    }

    /// What is done after the outcome is known, or may be.
    async fn end(&self, plan: &Plan, mut sight: Sight, steps: Vec<Item>, sums: Sums, end: End) -> Walked {
        let mut walked = Walked { steps, on_failure: Vec::new(), finally: Vec::new(), end, sums };
        let root = StepPath::root();
        sight.show_rest(&plan.steps.steps, "pending");
        let failed = match (&walked.end, self.setting.answers) {
            (End::Failed(failure, step), _) => Some((Chance::Certain, error(failure, step.as_str()).into())),
            (_, Answers::Unknown) => Some((Chance::Possible, Node::Unknown)),
            (_, Answers::MadeUp(_)) => None,
        };
        if let Some((chance, error)) = failed
            && !plan.on_failure.steps.is_empty()
        {
            let mut inside = sight.inside([("error".into(), error)]);
            let listed = self.list(&plan.on_failure, root.branch("on_failure"), &mut inside, chance).await;
            walked.sums = match chance {
                Chance::Certain => walked.sums.then(listed.sums),
                _ => walked.sums.then(listed.sums.perhaps()),
            };
            walked.on_failure = listed.items;
        }
        let listed = self.list(&plan.finally, root.branch("finally"), &mut sight, Chance::Certain).await;
        walked.sums = walked.sums.then(listed.sums);
        walked.finally = listed.items;
        walked
    }

    /// A list of steps, up to the first that fails.
    pub fn list<'w>(
        &'w self,
        list: &'w StepList<Bound>,
        path: StepPath,
        sight: &'w mut Sight,
        chance: Chance,
    ) -> LocalBoxFuture<'w, Listed> {
        Box::pin(async move {
            let mut listed =
                Listed { items: Vec::new(), output: Json::Null.into(), sums: Sums::NONE, broken: None };
            for step in &list.steps {
                let (item, outcome) = self.step(step, path.step(&step.settings.key), sight, chance).await;
                listed.sums = listed.sums.then(item.sums);
                let is_untold = matches!(item.doing, Doing::Untold);
                listed.items.push(item);
                match outcome {
                    Ok(output) => listed.output = output,
                    Err(broken) => {
                        listed.broken = Some(broken);
                        break;
                    }
                }
                if is_untold {
                    sight.forget(&list.steps);
                    listed.output = Node::Unknown;
                    break;
                }
            }
            listed
        })
    }

    async fn step(
        &self,
        step: &Step<Bound>,
        path: StepPath,
        sight: &mut Sight,
        chance: Chance,
    ) -> (Item, Result<Node, Broken>) {
        let settings = &step.settings;
        let mut item = Item {
            path: path.clone(),
            label: settings.name.clone().or_else(|| settings.id.clone()),
            chance,
            condition: settings.condition.as_ref().map(|condition| condition.source().to_owned()),
            doing: Doing::Untold,
            branches: Vec::new(),
            end: End::Skipped,
            sums: Sums::OPEN,
        };
        let Some(left) = self.left.get().checked_sub(1) else { return (item, Ok(Node::Unknown)) };
        self.left.set(left);
        let holds = match settings.condition.as_ref().map(|condition| condition.evaluate_bool(&sight.scope()))
        {
            None => Ok(Some(true)),
            Some(Ok(holds)) => Ok(Some(holds)),
            Some(Err(failure)) if foresight::unknown(&failure).is_some() => Ok(None),
            Some(Err(failure)) => Err(failure),
        };
        let (done, holds) = match holds {
            Ok(holds) => (self.body(step, holds, &path, sight, chance).await, holds),
            Err(failure) => (Done::broken(in_short(&step.body), failure, &path), Some(true)),
        };
        let Done { doing, branches, sums, outcome, is_made_up } = done;
        (item.doing, item.branches, item.sums) = (doing, branches, sums);
        match holds {
            // The other list of a group is done where its condition does not hold.
            Some(false) if item.branches.is_empty() => item.chance = Chance::Never,
            None => {
                item.chance = chance.and(Chance::Possible);
                item.sums = item.sums.perhaps();
            }
            _ => {}
        }
        item.end = match &outcome {
            _ if item.chance == Chance::Never => End::Skipped,
            Ok(node) => {
                let output = shown(node, &format!("{path}"));
                if is_made_up { End::MadeUp(output) } else { End::Output(output) }
            }
            Err(broken) => End::Failed(broken.failure.clone(), broken.step.clone()),
        };
        let outcome = self.settle(step, &mut item, outcome, sight).await;
        (item, outcome)
    }

    /// What comes after the last attempt, and what later steps see of the step.
    async fn settle(
        &self,
        step: &Step<Bound>,
        item: &mut Item,
        outcome: Result<Node, Broken>,
        sight: &mut Sight,
    ) -> Result<Node, Broken> {
        let id = step.settings.id.as_ref();
        // Only what is done for certain fails for certain, and takes its list with it.
        let is_certain = item.chance == Chance::Certain;
        let may_fail = outcome.is_err() || has_effects(&step.body);
        let error = match &outcome {
            Err(broken) => error(&broken.failure, broken.step.as_str()).into(),
            Ok(_) => Node::Unknown,
        };
        match (&step.on_error, outcome) {
            (_, Ok(node)) if item.chance == Chance::Never => {
                // What was shown by a group's other list stays.
                sight.show_rest(slice::from_ref(step), "skipped");
                Ok(node)
            }
            (OnError::Handle(list), outcome)
                if may_fail && (outcome.is_err() || matches!(self.setting.answers, Answers::Unknown)) =>
            {
                let chance = if outcome.is_err() { item.chance } else { item.chance.and(Chance::Possible) };
                let mut inside = sight.inside([("error".into(), error)]);
                let handled = self.list(list, item.path.branch("on_error"), &mut inside, chance).await;
                item.sums = item.sums.then(match outcome {
                    Err(_) => handled.sums,
                    Ok(_) => handled.sums.perhaps(),
                });
                item.branches.push(Branch { label: "on error".to_owned(), chance, items: handled.items });
                match (outcome, handled.broken) {
                    (Err(_), Some(broken)) if is_certain => Err(broken),
                    (Err(_), None) if is_certain => {
                        id.iter().for_each(|id| sight.show_success(id, handled.output.clone()));
                        Ok(handled.output)
                    }
                    _ => {
                        sight.forget(slice::from_ref(step));
                        Ok(Node::Unknown)
                    }
                }
            }
            (OnError::Continue, Err(_)) if is_certain => {
                if let (Some(id), Some(error)) = (id, error.known()) {
                    sight.show_failure(id, Json::clone(&error));
                }
                Ok(Json::Null.into())
            }
            (OnError::Continue, Ok(_)) if may_fail && matches!(self.setting.answers, Answers::Unknown) => {
                sight.forget(slice::from_ref(step));
                Ok(Node::Unknown)
            }
            (_, Err(broken)) if is_certain => Err(broken),
            (_, Ok(node)) if is_certain => {
                id.iter().for_each(|id| sight.show_success(id, node.clone()));
                Ok(node)
            }
            _ => {
                sight.forget(slice::from_ref(step));
                Ok(Node::Unknown)
            }
        }
    }

    /// What a step does, where its condition holds, does not, or may.
    async fn body(
        &self,
        step: &Step<Bound>,
        holds: Option<bool>,
        path: &StepPath,
        sight: &mut Sight,
        chance: Chance,
    ) -> Done {
        let chance = if holds.is_none() { chance.and(Chance::Possible) } else { chance };
        match (&step.body, holds) {
            (Body::Group { steps, otherwise }, _) => {
                self.group(steps, otherwise.as_ref(), holds, path, sight, chance).await
            }
            (body, Some(false)) => Done::of(in_short(body), Vec::new(), Sums::NONE, Json::Null.into()),
            (Body::Action(bound), _) => self.deed(bound, path, sight).await,
            (Body::Approve { action, notify }, _) => {
                let mut done = self.deed(action, path, sight).await;
                // Whoever decides, nobody knows how.
                done.outcome = done.outcome.map(|_| Node::Unknown);
                let mut inside = sight.inside([("approval".into(), Node::Unknown)]);
                let told = self.list(notify, path.branch("notify"), &mut inside, chance).await;
                done.sums = done.sums.then(told.sums);
                done.branches.push(Branch { label: "tell people".to_owned(), chance, items: told.items });
                done
            }
            (Body::Parallel(steps), _) => {
                let listed = self.list(steps, path.clone(), sight, chance).await;
                let mut outputs = Names::new();
                for id in steps.steps.iter().filter_map(|step| step.settings.id.as_ref()) {
                    outputs.insert(id.clone(), sight.output(id).unwrap_or(Node::Unknown));
                }
                Done::list("parallel", listed, chance).giving(outputs.into())
            }
            (Body::Foreach(each), _) => self.foreach(each, path, sight, chance).await,
            (Body::Repeat(repeat), _) => self.repeat(repeat, path, sight, chance).await,
            (Body::Call(child), _) => self.call(child, path, sight, chance).await,
            (Body::Switch { on, cases, default }, _) => {
                self.switch(on, cases, default.as_ref(), path, sight, chance).await
            }
        }
    }
}

/// A step that is not done, in a word.
fn in_short(body: &Body<Bound>) -> Doing {
    let word = match body {
        Body::Action(bound) | Body::Approve { action: bound, .. } => bound.kind,
        Body::Group { .. } => "steps",
        Body::Parallel(_) => "parallel",
        Body::Foreach(_) => "foreach",
        Body::Repeat(_) => "repeat",
        Body::Call(_) => "call",
        Body::Switch { .. } => "switch",
    };
    Doing::Flow(word.to_owned())
}

impl Done {
    pub fn of(doing: Doing, branches: Vec<Branch>, sums: Sums, output: Node) -> Self {
        Self { doing, branches, sums, outcome: Ok(output), is_made_up: false }
    }

    pub fn broken(doing: Doing, failure: Failure, path: &StepPath) -> Self {
        let outcome = Err(Broken { failure, step: path.clone() });
        Self { doing, branches: Vec::new(), sums: Sums::NONE, outcome, is_made_up: false }
    }

    /// Of a body that is one list.
    pub fn list(what: &str, listed: Listed, chance: Chance) -> Self {
        let Listed { items, output, sums, broken } = listed;
        Self {
            doing: Doing::Flow(what.to_owned()),
            branches: vec![Branch { label: String::new(), chance, items }],
            sums,
            outcome: broken.map_or(Ok(output), Err),
            is_made_up: false,
        }
    }

    /// The same with another output, where there is one.
    pub fn giving(self, output: Node) -> Self {
        Self { outcome: self.outcome.map(|_| output), ..self }
    }
}

/// The workflow's `vars` over those of the workspace.
fn vars(plan: &Plan, scope: Scope) -> Result<Scope, Failure> {
    let settings = match scope.get("vars") {
        Some(Node::Branch(settings)) => Names::clone(settings),
        _ => Names::new(),
    };
    let evaluated = plan.vars.iter().try_fold((scope, settings), |(scope, mut vars), (name, tree)| {
        let value = tree.foresee(&scope)?;
        vars.insert(name.clone(), if value.is_known() { value.value.into() } else { Node::Unknown });
        Ok((scope.with("vars", vars.clone()), vars))
    });
    evaluated.map(|(scope, _)| scope)
}

/// Whether a step may fail for reasons that nobody knows beforehand.
fn has_effects(body: &Body<Bound>) -> bool {
    match body {
        Body::Action(bound) => bound.effect > Effect::None,
        Body::Call(_) | Body::Approve { .. } => true,
        Body::Group { steps, otherwise } => {
            let mut lists = std::iter::once(steps).chain(otherwise);
            lists.any(any_effects)
        }
        Body::Parallel(steps) => any_effects(steps),
        Body::Foreach(each) => any_effects(&each.steps),
        Body::Repeat(repeat) => any_effects(&repeat.steps),
        Body::Switch { cases, default, .. } => {
            cases.iter().map(|(_, list)| list).chain(default).any(any_effects)
        }
    }
}

fn any_effects(list: &StepList<Bound>) -> bool {
    list.steps.iter().any(|step| has_effects(&step.body))
}

/// What a value is, as it is shown: itself, or a mark.
fn shown(node: &Node, path: &str) -> Foreseen<Json> {
    match node.known() {
        Some(value) => Foreseen::known(Json::clone(&value)),
        None => Foreseen { value: Json::String(foresight::mark(path)), unknown: vec![path.to_owned()] },
    }
}
