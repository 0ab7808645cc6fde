//! What is written in an action or a trigger: every field against its declaration, every text
//! compiled, every name looked up.
//!
//! Codes: `unknown-key`, `missing-key`, `wrong-type`, `unknown-word`, `bad-schema`, `empty-list`, and
//! those of the template languages.

use std::sync::Arc;

use crate::component::{Argument, Arguments, Field, FieldType, Need, SecretsIn};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, did_you_mean, quoted};
use crate::syntax::fields::Fields;
use crate::syntax::tree::{Kind, Node};
use crate::template::{Expr, Partials, Reference, Schema, Sink, Template, TemplateError, Tree};
use crate::units::{ByteSize, parse_duration};
use crate::value::Json;

use super::defaults::{Action, spelling};
use super::names::{Ids, Visible};

/// What was compiled of an action or a trigger.
pub(super) struct Compiled {
    /// The arguments.
    pub arguments: Arguments,
    /// Where each field's value stands.
    pub places: Vec<(String, Span)>,
    /// Whether every key was known.
    pub spelling: Spelling,
}

impl Compiled {
    /// Whether this field was written, rightly or not.
    pub fn wrote(&self, field: &str) -> bool {
        self.places.iter().any(|(name, _)| name == field)
    }
}

/// Where a value stands.
#[derive(Clone, Copy)]
pub(super) struct Slot<'a> {
    /// What people call it: `` `auth` ``.
    pub what: &'a str,
    /// Whether a secret may stand in it.
    pub secrets: SecretsIn,
    /// What its texts may read.
    pub visible: &'a Visible,
}

/// Whether every key was known. Where one was not, a missing key is most likely that one, and to
/// say so again would be a second error for one mistake.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spelling {
    Right,
    Wrong,
}

/// What compiling a text needs to know of its surroundings.
pub(super) struct Texts<'a> {
    /// Where each step of the file stands.
    pub ids: &'a Ids,
    /// Templates that others may include.
    pub partials: &'a Partials,
    /// Where findings go.
    pub diagnostics: &'a mut Diagnostics,
    /// The secrets that were read, each with its first place.
    pub secrets: &'a mut Vec<(Arc<str>, Span)>,
    /// Whether anything read `event`.
    pub reads_event: bool,
}

