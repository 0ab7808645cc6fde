//! What a word can mean, with what is known of it, from the tables that declare it.

use serde_json::{Map, json};

use crate::component::forms::{self, Form, Key};
use crate::component::{
    ActionDeclaration, Effect, Field, FieldType, Kinds, Need, OutputType, SecretsIn, TriggerDeclaration, Type,
};
use crate::diagnostic::codes::{self, Page, PageKind};
use crate::template::functions::{FUNCTIONS, Function};
use crate::value::Json;

/// Something that can be explained.
pub struct Topic {
    /// What it is.
    pub kind: Kind,
    /// How it is written.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// All the rest.
    pub body: Body,
}

/// What sort of thing a topic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A code.
    Code(PageKind),
    /// An action.
    Action,
    /// A trigger.
    Trigger,
    /// A form of control flow.
    Form,
    /// A key at the top of a workflow.
    TopKey,
    /// A key of a step.
    StepKey,
    /// A key of every trigger.
    TriggerKey,
    /// A function.
    Function,
}

impl Kind {
    /// The words for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Code(kind) => kind.as_str(),
            Self::Action => "action",
            Self::Trigger => "trigger",
            Self::Form => "control flow",
            Self::TopKey => "workflow key",
            Self::StepKey => "step key",
            Self::TriggerKey => "trigger key",
            Self::Function => "function",
        }
    }
}

