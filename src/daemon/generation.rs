//! The next generation: from the files as they are now to a catalog, with nothing put in force.
//!
//! A file with errors, or one that asks for what another has, stays as its last good version is.
//! Nothing here waits or writes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::check::{Workflow, without_allowed};
use crate::clock::Timestamp;
use crate::config::environment::Environment;
use crate::diagnostic::render::{self, Color, Style};
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceMap, Span};
use crate::ids::Digest;
use crate::syntax::sources::{SourceKind, Sources};

use super::Daemon;
use super::assemble::{Assembled, Configured, Place, assemble, configure};
use super::catalog::{Catalog, Listed, LiveTrigger};
use super::claims::{self, Claim, Wish};
use super::load::{self, Compiled, Planned, UnreadableFolder};
use super::reload::Receipt;

/// What a generation is bound with, and from what that was made.
#[derive(Clone)]
pub(super) struct Bound {
    /// The configuration files.
    texts: Vec<(PathBuf, Arc<str>)>,
    /// The secrets that workflows read.
    needed: BTreeSet<String>,
    /// What was made of them.
    pub assembled: Arc<Assembled>,
}

/// Bundles, with their digests.
type Definitions = Vec<(Digest, Vec<u8>)>;

/// A generation that is made and not yet in force.
pub(super) struct Generation {
    /// What will be in force.
    pub catalog: Arc<Catalog>,
    /// The definitions that have to be kept before.
    pub bundles: Definitions,
    /// What changes with it.
    pub receipt: Receipt,
    /// What it is bound with; none when the configuration was never right.
    pub bound: Option<Bound>,
}

impl Daemon {
    /// Makes the next generation. Blocking. There is one at a time, so that what is in force stays
    /// what it is meanwhile.
    pub(super) fn next_generation(&self, before: Option<Bound>) -> Result<Generation, UnreadableFolder> {
        let sources = load::snapshot(&self.inner.workspace)?;
        let mut diagnostics = Diagnostics::new();
        let old = self.catalog();
        let configured = self.configure(&sources, &mut diagnostics);
        let names = match (&configured, &before) {
            (Some(configured), _) => configured.names.clone(),
            (None, Some(before)) => before.assembled.names.clone(),
            (None, None) => Vec::new(),
        };
        let compiled = load::compile(&sources, &self.inner.kinds, &names, &mut diagnostics);
        let needed = needed(&compiled, &sources, &old);
        let bound = self.bind(configured, needed, &sources, before.clone(), &mut diagnostics);
        let is_rebound = match (&before, &bound) {
            (Some(before), Some(bound)) => !Arc::ptr_eq(&before.assembled, &bound.assembled),
            (before, bound) => before.is_some() != bound.is_some(),
        };
        let now = self.inner.clock.now();
        let mut draft = Draft { old: &old, sources: &sources, diagnostics, now, receipt: Receipt::default() };
        let candidates = compiled.into_iter().map(|one| {
            let assembled = bound.as_ref().map(|bound| &*bound.assembled);
            draft.candidate(one, assembled, if is_rebound { Reuse::None } else { Reuse::Same })
        });
        let mut candidates: Vec<_> = candidates.collect();
        let unreadable = sources.unreadable(SourceKind::Workflow);
        candidates
            .extend(unreadable.map(|(file, source)| Candidate::broken(vec![file], source.path.clone())));
        let (listed, bundles) = draft.list(candidates);
        let receipt = draft.finish(&listed);
        let catalog = Arc::new(Catalog::new(receipt.generation, listed));
        Ok(Generation { catalog, bundles, receipt, bound })
    }

    /// The configuration, if it has no errors.
    fn configure(&self, sources: &Sources, diagnostics: &mut Diagnostics) -> Option<Configured> {
        let configured = configure(sources, self.inner.profile.as_deref(), diagnostics);
        // A configuration that cannot be read is not the same as none.
        let is_read = sources.unreadable(SourceKind::Config).next().is_none();
        match configured {
            Ok(configured) => Some(configured).filter(|_| is_read && !diagnostics.has_errors()),
            Err(reason) => {
                let at = Span::new(FileId::NOT_WRITTEN, 0, 0);
                diagnostics.push(Diagnostic::error("missing-profile", at, reason));
                None
            }
        }
    }