impl Texts<'_> {
    /// Compiles the fields of an action or a trigger; `what` it is, for messages.
    ///
    /// `skip` are keys that the caller reads itself. What is missing is not reported here, as
    /// defaults may still fill it: see [`report_missing`](Self::report_missing).
    pub fn arguments(
        &mut self,
        node: &Node,
        what: &str,
        declared: &[Field],
        skip: &[&str],
        visible: &Visible,
    ) -> Option<Compiled> {
        let mut cursor = Fields::open(node, what, self.diagnostics)?;
        let mut compiled = Vec::new();
        let mut places = Vec::new();
        for field in declared {
            let Some(written) = cursor.take(field.name) else { continue };
            places.push((field.name.to_owned(), written.node.span));
            let slot = Slot { what: &format!("`{}`", field.name), secrets: field.secrets, visible };
            if let Some(argument) = self.argument(written.node, &field.ty, slot) {
                compiled.push((Arc::from(field.name), argument));
            }
        }
        for key in skip {
            cursor.take(key);
        }
        let spelling = if cursor.keys().next().is_none() { Spelling::Right } else { Spelling::Wrong };
        cursor.finish(self.diagnostics);
        Some(Compiled { arguments: Arguments::new(compiled), places, spelling })
    }

    /// Compiles one value as its type says.
    pub fn argument(&mut self, node: &Node, ty: &FieldType, slot: Slot<'_>) -> Option<Argument> {
        let Slot { what, secrets, visible } = slot;
        let templated = node.as_scalar().is_some_and(|scalar| scalar.text.contains("{{"));
        match ty {
            FieldType::Text => self.text(node, secrets, visible).map(|text| Argument::Text(text, Sink::Text)),
            FieldType::Url => self.text(node, secrets, visible).map(|text| Argument::Text(text, Sink::Url)),
            FieldType::Path => self.text(node, secrets, visible).map(|text| Argument::Text(text, Sink::Path)),
            FieldType::Json => self.tree(node, secrets, visible).map(Argument::Tree),
            FieldType::Expression => {
                self.expression(node, visible).map(|expression| Argument::Tree(Tree::Expr(expression)))
            }
            FieldType::Schema => self.schema(node).map(Argument::Schema),
            FieldType::List(of) => match &node.kind {
                Kind::Sequence(items) => Some(Argument::List(self.each(items, of, slot))),
                _ if templated => self.tree(node, secrets, visible).map(Argument::Tree),
                _ => self.wrong(node, ty),
            },
            FieldType::OneOrMany(of) => match &node.kind {
                Kind::Sequence(items) if items.is_empty() => self.refuse_empty(node, slot),
                Kind::Sequence(items) => Some(Argument::List(self.each(items, of, slot))),
                _ => Some(Argument::List(vec![self.argument(node, of, slot)?])),
            },
            FieldType::Map(of) => match &node.kind {
                Kind::Mapping(entries) => Some(Argument::Map(
                    entries
                        .iter()
                        .filter_map(|(key, node)| {
                            let what = format!("{} in {what}", quoted(&key.value));
                            Some((key.value.clone(), self.argument(node, of, Slot { what: &what, ..slot })?))
                        })
                        .collect(),
                )),
                _ if templated => self.tree(node, secrets, visible).map(Argument::Tree),
                _ => self.wrong(node, ty),
            },
            FieldType::Record(declared) => {
                let compiled = self.arguments(node, what, declared, &[], visible)?;
                self.report_missing(declared, &compiled, node.span.at_start(), None);
                Some(Argument::Map(
                    compiled
                        .arguments
                        .iter()
                        .map(|(name, argument)| (name.into(), argument.clone()))
                        .collect(),
                ))
            }
            FieldType::Either(FieldType::Choice(words), _)
                if node.as_text().is_some_and(|word| !templated && !words.contains(&word)) =>
            {
                let message = format!("{} is not known here", quoted(node.as_text().unwrap_or_default()));
                let problem = Diagnostic::error("unknown-word", node.span, message);
                self.diagnostics.push(problem.with_help(format!("write {}", ty.describe())));
                None
            }
            FieldType::Either(scalar, map) => match &node.kind {
                Kind::Scalar(_) => self.argument(node, scalar, slot),
                _ => self.argument(node, map, slot),
            },
            _ if templated => self.tree(node, secrets, visible).map(Argument::Tree),
            _ => self.literal(node, ty).map(|value| Argument::Tree(Tree::Literal(Arc::new(value)))),
        }
    }

    fn each(&mut self, items: &[Node], of: &FieldType, slot: Slot<'_>) -> Vec<Argument> {
        let what = format!("an item of {}", slot.what);
        let slot = Slot { what: &what, ..slot };
        items.iter().filter_map(|item| self.argument(item, of, slot)).collect()
    }

    /// Where one or several are asked for, none is neither.
    fn refuse_empty<T>(&mut self, node: &Node, slot: Slot<'_>) -> Option<T> {
        let problem = Diagnostic::error("empty-list", node.span, format!("{} is an empty list", slot.what));
        self.diagnostics.push(problem.with_help("write at least one, or leave the key out"));
        None
    }

    /// A value without templates, checked.
    fn literal(&mut self, node: &Node, ty: &FieldType) -> Option<Json> {
        let value = node.as_scalar()?.value();
        let fits = match ty {
            FieldType::Boolean => value.is_boolean(),
            FieldType::Integer { min, max } => match value.as_i64() {
                Some(number) if (*min..=*max).contains(&number) => true,
                Some(_) => return self.out_of_range(node, &min.to_string(), &max.to_string()),
                None => false,
            },
            FieldType::Number { min, max } => match value.as_f64() {
                Some(number) if (*min..=*max).contains(&number) => true,
                Some(_) => return self.out_of_range(node, &min.to_string(), &max.to_string()),
                None => false,
            },
            FieldType::Duration => match value.as_str().map(parse_duration) {
                Some(Ok(_)) => true,
                Some(Err(error)) => return self.refuse(node, "wrong-type", error.to_string()),
                None => {
                    return self.refuse(node, "wrong-type", "a duration needs a unit, like `30s`".to_owned());
                }
            },
            FieldType::Size => match value.as_str().map(str::parse::<ByteSize>) {
                Some(Ok(_)) => true,
                Some(Err(error)) => return self.refuse(node, "wrong-type", error.to_string()),
                None => {
                    return self.refuse(node, "wrong-type", "a size needs a unit, like `2MiB`".to_owned());
                }
            },
            FieldType::Choice(words) => match value.as_str() {
                Some(word) if words.contains(&word) => true,
                Some(word) => {
                    let problem =
                        Diagnostic::error("unknown-word", node.span, format!("`{word}` is not known here"))
                            .with_help_if(did_you_mean(word, words.iter().copied()));
                    self.diagnostics.push(problem);
                    return None;
                }
                None => false,
            },
            _ => false,
        };
        if fits { Some(value) } else { self.wrong(node, ty) }
    }

    fn wrong<T>(&mut self, node: &Node, ty: &FieldType) -> Option<T> {
        self.refuse(node, "wrong-type", format!("expected {}, found {}", ty.describe(), node.describe()))
    }

    fn out_of_range<T>(&mut self, node: &Node, min: &str, max: &str) -> Option<T> {
        self.refuse(node, "wrong-type", format!("this must lie between {min} and {max}"))
    }

    fn refuse<T>(&mut self, node: &Node, code: &'static str, message: String) -> Option<T> {
        self.diagnostics.push(Diagnostic::error(code, node.span, message));
        None
    }

    /// Compiles a value in which every text may be a template.
    pub fn tree(&mut self, node: &Node, secrets: SecretsIn, visible: &Visible) -> Option<Tree> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.text.contains("{{") => {
                self.template(node, secrets, visible).map(|text| Tree::Text(Arc::new(text)))
            }
            Kind::Scalar(scalar) => Some(Tree::Literal(Arc::new(scalar.value()))),
            Kind::Sequence(items) => {
                Some(Tree::List(items.iter().filter_map(|item| self.tree(item, secrets, visible)).collect()))
            }
            Kind::Mapping(entries) => Some(Tree::Map(
                entries
                    .iter()
                    .filter_map(|(key, node)| Some((key.value.clone(), self.tree(node, secrets, visible)?)))
                    .collect(),
            )),
        }
    }

    /// Compiles text. A bare number or word is text too where text is asked for.
    pub fn text(&mut self, node: &Node, secrets: SecretsIn, visible: &Visible) -> Option<Arc<Template>> {
        if node.as_scalar().is_none() || node.is_null() {
            return self.wrong(node, &FieldType::Text);
        }
        self.template(node, secrets, visible).map(Arc::new)
    }

    fn template(&mut self, node: &Node, secrets: SecretsIn, visible: &Visible) -> Option<Template> {
        let scalar = node.as_scalar()?;
        match Template::compile(&scalar.text, self.partials) {
            Ok(template) => {
                self.references(node, template.references(), secrets, visible);
                Some(template)
            }
            Err(errors) => self.errors(node, errors),
        }
    }

    /// Compiles a CEL expression.
    pub fn expression(&mut self, node: &Node, visible: &Visible) -> Option<Arc<Expr>> {
        let Some(scalar) = node.as_scalar().filter(|_| !node.is_null()) else {
            let message = format!("expected an expression, found {}", node.describe());
            // A list of YAML looks like one of CEL, and the texts in it would be no expressions.
            let help = matches!(node.kind, Kind::Sequence(_) | Kind::Mapping(_))
                .then(|| "an expression is text: put quotes around the whole of it".to_owned());
            self.diagnostics.push(Diagnostic::error("wrong-type", node.span, message).with_help_if(help));
            return None;
        };
        match Expr::compile(&scalar.text) {
            Ok(expression) => {
                self.references(node, expression.references(), SecretsIn::Refused, visible);
                Some(Arc::new(expression))
            }
            Err(errors) => self.errors(node, errors),
        }
    }

    fn errors<T>(&mut self, node: &Node, errors: Vec<TemplateError>) -> Option<T> {
        for error in errors {
            let span = node.locate(error.range);
            self.diagnostics
                .push(Diagnostic::error(error.code, span, error.message).with_help_if(error.help));
        }
        None
    }

    fn references(&mut self, node: &Node, references: &[Reference], secrets: SecretsIn, visible: &Visible) {
        for reference in references {
            let at = node.locate(reference.range.clone());
            if let Some(problem) = visible.check(reference, at, secrets, self.ids) {
                self.diagnostics.push(problem);
                continue;
            }
            self.reads_event |= reference.root() == "event";
            if let Some(name) = reference.secret()
                && !self.secrets.iter().any(|(known, _)| **known == *name)
            {
                self.secrets.push((name.into(), at));
            }
        }
    }

    /// Compiles a schema in either form.
    pub fn schema(&mut self, node: &Node) -> Option<Arc<Schema>> {
        match Schema::parse(&node.to_json()) {
            Ok(schema) => Some(Arc::new(schema)),
            Err(error) => {
                let span = at_pointer(node, &error.pointer).span;
                self.diagnostics.push(Diagnostic::error("bad-schema", span, error.message));
                None
            }
        }
    }

    /// Reports each required field that is not there.
    pub fn report_missing(
        &mut self,
        declared: &[Field],
        written: &Compiled,
        at: Span,
        action: Option<Action<'_>>,
    ) {
        let defaults = action.and_then(|action| action.defaults);
        if spelling(written, defaults) == Spelling::Wrong {
            return;
        }
        for field in declared.iter().filter(|field| field.need == Need::Required) {
            let by_default = defaults.is_some_and(|defaults| defaults.compiled.wrote(field.name));
            if by_default || written.wrote(field.name) {
                continue;
            }
            let help = match action {
                Some(Action { name, .. }) => {
                    format!("add `{}:` here, or once for all under `defaults: {{ {name}: … }}`", field.name)
                }
                None => format!("add `{}:`", field.name),
            };
            let message = format!("`{}` is missing", field.name);
            let problem = Diagnostic::error("missing-key", at, message).with_label(field.doc.to_lowercase());
            self.diagnostics.push(problem.with_help(help));
        }
    }
}

/// The node at a JSON pointer, or the last one on the way that exists.
fn at_pointer<'a>(node: &'a Node, pointer: &str) -> &'a Node {
    let mut here = node;
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        let next = match &here.kind {
            Kind::Mapping(entries) => {
                entries.iter().find(|(key, _)| *key.value == *part).map(|(_, node)| node)
            }
            Kind::Sequence(items) => part.parse::<usize>().ok().and_then(|index| items.get(index)),
            Kind::Scalar(_) => None,
        };
        match next {
            Some(node) => here = node,
            None => break,
        }
    }
    here
}
