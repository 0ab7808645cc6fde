//! What is known of a value before anything runs: enough to find a misspelled field.

use std::sync::Arc;

use crate::component::Type;
use crate::template::Segment;
use crate::value::Json;

/// What is known of a value.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// As a declaration says.
    Declared(Type),
    /// As this JSON Schema, or this part of one, says.
    Schema(Arc<Json>),
    /// A map of these names.
    Map(Vec<(Arc<str>, Shape)>),
    /// Nothing.
    Unknown,
}

/// A path that leads nowhere.
#[derive(Debug)]
pub(super) struct NoSuchField {
    /// How many segments of the path exist.
    pub known: usize,
    /// What there is instead; empty when the value has no fields at all.
    pub names: Vec<String>,
    /// What the value is that has no such field.
    pub what: &'static str,
}

impl Shape {
    /// What is known of the value at this path.
    ///
    /// # Errors
    /// When there can be no such value.
    pub fn at(&self, path: &[Segment]) -> Result<Self, NoSuchField> {
        let mut shape = self.clone();
        for (known, segment) in path.iter().enumerate() {
            shape = shape.step(segment).map_err(|(what, names)| NoSuchField { known, names, what })?;
        }
        Ok(shape)
    }

    fn step(&self, segment: &Segment) -> Result<Self, (&'static str, Vec<String>)> {
        match (self, segment) {
            (Self::Unknown | Self::Declared(Type::Any), _) => Ok(Self::Unknown),
            (Self::Declared(Type::Record(fields)), Segment::Key(key)) => fields
                .iter()
                .find(|(name, _)| *name == &**key)
                .map(|(_, ty)| Self::Declared(*ty))
                .ok_or_else(|| ("a map", fields.iter().map(|(name, _)| (*name).to_owned()).collect())),
            (Self::Declared(Type::List(of)), Segment::Index(_) | Segment::Each) => Ok(Self::Declared(**of)),
            (Self::Declared(Type::Text), _) => Err(("text", Vec::new())),
            (Self::Declared(Type::Integer), _) => Err(("a number", Vec::new())),
            (Self::Declared(Type::Boolean), _) => Err(("a boolean", Vec::new())),
            (Self::Declared(Type::Null), _) => Err(("always null", Vec::new())),
            (Self::Declared(Type::List(_)), Segment::Key(_)) => Err(("a list", Vec::new())),
            (Self::Declared(Type::Record(_)), _) => Ok(Self::Unknown),
            (Self::Map(fields), Segment::Key(key)) => fields
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, shape)| shape.clone())
                .ok_or_else(|| ("a map", fields.iter().map(|(name, _)| name.to_string()).collect())),
            (Self::Map(_), _) => Ok(Self::Unknown),
            (Self::Schema(schema), segment) => in_schema(schema, segment),
        }
    }
}

/// A step into what a schema describes. Only what is certain is refused: a key that no property
/// has, where the schema allows no others.
fn in_schema(schema: &Json, segment: &Segment) -> Result<Shape, (&'static str, Vec<String>)> {
    let known = |json: &Json| Shape::Schema(Arc::new(json.clone()));
    match segment {
        Segment::Key(key) => {
            let Some(properties) = schema.get("properties").and_then(Json::as_object) else {
                return match schema.get("type").and_then(Json::as_str) {
                    Some("string") => Err(("text", Vec::new())),
                    Some("integer" | "number") => Err(("a number", Vec::new())),
                    Some("boolean") => Err(("a boolean", Vec::new())),
                    Some("array") => Err(("a list", Vec::new())),
                    _ => Ok(Shape::Unknown),
                };
            };
            match properties.get(&**key) {
                Some(property) => Ok(known(property)),
                None if schema.get("additionalProperties") == Some(&Json::Bool(false)) => {
                    Err(("a map", properties.keys().cloned().collect()))
                }
                None => Ok(Shape::Unknown),
            }
        }
        Segment::Index(_) | Segment::Each => Ok(schema.get("items").map_or(Shape::Unknown, known)),
    }
}
