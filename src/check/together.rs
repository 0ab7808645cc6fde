//! What can only be said of all workflows at once, after each was found right by itself.

use crate::component::Kinds;
use crate::diagnostic::Diagnostics;

use super::workflow::Workflow;
use super::{chains, file_loop};

/// Looks at what these workflows, all that there are, do to each other. A workflow in whose file an
/// error is found has that error like any other.
pub fn together(workflows: &[&Workflow], kinds: &Kinds, diagnostics: &mut Diagnostics) {
    chains::find(workflows, diagnostics);
    file_loop::warn(workflows, kinds, diagnostics);
}
