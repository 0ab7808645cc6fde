//! The inputs of a workflow: as it declares them, and as triggers and callers fill them.
//!
//! Codes: `bad-id`, `bad-schema`, `bad-default`, `unknown-input`, `missing-input`.

use std::sync::Arc;

use crate::component::SecretsIn;
use crate::diagnostic::{Diagnostic, Diagnostics, Span, did_you_mean};
use crate::ids::is_identifier;
use crate::syntax::ast;
use crate::syntax::fields::boolean_word;
use crate::syntax::tree::{Kind, Node};
use crate::template::types::Presence;
use crate::template::{Schema, SchemaError, SchemaPart, Tree, Ty, Violation, field_name};
use crate::value::Json;

use super::arguments::{at_pointer, place_of};
use super::names::Visible;
use super::texts::Texts;

/// An input of a workflow.
#[derive(Clone, Debug)]
pub struct Input {
    /// Under which steps read it.
    pub name: Arc<str>,
    /// What it must be.
    pub schema: Arc<Schema>,
    /// What it is when nobody gives it.
    pub default: Option<Json>,
    /// Whether somebody must give it.
    pub required: bool,
}

/// The inputs of a workflow.
#[derive(Clone, Debug, Default)]
pub(super) struct Inputs {
    /// Those that were declared well.
    pub declared: Vec<Input>,
    /// What can be read of all of them: a bad declaration is one mistake, and to read it no second.
    pub known: Vec<(Arc<str>, Ty)>,
    /// Whether what was declared could not be read at all, so that any may be meant.
    pub unread: bool,
}

impl Inputs {
    /// What `inputs` holds.
    pub fn ty(&self) -> Ty {
        if self.unread {
            return Ty::any();
        }
        Ty::map(self.known.iter().map(|(name, ty)| (name.clone(), ty.clone(), Presence::Required)))
    }
}

/// The inputs that a file declares.
pub(super) fn inputs(ast: &ast::Workflow, diagnostics: &mut Diagnostics) -> Inputs {
    let mut inputs = Inputs { unread: ast.unread.contains(&"inputs"), ..Inputs::default() };
    for (name, node) in &ast.inputs {
        let (bare, presence) = field_name(&name.value);
        if inputs.known.iter().any(|(known, _)| **known == *bare) {
            let message = format!("the input `{bare}` is there twice");
            diagnostics
                .push(Diagnostic::error("bad-id", name.span, message).with_help("give it another name"));
            continue;
        }
        let input = input(name, bare, presence, node, diagnostics);
        let ty = input.as_ref().map_or_else(Ty::any, |input| {
            let ty = Ty::of_schema(input.schema.json());
            // What nobody gives is null.
            if input.default == Some(Json::Null) { ty.or_null() } else { ty }
        });
        inputs.known.push((bare.into(), ty));
        inputs.declared.extend(input);
    }
    inputs
}

fn input(
    name: &ast::Name,
    bare: &str,
    presence: Presence,
    node: &Node,
    diagnostics: &mut Diagnostics,
) -> Option<Input> {
    if !is_identifier(bare) {
        let message = format!("`{bare}` cannot be an input's name");
        let help = "use letters, digits and `_`, and begin with a letter";
        diagnostics.push(Diagnostic::error("bad-id", name.span, message).with_help(help));
        return None;
    }
    let optional = presence == Presence::Optional;
    match Schema::parse_field(&name.value, &node.to_json()) {
        Ok(None) => {}
        // With its form in the key an input has no `default`: what stands there is a field.
        Ok(Some(schema)) => {
            return Some(Input {
                name: bare.into(),
                schema: Arc::new(schema),
                default: optional.then_some(Json::Null),
                required: !optional,
            });
        }
        Err(error) => {
            diagnostics.push(bad_field(name, node, error));
            return None;
        }
    }
    let schema = match Schema::parse(&node.to_json()) {
        Ok(schema) => schema,
        Err(error) => {
            let at = at_pointer(node, &error.pointer);
            let (message, help) = match at.as_scalar() {
                // So other programs say what is so here unless it has a default.
                Some(_) if error.pointer == "/required" => (
                    "`required` lists fields of a map, and does not say whether an input is given".to_owned(),
                    "take it out: an input without `default` must be given, and `NAME?` need not be",
                ),
                Some(_) if error.pointer.ends_with("/items") => {
                    (error.message.clone(), "write the type as a schema, like `items: { type: string }`")
                }
                _ => (
                    error.message.clone(),
                    "an input is declared by its type, like `string` or `{ type: string, default: fr }`",
                ),
            };
            let problem = Diagnostic::error("bad-schema", place_of(node, &error), message);
            // A message may say itself what is meant.
            let says_all = problem.message.contains("; ");
            diagnostics.push(if says_all { problem } else { problem.with_help(help) });
            return None;
        }
    };
    let default = match &node.kind {
        Kind::Mapping(entries) => {
            entries.iter().find(|(key, _)| &*key.value == "default").map(|(_, node)| node)
        }
        _ => None,
    };
    if let Some(node) = default
        && let Err(violations) = schema.validate(&node.to_json())
    {
        let why = told(&violations);
        let help = node.as_text().filter(|_| why.contains("true or false")).and_then(boolean_word);
        let message = format!("the default does not fit: {why}");
        diagnostics.push(Diagnostic::error("bad-default", node.span, message).with_help_if(help));
    }
    Some(Input {
        name: bare.into(),
        schema: Arc::new(schema),
        default: default.map(Node::to_json).or(optional.then_some(Json::Null)),
        required: default.is_none() && !optional,
    })
}

