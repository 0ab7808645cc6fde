//! How a kind declares itself: tables that can be written as constants.

use crate::diagnostic::{Diagnostics, Span};
use crate::syntax::tree::Node;

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
    /// One sentence.
    pub doc: &'static str,
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
        Self { name, ty, need: Need::Required, secrets: SecretsIn::Refused, default: None, doc }
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
    /// Any value; strings in it are templates, and one that is a single `{{…}}` keeps its type.
    Json,
    /// A CEL expression, written without braces.
    Expression,
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
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A JSON Schema, or its short form.
    Schema,
    /// A list of these.
    List(&'static FieldType),
    /// One of these, or a list of them.
    OneOrMany(&'static FieldType),
    /// A map from names of the author's choice to these.
    Map(&'static FieldType),
    /// A map of these fields.
    Record(&'static [Field]),
    /// The first when a scalar is written, the second when a map is.
    Either(&'static FieldType, &'static FieldType),
}

impl FieldType {
    /// What people may write, in a few words.
    pub fn describe(&self) -> String {
        match self {
            Self::Text => "text".into(),
            Self::Url => "an address".into(),
            Self::Path => "a path".into(),
            Self::Json => "any value".into(),
            Self::Expression => "an expression".into(),
            Self::Boolean => "`true` or `false`".into(),
            Self::Integer { .. } => "a whole number".into(),
            Self::Number { .. } => "a number".into(),
            Self::Duration => "a duration".into(),
            Self::Size => "a size".into(),
            Self::Choice(words) => {
                words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            }
            Self::Schema => "a schema".into(),
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
    /// Always null.
    Null,
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A list of these.
    List(&'static Type),
    /// A map of exactly these names.
    Record(&'static [(&'static str, Type)]),
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
