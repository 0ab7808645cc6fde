//! A file of tests, as it is written: what each test starts with, stands in for, and expects.
//!
//! Only the file itself is looked at here; whether its names lead anywhere is [`check`](super::check())'s.
//!
//! Codes: `duplicate-test`, `outside-workspace`, and those of the fields and of patterns.

use std::collections::HashMap;
use std::path::{Component, Path};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::diagnostic::{Diagnostic, Diagnostics, FileId, SourceFile, Span, Spanned, quoted};
use crate::syntax::fields::{self, Fields};
use crate::syntax::tree::{Kind, Node};
use crate::syntax::yaml;
use crate::value::Json;

use super::expect::Expect;

/// The tests of one file.
#[derive(Clone, Debug)]
pub struct TestFile {
    /// The file.
    pub file: FileId,
    /// The workflow under test, where the file names it; else it is the one beside it.
    pub workflow: Option<Spanned<Arc<str>>>,
    /// In the order written.
    pub tests: Vec<Arc<Test>>,
}

/// A value under a name.
pub type Named<T> = (Spanned<Arc<str>>, T);

/// One test.
#[derive(Clone, Debug)]
pub struct Test {
    /// What it shows; unique in its file.
    pub name: Spanned<Arc<str>>,
    /// What the run is given; none: what its trigger makes of the event.
    pub inputs: Option<Vec<Named<Node>>>,
    /// What happened.
    pub event: Option<Node>,
    /// Through which trigger, where the workflow has several.
    pub trigger: Option<Spanned<Arc<str>>>,
    /// What stands in for steps, by their ids.
    pub mocks: Vec<Named<Node>>,
    /// The recording that answers, relative to the workspace.
    pub replay: Option<Spanned<Arc<str>>>,
    /// Where the clock stands.
    pub now: Option<Timestamp>,
    /// What `state` holds at the start; `workspace` in it is everybody's.
    pub state: Vec<Named<Node>>,
    /// Files that are there at the start, beside those of the workspace.
    pub files: Vec<Named<Arc<str>>>,
    /// What people say, by the ids of the steps that ask them.
    pub approvals: Vec<Named<Approval>>,
    /// What must come of it.
    pub expect: Expect,
}

/// What a person says.
#[derive(Clone, Debug)]
pub struct Approval {
    /// Yes or no.
    pub approved: bool,
    /// Who it is.
    pub by: Arc<str>,
    /// In the person's words.
    pub comment: Option<Arc<str>>,
    /// What was asked for besides.
    pub fields: Json,
}

/// Who answers where a test does not say.
const SOMEBODY: &str = "the test";

/// Reads a file of tests. Tests with mistakes are left out, and all mistakes told.
pub fn read(file: FileId, source: &SourceFile, diagnostics: &mut Diagnostics) -> TestFile {
    let mut read = TestFile { file, workflow: None, tests: Vec::new() };
    let Some(root) = yaml::parse(file, &source.text, diagnostics) else { return read };
    let Some(mut written) = Fields::open(&root, "a file of tests", diagnostics) else { return read };
    read.workflow =
        written.take("workflow").and_then(|field| spanned_text(field.node, "workflow", diagnostics));
    let _anchors = written.take_prefixed("x-");
    let list = written.require("tests", diagnostics);
    written.finish(diagnostics);
    let Some(items) = list.and_then(|field| fields::list(field.node, "tests", diagnostics)) else {
        return read;
    };
    let mut names: HashMap<Arc<str>, Span> = HashMap::new();
    for node in items {
        let Some(test) = test(node, diagnostics) else { continue };
        match names.get(&test.name.value) {
            None => {
                names.insert(test.name.value.clone(), test.name.span);
                read.tests.push(Arc::new(test));
            }
            Some(first) => {
                let message = format!("there are two tests {}", quoted(&test.name.value));
                let found = Diagnostic::error("duplicate-test", test.name.span, message);
                diagnostics.push(
                    found.with_related(*first, "the first one").with_help("give each a name of its own"),
                );
            }
        }
    }
    read
}

fn test(node: &Node, diagnostics: &mut Diagnostics) -> Option<Test> {
    let mut written = Fields::open(node, "a test", diagnostics)?;
    let name = written.require("name", diagnostics);
    let name = name.and_then(|field| spanned_text(field.node, "name", diagnostics));
    let inputs = written.take("inputs").map(|field| entries(field.node, "inputs", diagnostics));
    let event = written.take("event").map(|field| field.node.clone());
    let trigger = written.take("trigger").and_then(|field| spanned_text(field.node, "trigger", diagnostics));
    let mocks = written.take("mock").map(|field| entries(field.node, "mock", diagnostics));
    let replay = written.take("replay").and_then(|field| path(field.node, "replay", diagnostics));
    let now = written.take("now").and_then(|field| instant(field.node, diagnostics));
    let state = written.take("state").map(|field| entries(field.node, "state", diagnostics));
    let files = written.take("files").map(|field| entries(field.node, "files", diagnostics));
    let approvals = written.take("approvals").map(|field| entries(field.node, "approvals", diagnostics));
    let expect = match written.take("expect") {
        Some(field) => Expect::read(field.node, diagnostics),
        None => Expect::at(name.as_ref().map_or(node.span, |name| name.span)),
    };
    written.finish(diagnostics);
    let files = files.unwrap_or_default().into_iter().filter_map(|(name, node)| {
        in_workspace(&name.value, name.span, diagnostics)?;
        let text = fields::text(&node, &name.value, diagnostics)?;
        Some((name, text.into()))
    });
    let files = files.collect();
    let approvals = approvals.unwrap_or_default().into_iter();
    let approvals =
        approvals.filter_map(|(name, node)| Some((name, approval(&node, diagnostics)?))).collect();
    Some(Test {
        name: name?,
        inputs,
        event,
        trigger,
        mocks: mocks.unwrap_or_default(),
        replay,
        now,
        state: state.unwrap_or_default(),
        files,
        approvals,
        expect,
    })
}

