//! `vars` of the workspace: values that every workflow may read.

use std::path::Path;
use std::sync::Arc;

use crate::component::SecretsIn;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::syntax::tree::Node;
use crate::template::types::Presence;
use crate::template::{Branch, Scope, Ty};

use super::Setting;
use super::names::{Ids, Visible};
use super::prompts::{self, Loan, Prompts};
use super::texts::{Reads, Texts, Used};

/// Compiles the workspace's `vars`; each may read those before it.
pub fn settings<'a>(
    vars: impl IntoIterator<Item = (&'a Arc<str>, &'a Node)>,
    diagnostics: &mut Diagnostics,
) -> (Vec<Setting>, Scope) {
    let (ids, prompts, mut secrets) = (Ids::new(), Prompts::default(), Vec::new());
    let mut used = prompts::Used::default();
    let mut texts = Texts {
        ids: &ids,
        prompts: Loan::new(&prompts, Path::new(""), &mut used),
        diagnostics,
        secrets: &mut secrets,
        reads: Reads::default(),
        used: Used::default(),
    };
    let mut known: Vec<Setting> = Vec::new();
    let mut values = Arc::new(Branch::new());
    for (name, node) in vars {
        let types =
            known.iter().map(|setting| (setting.name.clone(), setting.ty.clone(), Presence::Required));
        let visible = Visible::nothing().with_root("vars", Ty::map(types));
        let mut ty = Ty::any();
        if let Some(tree) = texts.tree(node, SecretsIn::Refused, &visible) {
            let scope = Scope::new().with("vars", values.clone());
            match tree.evaluate(&scope) {
                Ok(value) => {
                    ty = Ty::of_value(&value).widened();
                    values = Arc::new(values.with(name.clone(), value));
                }
                Err(failure) => {
                    texts.diagnostics.push(Diagnostic::error("bad-var", node.span, failure.message))
                }
            }
        }
        known.push(Setting { name: name.clone(), ty });
    }
    (known, Scope::new().with("vars", values))
}
