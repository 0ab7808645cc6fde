//! The type that a JSON Schema describes: never narrower than the schema. Keywords that only narrow
//! a value further (patterns, limits, conditions) are left out.

use serde_json::{Map, json};

use crate::value::Json;

use super::{Field, Fields, Items, Known, Presence, Ty};

/// How many parts of a schema are looked at, those that are referred to counted each time.
const PART_LIMIT: usize = 5_000;

/// How deep references may lead.
const REFERENCE_DEPTH: usize = 16;

/// The type of this schema.
pub(super) fn ty(schema: &Json) -> Ty {
    Reader { root: schema, left: PART_LIMIT, references: 0 }.ty(schema)
}

struct Reader<'s> {
    root: &'s Json,
    left: usize,
    references: usize,
}

impl Reader<'_> {
    fn ty(&mut self, schema: &Json) -> Ty {
        let Json::Object(keywords) = schema else { return Ty::any() };
        let Some(left) = self.left.checked_sub(1) else { return Ty::any() };
        self.left = left;
        let mut ty = self.own(keywords);
        if let Some(to) = keywords.get("$ref").and_then(Json::as_str) {
            ty = ty.and(&self.referred(to));
        }
        for part in keywords.get("allOf").and_then(Json::as_array).into_iter().flatten() {
            ty = ty.and(&self.ty(part));
        }
        for choice in ["anyOf", "oneOf"] {
            let Some(Json::Array(parts)) = keywords.get(choice) else { continue };
            let one = parts.iter().map(|part| self.ty(part)).reduce(|a, b| a.or(&b));
            ty = ty.and(&one.unwrap_or_default());
        }
        ty
    }

    fn referred(&mut self, to: &str) -> Ty {
        let target = to.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let Some(target) = target.filter(|_| self.references < REFERENCE_DEPTH) else { return Ty::any() };
        self.references += 1;
        let ty = self.ty(target);
        self.references -= 1;
        ty
    }

    /// What the keywords beside those that put schemas together say.
    fn own(&mut self, keywords: &Map<String, Json>) -> Ty {
        let values = match (keywords.get("const"), keywords.get("enum")) {
            (Some(value), _) => Some(Ty::of_value(value)),
            (None, Some(Json::Array(values))) => values.iter().map(Ty::of_value).reduce(|a, b| a.or(&b)),
            _ => None,
        };
        let named = match keywords.get("type") {
            Some(Json::String(name)) => self.named(name, keywords),
            Some(Json::Array(names)) => {
                let types = names.iter().filter_map(Json::as_str).map(|name| self.named(name, keywords));
                types.collect::<Vec<_>>().into_iter().reduce(|a, b| a.or(&b)).unwrap_or_default()
            }
            // Who names fields means a map.
            _ if keywords.contains_key("properties") => self.map(keywords),
            _ => Ty::any(),
        };
        match values {
            Some(values) => named.and(&values),
            None => named,
        }
    }

    fn named(&mut self, name: &str, keywords: &Map<String, Json>) -> Ty {
        match name {
            "null" => Ty::null(),
            "boolean" => Ty::boolean(),
            "integer" => Ty::integer(),
            "number" => Ty::number(),
            "string" => Ty::text(),
            "array" => self.list(keywords),
            "object" => self.map(keywords),
            _ => Ty::any(),
        }
    }

    fn list(&mut self, keywords: &Map<String, Json>) -> Ty {
        let first: Vec<Ty> = match keywords.get("prefixItems") {
            Some(Json::Array(items)) => items.iter().map(|item| self.ty(item)).collect(),
            _ => Vec::new(),
        };
        let rest = match keywords.get("items") {
            Some(Json::Bool(false)) => None,
            Some(items) => Some(self.ty(items)),
            None => Some(Ty::any()),
        };
        let item = first.into_iter().chain(rest).reduce(|a, b| a.or(&b)).unwrap_or_else(Ty::never);
        let filled = keywords.get("minItems").and_then(Json::as_u64).is_some_and(|least| least > 0);
        Ty::of(Known { list: Some(Items { item, filled }), ..Known::default() })
    }

    fn map(&mut self, keywords: &Map<String, Json>) -> Ty {
        let others = match keywords.get("additionalProperties") {
            _ if keywords.contains_key("patternProperties") => Some(Ty::any()),
            Some(Json::Bool(false)) => None,
            Some(schema) => Some(self.ty(schema)),
            None => Some(Ty::any()),
        };
        let required = keywords.get("required").and_then(Json::as_array);
        let is_required = |name: &str| required.is_some_and(|names| names.contains(&json!(name)));
        let properties = keywords.get("properties").and_then(Json::as_object);
        let mut named: indexmap::IndexMap<std::sync::Arc<str>, Field> = properties
            .into_iter()
            .flatten()
            .map(|(name, schema)| {
                let presence = if is_required(name) { Presence::Required } else { Presence::Optional };
                (name.as_str().into(), Field { ty: self.ty(schema), presence })
            })
            .collect();
        // A name may be required that no property describes.
        if let Some(ty) = &others {
            for name in required.into_iter().flatten().filter_map(Json::as_str) {
                let field = || Field { ty: ty.clone(), presence: Presence::Required };
                named.entry(name.into()).or_insert_with(field);
            }
        }
        Ty::of_fields(Fields { named, others })
    }
}