    /// Binds the kinds to this machine. The same configuration and the same secrets: what is bound
    /// stays, with its connections. A configuration with errors: the last good one stays.
    fn bind(
        &self,
        configured: Option<Configured>,
        needed: BTreeSet<String>,
        sources: &Sources,
        before: Option<Bound>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Bound> {
        let (environment, problems) = Environment::read(&self.inner.workspace);
        for problem in problems {
            tracing::warn!("{problem}");
        }
        let place = Place {
            workspace: &self.inner.workspace,
            clock: &self.inner.clock,
            simulator: self.inner.simulator.as_deref(),
            environment: &environment,
        };
        let Some(fresh) =
            configured.and_then(|configured| assemble(configured, &needed, &place, diagnostics))
        else {
            return before;
        };
        let texts = sources.files(SourceKind::Config);
        let texts: Vec<_> = texts.map(|(_, file)| (file.path.clone(), file.text.clone())).collect();
        let is_same = |old: &Bound| {
            old.texts == texts && old.needed == needed && old.assembled.secrets == fresh.secrets
        };
        match before.filter(is_same) {
            Some(same) => Some(same),
            None => Some(Bound { texts, needed, assembled: Arc::new(fresh) }),
        }
    }
}

/// The secrets that the files read, and the last good versions of those with errors.
fn needed(compiled: &[Compiled], sources: &Sources, old: &Catalog) -> BTreeSet<String> {
    let right = compiled.iter().filter_map(|one| one.workflow.as_ref());
    let right = right.flat_map(|workflow| workflow.secrets.iter().map(|(name, _)| name.to_string()));
    let wrong = compiled.iter().filter(|one| one.workflow.is_none()).map(|one| &one.path);
    let unreadable = sources.unreadable(SourceKind::Workflow).map(|(_, file)| &file.path);
    let kept = wrong.chain(unreadable).filter_map(|path| old.in_force(path)?.plan.as_ref());
    let kept = kept.flat_map(|plan| plan.secrets.iter().map(|name| name.to_string()));
    right.chain(kept).collect()
}

/// Whether what is in force may stay as it is where its file did not change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reuse {
    /// Yes.
    Same,
    /// No: all is bound to something else now.
    None,
}

/// A workflow file on its way into the catalog.
struct Candidate {
    /// Itself, and the prompts that it uses.
    files: Vec<FileId>,
    path: PathBuf,
    /// What it asks for, with the places; none when it has errors.
    wanted: Option<Vec<(Claim, Span)>>,
    next: Next,
}

/// What a file gives, if it gets what it asks for.
enum Next {
    /// What it gave before.
    Same(Arc<Listed>),
    /// A new plan of this definition.
    Planned(Planned, Digest, Vec<u8>),
    /// Nothing: it has errors.
    Broken,
}

impl Candidate {
    fn broken(files: Vec<FileId>, path: PathBuf) -> Self {
        Self { files, path, wanted: None, next: Next::Broken }
    }
}

/// A generation in the making.
struct Draft<'a> {
    old: &'a Catalog,
    sources: &'a Sources,
    diagnostics: Diagnostics,
    now: Timestamp,
    receipt: Receipt,
}

