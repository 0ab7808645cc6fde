//! Looking at what is there: the files that match patterns, with their stamps.
//!
//! The walk keeps its own stack, opens every folder beneath its root, follows no symbolic link and
//! stops at a limit.

use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Stat};
use rustix::io::Errno;

use super::failure;
use super::pattern::Patterns;
use super::read::{Stamp, instant};
use super::roots::{Purpose, Roots};
use crate::clock::Timestamp;
use crate::value::Failure;

/// The most files that one listing gives.
pub const LIST_LIMIT: usize = 100_000;

/// The most files that one scan looks at.
const SCAN_LIMIT: usize = 1_000_000;

/// A file in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    /// As the pattern is: relative to the workspace, or absolute.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// When its content was last written.
    pub modified: Timestamp,
}

/// A file and its stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// As the pattern is: relative to the workspace, or absolute.
    pub path: String,
    /// What the file system tells of it.
    pub stamp: Stamp,
}

/// Something that matched, or may hold matches, and was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its path, with `�` for what is not UTF-8.
    pub path: String,
    /// Why, as a clause.
    pub reason: String,
}

/// What a scan found.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// The regular files, in order of their paths.
    pub files: Vec<Observation>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

impl Roots {
    /// The regular files that match a glob, in order of their paths.
    ///
    /// # Errors
    /// `bad_pattern`, `file_denied` when the glob begins outside the roots, `too_many_files`.
    pub async fn list(&self, pattern: &str) -> Result<Vec<FileInfo>, Failure> {
        let pattern = pattern.to_owned();
        self.off_thread(move |roots| roots.blocking_list(&pattern)).await
    }

    /// [`list`](Self::list) for callers outside the runtime. Blocking.
    ///
    /// # Errors
    /// As there.
    pub fn blocking_list(&self, pattern: &str) -> Result<Vec<FileInfo>, Failure> {
        let patterns =
            Patterns::new([pattern], []).map_err(|error| Failure::new("bad_pattern", error.to_string()))?;
        let scan = self.walk(&patterns, &patterns.bases(), LIST_LIMIT, &mut |_| ())?;
        let info =
            |Observation { path, stamp }| FileInfo { path, size: stamp.size, modified: stamp.modified };
        Ok(scan.files.into_iter().map(info).collect())
    }

    /// All files that match, and what could not be looked at. Folders that do not exist hold
    /// nothing. Blocking.
    ///
    /// # Errors
    /// `file_denied` when a pattern begins outside the roots, `too_many_files`.
    pub fn blocking_scan(&self, patterns: &Patterns) -> Result<Scan, Failure> {
        self.walk(patterns, &patterns.bases(), SCAN_LIMIT, &mut |_| ())
    }

    /// The part of a scan that lies in these folders. `enter` hears the absolute path of each
    /// folder before it is listed.
    pub(super) fn scan_folders(
        &self,
        patterns: &Patterns,
        folders: &[String],
        enter: &mut dyn FnMut(&Path),
    ) -> Result<Scan, Failure> {
        self.walk(patterns, folders, SCAN_LIMIT, enter)
    }

    fn walk(
        &self,
        patterns: &Patterns,
        folders: &[String],
        limit: usize,
        enter: &mut dyn FnMut(&Path),
    ) -> Result<Scan, Failure> {
        let mut scan = Scan::default();
        let mut left: Vec<String> = folders.to_vec();
        for folder in folders {
            self.locate(shown(folder), Purpose::Read)?;
        }
        while let Some(folder) = left.pop() {
            match self.list_folder(patterns, &folder, &mut scan, &mut left, enter) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => {
                    let reason = failure::from_os(shown(&folder), Purpose::Read, error).message;
                    scan.skipped.push(Skipped { path: shown(&folder).to_owned(), reason });
                }
            }
            if scan.files.len() > limit {
                return Err(Failure::new(
                    "too_many_files",
                    format!("more than {limit} files match: write a narrower pattern"),
                ));
            }
        }
        scan.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(scan)
    }

    fn list_folder(
        &self,
        patterns: &Patterns,
        folder: &str,
        scan: &mut Scan,
        left: &mut Vec<String>,
        enter: &mut dyn FnMut(&Path),
    ) -> rustix::io::Result<()> {
        // What is closed to workflows inside an open folder is simply not seen.
        let Ok(place) = self.locate(shown(folder), Purpose::Read) else { return Ok(()) };
        enter(&self.absolute(&place));
        let root = self.handle(&place)?;
        let handle = self.resolver().open_folder(root.as_fd(), &place.below)?;
        for entry in Dir::read_from(&handle)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let Ok(utf8) = name.to_str() else {
                let path = join(folder, &name.to_string_lossy());
                if patterns.matches(&path) || patterns.enters(&path) {
                    let reason = "its name is not UTF-8, and so cannot stand in an event: rename it";
                    scan.skipped.push(Skipped { path, reason: reason.to_owned() });
                }
                continue;
            };
            let path = join(folder, utf8);
            let (wanted, entered) = (patterns.matches(&path), patterns.enters(&path));
            if !wanted && !entered {
                continue;
            }
            let mut kind = entry.file_type();
            if kind == FileType::RegularFile && !wanted {
                continue;
            }
            if matches!(kind, FileType::RegularFile | FileType::Unknown) {
                let stat = match rustix::fs::statat(&handle, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Err(Errno::NOENT) => continue,
                    stat => stat?,
                };
                kind = FileType::from_raw_mode(stat.st_mode);
                if kind == FileType::RegularFile && wanted && self.locate(&path, Purpose::Read).is_ok() {
                    scan.files.push(Observation { path: path.clone(), stamp: stamp(&stat) });
                }
            }
            if kind == FileType::Directory && entered {
                left.push(path);
            }
        }
        Ok(())
    }

    /// The absolute folders whose watching tells when the folder `base` comes or goes, and it
    /// itself: from the root on.
    pub(super) fn way_to(&self, base: &str) -> Vec<PathBuf> {
        let Ok(place) = self.locate(shown(base), Purpose::Read) else { return Vec::new() };
        let whole = self.absolute(&place);
        let top = self.workspace();
        let known: Vec<_> = whole.ancestors().take_while(|folder| folder.starts_with(top)).collect();
        let way = if known.is_empty() {
            // A root outside the workspace: from the folder that holds it.
            let depth = place.below.iter().count() + 2;
            whole.ancestors().take(depth).collect()
        } else {
            known
        };
        way.into_iter().rev().map(Path::to_owned).collect()
    }
}

