//! One prompt file: its inputs, its body, and what its front matter says for the action that sends it.
//!
//! Codes: `empty-prompt`, `unknown-config` (a warning), `duplicate-key`, `bad-default`,
//! `unknown-input`, and those of schemas, arguments and templates.

use std::sync::Arc;

use serde_json::{Map, json};

use crate::component::{ActionDeclaration, Argument, Arguments, FieldType, Kinds, SecretsIn};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceFile, Span, did_you_mean, quoted};
use crate::syntax::prompt::{self, FrontMatter};
use crate::syntax::tree::{Kind, Node};
use crate::template::prompt::{Inputs, Prompt};
use crate::template::{Finding, Need, ROOTS, Schema, Segment, Ty};
use crate::value::Json;

use super::super::arguments::{Slot, Texts};
use super::super::names::{Ids, Visible};
use super::super::texts::{Reads, Used as Read};
use super::{Loan, Prompts, Shelf, Used};

/// A prompt file without errors.
#[derive(Debug)]
pub(in crate::check) struct Compiled {
    /// Its path, as people read it.
    pub path: Arc<str>,
    /// Its body.
    pub prompt: Arc<Prompt>,
    /// What it takes.
    pub inputs: Arc<Inputs>,
    /// Where the schema of that is written.
    pub schema: Option<Node>,
    /// What it says of the fields of the action.
    pub arguments: Arguments,
    /// Where it says that.
    pub places: Vec<(String, Span)>,
    /// The partials that it includes.
    pub partials: Vec<FileId>,
    /// Where each input is read first that has to be there.
    pub reads: Vec<(Arc<str>, Span)>,
}

/// Fields of an action that `config` does not set.
const NOT_CONFIG: [&str; 8] = ["model", "prompt", "system", "messages", "schema", "tools", "images", "files"];

/// Compiles a prompt file. One with errors gives the files that those stand in: its own, and partials.
pub(super) fn compile(
    file: FileId,
    source: &SourceFile,
    shelf: &Shelf,
    kinds: &Kinds,
    diagnostics: &mut Diagnostics,
) -> Result<Compiled, Vec<FileId>> {
    let mut own = Diagnostics::new();
    let compiled = read(file, source, shelf, kinds, &mut own);
    let errors = own.iter().filter(|found| found.is_error());
    let mut wrong: Vec<_> = errors.map(|found| found.primary.span.file).collect();
    diagnostics.extend(own);
    match compiled {
        Some(compiled) if wrong.is_empty() => Ok(compiled),
        _ => {
            wrong.push(file);
            Err(wrong)
        }
    }
}

fn read(
    file: FileId,
    source: &SourceFile,
    shelf: &Shelf,
    kinds: &Kinds,
    diagnostics: &mut Diagnostics,
) -> Option<Compiled> {
    let read = prompt::read(file, &source.text, diagnostics)?;
    let front = read.front;
    let (ids, nothing, mut secrets, mut used) = (Ids::new(), Prompts::default(), Vec::new(), Used::default());
    let mut texts = Texts {
        ids: &ids,
        prompts: Loan::new(&nothing, &source.path, &mut used),
        diagnostics,
        secrets: &mut secrets,
        reads: Reads::default(),
        used: Read::default(),
    };
    let schema = front.input_schema.as_ref().map(|node| texts.schema(node));
    let settled = settings(&front, kinds, &mut texts);
    let defaults = defaults(&front, schema.as_ref().and_then(Option::as_ref), texts.diagnostics);

    let offset = read.body.start;
    let at = |range: std::ops::Range<usize>| Span::new(file, offset + range.start, offset + range.end);
    let body = &source.text[read.body.clone()];
    if body.trim().is_empty() {
        let found = Diagnostic::error("empty-prompt", at(0..0), "the prompt says nothing");
        diagnostics.push(found.with_help("write below the front matter what the model is told"));
        return None;
    }
    let prompt = match Prompt::compile(body, &shelf.partials) {
        Ok(prompt) => prompt,
        Err(errors) => {
            errors.into_iter().for_each(|error| diagnostics.push(shelf.diagnostic(error, at)));
            return None;
        }
    };
    let schema_of_inputs = match schema {
        Some(schema) => Some(schema?),
        None => None,
    };
    let inputs = Inputs { schema: schema_of_inputs, defaults };
    names(&prompt, &inputs, at, diagnostics);
    let (arguments, places) = settled;
    let mut reads: Vec<(Arc<str>, Span)> = Vec::new();
    for reference in prompt.references() {
        if let Some(Segment::Key(name)) = reference.path.first()
            && reference.need == Need::Required
            && !reads.iter().any(|(known, _)| known == name)
        {
            reads.push((name.clone(), at(reference.range.clone())));
        }
    }
    Some(Compiled {
        path: source.path.to_string_lossy().into(),
        partials: shelf.files_of(prompt.partials()).collect(),
        prompt: Arc::new(prompt),
        inputs: Arc::new(inputs),
        schema: front.input_schema,
        arguments,
        places,
        reads,
    })
}