/// What is wrong with a field that has its form in its key: with the key, or with what stands there.
fn bad_field(name: &ast::Name, node: &Node, error: SchemaError) -> Diagnostic {
    let problem = |at| Diagnostic::error("bad-schema", at, error.message.clone());
    match error.part {
        SchemaPart::Key if error.pointer.matches('/').count() == 1 => problem(name.span).with_help(
            "a type stands in parentheses after the name, like `tags(array): string` or `lang(enum): [fr, en]`",
        ),
        _ => {
            // The first name on the way is that of the input itself.
            let below = error.pointer.trim_start_matches('/').split_once('/').map(|(_, below)| below);
            let pointer = below.map(|below| format!("/{below}")).unwrap_or_default();
            problem(place_of(node, &SchemaError { pointer, ..error.clone() }))
        }
    }
}

fn told(violations: &[Violation]) -> String {
    violations.iter().map(|violation| violation.message.as_str()).collect::<Vec<_>>().join("; ")
}

/// What fills the inputs of a workflow.
#[derive(Clone, Copy)]
pub(super) enum Filler<'a> {
    /// A trigger of the workflow itself.
    Trigger,
    /// A step of this workflow or another that calls this one.
    Call(&'a str),
}

/// The values for a workflow's inputs: each must exist, and each that must be given must be there.
/// `at` is where to say that one is missing.
pub(super) fn fill(
    entries: &[(ast::Name, Node)],
    at: Span,
    inputs: &Inputs,
    filler: Filler<'_>,
    visible: &Visible,
    texts: &mut Texts<'_>,
) -> Vec<(Arc<str>, Tree)> {
    let mut values = Vec::new();
    // An input that is missing is most likely the one that has another name here.
    let mut misspelled = false;
    for (name, node) in entries {
        let known = inputs.known.iter().find(|(input, _)| *input == name.value);
        if known.is_none() && !inputs.unread {
            let message = match filler {
                Filler::Trigger => format!("the workflow has no input `{}`", name.value),
                Filler::Call(workflow) => format!("the workflow `{workflow}` has no input `{}`", name.value),
            };
            misspelled = true;
            let names: Vec<_> = inputs.known.iter().map(|(input, _)| &**input).collect();
            let help = did_you_mean(&name.value, names)
                .unwrap_or_else(|| "declare it there under `inputs:`".to_owned());
            texts.diagnostics.push(Diagnostic::error("unknown-input", name.span, message).with_help(help));
        }
        if let Some((tree, ty)) = texts.tree_of(node, SecretsIn::Refused, visible) {
            let declared = inputs.declared.iter().find(|input| input.name == name.value);
            let misfit = match (&tree, declared, known) {
                (Tree::Literal(value), Some(input), _) => {
                    input.schema.validate(value).err().map(|violations| told(&violations))
                }
                (_, _, Some((_, wanted))) if ty.excludes(wanted) => {
                    Some(format!("expected {wanted}, found {ty}"))
                }
                _ => None,
            };
            if let Some(why) = misfit {
                let message = format!("this does not fit the input `{}`: {why}", name.value);
                texts.diagnostics.push(Diagnostic::error("wrong-type", node.span, message));
            }
            values.push((name.value.clone(), tree));
        }
    }
    let given = |input: &Input| entries.iter().any(|(name, _)| name.value == input.name);
    for input in inputs.declared.iter().filter(|input| input.required && !given(input) && !misspelled) {
        let (message, help) = match filler {
            Filler::Trigger => (
                format!("this trigger does not fill the input `{}`", input.name),
                format!(
                    "add it below `with:`, like `{}: \"{{{{event.…}}}}\"`, or give it a default",
                    input.name
                ),
            ),
            Filler::Call(workflow) => (
                format!("the workflow `{workflow}` needs the input `{}`", input.name),
                format!("add `{}: …` below `with:`", input.name),
            ),
        };
        texts.diagnostics.push(Diagnostic::error("missing-input", at, message).with_help(help));
    }
    values
}
