//! From what `howdah.yaml` says to services that every kind can be bound to.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::clock::SharedClock;
use crate::config::{self, Config};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Span};
use crate::files::{Declared, RootSettings, Roots};
use crate::llm::{self, BaseUrl, Directory, Provider, Streaming};
use crate::models::{Catalog, ModelRef, Price};
use crate::net;
use crate::secret::Secrets;
use crate::template::{Partials, Scope, Sink, Template};
use crate::{actions, triggers};

use super::Registry;

/// What kinds are bound with.
pub struct Services<'a> {
    /// What `howdah.yaml` says.
    pub config: &'a Config,
    /// What `vars` of the workspace hold.
    pub settings: &'a Scope,
    /// The secrets that are set.
    pub secrets: Secrets,
    /// The workspace's folder.
    pub workspace: &'a std::path::Path,
    /// The clock for all waiting.
    pub clock: SharedClock,
    /// Where every model is, instead of where it really is: a simulator's base URL.
    pub simulator: Option<&'a str>,
}

/// Binds every kind; what cannot be bound is in `diagnostics`.
pub fn bind(services: &Services<'_>, diagnostics: &mut Diagnostics) -> Option<Registry> {
    let config = services.config;
    let net =
        net::Client::new(net::NetOptions { secrets: services.secrets.clone(), ..net::NetOptions::default() });
    let providers: Vec<_> = config
        .providers
        .iter()
        .filter_map(|(name, provider)| self::provider(name, provider, services, diagnostics))
        .collect();
    let names = config.providers.keys().map(String::as_str);
    let prices = config.prices.iter().map(|(model, price)| {
        let price = Price { input: price.input, cached_input: price.cached, output: price.output };
        (ModelRef::parse(model, names.clone(), config::MAMMOUTH), price)
    });
    let client = llm::Client::new(net.clone(), Arc::new(Catalog::new(prices)), services.clock.clone());
    let aliases: BTreeMap<_, Vec<_>> = config
        .models
        .iter()
        .map(|(name, alias)| {
            (name.clone(), alias.chain.iter().map(|model| model.value.to_string()).collect())
        })
        .collect();
    let models = Arc::new(Directory::new(client, providers, aliases));
    let declared = |paths: &Option<Vec<crate::diagnostic::Spanned<std::path::PathBuf>>>| match paths {
        None => Declared::Workspace,
        Some(paths) => Declared::Only(paths.iter().map(|path| path.value.clone()).collect()),
    };
    let roots = RootSettings { read: declared(&config.files.read), write: declared(&config.files.write) };
    let files = match Roots::open(services.workspace, roots) {
        Ok(files) => files,
        Err(failure) => {
            let place =
                config.files.read.iter().chain(&config.files.write).flatten().map(|path| path.span).next();
            let place = place.unwrap_or_else(nowhere);
            diagnostics.push(Diagnostic::error("bad-root", place, failure.message));
            return None;
        }
    };
    let timezone = config.timezone.as_ref().map_or(TimeZone::UTC, |zone| zone.value.clone());
    let actions = actions::Services { net: net.clone(), models, files: files.clone(), timezone };
    let triggers = triggers::Services { files, net, clock: services.clock.clone() };
    Some(Registry::new(&actions, &triggers))
}

fn provider(
    name: &str,
    written: &config::Provider,
    services: &Services<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<Provider> {
    let mut text = |template: &config::Template| text(template, services.settings, diagnostics);
    let base_url = match services.simulator {
        Some(simulator) => simulator.to_owned(),
        None => text(&written.base_url)?,
    };
    let key = match (&written.api_key, services.simulator) {
        (Some(key), None) => Some(text(key)?),
        _ => None,
    };
    let headers = written
        .headers
        .iter()
        .map(|(name, value)| Some((name.clone(), text(value)?)))
        .collect::<Option<Vec<_>>>()?;
    let base_url = match BaseUrl::parse(&base_url) {
        Ok(base_url) => base_url,
        Err(error) => {
            diagnostics.push(Diagnostic::error("bad-url", place(&written.base_url), error.to_string()));
            return None;
        }
    };
    let mut provider = Provider::new(name, base_url);
    provider.key = key;
    provider.headers = headers;
    provider.streaming = match written.stream {
        config::Streaming::Auto => Streaming::Auto,
        config::Streaming::Always => Streaming::On,
        config::Streaming::Never => Streaming::Off,
    };
    Some(provider)
}

/// A text of the configuration; secrets in it become placeholders.
fn text(template: &config::Template, settings: &Scope, diagnostics: &mut Diagnostics) -> Option<String> {
    let compiled = match Template::compile(&template.text, &Partials::default()) {
        Ok(compiled) => compiled,
        Err(errors) => {
            for error in errors {
                let at = template.node.as_ref().map_or_else(nowhere, |node| node.locate(error.range));
                diagnostics.push(Diagnostic::error(error.code, at, error.message).with_help_if(error.help));
            }
            return None;
        }
    };
    match compiled.render(settings, Sink::Text) {
        Ok(text) => Some(text),
        Err(failure) => {
            diagnostics.push(Diagnostic::error("bad-template", place(template), failure.message));
            None
        }
    }
}

fn place(template: &config::Template) -> Span {
    template.node.as_ref().map_or_else(nowhere, |node| node.span)
}

/// Where what is built in was written.
fn nowhere() -> Span {
    Span::new(FileId::NOT_WRITTEN, 0, 0)
}

/// The secrets that a configuration reads.
pub fn secret_names(config: &Config) -> Vec<String> {
    let mut names: Vec<_> = secrets_of_providers(config).into_iter().map(|(_, secret)| secret).collect();
    names.sort();
    names.dedup();
    names
}

/// Each provider with each secret that it reads.
pub fn secrets_of_providers(config: &Config) -> Vec<(String, String)> {
    let mut read = Vec::new();
    for (name, provider) in &config.providers {
        let texts =
            std::iter::once(&provider.base_url).chain(&provider.api_key).chain(provider.headers.values());
        let templates =
            texts.filter_map(|template| Template::compile(&template.text, &Partials::default()).ok());
        for template in templates {
            let secrets = template.references().iter().filter_map(|reference| reference.secret());
            read.extend(secrets.map(|secret| (name.clone(), secret.to_owned())));
        }
    }
    read
}
