//! Reading a schema: the layers that hold for one value, once references and branches are followed.
//!
//! Nothing is copied: a layer is a part of the schema as it was sent, and what several layers say
//! of one keyword is combined when it is asked for.

use std::collections::VecDeque;

use serde_json::{Map, Value};

/// The most layers of one value; a reference that leads to itself ends here.
const MAX_LAYERS: usize = 64;

/// The longest reference that is followed.
const MAX_REFERENCE: usize = 1_024;

/// The object schemas that all hold for one value.
#[derive(Debug)]
pub(super) struct Layers<'s> {
    layers: Vec<&'s Map<String, Value>>,
}

/// How branches are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Branching {
    /// The first that is not null.
    First,
    /// The one that is soonest at its end, so that a recursive schema ends.
    Plainest,
}

impl<'s> Layers<'s> {
    /// The layers of these schemas, which all hold for one value.
    pub(super) fn of(root: &'s Value, schemas: &[&'s Value], branching: Branching) -> Self {
        let mut waiting: VecDeque<&Value> = schemas.iter().copied().collect();
        let mut layers = Vec::new();
        while let Some(schema) = waiting.pop_front() {
            let Some(layer) = schema.as_object() else { continue };
            if layers.len() == MAX_LAYERS {
                break;
            }
            layers.push(layer);
            if let Some(Value::String(reference)) = layer.get("$ref") {
                waiting.extend(resolve(root, reference));
            }
            if let Some(Value::Array(all)) = layer.get("allOf") {
                waiting.extend(all.iter().take(MAX_LAYERS));
            }
            for keyword in ["anyOf", "oneOf"] {
                if let Some(Value::Array(branches)) = layer.get(keyword) {
                    waiting.extend(choose(branches, branching));
                }
            }
        }
        Self { layers }
    }

    /// What each layer says under a keyword.
    pub(super) fn all(&self, keyword: &str) -> impl Iterator<Item = &'s Value> {
        self.layers.iter().filter_map(move |layer| layer.get(keyword))
    }

    /// What the first layer that has this keyword says.
    pub(super) fn first(&self, keyword: &str) -> Option<&'s Value> {
        self.all(keyword).next()
    }

    /// Whether any layer has this keyword.
    pub(super) fn has(&self, keyword: &str) -> bool {
        self.first(keyword).is_some()
    }

    /// The first text under a keyword.
    pub(super) fn text(&self, keyword: &str) -> Option<&'s str> {
        self.all(keyword).find_map(Value::as_str)
    }

    /// The largest number under a keyword: what counts of several minimums.
    pub(super) fn highest(&self, keyword: &str) -> Option<f64> {
        self.all(keyword).filter_map(Value::as_f64).reduce(f64::max)
    }

    /// The smallest number under a keyword: what counts of several maximums.
    pub(super) fn lowest(&self, keyword: &str) -> Option<f64> {
        self.all(keyword).filter_map(Value::as_f64).reduce(f64::min)
    }

    /// The highest of several least counts.
    pub(super) fn most_of(&self, keyword: &str) -> Option<usize> {
        self.highest(keyword).map(|count| count as usize)
    }

    /// The lowest of several greatest counts.
    pub(super) fn least_of(&self, keyword: &str) -> Option<usize> {
        self.lowest(keyword).map(|count| count as usize)
    }

    /// The schemas that the layers' `properties` have for a name.
    pub(super) fn property(&self, name: &str) -> Vec<&'s Value> {
        self.all("properties").filter_map(|properties| properties.get(name)).collect()
    }

    /// The type to make: one that every layer with a type allows, and not null if possible.
    pub(super) fn kind(&self) -> &'s str {
        let lists: Vec<Vec<&str>> = self.all("type").map(types).collect();
        let allowed = |wanted: &&str| {
            lists.iter().all(|list| list.contains(wanted) || *wanted == "integer" && list.contains(&"number"))
        };
        let named: Vec<_> = lists.iter().flatten().copied().filter(allowed).collect();
        named
            .iter()
            .find(|kind| **kind != "null")
            .or(named.first())
            .copied()
            .unwrap_or_else(|| self.implied_kind())
    }

    /// The type that the keywords imply where none is named.
    fn implied_kind(&self) -> &'static str {
        const IMPLIED: [(&str, &[&str]); 3] = [
            (
                "object",
                &["properties", "required", "additionalProperties", "patternProperties", "minProperties"],
            ),
            ("array", &["items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains"]),
            ("number", &["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"]),
        ];
        let implied = IMPLIED.iter().find(|(_, keywords)| keywords.iter().any(|keyword| self.has(keyword)));
        implied.map_or("string", |(kind, _)| kind)
    }
}

/// The types that one `type` names.
fn types(value: &Value) -> Vec<&str> {
    match value {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().take(8).filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The part of the schema that a local reference names.
fn resolve<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    let pointer = reference.strip_prefix('#').filter(|pointer| pointer.len() <= MAX_REFERENCE)?;
    let pointer = percent_encoding::percent_decode_str(pointer).decode_utf8().ok()?;
    root.pointer(&pointer)
}

fn choose(branches: &[Value], branching: Branching) -> Option<&Value> {
    let branches = &branches[..branches.len().min(MAX_LAYERS)];
    match branching {
        Branching::First => branches.iter().find(|branch| !is_null(branch)).or(branches.first()),
        Branching::Plainest => branches.iter().min_by_key(|branch| plainness(branch)),
    }
}

fn is_null(schema: &Value) -> bool {
    schema.get("type").is_some_and(|kind| types(kind) == ["null"])
        || schema.get("const").is_some_and(Value::is_null)
}

/// How far a schema seems from its end: the lower the sooner.
fn plainness(schema: &Value) -> u8 {
    let deep = ["$ref", "properties", "items", "allOf", "anyOf", "oneOf"];
    match schema {
        _ if is_null(schema) => 0,
        schema if deep.iter().any(|keyword| schema.get(keyword).is_some()) => 2,
        _ => 1,
    }
}
