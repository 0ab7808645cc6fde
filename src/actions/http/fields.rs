//! What may be written in `http`, the rules between its fields, and their values.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::component::{
    ActionDeclaration, Arguments, Effect, Field, FieldType, Files, OutputType, Type, Written,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::net::Method;
use crate::value::Json;

use super::super::parse::{self, FORMATS, Format};
use super::auth::Auth;
use super::{auth, multipart, pages};

/// The keys that name a method.
const METHODS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// The keys that name a body.
const BODIES: [&str; 4] = ["json", "form", "body", "multipart"];

/// `http`.
pub const DECLARATION: ActionDeclaration = ActionDeclaration {
    name: "http",
    summary: "Sends a request and gives the answer.",
    fields: &[
        Field::optional("get", FieldType::Url, "The address, for a GET").with_secrets(),
        Field::optional("head", FieldType::Url, "The address, for a HEAD").with_secrets(),
        Field::optional("post", FieldType::Url, "The address, for a POST").with_secrets(),
        Field::optional("put", FieldType::Url, "The address, for a PUT").with_secrets(),
        Field::optional("patch", FieldType::Url, "The address, for a PATCH").with_secrets(),
        Field::optional("delete", FieldType::Url, "The address, for a DELETE").with_secrets(),
        Field::optional("headers", FieldType::Map(&FieldType::Text), "Headers of the request").with_secrets(),
        Field::optional("query", FieldType::Map(&FieldType::Text), "Added to the address, encoded")
            .with_secrets(),
        Field::optional("json", FieldType::Json, "The body, as JSON").with_secrets(),
        Field::optional("form", FieldType::Map(&FieldType::Text), "The body, as a form").with_secrets(),
        Field::optional("body", FieldType::Json, "The body, as text or as the bytes of a file reference"),
        Field::optional("multipart", multipart::PARTS, "The body, as the parts of a form with files")
            .with_secrets(),
        Field::optional("auth", FieldType::Record(auth::FIELDS), "A credential").with_secrets(),
        Field::optional("parse", FORMATS, "What the answer means")
            .with_default("by its content type: JSON, else text"),
        Field::optional("schema", FieldType::Schema, "What the body must be; another one fails the step"),
        Field::optional("save", FieldType::Path, "Writes the answer to this file instead of parsing it")
            .with_files(Files::Written),
        Field::optional(
            "pages",
            FieldType::Record(pages::FIELDS),
            "Gets further pages of a GET; `body` is then the list of all items",
        ),
        Field::optional(
            "accept_status",
            FieldType::OneOrMany(&FieldType::Integer { min: 100, max: 599 }),
            "The statuses that are no failure",
        )
        .with_default("200 to 299"),
        Field::optional("max_size", FieldType::Size, "The largest answer, all pages together")
            .with_default("16MiB, for `save` and `parse: bytes` 256MiB"),
    ],
    shorthand: Some("get"),
    open: None,
    output: OutputType::FromArguments(type_of, parse::ANSWER),
    effect: Effect::Once,
    worst_case: None,
    rules: Some(rules),
    example: "- id: issues\n  http:\n    get: https://api.example.org/issues\n    query: { state: open }\n    auth: { bearer: \"{{secrets.API_KEY}}\" }\n    pages: { next: link }\n",
};

/// What `save` gives.
const SAVED: Type = Type::Record(&[
    ("status", Type::Integer),
    ("headers", Type::Any),
    ("path", Type::Text),
    ("bytes", Type::Integer),
]);

/// An answer whose body has a schema.
const DESCRIBED: Type =
    Type::Record(&[("status", Type::Integer), ("headers", Type::Any), ("body", Type::Schema("schema"))]);

fn type_of(arguments: &Arguments) -> Type {
    if arguments.get("save").is_some() {
        SAVED
    } else if arguments.get("pages").is_some() {
        pages::TYPE
    } else if arguments.schema("schema").is_some() {
        DESCRIBED
    } else {
        parse::answer_type(arguments)
    }
}

