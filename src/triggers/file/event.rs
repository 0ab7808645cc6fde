//! A settled version of a file as an event and as an entry of the ledger.

use std::path::Path;

use serde_json::json;

use crate::event::{Identity, SeenFile};
use crate::files::watch::{Change, Seen, Settled};
use crate::value::Json;

/// What `event` holds.
pub(super) fn data(settled: &Settled) -> Json {
    let path = Path::new(&settled.path);
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    let dir = path.parent().map(|dir| dir.to_string_lossy().into_owned()).filter(|dir| !dir.is_empty());
    let text = settled.bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
    json!({
        "path": settled.path,
        "name": part(path.file_name()),
        "stem": part(path.file_stem()),
        "ext": part(path.extension()),
        // So that `{{event.dir}}/x` is in the workspace for a file at its top too.
        "dir": dir.as_deref().unwrap_or("."),
        "size": settled.size,
        "modified": settled.modified.to_string(),
        "change": match settled.change {
            Change::Created => "created",
            Change::Modified => "modified",
        },
        "sha256": settled.sha256.to_string(),
        "text": text,
    })
}

/// The path and the content: for ever the same event.
pub(super) fn identity(settled: &Settled) -> Identity {
    Identity { key: format!("{}\0{}", settled.path, settled.sha256), keep: None }
}

/// The version as the ledger keeps it.
pub(super) fn seen(settled: &Settled) -> SeenFile {
    SeenFile {
        path: settled.path.clone().into_bytes(),
        content: settled.sha256,
        size: settled.size,
        modified: settled.modified,
    }
}

/// An entry of the ledger as the watch knows it; none for a name that the watch cannot meet.
pub(super) fn known(file: SeenFile) -> Option<(String, Seen)> {
    let SeenFile { path, content, size, modified } = file;
    Some((String::from_utf8(path).ok()?, Seen { digest: Some(content), size, modified }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Digest;

    fn settled(path: &str, bytes: &'static [u8]) -> Settled {
        Settled {
            path: path.into(),
            change: Change::Created,
            size: bytes.len() as u64,
            modified: "2026-01-02T03:04:05.5Z".parse().unwrap(),
            sha256: Digest::of(bytes),
            bytes: Some(bytes::Bytes::from_static(bytes)),
        }
    }

    #[test]
    fn an_event_tells_a_file_in_its_parts() {
        let event = data(&settled("in/a/report.tar.gz", b"hello"));
        let expected = json!({
            "path": "in/a/report.tar.gz", "name": "report.tar.gz", "stem": "report.tar", "ext": "gz", "dir": "in/a",
            "size": 5, "modified": "2026-01-02T03:04:05.5Z", "change": "created",
            "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "text": "hello",
        });
        assert_eq!(event, expected);
        let top = data(&settled("README", b"\xff"));
        assert_eq!((&top["dir"], &top["ext"], &top["text"]), (&json!("."), &json!(""), &Json::Null));
    }

    #[test]
    fn a_version_is_its_path_and_its_content() {
        let (one, other) = (settled("a", b"1"), settled("a", b"2"));
        assert_ne!(identity(&one), identity(&other));
        assert_eq!(identity(&one).keep, None);
        let (path, known) = known(seen(&one)).unwrap();
        assert_eq!((path.as_str(), known.digest, known.size), ("a", Some(one.sha256), 1));
    }
}
