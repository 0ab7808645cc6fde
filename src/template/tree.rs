//! A value that a person wrote: literals, texts and expressions, in lists and maps of any shape.

use std::sync::Arc;

use crate::value::{Failure, Json, SharedJson};

use super::evaluate::Fault;
use super::foresight::{self, Foreseen};
use super::logic::Expr;
use super::reference::Reference;
use super::scope::Scope;
use super::text::{Sink, Template};
use super::values::DEPTH_LIMIT;
use crate::value::fits_depth;

/// A value to be evaluated. Its depth is that of the file it stands in, which has a limit.
#[derive(Clone, Debug)]
pub enum Tree {
    /// A value as it is.
    Literal(SharedJson),
    /// Text, or a value of any type where it is exactly one `{{…}}`.
    Text(Arc<Template>),
    /// The value of an expression.
    Expr(Arc<Expr>),
    /// Items in order.
    List(Vec<Tree>),
    /// Fields in order.
    Map(Vec<(Arc<str>, Tree)>),
}

impl Tree {
    /// The value.
    ///
    /// # Errors
    /// Those of [`Template::evaluate`] and [`Expr::evaluate`]; `template_limit` for a value that
    /// nests too deep.
    pub fn evaluate(&self, scope: &Scope) -> Result<Json, Failure> {
        let value = self.value(scope)?;
        match fits_depth(&value, DEPTH_LIMIT) {
            true => Ok(value),
            false => {
                let message = format!("the value nests deeper than {DEPTH_LIMIT} levels");
                Err(Fault::new("template_limit", message).into())
            }
        }
    }

    /// The value as far as it is known, with marks for the rest.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate); what depends on something unknown does not fail yet.
    pub fn foresee(&self, scope: &Scope) -> Result<Foreseen<Json>, Failure> {
        let all = match self {
            Self::Literal(_) | Self::Expr(_) => self.evaluate(scope),
            Self::Text(template) if template.is_single_value() => template.evaluate(scope),
            Self::Text(template) => {
                let Foreseen { value, unknown } = template.foresee(scope, Sink::Text)?;
                return Ok(Foreseen { value: Json::String(value), unknown });
            }
            Self::List(items) => {
                let mut all = Foreseen::known(Vec::new());
                for item in items {
                    let item = all.merge(item.foresee(scope)?);
                    all.value.push(item);
                }
                return Ok(Foreseen { value: Json::Array(all.value), unknown: all.unknown });
            }
            Self::Map(fields) => {
                let mut all = Foreseen::known(serde_json::Map::new());
                for (name, tree) in fields {
                    let value = all.merge(tree.foresee(scope)?);
                    all.value.insert(name.to_string(), value);
                }
                return Ok(Foreseen { value: Json::Object(all.value), unknown: all.unknown });
            }
        };
        foresight::or_mark(all)
    }

    fn value(&self, scope: &Scope) -> Result<Json, Failure> {
        match self {
            Self::Literal(value) => Ok(Json::clone(value)),
            Self::Text(template) => template.evaluate(scope),
            Self::Expr(expression) => expression.evaluate(scope),
            Self::List(items) => {
                items.iter().map(|item| item.value(scope)).collect::<Result<_, _>>().map(Json::Array)
            }
            Self::Map(fields) => {
                let field = |(name, tree): &(Arc<str>, Tree)| Ok((name.to_string(), tree.value(scope)?));
                fields.iter().map(field).collect::<Result<_, _>>().map(Json::Object)
            }
        }
    }

    /// Every path that is read, in the order of the tree.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found.into_iter()
    }

    fn collect<'t>(&'t self, found: &mut Vec<&'t Reference>) {
        match self {
            Self::Literal(_) => {}
            Self::Text(template) => found.extend(template.references()),
            Self::Expr(expression) => found.extend(expression.references()),
            Self::List(items) => items.iter().for_each(|item| item.collect(found)),
            Self::Map(fields) => fields.iter().for_each(|(_, tree)| tree.collect(found)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::{Partials, path_text};
    use serde_json::json;

    fn text(text: &str) -> Tree {
        Tree::Text(Arc::new(Template::compile(text, &Partials::new()).unwrap()))
    }

    #[test]
    fn types_survive_and_order_is_kept() {
        let tree = Tree::Map(vec![
            ("z".into(), text("{{inputs.n}}")),
            ("text".into(), text("n is {{inputs.n}}")),
            (
                "list".into(),
                Tree::List(vec![text("{{inputs.list}}"), Tree::Literal(Arc::new(json!({"a": 1})))]),
            ),
            ("next".into(), Tree::Expr(Arc::new(Expr::compile("inputs.n + 1").unwrap()))),
        ]);
        let scope = Scope::new().with("inputs", json!({"n": 4, "list": [1]}));
        let value = tree.evaluate(&scope).unwrap();
        assert_eq!(value.to_string(), r#"{"z":4,"text":"n is 4","list":[[1],{"a":1}],"next":5}"#);
        let paths: Vec<_> = tree.references().map(|reference| path_text(&reference.path)).collect();
        assert_eq!(paths, ["inputs.n", "inputs.n", "inputs.list", "inputs.n"]);
    }

    #[test]
    fn a_value_that_grows_each_round_is_stopped() {
        let tree = Tree::List(vec![text("{{x}}")]);
        let mut value = json!(0);
        let failure = loop {
            match tree.evaluate(&Scope::new().with("x", value)) {
                Ok(deeper) => value = deeper,
                Err(failure) => break failure,
            }
        };
        assert_eq!(failure.code, "template_limit");
    }
}
