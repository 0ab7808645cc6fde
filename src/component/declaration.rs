//! How a kind declares itself: tables that can be written as constants.

use crate::diagnostic::{Diagnostics, Span};
use crate::money::Money;
use crate::syntax::tree::Node;
use crate::template::Ty;
use crate::template::types::Presence;

use super::Arguments;

/// What an action is, for people and for the checker.
#[derive(Clone, Copy)]
pub struct ActionDeclaration {
    /// The key under which a step writes it.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// What may be written in it.
    pub fields: &'static [Field],
    /// When the value is written without a map, the field it is meant for.
    pub shorthand: Option<&'static str>,
    /// When the names of its fields are the author's: the type of each value.
    pub open: Option<&'static FieldType>,
    /// What `steps.ID.output` will be.
    pub output: OutputType,
    /// What happens to the world when it runs, as far as the kind alone decides.
    pub effect: Effect,
    /// What one attempt costs at worst, as far as what is written tells; none where that is nothing.
    pub worst_case: Option<fn(&Arguments) -> Option<Money>>,
    /// Rules over several fields, for what the table cannot say.
    pub rules: Option<fn(&Written<'_>, &mut Diagnostics)>,
    /// A step that uses it, in YAML.
    pub example: &'static str,
}

/// What an attempt does to the world, and so what recovery may do after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing that anybody could notice: it may run any number of times, and unrecorded.
    None,
    /// Something that is the same when done twice: it is recorded before it starts, and run again.
    Idempotent,
    /// Something that must not happen twice by itself.
    Once,
}

/// One field of an action or a trigger.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its key.
    pub name: &'static str,
    /// What may be written there.
    pub ty: FieldType,
    /// Whether it must be written.
    pub need: Need,
    /// Whether a secret may stand in it.
    pub secrets: SecretsIn,
    /// What holds when it is not written, for people.
    pub default: Option<&'static str>,
    /// What it has to do with files that are written.
    pub files: Files,
    /// One sentence.
    pub doc: &'static str,
}

/// What the paths in a field have to do with files that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// Nothing.
    Untouched,
    /// The step writes this file; a folder, where the path ends in `/`.
    Written,
    /// The trigger starts a run when a file of these globs is written.
    Watched,
    /// The trigger leaves files and folders of these globs out.
    Ignored,
}

/// Whether a field must be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Without it the step means nothing.
    Required,
    /// It has a default, or leaves something out.
    Optional,
}

/// Whether `{{secrets.NAME}}` may stand in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretsIn {
    /// A credential belongs here.
    Allowed,
    /// It would be written down or sent to somebody else.
    Refused,
}

impl Field {
    /// A field that must be written.
    pub const fn required(name: &'static str, ty: FieldType, doc: &'static str) -> Self {
        Self {
            name,
            ty,
            need: Need::Required,
            secrets: SecretsIn::Refused,
            default: None,
            files: Files::Untouched,
            doc,
        }
    }

    /// A field that may be left out.
    pub const fn optional(name: &'static str, ty: FieldType, doc: &'static str) -> Self {
        Self { need: Need::Optional, ..Self::required(name, ty, doc) }
    }

    /// The same field, in which a credential may stand.
    #[must_use]
    pub const fn with_secrets(self) -> Self {
        Self { secrets: SecretsIn::Allowed, ..self }
    }

    /// The same field, whose paths have this to do with files that are written.
    #[must_use]
    pub const fn with_files(self, files: Files) -> Self {
        Self { files, ..self }
    }

    /// The same field, with what holds when it is not written.
    #[must_use]
    pub const fn with_default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }
}

