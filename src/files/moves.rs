//! Moving and removing files below the write roots.
//!
//! A move is one rename where both places are on one file system, which nobody sees half of. Across
//! file systems the bytes are written beside the new place, flushed, renamed into it, and only then
//! the old name goes. An attempt that was broken off can be made again: what it finds done, it leaves.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, OFlags};
use rustix::io::Errno;

use super::draft::{Renamed, TEMPORARY, Temporary, Whole, existing, rename};
use super::failure;
use super::roots::{Purpose, Roots, regular};
use super::write::Target;
use crate::ids::Digest;
use crate::value::Failure;

/// What a move does where the new name is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Existing {
    /// It fails and leaves both files as they are.
    #[default]
    Fail,
    /// The file that is there goes.
    Replace,
    /// The new name gets the first number that is free: `report-1.pdf`.
    Number,
}

/// Whether an earlier attempt may have done it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nothing was tried before.
    First,
    /// An attempt before this one may have come to its end and not have said so.
    Again,
}

/// What became of a file that was to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It is gone.
    Yes,
    /// There was none.
    NotThere,
}

/// The highest number that a moved file gets.
const NUMBER_LIMIT: usize = 10_000;

/// Where a file is moved from.
struct Moving<'a> {
    path: &'a str,
    target: Target,
}

