//! A map while it is read: keys that are texts, each once, and what `<<` merges in.
//!
//! Codes raised here: `yaml-key`, `duplicate-key`, `yaml-merge`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Span, Spanned, quoted};
use crate::syntax::tree::{Kind, Node, Style};

/// A key and its value.
pub(super) type Entry = (Spanned<Arc<str>>, Node);

/// A map whose end has not come yet.
#[derive(Default)]
pub(super) struct Mapping {
    pub(super) entries: Vec<Entry>,
    /// Where each own key stands.
    keys: HashMap<Arc<str>, Span>,
    /// Entries of a merge key, and before which own entry they were written.
    merged: Option<(usize, Vec<Entry>)>,
    pub(super) next: Next,
}

/// What the next node in a map is.
#[derive(Default)]
pub(super) enum Next {
    #[default]
    Key,
    Value(Spanned<Arc<str>>),
    /// The value of `<<`.
    Merge,
    /// The value of a key that was refused.
    Refused,
}

impl Mapping {
    /// Takes in a key, and says what the node after it is.
    pub(super) fn key(&mut self, node: &Node, site: Span, diagnostics: &mut Diagnostics) -> Next {
        let Kind::Scalar(scalar) = &node.kind else {
            let message = format!("a key must be text, found {}", node.describe());
            let help = "write the key as one word, or put it in quotes";
            diagnostics.push(Diagnostic::error("yaml-key", site, message).with_help(help));
            return Next::Refused;
        };
        if node.is_null() {
            let help = "write a key before the `:`, or put the value in quotes";
            diagnostics.push(Diagnostic::error("yaml-key", site, "a key is missing here").with_help(help));
            return Next::Refused;
        }
        let name = Arc::clone(&scalar.text);
        let is_merge = &*name == "<<" && scalar.style == Style::Plain;
        if let Some(first) = self.keys.get(&name) {
            let found =
                Diagnostic::error("duplicate-key", site, format!("the key {} stands twice", quoted(&name)))
                    .with_label("again here")
                    .with_related(*first, "first here");
            diagnostics.push(match is_merge {
                true => found.with_help("merge several maps with one key: `<<: [*a, *b]`"),
                false => found.with_help("keep one of the two, or give one another name"),
            });
            return Next::Refused;
        }
        self.keys.insert(Arc::clone(&name), site);
        if is_merge { Next::Merge } else { Next::Value(Spanned::new(name, site)) }
    }

    /// Takes in the value of `<<`. Of two maps with the same key the first wins.
    pub(super) fn merge(&mut self, node: &Node, diagnostics: &mut Diagnostics) {
        let maps = match &node.kind {
            Kind::Sequence(maps) => maps,
            _ => std::slice::from_ref(node),
        };
        let mut seen = HashSet::new();
        let mut merged = Vec::new();
        for map in maps {
            let Kind::Mapping(entries) = &map.kind else {
                let site = map.alias.or(node.alias).unwrap_or(map.span);
                let message = format!("`<<` takes a map or a list of maps, found {}", map.describe());
                let help = "name a map above with `&base` and merge it with `<<: *base`";
                diagnostics.push(Diagnostic::error("yaml-merge", site, message).with_help(help));
                continue;
            };
            let via = node.alias.or(map.alias);
            for (key, value) in entries.iter() {
                if seen.insert(Arc::clone(&key.value)) {
                    merged.push((key.clone(), Node { alias: via.or(value.alias), ..value.clone() }));
                }
            }
        }
        self.merged = Some((self.entries.len(), merged));
    }

    /// All entries, the merged ones where their `<<` stands; own ones win.
    pub(super) fn into_entries(self) -> Vec<Entry> {
        let Self { mut entries, keys, merged, .. } = self;
        if let Some((at, merged)) = merged {
            let unknown = merged.into_iter().filter(|(key, _)| !keys.contains_key(&key.value));
            entries.splice(at..at, unknown.collect::<Vec<_>>());
        }
        entries
    }
}