fn rules(written: &Written<'_>, diagnostics: &mut Diagnostics) {
    match written.keys_among(&METHODS)[..] {
        [_] => {}
        [] => diagnostics.push(
            Diagnostic::error("missing-key", written.name, "a request needs a method and an address")
                .with_help("add `get: https://…`, `post: https://…`, `put:`, `patch:`, `delete:` or `head:`"),
        ),
        [(first, at), (second, other), ..] => diagnostics.push(
            Diagnostic::error(
                "two-methods",
                other,
                format!("a request has one method, not `{first}` and `{second}`"),
            )
            .with_related(at, "the first method")
            .with_help("make a step of each, or keep one"),
        ),
    }
    if let [(first, at), (second, other), ..] = written.keys_among(&BODIES)[..] {
        let problem = Diagnostic::error(
            "two-bodies",
            other,
            format!("a request has one body, not `{first}` and `{second}`"),
        );
        diagnostics.push(problem.with_related(at, "the first body").with_help("keep one of them"));
    }
    if let Some(body) = written.get("body")
        && body.as_scalar().is_none()
    {
        let message = format!("`body` is text or a file reference, found {}", body.describe());
        let problem = Diagnostic::error("wrong-type", body.span, message);
        diagnostics
            .push(problem.with_help("write `json:` for a value, or `form:` or `multipart:` for a form"));
    }
    if let [(first, at), (second, other), ..] = written.keys_among(&["save", "pages", "parse"])[..] {
        let message = format!("`{first}` and `{second}` each say what becomes of the answer: write one");
        let problem = Diagnostic::error("conflicting-keys", other, message);
        diagnostics.push(problem.with_related(at, format!("`{first}` stands here")));
    }
    if let [(first, at), (second, other), ..] = written.keys_among(&["save", "schema"])[..] {
        let message =
            format!("`{first}` and `{second}` do not go together: a file that is saved is not looked into");
        let problem = Diagnostic::error("conflicting-keys", other, message);
        diagnostics.push(problem.with_related(at, format!("`{first}` stands here")));
    }
    if let ([(_, at)], [(method, _), ..]) =
        (&written.keys_among(&["pages"])[..], &written.keys_among(&METHODS)[..])
        && *method != "get"
    {
        let message = format!("pages are got, and this is a `{method}`");
        diagnostics.push(Diagnostic::error("conflicting-keys", *at, message));
    }
    if let Some(node) = written.get("auth")
        && let Json::Object(credentials) = node.to_json()
    {
        let names: Vec<_> = credentials.keys().map(|name| format!("`{name}`")).collect();
        let problem = match names.len() {
            1 => return,
            0 => Diagnostic::error("missing-key", node.span, "`auth` holds no credential")
                .with_help("write `bearer:`, `basic:` or `oauth2:` in it, or leave `auth` out"),
            _ => {
                let message = format!("a request has one credential, found {}", names.join(" and "));
                Diagnostic::error("conflicting-keys", node.span, message)
            }
        };
        diagnostics.push(problem);
    }
}

/// The fields' values.
#[derive(Deserialize)]
pub(super) struct Values {
    get: Option<String>,
    head: Option<String>,
    post: Option<String>,
    put: Option<String>,
    patch: Option<String>,
    delete: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) query: serde_json::Map<String, Json>,
    /// Present and null is JSON too.
    #[serde(default, deserialize_with = "present")]
    pub(super) json: Option<Json>,
    pub(super) form: Option<serde_json::Map<String, Json>>,
    pub(super) body: Option<Json>,
    pub(super) multipart: Option<multipart::Parts>,
    #[serde(default)]
    pub(super) auth: Auth,
    pub(super) parse: Option<Format>,
    pub(super) save: Option<String>,
    pub(super) pages: Option<pages::Written>,
    pub(super) accept_status: Option<Vec<u16>>,
    pub(super) max_size: Option<String>,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

impl Values {
    /// The method and the address.
    pub(super) fn target(&mut self) -> Option<(Method, String)> {
        [
            (Method::GET, self.get.take()),
            (Method::HEAD, self.head.take()),
            (Method::POST, self.post.take()),
            (Method::PUT, self.put.take()),
            (Method::PATCH, self.patch.take()),
            (Method::DELETE, self.delete.take()),
        ]
        .into_iter()
        .find_map(|(method, url)| Some((method, url?)))
    }
}
