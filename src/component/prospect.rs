//! What a step would do, as far as that can be said before it does it.
//!
//! An [`Outlook`] is a step's fields with marks for what is not known yet; from it an action that asks
//! models says what it would [ask](Asks). It promises nothing: prices are those of now, tokens are
//! estimated, and an attempt that fails and is made again costs what it costs.

use crate::money::Money;
use crate::template::foresight::{self, Foreseen};
use crate::template::{Scope, Sink};
use crate::value::{Failure, Json};

use super::{Argument, Arguments, Rendered};

/// A step's fields, as far as they are known.
#[derive(Clone, Debug, Default)]
pub struct Outlook {
    fields: Vec<(String, Foreseen<Json>)>,
}

impl Outlook {
    /// The field of this name.
    pub fn get(&self, name: &str) -> Option<&Foreseen<Json>> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// All fields, in the order written.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Foreseen<Json>)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The values, where all of them are known.
    pub fn rendered(&self) -> Option<Rendered> {
        let known = |(name, field): &(String, Foreseen<Json>)| {
            field.is_known().then(|| (name.clone(), field.value.clone()))
        };
        self.fields.iter().map(known).collect::<Option<_>>().map(|values| Rendered { values })
    }
}

impl Argument {
    /// The value in this scope, with marks for what is not known yet.
    ///
    /// # Errors
    /// When a template or an expression fails, whatever the unknown turns out to be.
    fn foresee(&self, scope: &Scope) -> Result<Foreseen<Json>, Failure> {
        match self {
            Self::Tree(tree) => tree.foresee(scope),
            Self::Text(template, sink) => {
                let Foreseen { value, unknown } = template.foresee(scope, *sink)?;
                Ok(Foreseen { value: Json::String(value), unknown })
            }
            Self::File(template) => {
                if template.is_single_value() {
                    let value = foresight::or_mark(template.evaluate(scope))?;
                    if !value.value.is_string() {
                        return Ok(value);
                    }
                }
                let Foreseen { value, unknown } = template.foresee(scope, Sink::Folders)?;
                Ok(Foreseen { value: Json::String(value), unknown })
            }
            // Over names that only the action has.
            Self::Later(_) => Ok(Foreseen::known(Json::Null)),
            Self::Prompt(call) => call.foresee(scope),
            Self::Schema(schema) => Ok(Foreseen::known(schema.json().clone())),
            Self::List(items) => {
                let mut all = Foreseen::known(Vec::new());
                for item in items {
                    let item = all.merge(item.foresee(scope)?);
                    all.value.push(item);
                }
                Ok(Foreseen { value: Json::Array(all.value), unknown: all.unknown })
            }
            Self::Map(entries) => {
                let mut all = Foreseen::known(serde_json::Map::new());
                for (key, entry) in entries {
                    let value = all.merge(entry.foresee(scope)?);
                    all.value.insert(key.to_string(), value);
                }
                Ok(Foreseen { value: Json::Object(all.value), unknown: all.unknown })
            }
        }
    }
}

impl Arguments {
    /// The fields in this scope, with marks for what is not known yet.
    ///
    /// # Errors
    /// When a template or an expression fails, whatever the unknown turns out to be.
    pub fn foresee(&self, scope: &Scope) -> Result<Outlook, Failure> {
        let fields = self.iter().map(|(name, argument)| Ok((name.to_owned(), argument.foresee(scope)?)));
        Ok(Outlook { fields: fields.collect::<Result<_, Failure>>()? })
    }

    /// The fields whose values go to such a place: the addresses of a step, or its paths.
    pub fn fields_for(&self, sink: Sink) -> impl Iterator<Item = &str> {
        self.iter()
            .filter(move |(_, argument)| match argument {
                Argument::Text(_, own) => *own == sink,
                Argument::File(_) => sink == Sink::Path,
                _ => false,
            })
            .map(|(name, _)| name)
    }
}

/// The model calls that a step would make.
#[derive(Clone, Debug, PartialEq)]
pub struct Asks {
    /// The conversation as it would be sent first.
    pub lines: Vec<Line>,
    /// What the answer must be, where that is more than text.
    pub schema: Option<Json>,
    /// The models, tried in order; empty where nobody can say which.
    pub models: Vec<Candidate>,
    /// About how many tokens the conversation has, marks left aside.
    pub prompt_tokens: u64,
    /// How many tokens the answer may have.
    pub answer_tokens: u64,
    /// Whether the step says so; what is usual for the model holds otherwise, and nobody enforces it.
    pub is_bounded: bool,
    /// The most calls that one answered attempt makes, those for an answer that does not fit included.
    pub calls: u64,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Who speaks.
    pub role: String,
    /// What is said.
    pub text: Foreseen<String>,
}

/// A model that may be asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// `provider/model`.
    pub model: String,
    /// What it costs; none where nobody said.
    pub tariff: Option<Tariff>,
    /// What the step costs when this model answers, with the shortest answer; none without a tariff.
    pub least: Option<Money>,
    /// The same, with every call and the longest answers; none without a tariff, and where the
    /// conversation is not known.
    pub most: Option<Money>,
}

/// What a model costs, per million tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tariff {
    /// Prompt tokens.
    pub input: Money,
    /// Answer tokens.
    pub output: Money,
    /// The other model whose tariff this is, where the model has none of its own.
    pub of: Option<&'static str>,
}