impl Draft<'_> {
    /// Plans one file.
    fn candidate(&mut self, one: Compiled, assembled: Option<&Assembled>, reuse: Reuse) -> Candidate {
        let Compiled { file, path, bundle, digest, workflow, uses } = one;
        let files: Vec<_> = std::iter::once(file).chain(uses).collect();
        let (Some(workflow), Some(assembled)) = (workflow, assembled) else {
            return Candidate::broken(files, path);
        };
        let name = (Claim::Name(workflow.name.clone()), workflow.span);
        let same = self
            .old
            .in_force(&path)
            .filter(|last| reuse == Reuse::Same && last.digest == Some(digest) && last.error.is_none());
        if let Some(last) = same {
            let routes = last.triggers.iter().flat_map(|trigger| places(trigger, &workflow));
            let wanted = Some(std::iter::once(name).chain(routes).collect());
            return Candidate { files, path, wanted, next: Next::Same(last.clone()) };
        }
        let Some(planned) = load::plan(&workflow, digest, &assembled.binding(), &mut self.diagnostics) else {
            return Candidate::broken(files, path);
        };
        let wanted = Some(std::iter::once(name).chain(planned.routes()).collect());
        Candidate { files, path, wanted, next: Next::Planned(planned, digest, bundle) }
    }

    /// Gives every file its place, and the definitions that are new.
    fn list(&mut self, candidates: Vec<Candidate>) -> (Vec<Arc<Listed>>, Definitions) {
        let wishes = candidates.iter().map(|candidate| Wish {
            path: candidate.path.clone(),
            wanted: candidate.wanted.clone(),
            kept: self.old.in_force(&candidate.path).map(|last| held(last)).unwrap_or_default(),
        });
        let refused = claims::settle(&wishes.collect::<Vec<_>>(), &mut self.diagnostics);
        let mut listed = Vec::new();
        let mut bundles = Vec::new();
        for (place, Candidate { files, path, next, .. }) in candidates.into_iter().enumerate() {
            let next = if refused.contains(&place) { Next::Broken } else { next };
            listed.push(match next {
                Next::Same(last) => {
                    self.receipt.untouched += 1;
                    last
                }
                Next::Planned(planned, digest, bundle) => {
                    self.count(&planned.plan.name, digest);
                    bundles.push((digest, bundle));
                    Arc::new(fresh(planned, path, self.now))
                }
                Next::Broken => {
                    let error = load::drawn(&self.diagnostics, &files, self.sources.map());
                    let error = error.unwrap_or_else(|| "the configuration has errors".to_owned());
                    let kept = keep(self.old, path, error, self.now);
                    self.receipt.broken.push(kept.name.to_string());
                    Arc::new(kept)
                }
            });
        }
        (listed, bundles)
    }

    fn count(&mut self, name: &str, digest: Digest) {
        match self.old.workflow(name).and_then(|last| last.digest) {
            Some(last) if last == digest => self.receipt.untouched += 1,
            Some(_) => self.receipt.changed.push(name.to_owned()),
            None => self.receipt.added.push(name.to_owned()),
        }
    }

    fn finish(mut self, listed: &[Arc<Listed>]) -> Receipt {
        let stays: BTreeSet<_> = listed.iter().map(|listed| &listed.name).collect();
        let gone = self.old.workflows.iter().filter(|last| !stays.contains(&last.name));
        self.receipt.removed = gone.map(|last| last.name.to_string()).collect();
        self.receipt.generation = self.old.generation + 1;
        self.receipt.findings = drawn(self.diagnostics, self.sources.map());
        self.receipt
    }
}

/// What a workflow in force has.
fn held(listed: &Listed) -> Vec<Claim> {
    let routes = listed.triggers.iter().filter_map(|trigger| trigger.route()).flat_map(Claim::routes);
    std::iter::once(Claim::Name(listed.name.clone())).chain(routes).collect()
}

/// The paths of a trigger in force, with where they are written now.
fn places(trigger: &LiveTrigger, workflow: &Workflow) -> Vec<(Claim, Span)> {
    let written = workflow.triggers.iter().find(|written| written.id == trigger.id);
    let span = written.map_or(workflow.span, |written| written.span);
    let routes = trigger.route().into_iter().flat_map(Claim::routes);
    routes.map(|claim| (claim, span)).collect()
}

fn drawn(diagnostics: Diagnostics, sources: &SourceMap) -> String {
    let sorted = without_allowed(diagnostics, sources).sorted();
    if sorted.is_empty() {
        String::new()
    } else {
        render::human(&sorted, sources, Style { color: Color::Off, width: 100 })
    }
}

/// A workflow whose file is right.
fn fresh(planned: Planned, path: PathBuf, now: Timestamp) -> Listed {
    let Planned { plan, triggers } = planned;
    Listed {
        name: plan.name.clone(),
        file: path,
        digest: Some(plan.digest),
        loaded_at: now,
        error: None,
        triggers: triggers.into_iter().map(|trigger| Arc::new(LiveTrigger::new(&plan, trigger))).collect(),
        plan: Some(plan),
    }
}

/// A workflow whose file is wrong: its last good version goes on, if there is one.
fn keep(old: &Catalog, path: PathBuf, error: String, now: Timestamp) -> Listed {
    match old.workflows.iter().find(|last| last.file == path) {
        Some(last) => Listed {
            name: last.name.clone(),
            file: path,
            digest: last.digest,
            loaded_at: last.loaded_at,
            error: Some(error),
            plan: last.plan.clone(),
            triggers: last.triggers.clone(),
        },
        None => Listed {
            name: stem(&path).into(),
            file: path,
            digest: None,
            loaded_at: now,
            error: Some(error),
            plan: None,
            triggers: Vec::new(),
        },
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
