//! The configuration of a workspace, read before anything is started with it.

use std::path::Path;

use crate::cli::problem::Problem;
use crate::cli::screen;
use crate::daemon::{self, Configured, load};
use crate::diagnostic::render::{self, Color, Style};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceMap};
use crate::syntax::sources::{SourceKind, Sources};

/// A snapshot of a workspace, and its configuration without errors. Blocking.
///
/// # Errors
/// When a folder cannot be read, the configuration has errors, which are drawn first, or the profile has no file.
pub fn configuration(root: &Path, profile: Option<&str>) -> Result<(Sources, Configured), Problem> {
    let sources = load::snapshot(root).map_err(Problem::invalid)?;
    let mut diagnostics = Diagnostics::new();
    // A configuration that cannot be read is not the same as none.
    let unreadable: Vec<_> = sources.unreadable(SourceKind::Config).map(|(file, _)| file).collect();
    let of_them = sources.diagnostics().iter().filter(|found| unreadable.contains(&found.primary.span.file));
    diagnostics.extend(of_them.cloned());
    let configured = daemon::configure(&sources, profile, &mut diagnostics).map_err(Problem::invalid)?;
    if diagnostics.has_errors() {
        show(&diagnostics.sorted(), sources.map());
        return Err(Problem::invalid("the configuration has errors").with_help("mend `howdah.yaml` first"));
    }
    Ok((sources, configured))
}

/// Draws findings on standard error.
pub fn show(findings: &[Diagnostic], sources: &SourceMap) {
    let drawn = render::human(findings, sources, Style { color: Color::On, width: screen::WIDTH });
    screen::note(&format!("{drawn}\n"));
}
