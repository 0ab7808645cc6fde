//! All of howdah.yaml but the providers.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use jiff::tz::TimeZone;

use super::Config;
use crate::diagnostic::{Diagnostic, Diagnostics, Span, Spanned, quoted};
use crate::ids::{is_identifier, is_workflow_name};
use crate::money::Money;
use crate::syntax::fields::{self, Field, Fields};
use crate::syntax::tree::Node;

/// Another name for a model, or for a chain of which the next is tried when one fails.
#[derive(Clone, Debug)]
pub struct Alias {
    /// Where the name is written.
    pub span: Span,
    /// The models, at least one, as `model` or `provider/model`.
    pub chain: Vec<Spanned<Arc<str>>>,
}

/// What a model costs, in dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// Where the model's name is written.
    pub span: Span,
    /// For tokens read.
    pub input: Money,
    /// For tokens that the provider read from its cache; none: like `input`.
    pub cached: Option<Money>,
    /// For tokens written.
    pub output: Money,
}

/// Where files may be read and written; none: the default of the language.
#[derive(Clone, Debug, Default)]
pub struct FileRoots {
    /// Relative to the workspace, or absolute.
    pub read: Option<Vec<Spanned<PathBuf>>>,
    /// Relative to the workspace, or absolute.
    pub write: Option<Vec<Spanned<PathBuf>>>,
}

/// Where the daemon listens; none: what the command line or the default says.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// For administration.
    pub listen: Option<Spanned<SocketAddr>>,
    /// For webhooks.
    pub hooks: Option<Spanned<SocketAddr>>,
    /// Under which others reach the webhooks: what the addresses begin with that runs give away.
    pub url: Option<Spanned<Arc<str>>>,
}

/// How long runs are kept; none: for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct History {
    /// After their end.
    pub keep: Option<Spanned<Duration>>,
    /// The newest so many.
    pub max_runs: Option<Spanned<NonZeroU64>>,
}

/// Takes all that this file is about.
pub(super) fn decode(fields: &mut Fields<'_>, config: &mut Config, diagnostics: &mut Diagnostics) {
    config.models = models(fields, diagnostics);
    config.prices = prices(fields, diagnostics);
    config.vars = vars(fields, diagnostics);
    config.timezone = section(fields, "timezone").and_then(|node| timezone(node, diagnostics));
    if let Some(mut day) = nested(fields, "limits", diagnostics) {
        if let Some(mut limits) = nested(&mut day, "day", diagnostics) {
            config.cost_per_day = section(&mut limits, "cost").and_then(|node| {
                fields::money(node, "cost", diagnostics).map(|cost| Spanned::new(cost, node.span))
            });
            limits.finish(diagnostics);
        }
        day.finish(diagnostics);
    }
    if let Some(mut roots) = nested(fields, "files", diagnostics) {
        config.files.read =
            section(&mut roots, "read").and_then(|node| file_roots(node, "read", diagnostics));
        config.files.write =
            section(&mut roots, "write").and_then(|node| file_roots(node, "write", diagnostics));
        roots.finish(diagnostics);
    }
    if let Some(mut exec) = nested(fields, "exec", diagnostics) {
        config.programs =
            section(&mut exec, "allow").map_or_else(Vec::new, |node| programs(node, diagnostics));
        exec.finish(diagnostics);
    }
    config.plugins = plugins(fields, diagnostics);
    if let Some(mut server) = nested(fields, "server", diagnostics) {
        config.server.listen =
            section(&mut server, "listen").and_then(|node| address(node, "listen", diagnostics));
        config.server.hooks =
            section(&mut server, "hooks").and_then(|node| address(node, "hooks", diagnostics));
        config.server.url = section(&mut server, "url").and_then(|node| url(node, diagnostics));
        server.finish(diagnostics);
    }
    if let Some(mut history) = nested(fields, "history", diagnostics) {
        config.history.keep = section(&mut history, "keep").and_then(|node| {
            fields::duration(node, "keep", diagnostics).map(|keep| Spanned::new(keep, node.span))
        });
        config.history.max_runs = section(&mut history, "max_runs").and_then(|node| {
            let count = fields::integer(node, "max_runs", 1..=i64::MAX, diagnostics)?;
            let count = u64::try_from(count).ok().and_then(NonZeroU64::new)?;
            Some(Spanned::new(count, node.span))
        });
        history.finish(diagnostics);
    }
}