/// The properties of a schema that knows all names there are; none where others may be given too.
pub(super) fn closed(schema: &Schema) -> Option<&Map<String, Json>> {
    let others = schema.json().get("additionalProperties");
    let properties = schema.json().get("properties").and_then(Json::as_object);
    properties.filter(|_| others == Some(&Json::Bool(false)))
}

/// Every name of the body against the schema of the inputs.
fn names(
    prompt: &Prompt,
    inputs: &Inputs,
    at: impl Fn(std::ops::Range<usize>) -> Span,
    diagnostics: &mut Diagnostics,
) {
    let Some(properties) = inputs.schema.as_deref().and_then(closed) else { return };
    for reference in prompt.references() {
        let Some(Segment::Key(name)) = reference.path.first() else { continue };
        let span = at(reference.range.clone());
        if !properties.contains_key(&**name) {
            let message = format!("the prompt has no input {}", quoted(name));
            let help = workflows(name)
                .or_else(|| did_you_mean(name, properties.keys().map(String::as_str)))
                .unwrap_or_else(|| "declare it under `input.schema`".to_owned());
            diagnostics.push(Diagnostic::error("unknown-input", span, message).with_help(help));
        }
    }
    // What an input lacks it may have been given all the same; what it cannot have is a mistake.
    let Some(schema) = inputs.schema.as_deref() else { return };
    for Finding { problem, .. } in prompt.infer(&Ty::of_schema(schema.json())) {
        if problem.code == "unknown-field" {
            let found = Diagnostic::error(problem.code, at(problem.range), problem.message);
            diagnostics.push(found.with_help_if(problem.help));
        }
    }
}

/// What to do instead of reading a name that is the workflow's.
pub(super) fn workflows(name: &str) -> Option<String> {
    ROOTS.contains(&name).then(|| {
        format!("a prompt file reads nothing of the workflow: take what it needs of `{name}` as an input, and give it below `with:`")
    })
}

/// The defaults of the inputs, against their schema.
fn defaults(
    front: &FrontMatter,
    schema: Option<&Arc<Schema>>,
    diagnostics: &mut Diagnostics,
) -> Map<String, Json> {
    let Some(node) = front.input_default.as_ref().filter(|node| !node.is_null()) else { return Map::new() };
    let Kind::Mapping(entries) = &node.kind else {
        let message = format!("`default` must be a map of inputs, found {}", node.describe());
        diagnostics.push(Diagnostic::error("wrong-type", node.span, message));
        return Map::new();
    };
    for (name, value) in entries.iter() {
        let Some(schema) = schema else { break };
        if let Some(properties) = closed(schema)
            && !properties.contains_key(&*name.value)
        {
            let message = format!("the prompt has no input {}", quoted(&name.value));
            let near = did_you_mean(&name.value, properties.keys().map(String::as_str));
            diagnostics.push(Diagnostic::error("unknown-input", name.span, message).with_help_if(near));
        }
        if let Some(why) = misfit(schema, &name.value, &value.to_json()) {
            let message = format!("the default does not fit: {why}");
            diagnostics.push(Diagnostic::error("bad-default", value.span, message));
        }
    }
    entries.iter().map(|(name, value)| (name.value.to_string(), value.to_json())).collect()
}

/// Why a value does not fit this property of a schema; none if it does, or nothing is known of it.
pub(super) fn misfit(schema: &Schema, name: &str, value: &Json) -> Option<String> {
    let property = schema.json().get("properties")?.get(name)?;
    // What a part of a schema refers to may lie outside of it.
    let violations = Schema::parse(property).ok()?.validate(value).err()?;
    let told = violations.into_iter().take(3).map(|violation| match violation.pointer.as_str() {
        "" => violation.message,
        pointer => format!("`{}`: {}", &pointer[1..], violation.message),
    });
    Some(told.collect::<Vec<_>>().join("; "))
}

