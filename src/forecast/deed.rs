//! One action in a forecast: what its fields are, what it touches and asks, and what it gives where
//! that can be known or is made up.

use serde_json::json;

use crate::component::{Asks, Effect, Outlook, OutputType, Type};
use crate::ids::StepPath;
use crate::plan::Bound;
use crate::template::foresight::{self, Foreseen};
use crate::template::{Branch as Names, Node, Sink};
use crate::value::Json;

use super::sight::Sight;
use super::sums::Sums;
use super::walk::{Broken, Done, Walk};
use super::{Access, Answers, Deed, Doing, Touch, pure};

impl Walk<'_> {
    /// An action, done where nobody notices.
    pub(super) async fn deed(&self, bound: &Bound, path: &StepPath, sight: &Sight) -> Done {
        let scope = sight.scope();
        let fields = match bound.arguments.foresee(&scope) {
            Ok(fields) => fields,
            Err(failure) => return Done::broken(Doing::Flow(bound.kind.to_owned()), failure, path),
        };
        let asks = bound.action.asks(&bound.arguments, &fields);
        let sums = asks.as_ref().map_or(Sums::NONE, Sums::of);
        let is_known = fields.rendered().is_some();
        let touches = touches(bound, &fields);
        let mut deed = Deed { kind: bound.kind, effect: bound.effect, fields, touches, asks, told: None };
        let (outcome, is_made_up) = match is_known.then(|| bound.arguments.render(&scope)) {
            Some(Err(failure)) => (Err(failure), false),
            Some(Ok(values)) if bound.effect == Effect::None => {
                let performed = pure::perform(bound, values, path, &self.setting.clock).await;
                deed.told = performed.told;
                let outcome = match performed.outcome {
                    Err(failure) if foresight::unknown(&failure).is_some() => Ok(Node::Unknown),
                    outcome => outcome.map(Node::from),
                };
                (outcome, false)
            }
            _ => match self.made_up(bound, &deed, path) {
                Some(node) => (Ok(node), true),
                None => (Ok(Node::Unknown), false),
            },
        };
        let outcome = outcome.map_err(|failure| Broken { failure, step: path.clone() });
        Done { doing: Doing::Deed(Box::new(deed)), branches: Vec::new(), sums, outcome, is_made_up }
    }

    /// Something in place of what an action would give, where that is wanted.
    fn made_up(&self, bound: &Bound, deed: &Deed, path: &StepPath) -> Option<Node> {
        let Answers::MadeUp(example) = self.setting.answers else { return None };
        if let Some(Asks { schema, models, .. }) = &deed.asks {
            return Some(match schema {
                Some(schema) => example(schema).into(),
                None => {
                    let model = models.first().map_or("a model", |model| model.model.as_str());
                    json!(foresight::mark(&format!("what {model} answers at {path}"))).into()
                }
            });
        }
        let path = format!("{path}.output");
        Some(match self.setting.kinds.action(deed.kind)?.output {
            OutputType::FromSchema(field, ty) => match bound.arguments.schema(field) {
                Some(schema) => example(schema.json()).into(),
                None => of_type(ty, &path),
            },
            OutputType::Fixed(ty) | OutputType::FromArguments(_, ty) => of_type(ty, &path),
            OutputType::Named => Node::Unknown,
        })
    }
}

fn touches(bound: &Bound, fields: &Outlook) -> Vec<Touch> {
    let file = if bound.effect == Effect::None { Access::Read } else { Access::Write };
    let of = |sink: Sink, access: Access| {
        bound.arguments.fields_for(sink).filter_map(move |name| {
            let Foreseen { value, unknown } = fields.get(name)?.clone();
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Some(Touch { access, what: Foreseen { value, unknown } })
        })
    };
    of(Sink::Path, file).chain(of(Sink::Url, Access::Send)).collect()
}

/// A value of which only the type is known.
fn of_type(ty: Type, path: &str) -> Node {
    match ty {
        Type::Null => Json::Null.into(),
        Type::Text => json!(foresight::mark(path)).into(),
        Type::Record(fields) => {
            let mut record = Names::new();
            for (name, ty) in fields {
                record.insert(*name, of_type(*ty, &format!("{path}.{name}")));
            }
            record.into()
        }
        _ => Node::Unknown,
    }
}