/// What may be written in a field.
///
/// Where a scalar is asked for, a template may stand instead; its value is then checked when the
/// step runs.
#[derive(Clone, Copy, Debug)]
pub enum FieldType {
    /// Text with templates.
    Text,
    /// An `http` or `https` address with templates; values after the host are percent-encoded.
    Url,
    /// A path in the workspace with templates; data in it may not lead elsewhere.
    Path,
    /// A glob over the workspace with templates; data in it is one name, wildcards and all.
    Glob,
    /// A path to read in the workspace, or one `{{…}}` that gives a file reference. Data may name folders
    /// in it, as what is only read lies below the roots for reading whatever is named.
    File,
    /// Any value; strings in it are templates, and one that is a single `{{…}}` keeps its type.
    Json,
    /// A CEL expression, written without braces.
    Expression,
    /// A CEL expression over these names, and no others, which the action evaluates while it runs.
    ExpressionOver(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// A whole number in this range.
    Integer {
        /// The least.
        min: i64,
        /// The most.
        max: i64,
    },
    /// A number in this range.
    Number {
        /// The least.
        min: f64,
        /// The most.
        max: f64,
    },
    /// `500ms`, `30s`, `5m`, `1h`, `2d`.
    Duration,
    /// `64KiB`, `2MiB`.
    Size,
    /// `$0.02`.
    Money,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A JSON Schema, or its short form.
    Schema,
    /// Text with templates, or a prompt file: `{file, with, context, history}`. What the file says of
    /// other fields of the action holds where the step does not say it.
    Prompt,
    /// A list of these.
    List(&'static FieldType),
    /// One of these, or a list of them.
    OneOrMany(&'static FieldType),
    /// A map from names of the author's choice to these.
    Map(&'static FieldType),
    /// A map of these fields.
    Record(&'static [Field]),
    /// A list of steps, which the engine runs; an action gets nothing of it.
    Steps,
    /// A map from a kind of trigger to one or several of it. Only where a workflow itself is read.
    Triggers,
    /// A map from an action to some of its fields. Only where a workflow itself is read.
    Defaults,
    /// The first when a scalar is written, the second when something else is.
    Either(&'static FieldType, &'static FieldType),
}

impl FieldType {
    /// What people may write, in a few words.
    pub fn describe(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Url => "an address".into(),
            Self::Path => "a path".into(),
            Self::Glob => "a glob".into(),
            Self::File => "a path, or a file reference".into(),
            Self::Json => "any value".into(),
            Self::Expression => "an expression".into(),
            Self::ExpressionOver(names) => {
                let names = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
                format!("an expression over {}", names.join(", "))
            }
            Self::Boolean => "`true` or `false`".into(),
            Self::Integer { .. } => "a whole number".into(),
            Self::Number { .. } => "a number".into(),
            Self::Duration => "a duration".into(),
            Self::Size => "a size".into(),
            Self::Money => "an amount of money".into(),
            Self::Triggers => "a map of triggers".into(),
            Self::Defaults => "a map from actions to their fields".into(),
            Self::Choice(words) => {
                words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            }
            Self::Schema => "a schema".into(),
            Self::Steps => "a list of steps".into(),
            Self::Prompt => "text, or a map of `file` and `with`".into(),
            Self::List(of) => format!("a list of {}", of.describe()),
            Self::OneOrMany(of) => format!("{}, or a list", of.describe()),
            Self::Map(of) => format!("a map to {}", of.describe()),
            Self::Record(fields) => {
                let names = fields.iter().map(|field| format!("`{}`", field.name)).collect::<Vec<_>>();
                format!("a map of {}", names.join(", "))
            }
            Self::Either(scalar, map) => format!("{}, or {}", scalar.describe(), map.describe()),
        }
    }
}

/// How the type of an action's output is known.
#[derive(Clone, Copy, Debug)]
pub enum OutputType {
    /// It is always this.
    Fixed(Type),
    /// It follows from what is written (`parse: csv` gives a list); the second is what can be said
    /// of every step of this kind, for people. The first is asked with the arguments, the workflow's
    /// defaults among them.
    FromArguments(fn(&Arguments) -> Type, Type),
    /// It is what the schema in this field says; without one it is the other.
    FromSchema(&'static str, Type),
    /// It is a map of the names that the author wrote.
    Named,
}

/// The type of a value, as far as a declaration knows it.
#[derive(Clone, Copy, Debug)]
pub enum Type {
    /// Anything.
    Any,
    /// Nothing at all: the step always fails.
    Never,
    /// Always null.
    Null,
    /// Text.
    Text,
    /// One of these texts.
    Words(&'static [&'static str]),
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// This, or null.
    Nullable(&'static Type),
    /// A list of these.
    List(&'static Type),
    /// A map from any names to these.
    Map(&'static Type),
    /// A map of exactly these names.
    Record(&'static [(&'static str, Type)]),
    /// What the schema that is written in this field says; without one, anything.
    Schema(&'static str),
}

impl Type {
    /// The same for the checker, where these arguments were written.
    pub fn with(&self, arguments: &Arguments) -> Ty {
        match self {
            Self::Any => Ty::any(),
            Self::Never => Ty::never(),
            Self::Null => Ty::null(),
            Self::Text => Ty::text(),
            Self::Words(words) => Ty::words(words.iter().copied()),
            Self::Integer => Ty::integer(),
            Self::Number => Ty::number(),
            Self::Boolean => Ty::boolean(),
            Self::Nullable(of) => of.with(arguments).or_null(),
            Self::List(of) => Ty::list(of.with(arguments)),
            Self::Map(of) => Ty::map_of(of.with(arguments)),
            Self::Record(fields) => {
                Ty::map(fields.iter().map(|(name, ty)| (*name, ty.with(arguments), Presence::Required)))
            }
            Self::Schema(field) => {
                arguments.schema(field).map_or_else(Ty::any, |schema| Ty::of_schema(schema.json()))
            }
        }
    }
}

/// The fields of an action or a trigger as the author wrote them, for the rules of a kind.
pub struct Written<'a> {
    /// The key that names the action or the trigger.
    pub name: Span,
    /// Each field that was written: its name, the place of its key, its value.
    pub fields: Vec<(&'a str, Span, &'a Node)>,
}

impl<'a> Written<'a> {
    /// The value written in this field.
    pub fn get(&self, name: &str) -> Option<&'a Node> {
        self.fields.iter().find(|(field, ..)| *field == name).map(|(.., node)| *node)
    }

    /// The places of those of these fields that were written.
    pub fn keys_among(&self, names: &[&str]) -> Vec<(&'a str, Span)> {
        self.fields
            .iter()
            .filter(|(field, ..)| names.contains(field))
            .map(|(field, key, _)| (*field, *key))
            .collect()
    }
}
