//! `providers`: the model servers, and the one that is there without being written.

use std::net::IpAddr;
use std::num::NonZeroU64;
use std::time::Duration;

use indexmap::IndexMap;

use super::settings::{entries, section};
use super::{Config, Template};
use crate::diagnostic::{Diagnostic, Diagnostics, Span, quoted};
use crate::ids::is_workflow_name;
use crate::syntax::fields::{self, Field, Fields};
use crate::syntax::tree::Node;

/// The provider that models belong to when nobody names another one.
pub const MAMMOUTH: &str = "mammouth";

/// A server of an OpenAI-compatible API.
#[derive(Clone, Debug)]
pub struct Provider {
    /// Where its name is written; none for the built-in one.
    pub span: Option<Span>,
    /// The address under which `/chat/completions` lies.
    pub base_url: Template,
    /// Sent as a bearer token; none: no `Authorization` header.
    pub api_key: Option<Template>,
    /// Further headers by lower-case name.
    pub headers: IndexMap<String, Template>,
    /// What the server bears.
    pub limits: ProviderLimits,
    /// Whether answers are streamed on the wire.
    pub stream: Streaming,
    /// How long is waited for what.
    pub timeouts: Timeouts,
}

/// What a provider bears at most; none: no limit of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProviderLimits {
    /// Calls at a time.
    pub concurrency: Option<NonZeroU64>,
    /// Calls begun in a minute.
    pub requests_per_minute: Option<NonZeroU64>,
    /// Tokens in and out in a minute.
    pub tokens_per_minute: Option<NonZeroU64>,
}

/// Whether answers are streamed on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Streaming {
    /// Where it works, else not: `auto`.
    #[default]
    Auto,
    /// `true`.
    Always,
    /// `false`.
    Never,
}

/// How long is waited; none: the published default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Option<Duration>,
    /// For the first byte of an answer.
    pub first_byte: Option<Duration>,
    /// For the next piece of an answer.
    pub progress: Option<Duration>,
    /// For the whole call.
    pub total: Option<Duration>,
}

impl Provider {
    /// Mammouth, with the key of the environment.
    pub(super) fn mammouth() -> Self {
        Self {
            api_key: Some(Template::built_in("{{secrets.MAMMOUTH_API_KEY}}")),
            ..Self::at(None, Template::built_in("https://api.mammouth.ai/v1"))
        }
    }

    fn at(span: Option<Span>, base_url: Template) -> Self {
        Self {
            span,
            base_url,
            api_key: None,
            headers: IndexMap::new(),
            limits: ProviderLimits::default(),
            stream: Streaming::default(),
            timeouts: Timeouts::default(),
        }
    }
}

/// Takes `providers`.
pub(super) fn decode(fields: &mut Fields<'_>, config: &mut Config, diagnostics: &mut Diagnostics) {
    for Field { key, node } in entries(fields, "providers", diagnostics) {
        if !is_workflow_name(&key.value) {
            let message = format!("{} cannot name a provider", quoted(&key.value));
            let help = "a name has letters, digits, `-`, `_` and `.`, as it stands before the `/` of a model";
            diagnostics.push(Diagnostic::error("invalid-value", key.span, message).with_help(help));
            continue;
        }
        let built_in = (&*key.value == MAMMOUTH).then(Provider::mammouth);
        if let Some(provider) = provider(key.span, node, built_in, diagnostics) {
            config.providers.insert(key.value.to_string(), provider);
        }
    }
}

fn provider(
    span: Span,
    node: &Node,
    built_in: Option<Provider>,
    diagnostics: &mut Diagnostics,
) -> Option<Provider> {
    let mut fields = Fields::open(node, "a provider", diagnostics)?.placed(span);
    let written = match &built_in {
        Some(_) => fields.take("base_url"),
        None => fields.require("base_url", diagnostics),
    };
    let base_url = written.and_then(|field| base_url(field.node, diagnostics));
    let mut provider = match (base_url, built_in) {
        // A key goes only to the address that it was meant for.
        (Some(base_url), _) => Provider::at(Some(span), base_url),
        (None, Some(built_in)) => Provider { span: Some(span), ..built_in },
        // Read on for further mistakes; without an address the provider is left out.
        (None, None) => Provider::at(Some(span), Template::built_in("")),
    };
    if let Some(Field { key, node }) = fields.take("api_key") {
        // Empty: none, as local servers want it.
        provider.api_key = (!node.is_null())
            .then(|| Template::of(node, &key.value, diagnostics))
            .flatten()
            .filter(|key| !key.text.is_empty());
        warn_of_literal(provider.api_key.as_ref(), node, "api_key", diagnostics);
    }
    for Field { key, node } in entries(&mut fields, "headers", diagnostics) {
        header(&key.value, key.span, node, &mut provider.headers, diagnostics);
    }
    if let Some(node) = section(&mut fields, "limits") {
        limits(node, &mut provider.limits, diagnostics);
    }
    if let Some(node) = section(&mut fields, "timeouts") {
        timeouts(node, &mut provider.timeouts, diagnostics);
    }
    if let Some(node) = section(&mut fields, "stream") {
        provider.stream = streaming(node, diagnostics).unwrap_or_default();
    }
    fields.finish(diagnostics);
    (!provider.base_url.text.is_empty()).then_some(provider)
}

