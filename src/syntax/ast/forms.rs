//! The forms of control flow: what a step does that is no action of a kind.

use crate::diagnostic::{Diagnostic, Span, Spanned};
use crate::syntax::fields::{self, Fields};
use crate::syntax::tree::{Kind, Node};

use super::steps::Reader;
use super::{Body, Foreach, Name, OnItemError, OnLimit, Once, Repeat};
use super::{choice, entries};

/// The forms of control flow: keys that no action may have.
pub const CONTROL_FLOW: [&str; 6] = ["steps", "parallel", "foreach", "switch", "repeat", "call"];

/// What may stand beside a form of control flow, and belongs to it.
pub(super) const FORM_KEYS: [&str; 10] =
    ["else", "as", "concurrency", "batch", "once", "collect", "on_item_error", "cases", "default", "with"];

/// The rounds of a `repeat` that does not say.
const ROUNDS: usize = 100;

impl Body {
    /// The key of a form of control flow; nothing for an action.
    pub fn form(&self) -> Option<&'static str> {
        match self {
            Self::Action(..) | Self::Approve { .. } | Self::Broken => None,
            Self::Group { .. } => Some("steps"),
            Self::Parallel(_) => Some("parallel"),
            Self::Foreach(_) => Some("foreach"),
            Self::Switch { .. } => Some("switch"),
            Self::Repeat(_) => Some("repeat"),
            Self::Call { .. } => Some("call"),
        }
    }
}

