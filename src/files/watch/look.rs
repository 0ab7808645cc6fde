//! Looking where the hints point, and keeping the folders watched.
//!
//! All of it blocks. Folders are watched one by one and never as whole trees: a tree's watch
//! misses what comes into a new folder before the watch stands, a folder's own watch stands before
//! the folder is listed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::hints::{Hint, Hints, Pending};
use crate::files::pattern::Patterns;
use crate::files::roots::Roots;
use crate::files::scan::{Observation, Skipped, join};
use crate::value::Failure;

/// The folders that are watched.
#[derive(Debug)]
pub(super) struct Arms {
    watcher: Option<RecommendedWatcher>,
    armed: HashSet<PathBuf>,
    broken: Option<String>,
}

impl Arms {
    /// Nothing watched yet; reports go to `hints`.
    pub(super) fn new(hints: &Hints) -> Self {
        let hints = hints.clone();
        let made = notify::recommended_watcher(move |report| hints.report(report));
        let (watcher, broken) = match made {
            Ok(watcher) => (Some(watcher), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { watcher, armed: HashSet::new(), broken }
    }

    /// Watches a folder, if it exists and watching works.
    pub(super) fn arm(&mut self, folder: &Path) {
        if self.armed.contains(folder) {
            return;
        }
        let Some(watcher) = &mut self.watcher else { return };
        match watcher.watch(folder, RecursiveMode::NonRecursive) {
            Ok(()) => {
                self.armed.insert(folder.to_owned());
            }
            Err(error) if !folder.is_dir() || matches!(error.kind, notify::ErrorKind::PathNotFound) => {}
            Err(error) => self.give_up(error.to_string()),
        }
    }

    /// Whatever stood at these paths is watched no more.
    pub(super) fn lose(&mut self, paths: &HashSet<PathBuf>) {
        let gone: Vec<_> = paths.iter().filter(|path| self.armed.contains(*path)).collect();
        if let Some(watcher) = &mut self.watcher {
            // A folder that was moved away keeps its watch, under a name that is wrong now. Where it
            // was deleted the watch went with it, and there is nothing to end.
            gone.iter().for_each(|path| drop(watcher.unwatch(path)));
        }
        if !gone.is_empty() {
            self.armed.retain(|armed| !gone.iter().any(|path| armed.starts_with(path)));
        }
    }

    /// Forgets what is watched, so that all of it is watched anew.
    pub(super) fn renew(&mut self) {
        self.armed.clear();
    }

    /// Watching does not work, or not any more.
    pub(super) fn give_up(&mut self, reason: String) {
        self.watcher = None;
        self.armed.clear();
        self.broken = Some(reason);
    }

    /// Why nothing is watched.
    pub(super) fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }
}

/// The eyes of a watch.
#[derive(Debug)]
pub(super) struct Look {
    roots: Roots,
    patterns: Patterns,
    arms: Arms,
    /// The folders in which the patterns begin, by name and by absolute path.
    bases: Vec<(String, PathBuf)>,
}

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Looked {
    pub(super) files: Vec<(Observation, Hint)>,
    pub(super) skipped: Vec<Skipped>,
    pub(super) problem: Option<Failure>,
    /// Why nothing is watched, if so.
    pub(super) polling: Option<String>,
}

impl Look {
    pub(super) fn new(roots: Roots, patterns: Patterns, hints: &Hints) -> Self {
        let last = |base: &String| roots.way_to(base).pop();
        let bases = patterns.bases().into_iter().filter_map(|base| last(&base).map(|path| (base, path)));
        let bases = bases.collect();
        Self { arms: Arms::new(hints), roots, patterns, bases }
    }

    /// Looks everywhere.
    pub(super) fn everywhere(&mut self, pending: Pending) -> Looked {
        self.keep_up(pending.broken, &pending.lost);
        self.arms.renew();
        let mut looked = Looked::default();
        let bases = self.bases.iter().map(|(name, _)| name.clone()).collect();
        self.scan(bases, &mut looked);
        // What was closed meanwhile needs no grace.
        for (path, hint) in pending.paths.into_iter().filter(|(_, hint)| *hint == Hint::Closed) {
            if let Some(name) = self.name_of(&path) {
                self.observe(&name, hint, &mut looked);
            }
        }
        looked
    }