fn base_url(node: &Node, diagnostics: &mut Diagnostics) -> Option<Template> {
    let template = Template::of(node, "base_url", diagnostics)?;
    if !template.is_literal() {
        return Some(template);
    }
    let wrong = |message: String| {
        let help = "write it like `https://api.example.org/v1`; `/chat/completions` is added to it";
        Diagnostic::error("invalid-value", node.span, message).with_help(help)
    };
    let url = match url::Url::parse(&template.text) {
        Ok(url) => url,
        Err(error) => {
            diagnostics.push(wrong(match error {
                url::ParseError::RelativeUrlWithoutBase => {
                    "`base_url` begins with no `http://` or `https://`".to_owned()
                }
                error => format!("`base_url` is no address: {error}"),
            }));
            return None;
        }
    };
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        diagnostics.push(wrong("`base_url` must begin with `https://` or `http://` and a host".to_owned()));
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        let message = "`base_url` holds a user name or a password".to_owned();
        diagnostics.push(wrong(message).with_help("use `api_key` or `headers` with a `{{secrets.…}}`"));
        return None;
    }
    if url.scheme() == "http" && !is_near(&url) {
        let message = "`base_url` is not encrypted: keys and prompts travel readable";
        diagnostics.push(
            Diagnostic::warning("plain-http", node.span, message).with_help("use `https://` if you can"),
        );
    }
    Some(template)
}

/// Whether an address is on this machine or a network of its owner.
fn is_near(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => {
            name == "localhost" || name.ends_with(".localhost") || !name.contains('.')
        }
        Some(url::Host::Ipv4(ip)) => ip.is_loopback() || ip.is_private(),
        Some(url::Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback() || ip.is_unique_local(),
        None => false,
    }
}

fn header(
    name: &str,
    span: Span,
    node: &Node,
    headers: &mut IndexMap<String, Template>,
    diagnostics: &mut Diagnostics,
) {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        let message = format!("{} cannot name a header", quoted(name));
        diagnostics.push(Diagnostic::error("invalid-value", span, message));
        return;
    }
    let Some(value) = Template::of(node, name, diagnostics) else { return };
    if value.text.contains(|c: char| c.is_control()) {
        let message = format!("the header `{name}` holds a line break or another control character");
        diagnostics.push(Diagnostic::error("invalid-value", node.span, message));
        return;
    }
    let name = name.to_ascii_lowercase();
    let is_credential =
        ["authorization", "cookie", "key", "token", "secret"].iter().any(|end| name.ends_with(end));
    warn_of_literal(Some(&value).filter(|_| is_credential), node, &name, diagnostics);
    headers.insert(name, value);
}

/// A credential belongs in a secret.
fn warn_of_literal(value: Option<&Template>, node: &Node, what: &str, diagnostics: &mut Diagnostics) {
    // What looks like one wherever it stands was told when the file was read.
    let is_told = |one: &Diagnostic| one.code == "literal-credential" && one.primary.span == node.span;
    if value.is_some_and(Template::is_literal) && !diagnostics.iter().any(is_told) {
        let message = format!("`{what}` holds a credential that everybody who sees this file can read");
        let help = "put it in the environment or in `.env`, and write `\"{{secrets.NAME}}\"` here";
        diagnostics.push(Diagnostic::warning("literal-credential", node.span, message).with_help(help));
    }
}

fn limits(node: &Node, limits: &mut ProviderLimits, diagnostics: &mut Diagnostics) {
    let Some(mut fields) = Fields::open(node, "`limits`", diagnostics) else { return };
    let mut count = |name: &str| {
        let node = section(&mut fields, name)?;
        let count = fields::integer(node, name, 1..=i64::MAX, diagnostics)?;
        u64::try_from(count).ok().and_then(NonZeroU64::new)
    };
    limits.concurrency = count("concurrency");
    limits.requests_per_minute = count("requests_per_minute");
    limits.tokens_per_minute = count("tokens_per_minute");
    fields.finish(diagnostics);
}

fn timeouts(node: &Node, timeouts: &mut Timeouts, diagnostics: &mut Diagnostics) {
    let Some(mut fields) = Fields::open(node, "`timeouts`", diagnostics) else { return };
    let mut time = |name: &str| {
        let node = section(&mut fields, name)?;
        let time = fields::duration(node, name, diagnostics)?;
        if time.is_zero() {
            let message = format!("`{name}` must be longer than nothing");
            diagnostics.push(Diagnostic::error("out-of-range", node.span, message));
            return None;
        }
        Some(time)
    };
    timeouts.connect = time("connect");
    timeouts.first_byte = time("first_byte");
    timeouts.progress = time("progress");
    timeouts.total = time("total");
    fields.finish(diagnostics);
}

fn streaming(node: &Node, diagnostics: &mut Diagnostics) -> Option<Streaming> {
    match node.as_text() {
        Some("auto") => return Some(Streaming::Auto),
        Some(other) => {
            let message = format!("`stream` is {}", quoted(other));
            let help = "write `true`, `false` or `auto`";
            diagnostics.push(Diagnostic::error("invalid-value", node.span, message).with_help(help));
            return None;
        }
        None => {}
    }
    let always = fields::boolean(node, "stream", diagnostics)?;
    Some(if always { Streaming::Always } else { Streaming::Never })
}
