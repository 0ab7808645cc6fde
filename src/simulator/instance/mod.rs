//! A JSON value that a schema accepts.
//!
//! Not a validator: keywords that forbid (`not`, `if`, `dependentSchemas`) are ignored. Types,
//! enumerations, constants, ranges, lengths, counts, required properties, references, `allOf` and the
//! first branch of `anyOf` and `oneOf` are kept; patterns are kept as well as can be.
//! Whatever the schema says, the depth, the number of values and the work are bounded.

mod pattern;
mod schema;
mod text;

use std::collections::HashMap;

use regex_syntax::hir::Hir;
use serde_json::{Map, Number, Value};

use self::schema::{Branching, Layers};
use super::key::Key;
use super::prose::{self, Prompt};

/// Beyond this depth only what is required is made, so that a recursive schema ends.
const SPARE_DEPTH: usize = 7;
/// Beyond this depth nothing is made.
const MAX_DEPTH: usize = 64;
/// The most values of an instance.
const MAX_VALUES: usize = 10_000;
/// The most work for one request, about one for each byte that is looked at.
const MAX_WORK: usize = 16 << 20;
/// What any value costs of the work.
const VALUE_WORK: usize = 256;
/// The most members of an enumeration that are looked for in the prompt.
const MAX_MEMBERS: usize = 256;
/// The largest whole number that every reader of JSON takes exactly.
const MAX_WHOLE: f64 = 9_007_199_254_740_991.0;

/// A value that the schema accepts, made from a prompt's words; the same for the same key. It is
/// one of `siblings` that are made for the request, which share the work.
pub(super) fn instance(schema: &Value, prompt: &Prompt, key: Key, siblings: u64) -> Value {
    let mut instance = Instance {
        root: schema,
        material: prompt.material.to_lowercase(),
        sentences: prompt.sentences().take(16).collect(),
        told: 0,
        draws: key.draws(),
        patterns: HashMap::new(),
        values: 0,
        work: MAX_WORK / usize::try_from(siblings.max(1)).unwrap_or(MAX_WORK),
    };
    instance.value(&[schema], "", 0)
}

/// The making of one instance.
struct Instance<'s> {
    root: &'s Value,
    /// The prompt's text in lower case, in which members of enumerations are looked for.
    material: String,
    sentences: Vec<String>,
    /// How many sentences were used.
    told: usize,
    draws: fastrand::Rng,
    /// Expressions that were read, with none for those that could not be.
    patterns: HashMap<String, Option<Hir>>,
    values: usize,
    /// The work that is left.
    work: usize,
}

impl<'s> Instance<'s> {
    /// A value for which all these schemas hold, of the property `name`.
    fn value(&mut self, schemas: &[&'s Value], name: &str, depth: usize) -> Value {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES || !self.spend(VALUE_WORK) {
            return Value::Null;
        }
        let branching = if depth > SPARE_DEPTH { Branching::Plainest } else { Branching::First };
        let layers = Layers::of(self.root, schemas, branching);
        if let Some(constant) = layers.first("const") {
            return self.copy(constant);
        }
        if let Some(Value::Array(members)) = layers.first("enum") {
            return self.member(members);
        }
        match layers.kind() {
            "null" => Value::Null,
            "boolean" => Value::Bool(self.draws.bool()),
            "integer" => self.integer(&layers),
            "number" => self.number(&layers),
            "array" => self.array(&layers, name, depth),
            "object" => self.object(&layers, depth),
            _ => Value::String(self.text(&layers, name)),
        }
    }

    /// Takes some of the work that is left; false when it is used up.
    fn spend(&mut self, work: usize) -> bool {
        let left = self.work.checked_sub(work);
        self.work = left.unwrap_or(0);
        left.is_some()
    }

    /// The next sentence of the prompt, from the first again after the last.
    fn next_sentence(&mut self) -> Option<String> {
        let sentence = self.sentences.get(self.told % self.sentences.len().max(1))?.clone();
        self.told += 1;
        Some(sentence)
    }

