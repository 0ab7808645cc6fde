//! What howdah.yaml says, where secrets come from, and where a workspace is.
//!
//! [`Config::read`] decodes howdah.yaml, overlaid with the profile's file, into values that keep the
//! place where they were written; what the language promises without a howdah.yaml holds here too.
//! [`environment`] is the one place that reads the process's environment; [`workspace`] finds the
//! folder.
//!
//! It is not here that templates are compiled, models looked up or addresses opened. It must stay
//! true that every mistake of the file is told at once, with its place, and that what is mistaken is
//! left out rather than guessed.

pub mod environment;
mod provider;
mod settings;
pub mod workspace;

use indexmap::IndexMap;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, FileId, Spanned};
use crate::money::Money;
use crate::syntax::credentials::literal_credentials;
use crate::syntax::fields::Fields;
use crate::syntax::sources::{SourceKind, Sources};
use crate::syntax::tree::{Kind, Node};
use crate::syntax::yaml;

pub use provider::{MAMMOUTH, Provider, ProviderLimits, Streaming, Timeouts};
pub use settings::{Alias, FileRoots, History, Price, Server};

/// A text in which `{{…}}` may stand; whoever needs it compiles it.
#[derive(Clone, Debug)]
pub struct Template {
    /// The text as written.
    pub text: Arc<str>,
    /// Its node, for the places of its parts; none for what is built in.
    pub node: Option<Node>,
}

/// The configuration of a workspace.
#[derive(Clone, Debug)]
pub struct Config {
    /// Model servers by name, in the order written; [`MAMMOUTH`] is always there.
    pub providers: IndexMap<String, Provider>,
    /// Other names for models, or for chains of them.
    pub models: IndexMap<String, Alias>,
    /// Prices by model, over the built-in ones.
    pub prices: IndexMap<String, Price>,
    /// What `vars` holds in every workflow; the trees may hold templates.
    pub vars: IndexMap<Arc<str>, Spanned<Node>>,
    /// In which times are shown and schedules read; none: UTC.
    pub timezone: Option<Spanned<TimeZone>>,
    /// The most that all runs of a day may cost together.
    pub cost_per_day: Option<Spanned<Money>>,
    /// Where files may be read and written.
    pub files: FileRoots,
    /// The programs that `exec` may start, by absolute path.
    pub programs: Vec<Spanned<PathBuf>>,
    /// `plugins` as written. Having any is an error so far.
    pub plugins: Option<Node>,
    /// Where the daemon listens.
    pub server: Server,
    /// How long runs are kept.
    pub history: History,
}

/// A profile that was asked for and has no file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no profile `{name}`: make the file `howdah.{name}.yaml`{}", others(.known))]
pub struct MissingProfile {
    /// The name asked for.
    pub name: String,
    /// The profiles that have a file.
    pub known: Vec<String>,
}

fn others(profiles: &[String]) -> String {
    match profiles {
        [] => String::new(),
        some => format!(", or use one of `{}`", some.join("`, `")),
    }
}

impl Config {
    /// Decodes howdah.yaml of a snapshot, overlaid with `howdah.PROFILE.yaml`. Without a howdah.yaml
    /// the defaults hold. Check the diagnostics for errors before using the result.
    ///
    /// # Errors
    /// When the profile has no file.
    pub fn read(
        sources: &Sources,
        profile: Option<&str>,
        diagnostics: &mut Diagnostics,
    ) -> Result<Self, MissingProfile> {
        let at = |path: &Path| {
            let found = sources.files(SourceKind::Config).find(|(_, file)| file.path == path);
            found.map(|(id, file)| (id, &*file.text))
        };
        let mut layers: Vec<_> = at(Path::new("howdah.yaml")).into_iter().collect();
        if let Some(name) = profile {
            let path = PathBuf::from(format!("howdah.{name}.yaml"));
            match at(&path) {
                Some(overlay) => layers.push(overlay),
                // One that cannot be read has its diagnostic already.
                None if sources.unreadable(SourceKind::Config).any(|(_, file)| file.path == path) => {}
                None => return Err(missing_profile(sources, name)),
            }
        }
        Ok(Self::decode(&layers, diagnostics))
    }