/// A field's value, unless it was left empty: a heading with nothing under it says nothing.
pub(super) fn section<'a>(fields: &mut Fields<'a>, name: &str) -> Option<&'a Node> {
    fields.take(name).map(|field| field.node).filter(|node| !node.is_null())
}

/// A field's map, to be taken apart and finished.
fn nested<'a>(fields: &mut Fields<'a>, name: &str, diagnostics: &mut Diagnostics) -> Option<Fields<'a>> {
    Fields::open(section(fields, name)?, &format!("`{name}`"), diagnostics)
}

/// The entries of a field's map, whose keys people choose.
pub(super) fn entries<'a>(
    fields: &mut Fields<'a>,
    name: &str,
    diagnostics: &mut Diagnostics,
) -> Vec<Field<'a>> {
    nested(fields, name, diagnostics).map_or_else(Vec::new, |mut map| map.take_prefixed(""))
}

fn models(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> IndexMap<String, Alias> {
    let mut aliases = IndexMap::new();
    for Field { key, node } in entries(fields, "models", diagnostics) {
        if !is_workflow_name(&key.value) {
            let message = format!("{} cannot be another name for a model", quoted(&key.value));
            let help = "a name has letters, digits, `-`, `_` and `.`; a `/` would make it a provider's";
            diagnostics.push(Diagnostic::error("invalid-value", key.span, message).with_help(help));
            continue;
        }
        let chain = texts(fields::one_or_many(node), &key.value, diagnostics);
        if chain.is_empty() {
            let message = format!("`{}` stands for no model", key.value);
            diagnostics
                .push(Diagnostic::error("invalid-value", node.span, message).with_help("name at least one"));
            continue;
        }
        aliases.insert(key.value.to_string(), Alias { span: key.span, chain });
    }
    aliases
}

fn prices(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> IndexMap<String, Price> {
    let mut prices = IndexMap::new();
    for Field { key, node } in entries(fields, "prices", diagnostics) {
        let Some(fields) = Fields::open(node, "a price", diagnostics) else { continue };
        let mut fields = fields.placed(key.span);
        let input = fields.require("input", diagnostics);
        let output = fields.require("output", diagnostics);
        let cached = fields.take("cached");
        fields.finish(diagnostics);
        let mut price = |field: Option<Field<'_>>| per_million(field?, diagnostics);
        let (input, output, cached) = (price(input), price(output), price(cached));
        if let (Some(input), Some(output)) = (input, output) {
            prices.insert(key.value.to_string(), Price { span: key.span, input, cached, output });
        }
    }
    prices
}

/// An amount whose millionth part is exact.
fn per_million(field: Field<'_>, diagnostics: &mut Diagnostics) -> Option<Money> {
    let amount = fields::money(field.node, &field.key.value, diagnostics)?;
    if !amount.pico().is_multiple_of(1_000_000) {
        let message = format!("`{}` is finer than a price can be", field.key.value);
        let help = "write dollars per million tokens with at most six decimals";
        diagnostics.push(Diagnostic::error("out-of-range", field.node.span, message).with_help(help));
        return None;
    }
    Some(amount)
}

fn vars(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> IndexMap<Arc<str>, Spanned<Node>> {
    let mut vars = IndexMap::new();
    for Field { key, node } in entries(fields, "vars", diagnostics) {
        if is_identifier(&key.value) {
            vars.insert(key.value.clone(), Spanned::new(node.clone(), key.span));
        } else {
            let message = format!("{} cannot name a variable", quoted(&key.value));
            let help = "a name has letters, digits and `_`, and does not begin with a digit";
            diagnostics.push(Diagnostic::error("invalid-value", key.span, message).with_help(help));
        }
    }
    vars
}

fn url(node: &Node, diagnostics: &mut Diagnostics) -> Option<Spanned<Arc<str>>> {
    let text = fields::text(node, "url", diagnostics)?;
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    let plain = |host: &str| !host.is_empty() && !host.contains(['@', '?', '#', ' ']);
    if host.is_some_and(plain) && !text.contains(['?', '#', ' ']) {
        return Some(Spanned::new(text.into(), node.span));
    }
    let message = format!("{} is not an address under which webhooks are reached", quoted(text));
    diagnostics.push(
        Diagnostic::error("bad-url", node.span, message)
            .with_help("write it like `https://hooks.example.org`, without a query"),
    );
    None
}

fn timezone(node: &Node, diagnostics: &mut Diagnostics) -> Option<Spanned<TimeZone>> {
    let name = fields::text(node, "timezone", diagnostics)?;
    match TimeZone::get(name) {
        Ok(zone) => Some(Spanned::new(zone, node.span)),
        Err(_) => {
            let message = format!("{} is no time zone that this machine knows", quoted(name));
            let help = "write a name of the IANA list, like `Europe/Paris` or `UTC`";
            diagnostics.push(Diagnostic::error("invalid-value", node.span, message).with_help(help));
            None
        }
    }
}

fn file_roots(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Option<Vec<Spanned<PathBuf>>> {
    let roots = texts(fields::list(node, what, diagnostics)?, what, diagnostics);
    let roots = roots.into_iter().filter_map(|root| {
        let path = Path::new(&*root.value);
        let wrong = if path.components().any(|part| part == Component::ParentDir) {
            Some("holds `..`: write it from the workspace's root, or absolute")
        } else if root.value.contains(['*', '?', '[']) {
            Some("looks like a pattern: name a folder or a file, and all below it is meant")
        } else {
            None
        };
        match wrong {
            None => Some(Spanned::new(path.to_owned(), root.span)),
            Some(wrong) => {
                let message = format!("{} in `{what}` {wrong}", quoted(&root.value));
                diagnostics.push(Diagnostic::error("invalid-value", root.span, message));
                None
            }
        }
    });
    Some(roots.collect())
}

fn programs(node: &Node, diagnostics: &mut Diagnostics) -> Vec<Spanned<PathBuf>> {
    let Some(items) = fields::list(node, "allow", diagnostics) else { return Vec::new() };
    let mut programs = Vec::new();
    for program in texts(items, "allow", diagnostics) {
        if Path::new(&*program.value).is_absolute() {
            programs.push(program.map(|path| PathBuf::from(&*path)));
        } else {
            let message = format!("{} is not an absolute path", quoted(&program.value));
            let help = "`command -v NAME` prints the path of a program";
            diagnostics.push(Diagnostic::error("invalid-value", program.span, message).with_help(help));
        }
    }
    programs
}

fn plugins(fields: &mut Fields<'_>, diagnostics: &mut Diagnostics) -> Option<Node> {
    let field = fields.take("plugins").filter(|field| !field.node.is_null())?;
    let message = "plugins are not supported by this version of howdah";
    let help = "remove `plugins`, and the steps that use them";
    diagnostics.push(Diagnostic::error("unsupported", field.key.span, message).with_help(help));
    Some(field.node.clone())
}

fn address(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Option<Spanned<SocketAddr>> {
    let text = fields::text(node, what, diagnostics)?;
    match text.replace("localhost:", "127.0.0.1:").parse() {
        Ok(address) => Some(Spanned::new(address, node.span)),
        Err(_) => {
            let message = format!("{} is no address to listen on", quoted(text));
            let help = "write an IP address and a port, like `127.0.0.1:7878`";
            diagnostics.push(Diagnostic::error("invalid-value", node.span, message).with_help(help));
            None
        }
    }
}

/// The items that are text and not empty; the others are errors.
fn texts(items: &[Node], what: &str, diagnostics: &mut Diagnostics) -> Vec<Spanned<Arc<str>>> {
    let mut texts = Vec::new();
    for item in items {
        match fields::text(item, what, diagnostics) {
            Some("") => {
                let message = format!("an item of `{what}` is empty");
                diagnostics.push(Diagnostic::error("invalid-value", item.span, message));
            }
            Some(text) => texts.push(Spanned::new(text.into(), item.span)),
            None => {}
        }
    }
    texts
}
