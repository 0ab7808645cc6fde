//! The failures of files: each with its code, what was found and what to do.

use rustix::fs::FileType;
use rustix::io::Errno;

use super::roots::Purpose;
use crate::units::ByteSize;
use crate::value::Failure;

/// There is no such file.
pub(super) fn missing(path: &str) -> Failure {
    Failure::new("file_missing", format!("`{path}` does not exist"))
}

/// The path may not be touched for this reason, which is a whole clause.
pub(super) fn denied(path: &str, reason: &str) -> Failure {
    Failure::new("file_denied", format!("`{path}` is refused: {reason}"))
}

/// What is there is not a regular file.
pub(super) fn not_a_file(path: &str, what: &str) -> Failure {
    denied(path, &format!("it is {what}, and only regular files are read and written"))
}

/// What is there is this, and not a regular file.
pub(super) fn not_regular(path: &str, kind: FileType) -> Failure {
    match kind {
        FileType::Directory => not_a_file(path, "a folder"),
        FileType::Symlink => from_os(path, Purpose::Write, Errno::LOOP),
        _ => not_a_file(path, "a FIFO, a socket or a device"),
    }
}

/// The name that a file is moved to is taken.
pub(super) fn taken(path: &str) -> Failure {
    Failure::new(
        "file_exists",
        format!(
            "`{path}` exists already: choose another name, or move with `existing: replace` or `existing: number`"
        ),
    )
}

/// Something lies there already.
pub(super) fn exists(path: &str) -> Failure {
    Failure::new(
        "file_exists",
        format!("`{path}` exists already: choose another name, or write with `mode: replace`"),
    )
}

/// There are more bytes than may be read.
pub(super) fn too_large(path: &str, limit: u64) -> Failure {
    Failure::new("file_too_large", format!("`{path}` is larger than {}, the limit here", ByteSize(limit)))
}

/// The bytes are no text; the first bad one stands at `offset`.
pub(super) fn not_utf8(path: &str, offset: usize) -> Failure {
    Failure::new(
        "file_not_utf8",
        format!("`{path}` is not UTF-8 text (byte {offset}): convert it, or read it with `parse: bytes`"),
    )
}

/// The file is neither what it was before an append nor what it would be after it.
pub(super) fn in_doubt(path: &str) -> Failure {
    Failure::new(
        "file_in_doubt",
        format!("`{path}` was changed since the append was planned: nothing was added; look at its end"),
    )
}

/// The operating system said no while we did `doing` ("read", "write").
pub(super) fn from_os(path: &str, purpose: Purpose, error: Errno) -> Failure {
    let doing = purpose.verb();
    let key = purpose.key();
    match error {
        Errno::NOENT => missing(path),
        Errno::EXIST => exists(path),
        Errno::LOOP => denied(
            path,
            &format!(
                "a part of it is a symbolic link, which is not followed: name its target in `{key}` of howdah.yaml and use that path"
            ),
        ),
        Errno::XDEV => denied(path, "it leads out of its root"),
        Errno::ISDIR => not_a_file(path, "a folder"),
        Errno::NOTDIR => denied(path, "a part of it that should be a folder is a file"),
        Errno::NXIO => not_a_file(path, "a FIFO, a socket or a device"),
        Errno::NAMETOOLONG => denied(path, "a name in it is too long for the file system"),
        Errno::NOSPC | Errno::DQUOT => Failure::new(
            "disk_full",
            format!("cannot {doing} `{path}`: the disk or the quota is full; make room and try again"),
        ),
        Errno::ROFS => io(path, doing, "the file system is mounted read-only"),
        Errno::ACCESS | Errno::PERM => io(
            path,
            doing,
            &format!(
                "permission denied for the user {}: look at the mode and the owner of the file and of its folder `{}`",
                rustix::process::geteuid().as_raw(),
                folder_of(path)
            ),
        ),
        Errno::MFILE | Errno::NFILE => {
            io(path, doing, "too many files are open: raise the limit (`ulimit -n`)")
        }
        other => io(path, doing, &std::io::Error::from(other).to_string()),
    }
}

/// A call on the file failed for a reason that has no code of its own.
pub(super) fn io(path: &str, doing: &str, reason: &str) -> Failure {
    Failure::new("file_io", format!("cannot {doing} `{path}`: {reason}"))
}

/// The same for the errors of the standard library.
pub(super) fn from_io(path: &str, purpose: Purpose, error: &std::io::Error) -> Failure {
    match error.raw_os_error() {
        Some(code) => from_os(path, purpose, Errno::from_raw_os_error(code)),
        None => io(path, purpose.verb(), &error.to_string()),
    }
}

/// The folder of a path, as people write it.
fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(".", |(folder, _)| if folder.is_empty() { "/" } else { folder })
}
