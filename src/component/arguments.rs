//! The arguments of one step: compiled by the checker, rendered by the engine, decoded by the kind.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::template::{Schema, Scope, Sink, Template, Tree};
use crate::value::{Failure, Json};

/// One compiled argument.
#[derive(Clone, Debug)]
pub enum Argument {
    /// A value in which templates and expressions may stand.
    Tree(Tree),
    /// Text for a place that has rules of its own (a path, an address).
    Text(Arc<Template>, Sink),
    /// A schema, compiled once.
    Schema(Arc<Schema>),
    /// A list in which each has its own rules.
    List(Vec<Argument>),
    /// A map in which each has its own rules.
    Map(Vec<(Arc<str>, Argument)>),
}

impl Argument {
    /// The value in this scope.
    ///
    /// # Errors
    /// When a template or an expression fails.
    pub fn evaluate(&self, scope: &Scope) -> Result<Json, Failure> {
        match self {
            Self::Tree(tree) => tree.evaluate(scope),
            Self::Text(template, sink) => template.render(scope, *sink).map(Json::String),
            Self::Schema(schema) => Ok(schema.json().clone()),
            Self::List(items) => items.iter().map(|item| item.evaluate(scope)).collect(),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, entry)| Ok((key.to_string(), entry.evaluate(scope)?)))
                .collect::<Result<serde_json::Map<_, _>, Failure>>()
                .map(Json::Object),
        }
    }
}

/// The compiled arguments of a step or a trigger, by field.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    fields: Vec<(Arc<str>, Argument)>,
}

impl Arguments {
    /// Arguments in the order written.
    pub fn new(fields: Vec<(Arc<str>, Argument)>) -> Self {
        Self { fields }
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
    /// When a template or an expression fails.
    pub fn render(&self, scope: &Scope) -> Result<Rendered, Failure> {
        let values = self
            .fields
            .iter()
            .map(|(name, argument)| Ok((name.to_string(), argument.evaluate(scope)?)))
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