impl Roots {
    /// Moves a regular file and makes the folders that lead to its new place; gives the path where
    /// it lies now. A new path that ends in `/` is the folder that it moves to under its own name.
    ///
    /// # Errors
    /// `file_missing`, `file_denied`, `file_exists`, `disk_full`, `file_io`.
    pub async fn relocate(
        &self,
        from: &str,
        to: &str,
        existing: Existing,
        turn: Turn,
    ) -> Result<String, Failure> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.off_thread(move |roots| roots.blocking_move(&from, &to, existing, turn)).await
    }

    /// Removes a regular file.
    ///
    /// # Errors
    /// `file_denied` (a folder, a symbolic link), `file_io`.
    pub async fn remove(&self, path: &str) -> Result<Removed, Failure> {
        let path = path.to_owned();
        self.off_thread(move |roots| roots.blocking_remove(&path)).await
    }

    fn blocking_move(&self, from: &str, to: &str, wanted: Existing, turn: Turn) -> Result<String, Failure> {
        let to = match to.strip_suffix('/') {
            Some(folder) => format!("{folder}/{}", from.rsplit('/').next().unwrap_or(from)),
            None => to.to_owned(),
        };
        if self.locate(from, Purpose::Write)? == self.locate(&to, Purpose::Write)? {
            // It lies there, or it does not exist.
            self.existing_file(from)?.ok_or_else(|| failure::missing(from))?;
            return Ok(to);
        }
        let Some(source) = self.existing_file(from)? else {
            return match turn {
                Turn::First => Err(failure::missing(from)),
                Turn::Again => self.moved_already(from, &to, wanted),
            };
        };
        let source = Moving { path: from, target: source };
        let whole = if wanted == Existing::Replace { Whole::Replace } else { Whole::Create };
        for number in 0..=NUMBER_LIMIT {
            let path = numbered(&to, number);
            let target = self.target(&path)?;
            match self.put(&source, &path, &target, whole) {
                Err(failure) if failure.code == "file_exists" => {
                    if turn == Turn::Again && self.same_content(&source, &target)? {
                        unlink(&source)?;
                        return Ok(path);
                    }
                    if wanted == Existing::Fail {
                        return Err(failure);
                    }
                }
                moved => return moved.map(|()| path),
            }
        }
        let message = format!("`{to}` and {NUMBER_LIMIT} numbers after it are taken: choose another name");
        Err(Failure::new("file_exists", message))
    }

    /// Moves the file to this very place.
    fn put(&self, source: &Moving<'_>, path: &str, to: &Target, whole: Whole) -> Result<(), Failure> {
        let fail = |error: io::Error| failure::from_io(path, Purpose::Write, &error);
        let there = existing(to.folder.as_fd(), &to.name).map_err(|error| fail(error.into()))?;
        match there {
            None => {}
            Some(_) if whole == Whole::Create => return Err(failure::taken(path)),
            Some((FileType::RegularFile, _)) => {}
            Some((kind, _)) => return Err(failure::not_regular(path, kind)),
        }
        let from = &source.target;
        match rename(from.folder.as_fd(), &from.name, to.folder.as_fd(), &to.name, whole) {
            Ok(Renamed::Gone) => {
                let flushed = rustix::fs::fsync(&to.folder).and_then(|()| rustix::fs::fsync(&from.folder));
                flushed.map_err(|error| fail(error.into()))
            }
            Ok(Renamed::StillThere) => {
                rustix::fs::fsync(&to.folder).map_err(|error| fail(error.into()))?;
                unlink(source)
            }
            Err(Errno::XDEV) => self.copy_over(source, path, to, whole),
            Err(Errno::EXIST) => Err(failure::taken(path)),
            Err(error) => Err(fail(error.into())),
        }
    }

    /// Moves the file to another file system.
    fn copy_over(&self, source: &Moving<'_>, path: &str, to: &Target, whole: Whole) -> Result<(), Failure> {
        let fail = |error: io::Error| failure::from_io(path, Purpose::Write, &error);
        let copy = || -> Result<(), io::Error> {
            let folder = to.folder.try_clone()?;
            let mut file = self.open_here(&source.target)?;
            let mut temporary = Temporary::new(folder, TEMPORARY)?;
            io::copy(&mut file, &mut temporary.file)?;
            let metadata = file.metadata()?;
            temporary.file.set_permissions(metadata.permissions())?;
            temporary.file.set_modified(metadata.modified()?)?;
            temporary.put(&to.name, whole)
        };
        match copy() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(failure::taken(path)),
            copied => copied.map_err(fail).and_then(|()| unlink(source)),
        }
    }

    /// Where the file lies that an earlier attempt has moved. With numbers it has the last of those
    /// that are taken without a gap, as it took the first that was free.
    fn moved_already(&self, from: &str, to: &str, wanted: Existing) -> Result<String, Failure> {
        let mut last = None;
        for number in 0..=NUMBER_LIMIT {
            let path = numbered(to, number);
            if self.existing_file(&path)?.is_none() {
                break;
            }
            last = Some(path);
            if wanted != Existing::Number {
                break;
            }
        }
        last.ok_or_else(|| failure::missing(from))
    }

    /// Whether the two files hold the same bytes.
    fn same_content(&self, source: &Moving<'_>, to: &Target) -> Result<bool, Failure> {
        let digest = |target: &Target| -> io::Result<Digest> {
            use sha2::Digest as _;
            let mut hasher = sha2::Sha256::new();
            let mut file = self.open_here(target)?;
            let mut buffer = vec![0; 64 * 1024];
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok(Digest::from_bytes(hasher.finalize().into())),
                    count => hasher.update(&buffer[..count]),
                }
            }
        };
        let same = || Ok(digest(&source.target)? == digest(to)?);
        same().map_err(|error: io::Error| failure::from_io(source.path, Purpose::Read, &error))
    }

    fn open_here(&self, target: &Target) -> io::Result<File> {
        let flags = OFlags::RDONLY;
        let mode = rustix::fs::Mode::empty();
        let file = self.resolver().open(target.folder.as_fd(), Path::new(&target.name), flags, mode)?;
        regular("", file).map_err(io::Error::other)
    }

    fn blocking_remove(&self, path: &str) -> Result<Removed, Failure> {
        match self.existing_file(path)? {
            None => Ok(Removed::NotThere),
            Some(target) => unlink(&Moving { path, target }).map(|()| Removed::Yes),
        }
    }

    /// The place of a regular file that may be changed; none where there is nothing. No folder is made.
    fn existing_file(&self, path: &str) -> Result<Option<Target>, Failure> {
        let place = self.locate(path, Purpose::Write)?;
        let fail = |error| failure::from_os(path, Purpose::Write, error);
        let Some(name) = place.below.file_name() else {
            return Err(failure::not_a_file(path, "a folder"));
        };
        let parent = place.below.parent().unwrap_or(Path::new(""));
        let opened = self.handle(&place).and_then(|root| self.resolver().open_folder(root.as_fd(), parent));
        let folder = match opened {
            Err(Errno::NOENT) => return Ok(None),
            opened => opened.map_err(fail)?,
        };
        match existing(folder.as_fd(), name).map_err(fail)? {
            None => Ok(None),
            Some((FileType::RegularFile, _)) => Ok(Some(Target { folder, name: name.to_owned() })),
            Some((kind, _)) => Err(failure::not_regular(path, kind)),
        }
    }
}

