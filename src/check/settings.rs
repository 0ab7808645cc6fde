//! `vars` of the workspace: values that every workflow may read.

use std::sync::Arc;

use crate::component::SecretsIn;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::syntax::tree::Node;
use crate::template::{Branch, Partials, Scope};

use super::Setting;
use super::arguments::Texts;
use super::names::{Ids, Visible};
use super::shape::Shape;

/// Compiles the workspace's `vars`; each may read those before it.
pub fn settings<'a>(
    vars: impl IntoIterator<Item = (&'a Arc<str>, &'a Node)>,
    diagnostics: &mut Diagnostics,
) -> (Vec<Setting>, Scope) {
    let (ids, partials, mut secrets) = (Ids::new(), Partials::default(), Vec::new());
    let mut texts =
        Texts { ids: &ids, partials: &partials, diagnostics, secrets: &mut secrets, reads_event: false };
    let mut known: Vec<Setting> = Vec::new();
    let mut values = Arc::new(Branch::new());
    for (name, node) in vars {
        let shapes = known.iter().map(|setting| (setting.name.clone(), Shape::Unknown)).collect();
        let visible = Visible::nothing().with_root("vars", Shape::Map(shapes));
        if let Some(tree) = texts.tree(node, SecretsIn::Refused, &visible) {
            let scope = Scope::new().with("vars", values.clone());
            match tree.evaluate(&scope) {
                Ok(value) => values = Arc::new(values.with(name.clone(), value)),
                Err(failure) => {
                    texts.diagnostics.push(Diagnostic::error("bad-var", node.span, failure.message))
                }
            }
        }
        known.push(Setting { name: name.clone() });
    }
    (known, Scope::new().with("vars", values))
}