/// What is known of a topic beside its summary.
pub enum Body {
    /// A code's page.
    Page(&'static Page),
    /// What is written, and what comes of it.
    Declared(Declared),
    /// A function.
    Function(&'static Function),
}

/// What is written in something, and what comes of it.
pub struct Declared {
    /// What stands at its own key; none where it is a map of the fields.
    pub value: Option<Field>,
    /// What may be written in it or beside it.
    pub fields: Vec<Field>,
    /// Further facts, each with its heading.
    pub facts: Vec<(&'static str, String)>,
    /// How it is used.
    pub example: &'static str,
}

impl Topic {
    /// Whether a person who writes this means the topic.
    pub fn is_called(&self, word: &str) -> bool {
        match self.body {
            Body::Page(page) => codes::find(word).contains(&page),
            _ => self.name == word,
        }
    }

    /// All of it, for programs.
    pub fn json(&self) -> Json {
        let mut json = json!({ "kind": self.kind.as_str(), "name": self.name, "summary": self.summary });
        let mut rest = match &self.body {
            Body::Page(page) => json!({
                "cause": page.cause,
                "cure": page.cure,
                "example": page.example.map(|shown| json!({ "wrong": shown.wrong, "right": shown.right })),
            }),
            Body::Declared(declared) => {
                let facts =
                    declared.facts.iter().map(|(name, text)| ((*name).to_owned(), text.as_str().into()));
                let mut all: Map<String, Json> = facts.collect();
                if let Some(value) = &declared.value {
                    all.insert("value".to_owned(), field_json(value));
                }
                all.insert("fields".to_owned(), declared.fields.iter().map(field_json).collect());
                all.insert("example".to_owned(), declared.example.into());
                Json::Object(all)
            }
            Body::Function(function) => {
                json!({ "signature": function.signature(), "example": function.example })
            }
        };
        if let (Some(json), Some(rest)) = (json.as_object_mut(), rest.as_object_mut()) {
            json.append(rest);
        }
        json
    }
}

fn field_json(field: &Field) -> Json {
    json!({
        "name": field.name,
        "type": field.ty.describe(),
        "range": range(&field.ty),
        "required": field.need == Need::Required,
        "default": field.default,
        "secrets": field.secrets == SecretsIn::Allowed,
        "doc": field.doc,
        "fields": inner(&field.ty).iter().map(field_json).collect::<Vec<_>>(),
    })
}

/// `0 to 10`: between which numbers a value lies; none where there is no bound.
pub fn range(ty: &FieldType) -> Option<String> {
    match ty {
        FieldType::Integer { min: i64::MIN, max: i64::MAX } => None,
        FieldType::Integer { min, max: i64::MAX } => Some(format!("at least {min}")),
        FieldType::Integer { min, max } => Some(format!("{min} to {max}")),
        FieldType::Number { min, max } => Some(format!("{min} to {max}")),
        FieldType::List(of) | FieldType::OneOrMany(of) | FieldType::Either(of, _) => range(of),
        _ => None,
    }
}

/// The fields of the map that may be written in a field.
pub fn inner(ty: &FieldType) -> &'static [Field] {
    match ty {
        FieldType::Record(fields) => fields,
        FieldType::List(of) | FieldType::OneOrMany(of) | FieldType::Map(of) => inner(of),
        FieldType::Either(first, second) => match inner(first) {
            [] => inner(second),
            fields => fields,
        },
        _ => &[],
    }
}

/// Everything that can be explained, in the order in which it is listed.
pub fn all(kinds: &Kinds) -> Vec<Topic> {
    let mut all: Vec<Topic> = kinds.actions().map(action).collect();
    all.extend(kinds.triggers().map(trigger));
    all.extend(forms::FORMS.iter().map(form));
    for (kind, keys) in
        [(Kind::TopKey, forms::TOP), (Kind::StepKey, forms::STEP), (Kind::TriggerKey, forms::TRIGGER)]
    {
        all.extend(keys.iter().map(|one| key(kind, one)));
    }
    all.extend(FUNCTIONS.iter().map(function));
    all.extend(codes::all().map(code));
    all
}

/// The topic of a function.
pub fn function(function: &'static Function) -> Topic {
    Topic { kind: Kind::Function, name: function.name, summary: function.doc, body: Body::Function(function) }
}

fn code(page: &'static Page) -> Topic {
    Topic { kind: Kind::Code(page.kind), name: page.code, summary: page.summary, body: Body::Page(page) }
}

fn action(declaration: &ActionDeclaration) -> Topic {
    let mut facts = Vec::new();
    if let Some(field) = declaration.shorthand {
        facts.push(("short form", format!("`{}: …` without a map means `{field}`", declaration.name)));
    }
    if let Some(of) = declaration.open {
        facts.push(("fields", format!("names of your choice, each with {}", of.describe())));
    }
    facts.push(("output", output(&declaration.output)));
    facts.push(("effect", effect(declaration.effect).to_owned()));
    Topic {
        kind: Kind::Action,
        name: declaration.name,
        summary: declaration.summary,
        body: Body::Declared(Declared {
            value: None,
            fields: declaration.fields.to_vec(),
            facts,
            example: declaration.example,
        }),
    }
}

fn trigger(declaration: &TriggerDeclaration) -> Topic {
    let mut fields = declaration.fields.to_vec();
    fields.extend(forms::TRIGGER.iter().map(|key| key.field));
    Topic {
        kind: Kind::Trigger,
        name: declaration.name,
        summary: declaration.summary,
        body: Body::Declared(Declared {
            value: None,
            fields,
            facts: vec![("event", describe(&declaration.event))],
            example: declaration.example,
        }),
    }
}

fn form(form: &'static Form) -> Topic {
    Topic {
        kind: Kind::Form,
        name: form.head.name,
        summary: form.summary,
        body: Body::Declared(Declared {
            value: Some(form.head),
            fields: form.fields.to_vec(),
            facts: vec![("output", form.output.to_owned())],
            example: form.example,
        }),
    }
}

fn key(kind: Kind, key: &'static Key) -> Topic {
    Topic {
        kind,
        name: key.field.name,
        summary: key.field.doc,
        body: Body::Declared(Declared {
            value: Some(key.field),
            fields: Vec::new(),
            facts: Vec::new(),
            example: key.example,
        }),
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::None => "none that anybody could notice",
        Effect::Idempotent => "the same when done twice: after a crash it is done again",
        Effect::Once => {
            "must not happen twice: after a crash in the middle a person decides, unless `idempotent: true`"
        }
    }
}

fn output(output: &OutputType) -> String {
    match output {
        OutputType::Fixed(ty) | OutputType::FromArguments(_, ty) => describe(ty),
        OutputType::FromSchema(field, otherwise) => {
            format!("{}; with `{field}` the value that it describes", describe(otherwise))
        }
        OutputType::Named => "a map of the names that are written".to_owned(),
    }
}

fn describe(ty: &Type) -> String {
    match ty {
        Type::Any => "any value".to_owned(),
        Type::Never => "none: the step always fails".to_owned(),
        Type::Null => "null".to_owned(),
        Type::Text => "text".to_owned(),
        Type::Words(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Type::Integer => "a whole number".to_owned(),
        Type::Number => "a number".to_owned(),
        Type::Boolean => "`true` or `false`".to_owned(),
        Type::Nullable(of) => format!("{} or null", describe(of)),
        Type::List(of) => format!("a list of {}", describe(of)),
        Type::Map(of) => format!("a map to {}", describe(of)),
        Type::Schema(field) => format!("what `{field}` says"),
        Type::Record(fields) => {
            let names: Vec<_> = fields.iter().map(|(name, _)| *name).collect();
            format!("{{{}}}", names.join(", "))
        }
    }
}