/// Takes a name away and flushes its folder.
fn unlink(from: &Moving<'_>) -> Result<(), Failure> {
    let Target { folder, name } = &from.target;
    let gone = match rustix::fs::unlinkat(folder, name.as_os_str(), AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        gone => gone,
    };
    gone.and_then(|()| rustix::fs::fsync(folder))
        .map_err(|error| failure::from_os(from.path, Purpose::Write, error))
}

/// The path with a number before its extension; itself for 0.
fn numbered(path: &str, number: usize) -> String {
    if number == 0 {
        return path.to_owned();
    }
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let (stem, end) = match name.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() => (stem, format!(".{end}")),
        _ => (name, String::new()),
    };
    let slash = if path.len() > name.len() { "/" } else { "" };
    format!("{folder}{slash}{stem}-{number}{end}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::files::{Declared, RootSettings};

    fn bed(files: &[(&str, &str)]) -> (tempfile::TempDir, Roots) {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let roots = Roots::open(folder.path(), RootSettings::default()).unwrap();
        (folder, roots)
    }

    #[test]
    fn a_file_moves_and_what_is_in_its_way_is_dealt_with_as_wanted() {
        let (folder, roots) =
            bed(&[("in/a.txt", "new"), ("in/b.txt", "b"), ("in/c", "c"), ("out/a.txt", "old")]);
        let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).ok();
        let go = |from: &str, to: &str, existing| roots.blocking_move(from, to, existing, Turn::First);
        let taken = go("in/a.txt", "out/a.txt", Existing::Fail).unwrap_err();
        assert_eq!((taken.code.as_ref(), read("in/a.txt").as_deref()), ("file_exists", Some("new")));
        assert_eq!(go("in/a.txt", "out/", Existing::Number).unwrap(), "out/a-1.txt");
        assert_eq!(go("in/b.txt", "out/a.txt", Existing::Number).unwrap(), "out/a-2.txt");
        assert_eq!(go("in/c", "out/a.txt", Existing::Replace).unwrap(), "out/a.txt");
        assert_eq!(go("out/a.txt", "./out/a.txt", Existing::Fail).unwrap(), "./out/a.txt");
        assert_eq!(go("out/a.txt", "new/deep/x", Existing::Fail).unwrap(), "new/deep/x");
        assert_eq!(read("out/a-1.txt").as_deref(), Some("new"));
        assert_eq!(read("new/deep/x").as_deref(), Some("c"));
        assert_eq!(go("in/none", "out/x", Existing::Fail).unwrap_err().code, "file_missing");
        assert_eq!(go("in/none", "in/none", Existing::Fail).unwrap_err().code, "file_missing");
        assert_eq!(numbered(".env.d/.rc", 3), ".env.d/.rc-3");
    }

    #[test]
    fn nothing_leads_out_and_nothing_but_files_is_touched() {
        let (folder, roots) = bed(&[("a", "a"), ("folder/x", "x"), ("workflows/w.yaml", "w")]);
        let outer = tempfile::tempdir().unwrap();
        std::fs::write(outer.path().join("victim"), "v").unwrap();
        symlink(outer.path(), folder.path().join("up")).unwrap();
        symlink(outer.path().join("victim"), folder.path().join("link")).unwrap();
        for path in [
            "up/victim",
            "link",
            "folder",
            "../victim",
            ".howdah/x",
            "workflows/w.yaml",
            "howdah.yaml",
            ".env",
        ] {
            let denied =
                |result: Result<_, Failure>| assert_eq!(result.unwrap_err().code, "file_denied", "{path}");
            for existing in [Existing::Replace, Existing::Number] {
                denied(roots.blocking_move(path, "b", existing, Turn::First).map(drop));
            }
            denied(roots.blocking_move("a", path, Existing::Replace, Turn::First).map(drop));
            denied(roots.blocking_remove(path).map(drop));
        }
        assert_eq!(std::fs::read(outer.path().join("victim")).unwrap(), b"v");
        assert_eq!(roots.blocking_remove("a").unwrap(), Removed::Yes);
        assert_eq!(roots.blocking_remove("a").unwrap(), Removed::NotThere);
        assert_eq!(roots.blocking_remove("none/a").unwrap(), Removed::NotThere);
        assert!(!folder.path().join("none").exists());
    }

    #[test]
    fn a_move_that_was_broken_off_is_found_done() {
        for (existing, now) in
            [(Existing::Fail, "out/a"), (Existing::Replace, "out/a"), (Existing::Number, "out/a-1")]
        {
            let (folder, roots) = bed(&[("out/a", "a"), ("out/a-1", "a")]);
            let again = roots.blocking_move("in/a", "out/a", existing, Turn::Again);
            assert_eq!(again.unwrap(), now, "{existing:?}");
            // A copy to another file system was put in its place, and the old name had not gone yet.
            std::fs::create_dir(folder.path().join("in")).unwrap();
            std::fs::write(folder.path().join("in/a"), "a").unwrap();
            assert_eq!(roots.blocking_move("in/a", "out/a", existing, Turn::Again).unwrap(), "out/a");
            assert!(!folder.path().join("in/a").exists());
            std::fs::write(folder.path().join("in/a"), "other").unwrap();
            let other = roots.blocking_move("in/a", "out/a", Existing::Fail, Turn::Again);
            assert_eq!(other.unwrap_err().code, "file_exists");
        }
        let (_folder, roots) = bed(&[]);
        let never = roots.blocking_move("in/a", "out/a", Existing::Number, Turn::Again);
        assert_eq!(never.unwrap_err().code, "file_missing");
    }

    #[test]
    fn a_file_is_copied_where_it_cannot_be_renamed() {
        let (folder, roots) = bed(&[("in/a", "new"), ("in/b", "b"), ("out/a", "old")]);
        let copy = |from: &str, to: &str, whole| {
            let source = Moving { path: from, target: roots.existing_file(from).unwrap().unwrap() };
            roots.copy_over(&source, to, &roots.target(to).unwrap(), whole)
        };
        assert_eq!(copy("in/a", "out/a", Whole::Create).unwrap_err().code, "file_exists");
        assert!(folder.path().join("in/a").exists());
        copy("in/a", "out/a", Whole::Replace).unwrap();
        copy("in/b", "out/b", Whole::Create).unwrap();
        assert_eq!(std::fs::read(folder.path().join("out/a")).unwrap(), b"new");
        assert_eq!(std::fs::read(folder.path().join("out/b")).unwrap(), b"b");
        assert_eq!(std::fs::read_dir(folder.path().join("in")).unwrap().count(), 0);
        assert_eq!(std::fs::read_dir(folder.path().join("out")).unwrap().count(), 2);
    }

    #[test]
    fn both_places_lie_in_the_write_roots() {
        let (folder, _) = bed(&[("in/a", "a"), ("out/b", "b")]);
        let write = Declared::Only(vec!["out".into()]);
        let roots = Roots::open(folder.path(), RootSettings { write, ..RootSettings::default() }).unwrap();
        for (from, to) in [("in/a", "out/a"), ("out/b", "in/b")] {
            let denied = roots.blocking_move(from, to, Existing::Replace, Turn::First);
            assert_eq!(denied.unwrap_err().code, "file_denied");
        }
    }
}