    /// Decodes files of which each overlays those before it: maps are merged key by key, anything
    /// else is replaced.
    pub fn decode(layers: &[(FileId, &str)], diagnostics: &mut Diagnostics) -> Self {
        let trees = layers.iter().filter_map(|(file, text)| {
            let tree = yaml::parse(*file, text, diagnostics)?;
            literal_credentials(&tree, diagnostics);
            // A file of comments alone says nothing.
            (!tree.is_null()).then_some(tree)
        });
        let merged = trees.collect::<Vec<_>>().into_iter().reduce(|base, overlay| merge(&base, &overlay));
        let mut config = Self::default();
        if let Some(root) = &merged
            && let Some(mut fields) = Fields::open(root, "the configuration", diagnostics)
        {
            without_effect(root, diagnostics);
            provider::decode(&mut fields, &mut config, diagnostics);
            settings::decode(&mut fields, &mut config, diagnostics);
            fields.finish(diagnostics);
        }
        config
    }
}

/// Settings that are read and checked, and that nothing heeds so far: whoever writes one is told.
fn without_effect(root: &Node, diagnostics: &mut Diagnostics) {
    let entries = |node: &Node| match &node.kind {
        Kind::Mapping(entries) => entries.to_vec(),
        _ => Vec::new(),
    };
    let mut tell = |key: &Spanned<Arc<str>>| {
        let message = format!("`{}` has no effect in this version of howdah", key.value);
        diagnostics.push(Diagnostic::warning("no-effect", key.span, message));
    };
    for (key, node) in entries(root) {
        match &*key.value {
            "exec" | "history" => tell(&key),
            "providers" => {
                let settings = entries(&node).into_iter().flat_map(|(_, provider)| entries(&provider));
                settings
                    .filter(|(key, _)| matches!(&*key.value, "limits" | "timeouts"))
                    .for_each(|(key, _)| tell(&key));
            }
            _ => {}
        }
    }
}

/// What holds without a howdah.yaml.
impl Default for Config {
    fn default() -> Self {
        Self {
            providers: [(MAMMOUTH.to_owned(), Provider::mammouth())].into(),
            models: IndexMap::new(),
            prices: IndexMap::new(),
            vars: IndexMap::new(),
            timezone: None,
            cost_per_day: None,
            files: FileRoots::default(),
            programs: Vec::new(),
            plugins: None,
            server: Server::default(),
            history: History::default(),
        }
    }
}

impl Template {
    /// The text of a node, if it is text.
    fn of(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Option<Self> {
        let text = crate::syntax::fields::text(node, what, diagnostics)?;
        Some(Self { text: text.into(), node: Some(node.clone()) })
    }

    fn built_in(text: &str) -> Self {
        Self { text: text.into(), node: None }
    }

    /// Whether it stands for itself.
    pub fn is_literal(&self) -> bool {
        !self.text.contains("{{")
    }
}

/// Two trees as one; a tree's depth is bounded, and so is this.
fn merge(base: &Node, overlay: &Node) -> Node {
    let (Kind::Mapping(under), Kind::Mapping(over)) = (&base.kind, &overlay.kind) else {
        return overlay.clone();
    };
    let mut entries = under.to_vec();
    for (key, node) in over.iter() {
        match entries.iter_mut().find(|(known, _)| known.value == key.value) {
            Some((place, before)) => {
                *before = merge(before, node);
                *place = key.clone();
            }
            None => entries.push((key.clone(), node.clone())),
        }
    }
    Node { kind: Kind::Mapping(entries.into()), ..overlay.clone() }
}

fn missing_profile(sources: &Sources, name: &str) -> MissingProfile {
    let profiles = sources.files(SourceKind::Config);
    let profiles = profiles.filter_map(|(_, file)| crate::syntax::sources::profile_of(&file.path));
    MissingProfile { name: name.to_owned(), known: profiles.map(str::to_owned).collect() }
}

#[cfg(test)]
mod tests;
