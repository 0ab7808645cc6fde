//! A prompt file where a step uses it: which one is meant, and whether what it is given fits.
//!
//! Codes: `unknown-prompt`, `missing-input`, `unknown-input`, `wrong-type`, and those of the texts.

use std::sync::Arc;

use serde_json::Map;

use crate::component::{Argument, PromptCall, SecretsIn};
use crate::diagnostic::{Diagnostic, Span, did_you_mean, quoted};
use crate::syntax::fields::{Field, Fields};
use crate::syntax::tree::{Kind, Node};
use crate::template::Tree;
use crate::value::Json;

use super::super::arguments::{Compiled as Written, Spelling, Texts};
use super::super::names::Visible;
use super::NotFound;
use super::file::{self, Compiled};

impl Texts<'_> {
    /// Compiles `{file, with, context, history}`.
    pub(in crate::check) fn prompt_file(
        &mut self,
        node: &Node,
        visible: &Visible,
    ) -> Option<Arc<PromptCall>> {
        let mut cursor = Fields::open(node, "`prompt`", self.diagnostics)?;
        let (file, with) = (cursor.require("file", self.diagnostics), cursor.take("with"));
        let (context, history) = (cursor.take("context"), cursor.take("history"));
        cursor.finish(self.diagnostics);
        let with_tree = with.map(|with| self.tree(with.node, SecretsIn::Refused, visible));
        let context = context.map_or_else(Vec::new, |context| self.variables(context.node, visible));
        let history = history.map(|history| self.tree(history.node, SecretsIn::Refused, visible));
        let file = file?;
        let compiled = self.prompt_named(file.node)?;
        self.given(&compiled, file.node.span, with);
        Some(Arc::new(PromptCall {
            file: compiled.path.clone(),
            prompt: compiled.prompt.clone(),
            inputs: compiled.inputs.clone(),
            with: with_tree.unwrap_or_else(|| Some(Tree::Literal(Arc::new(Json::Object(Map::new())))))?,
            context,
            history: match history {
                Some(tree) => Some(tree?),
                None => None,
            },
        }))
    }

    /// Adds what the prompt file of a step says of other fields to what the step says, which wins.
    pub(in crate::check) fn front_matter(&mut self, step: &mut Written, defaults: Option<&Written>) {
        // A prompt that cannot be used hides what its front matter would have said.
        if step.wrote("prompt") && step.arguments.get("prompt").is_none() {
            step.spelling = Spelling::Wrong;
        }
        let layers = [Some(&*step), defaults];
        let prompt = layers.into_iter().flatten().find_map(|layer| layer.arguments.get("prompt"));
        let Some(Argument::Prompt(call)) = prompt else { return };
        let Ok(entry) = self.prompts.prompts.find(&call.file) else { return };
        let Ok(compiled) = entry.compiled.clone() else { return };
        for (name, span) in &compiled.places {
            if !step.wrote(name) {
                step.places.push((name.clone(), *span));
            }
        }
        step.arguments = std::mem::take(&mut step.arguments).over(&compiled.arguments);
    }

    fn variables(&mut self, node: &Node, visible: &Visible) -> Vec<(Arc<str>, Tree)> {
        let Kind::Mapping(entries) = &node.kind else {
            let message = format!("`context` takes a map of what `@name` reads, found {}", node.describe());
            self.diagnostics.push(Diagnostic::error("wrong-type", node.span, message));
            return Vec::new();
        };
        let variable = |(name, node): &(crate::diagnostic::Spanned<Arc<str>>, Node)| {
            Some((name.value.clone(), self.tree(node, SecretsIn::Refused, visible)?))
        };
        entries.iter().filter_map(variable).collect()
    }

    /// The prompt file of this name, if it can be used.
    fn prompt_named(&mut self, node: &Node) -> Option<Arc<Compiled>> {
        let Some(written) = node.as_text() else {
            let message = format!("`file` is the name of a prompt file, found {}", node.describe());
            self.diagnostics.push(Diagnostic::error("wrong-type", node.span, message));
            return None;
        };
        let refuse = |message: String, help: String| {
            Some(Diagnostic::error("unknown-prompt", node.span, message).with_help(help))
        };
        let prompts = self.prompts.prompts;
        let problem = if written.contains("{{") {
            let message = "which prompt is sent is written, and never a value".to_owned();
            refuse(message, "choose with `switch` between two steps".to_owned())
        } else {
            match prompts.find(written) {
                Ok(entry) => {
                    let used = &mut self.prompts.used;
                    used.files.insert(entry.file);
                    let compiled = match &entry.compiled {
                        Ok(compiled) => compiled,
                        Err(wrong) => {
                            used.files.extend(wrong);
                            used.broken.extend(wrong);
                            return None;
                        }
                    };
                    used.files.extend(&compiled.partials);
                    return Some(compiled.clone());
                }
                Err(NotFound::Partial) => {
                    let message = format!("{} is a partial: a part of other texts", quoted(written));
                    refuse(
                        message,
                        "include it with `{{> name}}`, or name the file without the `_`".to_owned(),
                    )
                }
                Err(NotFound::Unknown(near)) => refuse(
                    format!("there is no prompt file {}", quoted(written)),
                    near.unwrap_or_else(|| {
                        "prompt files lie in `prompts` or `workflows` and end in `.prompt`".to_owned()
                    }),
                ),
            }
        };
        problem.into_iter().for_each(|problem| self.diagnostics.push(problem));
        None
    }

    /// What is given to a prompt against what it takes.
    fn given(&mut self, prompt: &Compiled, file: Span, with: Option<Field<'_>>) {
        let entries = match with.map(|with| &with.node.kind) {
            Some(Kind::Mapping(entries)) => &**entries,
            // One value, be it all inputs together: it is looked at when it is known.
            Some(_) => return,
            None => &[],
        };
        let place = with.map_or(file, |with| with.key.span);
        let is_given = |name: &str| {
            entries.iter().any(|(key, _)| &*key.value == name) || prompt.inputs.defaults.contains_key(name)
        };
        let missing = |name: &str| {
            Diagnostic::error(
                "missing-input",
                place,
                format!("the prompt's input {} is not given", quoted(name)),
            )
            .with_help(file::workflows(name).unwrap_or_else(|| format!("add `{name}: …` below `with:`")))
        };
        let Some(schema) = &prompt.inputs.schema else {
            for (name, span) in prompt.reads.iter().filter(|(name, _)| !is_given(name)) {
                self.diagnostics.push(missing(name).with_related(*span, "it is read here"));
            }
            return;
        };
        let declared = |name: &str| prompt.schema.as_ref().map(|node| declaration(node, name));
        let json = schema.json();
        let required = json.get("required").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        for name in required.iter().filter_map(Json::as_str).filter(|name| !is_given(name)) {
            if json["properties"][name].get("default").is_some() {
                continue;
            }
            let found = missing(name);
            self.diagnostics.push(match declared(name) {
                Some(span) => found.with_related(span, "it is declared here"),
                None => found,
            });
        }
        for (key, node) in entries {
            let problem = match file::closed(schema) {
                Some(properties) if !properties.contains_key(&*key.value) => {
                    let message = format!("the prompt has no input {}", quoted(&key.value));
                    let near = did_you_mean(&key.value, properties.keys().map(String::as_str));
                    Diagnostic::error("unknown-input", key.span, message).with_help_if(near)
                }
                _ if !is_literal(node) => continue,
                _ => match file::misfit(schema, &key.value, &node.to_json()) {
                    Some(why) => {
                        Diagnostic::error("wrong-type", node.span, format!("this does not fit: {why}"))
                    }
                    None => continue,
                },
            };
            self.diagnostics.push(match declared(&key.value) {
                Some(span) => problem.with_related(span, "what the prompt takes"),
                None => problem,
            });
        }
    }
}

/// Where a schema declares this field; the whole schema where it does not.
fn declaration(schema: &Node, name: &str) -> Span {
    let Kind::Mapping(entries) = &schema.kind else { return schema.span };
    let properties = entries.iter().find(|(key, _)| &*key.value == "properties").map(|(_, node)| &node.kind);
    let fields = match properties {
        Some(Kind::Mapping(fields)) => fields,
        _ => entries,
    };
    let bare =
        |key: &str| key.split('(').next().unwrap_or(key).trim().trim_end_matches('?').trim_end().to_owned();
    let found = fields.iter().find(|(key, _)| *key.value == *name || bare(&key.value) == name);
    found.map_or(schema.span, |(key, _)| key.span)
}

/// Whether nothing in a value is a template.
fn is_literal(node: &Node) -> bool {
    match &node.kind {
        Kind::Scalar(scalar) => !scalar.text.contains("{{"),
        Kind::Sequence(items) => items.iter().all(is_literal),
        Kind::Mapping(entries) => entries.iter().all(|(_, node)| is_literal(node)),
    }
}