    /// Looks where the hints point.
    pub(super) fn at(&mut self, pending: Pending) -> Looked {
        self.keep_up(pending.broken, &pending.lost);
        let mut looked = Looked::default();
        let mut folders = HashSet::new();
        let paths = pending.folders.into_iter().map(|path| (path, Hint::Seen));
        for (path, hint) in paths.chain(pending.paths) {
            folders.extend(
                self.bases.iter().filter(|(_, base)| base.starts_with(&path)).map(|(name, _)| name.clone()),
            );
            let Some(name) = self.name_of(&path) else { continue };
            let is_file = self.patterns.matches(&name) && self.observe(&name, hint, &mut looked);
            let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|found| found.is_dir());
            if !is_file && self.patterns.enters(&name) && is_folder(&path) {
                folders.insert(name);
            }
        }
        self.scan(outermost(folders), &mut looked);
        looked
    }

    fn keep_up(&mut self, broken: Option<String>, lost: &HashSet<PathBuf>) {
        self.arms.lose(lost);
        if let Some(reason) = broken {
            self.arms.give_up(reason);
        }
    }

    fn scan(&mut self, folders: Vec<String>, looked: &mut Looked) {
        for folder in &folders {
            if self.bases.iter().any(|(name, _)| name == folder) {
                self.roots.way_to(folder).iter().for_each(|step| self.arms.arm(step));
            }
        }
        let arms = &mut self.arms;
        match self.roots.scan_folders(&self.patterns, &folders, &mut |folder| arms.arm(folder)) {
            Ok(scan) => {
                looked.files.extend(scan.files.into_iter().map(|file| (file, Hint::Seen)));
                looked.skipped.extend(scan.skipped);
            }
            Err(failure) => looked.problem = Some(failure),
        }
        looked.polling = arms.broken().map(str::to_owned);
    }

    /// Looks at one path; false where there is no regular file.
    fn observe(&self, name: &str, hint: Hint, looked: &mut Looked) -> bool {
        if !self.patterns.matches(name) {
            return false;
        }
        match self.roots.blocking_stamp(name) {
            Ok(stamp) => {
                looked.files.push((Observation { path: name.to_owned(), stamp }, hint));
                true
            }
            // It went again, or it is a folder or a link: the scan tells which.
            Err(_) => false,
        }
    }

    /// The name of an absolute path in one of the folders where patterns begin.
    fn name_of(&self, path: &Path) -> Option<String> {
        let inner = |(name, base): &(String, PathBuf)| {
            let rest = path.strip_prefix(base).ok()?.to_str()?;
            Some(if rest.is_empty() { name.clone() } else { join(name, rest) })
        };
        self.bases.iter().find_map(inner)
    }
}

/// The folders that lie in no other one of them.
fn outermost(folders: HashSet<String>) -> Vec<String> {
    let mut sorted: Vec<_> = folders.into_iter().collect();
    sorted.sort_by_key(|folder| folder.len());
    let mut kept: Vec<String> = Vec::new();
    let mut covered = HashSet::new();
    for folder in sorted {
        let relative = !folder.starts_with('/');
        let inside = Path::new(&folder).ancestors().any(|outer| {
            // The workspace, the empty path, holds the relative ones only.
            covered.contains(outer) && (relative || !outer.as_os_str().is_empty())
        });
        if !inside {
            covered.insert(PathBuf::from(&folder));
            kept.push(folder);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_inside_another_is_looked_at_once() {
        let folders = ["a/b", "a", "ab", "/srv/x/y", "/srv/x"].map(str::to_owned);
        let mut kept = outermost(folders.into());
        kept.sort();
        assert_eq!(kept, ["/srv/x", "a", "ab"]);
        assert_eq!(outermost(["".to_owned(), "a".to_owned()].into()), [""]);
    }
}
