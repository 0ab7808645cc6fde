//! What a workflow fills in where its steps do not say: the `defaults` of an action, and how they
//! and a step make one whole.
//!
//! Codes: `unknown-action`, and those of the arguments.

use std::sync::Arc;

use crate::component::{Arguments, Kinds, Written};
use crate::diagnostic::{Diagnostic, Span, did_you_mean, nearest};
use crate::syntax::ast;
use crate::syntax::tree::{Kind, Node};

use super::arguments::{Compiled, Spelling, Texts};
use super::names::Visible;

/// What stands under `defaults` for an action.
pub(super) struct Defaults<'a> {
    /// The action's name.
    pub action: Arc<str>,
    /// What was written.
    pub node: &'a Node,
    /// What was compiled of it.
    pub compiled: Compiled,
}

/// An action and what is filled in where a step does not say.
#[derive(Clone, Copy)]
pub(super) struct Action<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its defaults, if the workflow has some.
    pub defaults: Option<&'a Defaults<'a>>,
}

/// Compiles a workflow's `defaults`.
pub(super) fn defaults<'a>(
    ast: &'a ast::Workflow,
    kinds: &Kinds,
    visible: &Visible,
    texts: &mut Texts<'_>,
) -> Vec<Defaults<'a>> {
    // What cannot be read may be just what the steps lack.
    let unread = || Compiled {
        arguments: Arguments::default(),
        places: Vec::new(),
        types: Vec::new(),
        spelling: Spelling::Wrong,
    };
    let mut defaults = Vec::new();
    for (name, node) in &ast.defaults {
        let Some(declaration) = kinds.action(&name.value).filter(|declaration| declaration.open.is_none())
        else {
            let message = format!("there are no defaults for `{}`", name.value);
            let owners: Vec<_> = kinds
                .actions()
                .filter(|kind| kind.fields.iter().any(|field| field.name == &*name.value))
                .map(|kind| kind.name)
                .collect();
            if let Some(owner) = owners.first() {
                let problem = Diagnostic::error("unknown-action", name.span, message);
                texts.diagnostics.push(problem.with_help(format!(
                    "defaults stand below their action: `defaults: {{ {owner}: {{ {}: … }} }}`",
                    name.value
                )));
                let all = owners.into_iter();
                defaults.extend(all.map(|owner| Defaults { action: owner.into(), node, compiled: unread() }));
                continue;
            }
            let names: Vec<_> = kinds.actions().map(|kind| kind.name).collect();
            if let Some(meant) = nearest(&name.value, names.iter().copied()) {
                defaults.push(Defaults { action: meant.into(), node, compiled: unread() });
            }
            let problem = Diagnostic::error("unknown-action", name.span, message);
            texts.diagnostics.push(problem.with_help_if(did_you_mean(&name.value, names)));
            continue;
        };
        let what = format!("`defaults.{}`", declaration.name);
        let compiled = texts.arguments(node, &what, declaration.fields, &[], visible);
        let compiled = compiled.unwrap_or_else(unread);
        defaults.push(Defaults { action: name.value.clone(), node, compiled });
    }
    defaults
}

/// Whether every key was known, here and in the defaults.
pub(super) fn spelling(written: &Compiled, defaults: Option<&Defaults<'_>>) -> Spelling {
    defaults.map_or(written.spelling, |defaults| written.spelling.max(defaults.compiled.spelling))
}

/// The fields as they were written, for the rules of a kind. Those of the defaults that hold here
/// come first, so that it is the step's own that is said to be in the way.
pub(super) fn written<'a>(
    node: &'a Node,
    name: Span,
    shorthand: Option<&'static str>,
    defaults: Option<&'a Defaults<'_>>,
) -> Written<'a> {
    let own: Vec<(&str, Span, &Node)> = match &node.kind {
        Kind::Scalar(_) if !node.is_null() => {
            shorthand.map(|field| (field, node.span, node)).into_iter().collect()
        }
        _ => entries(node),
    };
    let mut fields = defaults.map_or_else(Vec::new, |defaults| entries(defaults.node));
    fields.retain(|(field, ..)| !own.iter().any(|(other, ..)| other == field));
    fields.extend(own);
    Written { name, fields }
}

fn entries(node: &Node) -> Vec<(&str, Span, &Node)> {
    match &node.kind {
        Kind::Mapping(entries) => entries.iter().map(|(key, node)| (&*key.value, key.span, node)).collect(),
        _ => Vec::new(),
    }
}