    /// A copy of a part of the schema, or null when copies have used up the work.
    fn copy(&mut self, value: &Value) -> Value {
        let size = match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 1,
            Value::String(text) => text.len(),
            Value::Array(_) | Value::Object(_) => value.to_string().len(),
        };
        if self.spend(size) { value.clone() } else { Value::Null }
    }

    /// The member that the prompt names most often, the last named of equals; else any.
    fn member(&mut self, members: &[Value]) -> Value {
        let mut named: Option<(usize, usize, &Value)> = None;
        for member in members.iter().take(MAX_MEMBERS) {
            let Some(word) = member.as_str() else { continue };
            if !self.spend(self.material.len() + word.len()) {
                break;
            }
            if let Some((count, last)) = mentions(&self.material, &word.to_lowercase())
                && named.is_none_or(|(most, latest, _)| (count, last) > (most, latest))
            {
                named = Some((count, last, member));
            }
        }
        let drawn = self.draws.usize(0..members.len().max(1));
        let chosen = named.map(|(_, _, member)| member).or_else(|| members.get(drawn));
        chosen.map_or(Value::Null, |member| self.copy(member))
    }

    fn integer(&mut self, layers: &Layers) -> Value {
        let low = [
            layers.highest("minimum").map(f64::ceil),
            layers.highest("exclusiveMinimum").map(|x| x.floor() + 1.0),
        ];
        let high = [
            layers.lowest("maximum").map(f64::floor),
            layers.lowest("exclusiveMaximum").map(|x| x.ceil() - 1.0),
        ];
        let step =
            layers.highest("multipleOf").filter(|step| step.fract() == 0.0 && *step >= 1.0).unwrap_or(1.0);
        let (low, high) = range(low, high, 100.0 * step);
        let (low, high) = ((low / step).ceil() as i64, (high / step).floor() as i64);
        let count = self.draws.i64(low..=high.max(low));
        Value::from(count.saturating_mul(step as i64))
    }

    fn number(&mut self, layers: &Layers) -> Value {
        let low = [layers.highest("minimum"), layers.highest("exclusiveMinimum")];
        let high = [layers.lowest("maximum"), layers.lowest("exclusiveMaximum")];
        let ((low, high), part) = (range(low, high, 1.0), f64::from(self.draws.u32(1..100)) / 100.0);
        let made = match layers.highest("multipleOf").filter(|step| *step > 0.0) {
            Some(step) => ((low + (high - low) * part) / step).ceil().min((high / step).floor()) * step,
            None => {
                let exact = low + (high - low) * part;
                let rounded = (exact * 100.0).round() / 100.0;
                if rounded > low && rounded < high { rounded } else { exact }
            }
        };
        Number::from_f64(made).map_or(Value::from(0), Value::Number)
    }

    fn array(&mut self, layers: &Layers<'s>, name: &str, depth: usize) -> Value {
        let least = layers.most_of("minItems").unwrap_or(0);
        let most = layers.least_of("maxItems").unwrap_or(usize::MAX);
        let wanted = if depth > SPARE_DEPTH {
            least
        } else {
            least.max(2 + self.draws.usize(0..2)).min(most.max(least))
        };
        let tuple = layers.first("prefixItems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let rest: Vec<&Value> = layers.all("items").collect();
        let closed = rest.iter().any(|schema| schema.as_bool() == Some(false));
        let unique = layers.all("uniqueItems").any(|unique| unique.as_bool() == Some(true));
        let wanted = if closed { wanted.min(tuple.len()) } else { wanted.max(tuple.len().min(most)) };
        let mut items: Vec<Value> = Vec::new();
        let mut attempts = 0;
        while items.len() < wanted && self.values <= MAX_VALUES && attempts < wanted.saturating_mul(4) {
            attempts += 1;
            let item = match (tuple.get(items.len()), layers.first("contains")) {
                (Some(schema), _) => self.value(&[schema], name, depth + 1),
                (None, Some(contained)) if items.len() == tuple.len() => {
                    let schemas: Vec<_> = rest.iter().copied().chain([contained]).collect();
                    self.value(&schemas, name, depth + 1)
                }
                (None, _) => self.value(&rest, name, depth + 1),
            };
            let repeated = unique && self.spend(items.len()) && items.contains(&item);
            if !repeated {
                items.push(item);
            } else if let Some(other) = self.other_member(layers, &items) {
                items.push(other);
            }
        }
        Value::Array(items)
    }

    /// A member of the items' enumeration that the array has not yet.
    fn other_member(&mut self, layers: &Layers<'s>, items: &[Value]) -> Option<Value> {
        let schemas: Vec<&Value> = layers.all("items").collect();
        let layers = Layers::of(self.root, &schemas, Branching::First);
        let members = layers.first("enum")?.as_array()?;
        self.spend(items.len() * 16)
            .then(|| members.iter().take(MAX_MEMBERS).find(|member| !items.contains(member)))?
            .cloned()
    }

    fn object(&mut self, layers: &Layers<'s>, depth: usize) -> Value {
        let required: Vec<&str> =
            layers.all("required").filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
        let declared =
            layers.all("properties").filter_map(Value::as_object).flat_map(Map::keys).map(String::as_str);
        let most = layers.least_of("maxProperties").unwrap_or(usize::MAX);
        let needed = |name: &str| required.contains(&name);
        // Looking names up in a long list of required ones is work too.
        let optional = depth <= SPARE_DEPTH && self.spend(required.len().saturating_mul(64));
        let mut spare = if optional { most.saturating_sub(required.len()) } else { 0 };
        let mut fields = Map::new();
        for name in declared {
            if !self.spend(1 + name.len()) || self.values > MAX_VALUES {
                break;
            }
            if fields.contains_key(name) {
                continue;
            }
            let schemas = layers.property(name);
            let forbidden = schemas.iter().any(|schema| schema.as_bool() == Some(false));
            if !self.spend(4 * required.len()) || !needed(name) {
                if spare == 0 || forbidden {
                    continue;
                }
                spare -= 1;
            }
            let value = self.value(&schemas, name, depth + 1);
            fields.insert(name.to_owned(), value);
        }
        let others: Vec<&Value> = layers.all("additionalProperties").collect();
        for name in &required {
            if self.values <= MAX_VALUES && self.spend(1 + name.len()) && !fields.contains_key(*name) {
                let value = self.value(&others, name, depth + 1);
                fields.insert((*name).to_owned(), value);
            }
        }
        self.add_more(layers, &others, &mut fields, depth);
        Value::Object(fields)
    }

    /// Entries of a map: an object whose names the schema leaves open.
    fn add_more(
        &mut self,
        layers: &Layers<'s>,
        others: &[&'s Value],
        fields: &mut Map<String, Value>,
        depth: usize,
    ) {
        if others.iter().any(|schema| schema.as_bool() == Some(false)) {
            return;
        }
        let most = layers.least_of("maxProperties").unwrap_or(usize::MAX);
        let is_map =
            fields.is_empty() && others.iter().any(|schema| schema.is_object()) && depth <= SPARE_DEPTH;
        let wanted = layers.most_of("minProperties").unwrap_or(0).max(if is_map { 2 } else { 0 }).min(most);
        for number in 1.. {
            if fields.len() >= wanted || self.values > MAX_VALUES {
                break;
            }
            let name = format!("entry{number}");
            if !fields.contains_key(&name) {
                let value = self.value(others, &name, depth + 1);
                fields.insert(name, value);
            }
        }
    }
}

/// The range that limits leave; this wide where one side is open.
fn range(low: [Option<f64>; 2], high: [Option<f64>; 2], width: f64) -> (f64, f64) {
    let low = low.into_iter().flatten().reduce(f64::max);
    let high = high.into_iter().flatten().reduce(f64::min);
    let (low, high) = match (low, high) {
        (Some(low), Some(high)) => (low, high),
        (Some(low), None) => (low, low + width),
        (None, Some(high)) => (if high > 0.0 { 0.0 } else { high - width }, high),
        (None, None) => (0.0, width),
    };
    (low.clamp(-MAX_WHOLE, MAX_WHOLE), high.clamp(-MAX_WHOLE, MAX_WHOLE))
}

/// How often a text has a word, and where last; none when it never has.
pub(super) fn mentions(text: &str, word: &str) -> Option<(usize, usize)> {
    if word.is_empty() {
        return None;
    }
    let bounded = |at: usize| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        ![before, after].into_iter().flatten().any(|c| c.is_alphanumeric() || c == '_')
    };
    let places = text.match_indices(word).map(|(at, _)| at).filter(|at| bounded(*at));
    places.fold(None, |found, at| Some((found.map_or(1, |(count, _)| count + 1), at)))
}

#[cfg(test)]
mod tests;
