//! The arguments of one step: compiled by the checker, rendered by the engine, decoded by the kind.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::template::{Expr, Schema, Scope, Sink, Template, Tree};
use crate::value::{Failure, Json};

use super::{Allow, PromptCall};

/// One compiled argument.
#[derive(Clone, Debug)]
pub enum Argument {
    /// A value in which templates and expressions may stand.
    Tree(Tree),
    /// Text for a place that has rules of its own (a path, an address).
    Text(Arc<Template>, Sink),
    /// A path to read, or one value that is a file reference.
    File(Arc<Template>),
    /// An expression that the action evaluates itself, over names of its own.
    Later(Arc<Expr>),
    /// A schema, compiled once.
    Schema(Arc<Schema>),
    /// A prompt file and what it is given.
    Prompt(Arc<PromptCall>),
    /// A list in which each has its own rules.
    List(Vec<Argument>),
    /// A map in which each has its own rules.
    Map(Vec<(Arc<str>, Argument)>),
}

impl Argument {
    /// The value in this scope, where data may choose so much.
    ///
    /// # Errors
    /// When a template or an expression fails, or data would choose more.
    fn evaluate(&self, scope: &Scope, allow: &Allow) -> Result<Json, Failure> {
        match self {
            Self::Text(template, Sink::Url) => allow.url(template, scope).map(Json::String),
            Self::Text(template, Sink::Path) => allow.path(template, scope).map(Json::String),
            Self::Tree(tree) => tree.evaluate(scope),
            Self::Text(template, sink) => template.render(scope, *sink).map(Json::String),
            Self::File(template) => match template.is_single_value() {
                true => match template.evaluate(scope)? {
                    reference @ Json::Object(_) => Ok(reference),
                    _ => template.render(scope, Sink::Folders).map(Json::String),
                },
                false => template.render(scope, Sink::Folders).map(Json::String),
            },
            Self::Later(_) => Ok(Json::Null),
            Self::Schema(schema) => Ok(schema.json().clone()),
            Self::Prompt(call) => call.evaluate(scope),
            Self::List(items) => items.iter().map(|item| item.evaluate(scope, allow)).collect(),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, entry)| Ok((key.to_string(), entry.evaluate(scope, allow)?)))
                .collect::<Result<serde_json::Map<_, _>, Failure>>()
                .map(Json::Object),
        }
    }
}

/// The compiled arguments of a step or a trigger, by field.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    fields: Vec<(Arc<str>, Argument)>,
    /// What data may choose in them.
    allow: Arc<Allow>,
}

impl Arguments {
    /// Arguments in the order written.
    pub fn new(fields: Vec<(Arc<str>, Argument)>) -> Self {
        Self { fields, allow: Arc::default() }
    }

    /// The same, in which data may choose so much.
    #[must_use]
    pub fn allowing(self, allow: Arc<Allow>) -> Self {
        Self { allow, ..self }
    }

    /// The argument of this field.
    pub fn get(&self, name: &str) -> Option<&Argument> {
        self.fields.iter().find(|(field, _)| &**field == name).map(|(_, argument)| argument)
    }

    /// All fields that were written, with their arguments.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Argument)> {
        self.fields.iter().map(|(name, argument)| (&**name, argument))
    }

    /// The schema written in this field.
    pub fn schema(&self, name: &str) -> Option<&Arc<Schema>> {
        match self.get(name)? {
            Argument::Schema(schema) => Some(schema),
            _ => None,
        }
    }

    /// The word written in this field, where it was written without templates.
    pub fn word(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Argument::Tree(Tree::Literal(value)) => value.as_str(),
            Argument::Text(template, _) | Argument::File(template) => template.literal(),
            _ => None,
        }
    }

    /// The expression in this part of a record, which is evaluated later.
    pub fn later(&self, record: &str, part: &str) -> Option<&Arc<Expr>> {
        let Argument::Map(parts) = self.get(record)? else { return None };
        match parts.iter().find(|(name, _)| &**name == part)? {
            (_, Argument::Later(expression)) => Some(expression),
            _ => None,
        }
    }

    /// These arguments over those: a field that both have is taken from here.
    #[must_use]
    pub fn over(mut self, defaults: &Self) -> Self {
        for (name, argument) in &defaults.fields {
            if self.get(name).is_none() {
                self.fields.push((name.clone(), argument.clone()));
            }
        }
        self
    }

    /// The values of all fields in this scope.
    ///
    /// # Errors
    /// When a template or an expression fails, or data would choose what it may not.
    pub fn render(&self, scope: &Scope) -> Result<Rendered, Failure> {
        let values = self
            .fields
            .iter()
            .map(|(name, argument)| Ok((name.to_string(), argument.evaluate(scope, &self.allow)?)))
            .collect::<Result<_, Failure>>()?;
        Ok(Rendered { values })
    }
}

/// The values of a step's fields, ready for its kind. Secrets in it are placeholders.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// By field, in the order written.
    pub values: serde_json::Map<String, Json>,
}

impl Rendered {
    /// The values as the kind's own type.
    ///
    /// # Errors
    /// When a template gave a value that the field does not take.
    pub fn decode<T: DeserializeOwned>(self) -> Result<T, Failure> {
        serde_json::from_value(Json::Object(self.values)).map_err(|error| {
            Failure::new("wrong_value", format!("a field has a value it cannot take: {error}"))
        })
    }
}