#[expect(clippy::unnecessary_cast, reason = "the fields have other types on other systems")]
fn stamp(stat: &Stat) -> Stamp {
    Stamp {
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: instant(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
        changed: instant(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        inode: stat.st_ino as u64,
    }
}

/// A folder as a path that can be located: the workspace itself is `.`.
fn shown(folder: &str) -> &str {
    if folder.is_empty() { "." } else { folder }
}

/// The path of a name in a folder.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;

    use super::super::beneath::Resolver;
    use super::*;
    use crate::files::{Declared, RootSettings};

    fn paths(files: &[FileInfo]) -> Vec<&str> {
        files.iter().map(|file| file.path.as_str()).collect()
    }

    #[test]
    fn a_listing_is_sorted_and_stays_inside() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("root");
        std::fs::create_dir_all(root.join("in/b/c")).unwrap();
        std::fs::create_dir_all(root.join(".howdah")).unwrap();
        std::fs::create_dir_all(outer.path().join("other")).unwrap();
        for file in ["root/in/z.txt", "root/in/a.txt", "root/in/b/c/m.txt", "other/x.txt", "root/.env"] {
            std::fs::write(outer.path().join(file), "12").unwrap();
        }
        std::fs::write(root.join(".howdah/s.txt"), "").unwrap();
        symlink("../../other", root.join("in/link")).unwrap();
        symlink("a.txt", root.join("in/same.txt")).unwrap();
        symlink(".", root.join("in/b/loop")).unwrap();
        for resolver in [None, Some(Resolver::Walk)] {
            let roots = Roots::open_with(&root, RootSettings::default(), resolver).unwrap();
            let all = roots.blocking_list("in/**/*.txt").unwrap();
            assert_eq!(paths(&all), ["in/a.txt", "in/b/c/m.txt", "in/z.txt"]);
            assert_eq!(all[0].size, 2);
            assert_eq!(paths(&roots.blocking_list("in/*.txt").unwrap()), ["in/a.txt", "in/z.txt"]);
            assert_eq!(paths(&roots.blocking_list("in/z.txt").unwrap()), ["in/z.txt"]);
            assert!(roots.blocking_list("none/*").unwrap().is_empty());
            assert!(roots.blocking_list("**/.*").unwrap().is_empty());
            assert_eq!(roots.blocking_list(".howdah/*").unwrap_err().code, "file_denied");
            assert_eq!(roots.blocking_list("in/[").unwrap_err().code, "bad_pattern");
        }
    }

    #[test]
    fn a_listing_begins_within_the_roots() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        std::fs::write(other.path().join("a.txt"), "").unwrap();
        let read = Declared::Only(vec!["in".into(), other.path().to_owned()]);
        let roots = Roots::open(folder.path(), RootSettings { read, ..RootSettings::default() }).unwrap();
        assert_eq!(roots.blocking_list("**/*.txt").unwrap_err().code, "file_denied");
        let absolute = format!("{}/*.txt", other.path().display());
        assert_eq!(
            paths(&roots.blocking_list(&absolute).unwrap()),
            [format!("{}/a.txt", other.path().display())]
        );
    }

    #[test]
    fn a_name_that_is_not_text_is_told_and_left_out() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(OsStr::from_bytes(b"caf\xe9.txt")), "").unwrap();
        std::fs::write(folder.path().join("good.txt"), "").unwrap();
        let roots = Roots::open(folder.path(), RootSettings::default()).unwrap();
        let scan = roots.blocking_scan(&Patterns::new(["*.txt"], []).unwrap()).unwrap();
        assert_eq!(scan.files.len(), 1);
        assert_eq!(scan.skipped[0].path, "caf�.txt");
    }

    #[test]
    fn the_way_to_a_folder_begins_at_its_root() {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::open(folder.path(), RootSettings::default()).unwrap();
        let top = roots.workspace();
        assert_eq!(roots.way_to("a/b"), [top.to_owned(), top.join("a"), top.join("a/b")]);
        assert_eq!(roots.way_to(""), [top]);
    }
}