/// What the front matter says of the fields of the action that takes prompts, with the places.
fn settings(front: &FrontMatter, kinds: &Kinds, texts: &mut Texts<'_>) -> (Arguments, Vec<(String, Span)>) {
    let mut settings = Settings { fields: Vec::new(), places: Vec::new() };
    let takes_prompts =
        |kind: &&ActionDeclaration| kind.fields.iter().any(|field| matches!(field.ty, FieldType::Prompt));
    let Some(action) = kinds.actions().find(takes_prompts) else { return settings.done() };
    if let Some(node) = &front.model {
        settings.set(action, "model", node, node.span, texts);
    }
    for (key, node) in &front.config {
        let name = field_of(&key.value);
        let names = action.fields.iter().map(|field| field.name).filter(|name| !NOT_CONFIG.contains(name));
        if names.clone().any(|known| known == name) {
            settings.set(action, name, node, key.span, texts);
            continue;
        }
        let message = format!("{} means nothing to `{}` and is not sent", quoted(&key.value), action.name);
        let help = did_you_mean(name, names)
            .unwrap_or_else(|| "what a server takes besides is sent when it stands under `extra`".to_owned());
        texts.diagnostics.push(Diagnostic::warning("unknown-config", key.span, message).with_help(help));
    }
    if let Some(node) = &front.output_schema {
        settings.set(action, "schema", node, node.span, texts);
    }
    match &front.output_format {
        Some(format) if &*format.value == "json" && front.output_schema.is_none() => {
            // Any map: what servers take as JSON without a schema.
            if let Ok(schema) = Schema::parse(&json!({ "type": "object" })) {
                settings.push("schema", Argument::Schema(Arc::new(schema)), format.span);
            }
        }
        Some(format) if &*format.value == "text" && front.output_schema.is_some() => {
            let message = "the answer has a schema, and so is JSON and no text";
            texts.diagnostics.push(Diagnostic::warning("output-format", format.span, message));
        }
        Some(format) if !matches!(&*format.value, "json" | "text") => {
            let message =
                format!("the format {} is not known; the answer is taken as it comes", quoted(&format.value));
            let found = Diagnostic::warning("output-format", format.span, message);
            texts.diagnostics.push(found.with_help("write `json` or `text`"));
        }
        _ => {}
    }
    if let Some(node) = &front.tools {
        if action.fields.iter().any(|field| field.name == "tools") {
            settings.set(action, "tools", node, node.span, texts);
        } else {
            let message = format!("`{}` offers no tools to the model", action.name);
            texts.diagnostics.push(Diagnostic::warning("unknown-config", node.span, message));
        }
    }
    settings.done()
}

/// The field of an action that a key of `config` sets: in the words of Dotprompt or its own.
fn field_of(key: &str) -> &str {
    match key {
        "maxOutputTokens" | "maxTokens" => "max_tokens",
        "topP" => "top_p",
        "stopSequences" => "stop",
        "reasoningEffort" => "reasoning_effort",
        own => own,
    }
}

/// What a front matter has set so far.
struct Settings {
    fields: Vec<(Arc<str>, Argument)>,
    places: Vec<(String, Span)>,
}

impl Settings {
    /// Sets a field to what is written; `at` is where that is said of it.
    fn set(&mut self, action: &ActionDeclaration, name: &str, node: &Node, at: Span, texts: &mut Texts<'_>) {
        let Some(field) = action.fields.iter().find(|field| field.name == name) else { return };
        if let Some((_, first)) = self.places.iter().find(|(known, _)| known == name) {
            let message = format!("`{name}` is set twice");
            let found = Diagnostic::error("duplicate-key", at, message).with_related(*first, "first here");
            texts.diagnostics.push(found);
            return;
        }
        let what = format!("`{name}`");
        let slot = Slot { what: &what, secrets: SecretsIn::Refused, visible: &Visible::nothing() };
        if let Some(argument) = texts.argument(node, &field.ty, slot) {
            self.push(field.name, argument, node.span);
        }
    }

    fn push(&mut self, name: &str, argument: Argument, at: Span) {
        self.fields.push((name.into(), argument));
        self.places.push((name.to_owned(), at));
    }

    fn done(self) -> (Arguments, Vec<(String, Span)>) {
        (Arguments::new(self.fields), self.places)
    }
}
