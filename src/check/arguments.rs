//! What is written in an action or a trigger: every field against its declaration, every text
//! compiled, every name looked up.
//!
//! Codes: `unknown-key`, `missing-key`, `wrong-type`, `out-of-range`, `unknown-word`, `bad-schema`, `empty-list`, and
//! those of the texts.

use std::sync::Arc;

use crate::component::{Argument, Arguments, Field, FieldType, Need, SecretsIn};
use crate::diagnostic::{Diagnostic, Span, did_you_mean, quoted};
use crate::syntax::ast;
use crate::syntax::fields::{self, Fields};
use crate::syntax::tree::{Kind, Node};
use crate::template::{Schema, SchemaError, SchemaPart, Sink, Tree, Ty};
use crate::units::{ByteSize, parse_duration};
use crate::value::Json;

use super::defaults::{Action, spelling};
use super::names::Visible;
pub(super) use super::texts::Texts;

/// How many keys help to remember all of them.
const FEW: usize = 8;

/// What was compiled of an action or a trigger.
pub(super) struct Compiled {
    /// The arguments.
    pub arguments: Arguments,
    /// Where each field's value stands.
    pub places: Vec<(String, Span)>,
    /// The types of the values, where the names are the author's own.
    pub types: Vec<(Arc<str>, Ty)>,
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

/// Whether every key was known and could be read. Where one was not, a missing key is most likely that one, and to
/// say so again would be a second error for one mistake.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Spelling {
    Right,
    Wrong,
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
        if !matches!(node.kind, Kind::Mapping(_)) && declared.len() <= FEW {
            let message = format!("{what} must be a map, found {}", fields::found(node));
            let names: Vec<_> = declared.iter().map(|field| format!("`{}`", field.name)).collect();
            let help =
                format!("write `key: value` lines, indented below it; its keys are {}", names.join(", "));
            self.diagnostics.push(Diagnostic::error("wrong-type", node.span, message).with_help(help));
            return None;
        }
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
        let all_known = cursor.keys().next().is_none() && !self.is_unreadable(node);
        let spelling = if all_known { Spelling::Right } else { Spelling::Wrong };
        ast::report_fields(&mut cursor, what, self.diagnostics);
        cursor.finish(self.diagnostics);
        Some(Compiled { arguments: Arguments::new(compiled), places, types: Vec::new(), spelling })
    }

    /// Whether a part of this could not be read: what is missing may well be there.
    pub fn is_unreadable(&self, node: &Node) -> bool {
        let whole = node.alias.unwrap_or(node.span);
        self.diagnostics.iter().any(|found| {
            let at = found.primary.span;
            found.code.starts_with("yaml-")
                && at.file == whole.file
                && (whole.start..whole.end).contains(&at.start)
        })
    }

    /// Compiles one value as its type says.
    pub fn argument(&mut self, node: &Node, ty: &FieldType, slot: Slot<'_>) -> Option<Argument> {
        let Slot { what, secrets, visible } = slot;
        let templated = node.as_scalar().is_some_and(|scalar| scalar.text.contains("{{"));
        match ty {
            FieldType::Text => self.text(node, secrets, visible).map(|text| Argument::Text(text, Sink::Text)),
            FieldType::Url => self.text(node, secrets, visible).map(|text| Argument::Text(text, Sink::Url)),
            FieldType::Path => self.text(node, secrets, visible).map(|text| Argument::Text(text, Sink::Path)),
            FieldType::Glob => self.text(node, secrets, visible).map(|text| Argument::Text(text, Sink::Glob)),
            FieldType::File => self.text(node, secrets, visible).map(Argument::File),
            FieldType::Json => self.tree(node, secrets, visible).map(Argument::Tree),
            FieldType::Expression => {
                self.expression(node, visible).map(|expression| Argument::Tree(Tree::Expr(expression)))
            }
            FieldType::ExpressionOver(names) => {
                let own =
                    names.iter().fold(Visible::nothing(), |visible, name| visible.with_root(name, Ty::any()));
                self.expression(node, &own).map(Argument::Later)
            }
            FieldType::Schema => self.schema(node).map(Argument::Schema),
            FieldType::Prompt => match &node.kind {
                Kind::Mapping(_) => self.prompt_file(node, visible).map(Argument::Prompt),
                _ => self.text(node, secrets, visible).map(|text| Argument::Text(text, Sink::Text)),
            },
            FieldType::List(of) => match &node.kind {
                Kind::Sequence(items) => Some(Argument::List(self.each(items, of, slot))),
                _ if templated => {
                    let (tree, value) = self.tree_of(node, secrets, visible)?;
                    self.fits(node, ty, &value);
                    Some(Argument::Tree(tree))
                }
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
                _ if templated => {
                    let (tree, value) = self.tree_of(node, secrets, visible)?;
                    self.fits(node, ty, &value);
                    Some(Argument::Tree(tree))
                }
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
            _ if templated => {
                let (tree, value) = self.tree_of(node, secrets, visible)?;
                self.fits(node, ty, &value);
                Some(Argument::Tree(tree))
            }
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
                Some(_) => return self.out_of_range(node, ty),
                None => false,
            },
            FieldType::Number { min, max } => match value.as_f64() {
                Some(number) if (*min..=*max).contains(&number) => true,
                Some(_) => return self.out_of_range(node, ty),
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

    pub(super) fn wrong<T>(&mut self, node: &Node, ty: &FieldType) -> Option<T> {
        let message = format!("expected {}, found {}", ty.describe(), fields::found(node));
        let help = match (ty, node.as_text()) {
            (FieldType::Boolean, Some(word)) => fields::boolean_word(word),
            (FieldType::Integer { .. } | FieldType::Number { .. }, Some(word))
                if word.parse::<f64>().is_ok() =>
            {
                Some(format!("write it without quotes: `{word}`"))
            }
            _ => None,
        };
        self.diagnostics.push(Diagnostic::error("wrong-type", node.span, message).with_help_if(help));
        None
    }

    fn out_of_range<T>(&mut self, node: &Node, ty: &FieldType) -> Option<T> {
        let range = match ty {
            FieldType::Integer { min, max } if *max == i64::MAX => format!("at least {min}"),
            FieldType::Integer { min, max } => format!("between {min} and {max}"),
            FieldType::Number { min, max } => format!("between {min} and {max}"),
            _ => ty.describe(),
        };
        let found = node.as_scalar().map_or("", |scalar| &scalar.text);
        self.refuse(node, "out-of-range", format!("this must be {range}, found {found}"))
    }

    fn refuse<T>(&mut self, node: &Node, code: &'static str, message: String) -> Option<T> {
        self.diagnostics.push(Diagnostic::error(code, node.span, message));
        None
    }

    /// Notes a value that the field can never take. One that may be taken is looked at when the step runs.
    fn fits(&mut self, node: &Node, ty: &FieldType, value: &Ty) {
        let wanted = match ty {
            FieldType::Boolean => Ty::boolean(),
            FieldType::Integer { .. } => Ty::integer(),
            FieldType::Number { .. } => Ty::number(),
            FieldType::Duration | FieldType::Size => Ty::text(),
            FieldType::Choice(words) => Ty::words(words.iter().copied()),
            FieldType::List(_) => Ty::list(Ty::any()),
            FieldType::Map(_) => Ty::map_of(Ty::any()),
            _ => return,
        };
        // Null stands for a field that is left out.
        if value.excludes(&wanted.or_null()) {
            let message = format!("expected {}, and this is {value}", ty.describe());
            self.diagnostics.push(Diagnostic::error("wrong-type", node.span, message));
        }
    }

    /// Compiles a schema in either form.
    pub fn schema(&mut self, node: &Node) -> Option<Arc<Schema>> {
        match Schema::parse(&node.to_json()) {
            Ok(schema) => Some(Arc::new(schema)),
            Err(error) => {
                let span = place_of(node, &error);
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

/// Where in the file a mistake of a schema stands.
pub(super) fn place_of(node: &Node, error: &SchemaError) -> Span {
    let Some((holder, key)) = error.pointer.rsplit_once('/').filter(|_| error.part == SchemaPart::Key) else {
        return at_pointer(node, &error.pointer).span;
    };
    let key = key.replace("~1", "/").replace("~0", "~");
    let holder = at_pointer(node, holder);
    match &holder.kind {
        Kind::Mapping(entries) => {
            entries.iter().find(|(name, _)| *name.value == *key).map_or(holder.span, |(name, _)| name.span)
        }
        _ => holder.span,
    }
}

/// The node at a JSON pointer, or the last one on the way that exists.
pub(super) fn at_pointer<'a>(node: &'a Node, pointer: &str) -> &'a Node {
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