impl Reader<'_> {
    /// What stands at this key, which means this form of control flow, or else an action.
    pub(super) fn form(
        &mut self,
        form: &str,
        key: &Name,
        fields: &mut Fields<'_>,
        depth: usize,
    ) -> Option<Body> {
        let node = fields.take(&key.value)?.node.clone();
        match form {
            "steps" => {
                let otherwise = fields.take("else").map(|field| self.list(field.node, depth + 1));
                Some(Body::Group { steps: self.list(&node, depth + 1), otherwise })
            }
            "parallel" => Some(Body::Parallel(self.list(&node, depth + 1))),
            "foreach" => self.foreach(node, fields, key.span, depth),
            "switch" => self.switch(node, fields, key.span, depth),
            "repeat" => self.repeat(&node, key.span, depth),
            "call" => self.call(&node, fields),
            "approve" | "wait" => Some(self.waiting(key, node, depth)),
            _ => Some(Body::Action(key.clone(), node)),
        }
    }

    fn foreach(&mut self, over: Node, fields: &mut Fields<'_>, key: Span, depth: usize) -> Option<Body> {
        let item = fields.take("as").and_then(|field| self.identifier(field.node, "as"));
        let concurrency = fields
            .take("concurrency")
            .and_then(|field| fields::integer(field.node, "concurrency", 1..=1_000, self.diagnostics));
        let batch = fields
            .take("batch")
            .and_then(|field| fields::integer(field.node, "batch", 1..=10_000, self.diagnostics))
            .and_then(|count| usize::try_from(count).ok());
        let once = fields.take("once").and_then(|field| self.once(field.node, field.key.span));
        let collect = fields.take("collect").map(|field| field.node.clone());
        let on_item_error = fields.take("on_item_error").and_then(|field| {
            let words =
                [("fail", OnItemError::Fail), ("skip", OnItemError::Skip), ("keep", OnItemError::Keep)];
            choice(field.node, "on_item_error", &words, self.diagnostics)
        });
        let Some(steps) = fields.take("steps") else {
            let problem = Diagnostic::error("missing-key", key, "`foreach` needs `steps`")
                .with_help("add `steps:` with what to do for each item");
            self.diagnostics.push(problem);
            return None;
        };
        let steps = self.list(steps.node, depth + 1);
        Some(Body::Foreach(Foreach {
            item: item.unwrap_or_else(|| Spanned::new("item".into(), over.span)),
            over,
            concurrency: concurrency.and_then(|count| usize::try_from(count).ok()).unwrap_or(1),
            batch,
            once,
            steps,
            collect,
            on_item_error: on_item_error.unwrap_or_default(),
        }))
    }

    fn switch(&mut self, on: Node, fields: &mut Fields<'_>, key: Span, depth: usize) -> Option<Body> {
        let default = fields.take("default").map(|field| self.list(field.node, depth + 1));
        let Some(cases) = fields.take("cases") else {
            let problem = Diagnostic::error("missing-key", key, "`switch` needs `cases`")
                .with_help("add `cases:` and below it each value with its list of steps");
            self.diagnostics.push(problem);
            return None;
        };
        let cases = entries(cases.node, "cases", self.diagnostics);
        let cases = cases.into_iter().map(|(value, node)| (value, self.list(&node, depth + 1))).collect();
        Some(Body::Switch { on, cases, default })
    }

    fn once(&mut self, node: &Node, key: Span) -> Option<Once> {
        // The key alone is what most people need.
        if node.as_scalar().is_some() {
            return Some(Once { key: node.clone(), keep: None });
        }
        let mut fields = Fields::open(node, "`once`", self.diagnostics)?.placed(key);
        let expression = fields.require("key", self.diagnostics).map(|field| field.node.clone());
        let keep =
            fields.take("keep").and_then(|field| fields::duration(field.node, "keep", self.diagnostics));
        fields.finish(self.diagnostics);
        Some(Once { key: expression?, keep })
    }

    fn repeat(&mut self, node: &Node, key: Span, depth: usize) -> Option<Body> {
        let mut fields = Fields::open(node, "`repeat`", self.diagnostics)?.placed(key);
        let until = fields.take("until").map(|field| field.node.clone());
        let max = fields
            .take("max")
            .map(|field| fields::integer(field.node, "max", 1..=10_000, self.diagnostics))
            .map(|rounds| rounds.and_then(|rounds| usize::try_from(rounds).ok()));
        let on_limit = fields.take("on_limit").and_then(|field| {
            let words = [("fail", OnLimit::Fail), ("continue", OnLimit::Continue)];
            choice(field.node, "on_limit", &words, self.diagnostics)
        });
        let collect = fields.take("collect").map(|field| field.node.clone());
        let steps = fields.require("steps", self.diagnostics);
        if until.is_none() && max.is_none() {
            let problem = Diagnostic::error("missing-key", key, "`repeat` does not say when it ends")
                .with_help("add `until:` with a condition, or `max:` with a number of rounds");
            self.diagnostics.push(problem);
        }
        fields.finish(self.diagnostics);
        Some(Body::Repeat(Repeat {
            until,
            max: max.flatten().unwrap_or(ROUNDS),
            on_limit: on_limit.unwrap_or_default(),
            steps: self.list(steps?.node, depth + 1),
            collect,
        }))
    }

    fn call(&mut self, node: &Node, fields: &mut Fields<'_>) -> Option<Body> {
        let with = fields.take("with").map(|field| entries(field.node, "with", self.diagnostics));
        let workflow = fields::text(node, "call", self.diagnostics)?;
        if workflow.contains("{{") {
            let problem = Diagnostic::error(
                "invalid-value",
                node.span,
                "which workflow is called is not for data to choose",
            )
            .with_help("write its name; a `switch` can choose between several calls");
            self.diagnostics.push(problem);
            return None;
        }
        Some(Body::Call {
            workflow: Spanned::new(workflow.into(), node.span),
            with: with.unwrap_or_default(),
        })
    }

    /// An action that waits, with the steps that tell people of it.
    fn waiting(&mut self, name: &Name, node: Node, depth: usize) -> Body {
        let notify = match &node.kind {
            Kind::Mapping(entries) => entries.iter().find(|(key, _)| &*key.value == "notify"),
            _ => None,
        };
        let notify = notify.map(|(_, list)| self.list(list, depth + 1)).unwrap_or_default();
        Body::Approve { name: name.clone(), node, notify }
    }
}