/// The entries of a map.
pub(super) fn entries(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Vec<Named<Node>> {
    match &node.kind {
        Kind::Mapping(entries) => entries.to_vec(),
        _ => {
            let message = format!("`{what}` must be a map, found {}", node.describe());
            diagnostics.push(Diagnostic::error("wrong-type", node.span, message));
            Vec::new()
        }
    }
}

fn approval(node: &Node, diagnostics: &mut Diagnostics) -> Option<Approval> {
    let mut written = Fields::open(node, "an approval", diagnostics)?;
    let approved = written.require("approved", diagnostics);
    let approved = approved.and_then(|field| fields::boolean(field.node, "approved", diagnostics));
    let by = written.take("by").and_then(|field| fields::text(field.node, "by", diagnostics));
    let comment = written.take("comment").and_then(|field| fields::text(field.node, "comment", diagnostics));
    let fields = written.take("fields").map_or(Json::Null, |field| field.node.to_json());
    written.finish(diagnostics);
    Some(Approval {
        approved: approved?,
        by: by.unwrap_or(SOMEBODY).into(),
        comment: comment.map(Arc::from),
        fields,
    })
}

pub(super) fn spanned_text(
    node: &Node,
    what: &str,
    diagnostics: &mut Diagnostics,
) -> Option<Spanned<Arc<str>>> {
    fields::text(node, what, diagnostics).map(|text| Spanned::new(text.into(), node.span))
}

fn instant(node: &Node, diagnostics: &mut Diagnostics) -> Option<Timestamp> {
    let text = fields::text(node, "now", diagnostics)?;
    let instant = text.parse().ok();
    if instant.is_none() {
        let message = format!("`now` must be an instant, found {}", quoted(text));
        let found = Diagnostic::error("invalid-value", node.span, message);
        diagnostics.push(found.with_help("write it with its offset, like `2026-03-01T09:00:00Z`"));
    }
    instant
}

fn path(node: &Node, what: &str, diagnostics: &mut Diagnostics) -> Option<Spanned<Arc<str>>> {
    let path = spanned_text(node, what, diagnostics)?;
    in_workspace(&path.value, path.span, diagnostics)?;
    Some(path)
}

/// Whether a path leads to a place below the workspace, without turns.
pub(super) fn in_workspace(path: &str, span: Span, diagnostics: &mut Diagnostics) -> Option<()> {
    let is_below = !path.is_empty()
        && Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !is_below {
        let message = format!("{} is no path below the workspace", quoted(path));
        let found = Diagnostic::error("outside-workspace", span, message);
        diagnostics.push(found.with_help("write it from the workspace's folder, without `..`"));
    }
    is_below.then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let mut diagnostics = Diagnostics::new();
        read(FileId(0), &SourceFile::new("workflows/a.test.yaml", text), &mut diagnostics);
        diagnostics.iter().map(|one| one.message.clone()).collect()
    }

    #[test]
    fn every_mistake_is_told() {
        for (text, wanted) in [
            ("[]", "a file of tests must be a map, found a list"),
            ("test: []\ntests: []", "unknown key `test` in a file of tests"),
            ("workflow: a", "`tests` is missing in a file of tests"),
            ("tests: [{ inputs: {} }]", "`name` is missing in a test"),
            ("tests: [{ name: a, expects: {} }]", "unknown key `expects` in a test"),
            ("tests: [{ name: a, now: soon }]", "`now` must be an instant, found `soon`"),
            ("tests: [{ name: a }, { name: a }]", "there are two tests `a`"),
            ("tests: [{ name: a, files: { ../x: y } }]", "`../x` is no path below the workspace"),
            ("tests: [{ name: a, replay: /etc/x }]", "`/etc/x` is no path below the workspace"),
            ("tests: [{ name: a, approvals: { b: { by: c } } }]", "`approved` is missing in an approval"),
            ("tests: [{ name: a, mock: [] }]", "`mock` must be a map, found a list"),
        ] {
            assert_eq!(told(text), [wanted], "{text}");
        }
        assert_eq!(told("x-base: &b { name: a }\ntests: [{ <<: *b, inputs: {} }]"), [""; 0]);
    }
}
