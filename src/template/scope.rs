//! What a template or an expression can see: a tree of names over shared JSON values.
//!
//! A scope is never changed, only extended: a run adds the output of a step, a loop adds its item,
//! and all who hold the older scope keep theirs. Values are shared, never copied.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::diagnostic::nearest;
use crate::value::{Json, SharedJson};

use super::reference::{Segment, path_text};

/// The roots that can be read. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    root: Arc<Branch>,
}

/// What stands under a name.
#[derive(Clone, Debug)]
pub enum Node {
    /// A value.
    Value(SharedJson),
    /// More names. As a value it is the map of them.
    Branch(Arc<Branch>),
    /// Something that is there and not known yet. Only where a text is looked at before its time.
    Unknown,
}

/// Names in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct Branch {
    nodes: IndexMap<Arc<str>, Node>,
}

impl Scope {
    /// A scope without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// This scope and one more root; a root of the same name is hidden.
    #[must_use]
    pub fn with(&self, name: impl Into<Arc<str>>, node: impl Into<Node>) -> Self {
        Self { root: Arc::new(self.root.with(name, node)) }
    }

    /// What stands under a root's name.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.root.get(name)
    }

    /// The value at a path, borrowed unless the path ends on a branch.
    pub(super) fn lookup<'v>(&'v self, path: &'v [Segment]) -> Result<Cow<'v, Json>, Missing<'v>> {
        let mut branch = &self.root;
        for (at, segment) in path.iter().enumerate() {
            let node = match segment {
                Segment::Key(key) => branch.get(key),
                Segment::Index(_) | Segment::Each => None,
            };
            match node {
                Some(Node::Branch(inner)) => branch = inner,
                Some(Node::Value(value)) => return descend(value, path, at + 1).map(Cow::Borrowed),
                Some(Node::Unknown) => return Err(Missing { path, at, holder: Holder::Unknown }),
                None => return Err(Missing { path, at, holder: Holder::Branch(branch) }),
            }
        }
        match branch.to_known_json() {
            Some(json) => Ok(Cow::Owned(json)),
            None => Err(Missing { path, at: path.len(), holder: Holder::Unknown }),
        }
    }
}

impl From<Branch> for Scope {
    fn from(branch: Branch) -> Self {
        Self { root: Arc::new(branch) }
    }
}

impl Branch {
    /// A branch without names.
    pub fn new() -> Self {
        Self::default()
    }

    /// This branch and one more name; the same name is replaced in its place.
    #[must_use]
    pub fn with(&self, name: impl Into<Arc<str>>, node: impl Into<Node>) -> Self {
        let mut branch = self.clone();
        branch.insert(name, node);
        branch
    }

    /// Adds a name, or replaces what stands under it.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, node: impl Into<Node>) {
        self.nodes.insert(name.into(), node.into());
    }

    /// What stands under a name.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }

    /// The map of all that stands here; what is not known is null. Copies the values.
    pub fn to_json(&self) -> Json {
        let field = |(name, node): (&Arc<str>, &Node)| {
            let json = match node {
                Node::Value(value) => Json::clone(value),
                Node::Branch(branch) => branch.to_json(),
                Node::Unknown => Json::Null,
            };
            (name.to_string(), json)
        };
        Json::Object(self.nodes.iter().map(field).collect())
    }

    /// The same; none when something of it is not known.
    fn to_known_json(&self) -> Option<Json> {
        self.is_known().then(|| self.to_json())
    }

    fn is_known(&self) -> bool {
        self.nodes.values().all(|node| match node {
            Node::Value(_) => true,
            Node::Branch(branch) => branch.is_known(),
            Node::Unknown => false,
        })
    }
}

impl Node {
    /// The value, where all of it is known.
    pub fn known(&self) -> Option<SharedJson> {
        match self {
            Self::Value(value) => Some(value.clone()),
            Self::Branch(branch) => branch.to_known_json().map(Arc::new),
            Self::Unknown => None,
        }
    }
}

impl From<Json> for Node {
    fn from(value: Json) -> Self {
        Self::Value(Arc::new(value))
    }
}

impl From<SharedJson> for Node {
    fn from(value: SharedJson) -> Self {
        Self::Value(value)
    }
}

impl From<Branch> for Node {
    fn from(branch: Branch) -> Self {
        Self::Branch(Arc::new(branch))
    }
}

impl From<Arc<Branch>> for Node {
    fn from(branch: Arc<Branch>) -> Self {
        Self::Branch(branch)
    }
}

/// The value under `path[from..]`.
pub(super) fn descend<'v>(
    value: &'v Json,
    path: &'v [Segment],
    from: usize,
) -> Result<&'v Json, Missing<'v>> {
    let mut value = value;
    for (at, segment) in path.iter().enumerate().skip(from) {
        value = child(value, segment).ok_or(Missing { path, at, holder: Holder::Value(value) })?;
    }
    Ok(value)
}

/// The part of a value that one segment names.
pub(super) fn child<'v>(value: &'v Json, segment: &Segment) -> Option<&'v Json> {
    match (value, segment) {
        (Json::Object(fields), Segment::Key(key)) => fields.get(key.as_ref()),
        (Json::Object(fields), Segment::Index(index)) => fields.get(&index.to_string()),
        (Json::Array(items), Segment::Index(index)) => items.get(*index),
        _ => None,
    }
}

/// A path that leads nowhere: `path[at]` is not in the holder. Its words are made only when
/// somebody wants them, as `default` and `exists` do not.
#[derive(Clone, Debug)]
pub(super) struct Missing<'v> {
    path: &'v [Segment],
    at: usize,
    holder: Holder<'v>,
}

/// What stands where the missing part was looked for.
#[derive(Clone, Debug)]
enum Holder<'v> {
    Branch(&'v Branch),
    Value(&'v Json),
    /// Nothing that is known: the path may lead somewhere.
    Unknown,
}

impl Missing<'_> {
    /// Whether nobody can say yet what the path leads to.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.holder, Holder::Unknown)
    }
}

impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parent = path_text(&self.path[..self.at]);
        let part = self.path.get(self.at..=self.at).map(path_text).unwrap_or_default();
        let names: Vec<&str> = match self.holder {
            Holder::Unknown => return write!(f, "`{parent}` is not known yet"),
            Holder::Branch(branch) => branch.nodes.keys().map(AsRef::as_ref).collect(),
            Holder::Value(Json::Object(fields)) => fields.keys().map(String::as_str).collect(),
            Holder::Value(Json::Array(_)) if part == "length" => {
                return write!(
                    f,
                    "`{parent}` is a list; its length is `length({parent})` or `{{{{length {parent}}}}}`"
                );
            }
            Holder::Value(Json::Array(items)) => {
                let items =
                    if items.len() == 1 { "1 item".to_owned() } else { format!("{} items", items.len()) };
                return write!(f, "`{parent}` is a list of {items}, it has no `{part}`");
            }
            Holder::Value(other) => {
                return write!(f, "`{parent}` is {}, it has no `{part}`", super::values::kind(other));
            }
        };
        match parent.as_str() {
            "" => write!(f, "there is no `{part}` here{}", offer(&part, &names)),
            _ => write!(f, "`{parent}` has no `{part}`{}", offer(&part, &names)),
        }
    }
}

/// `, did you mean …` or `, only …`, while the names are few enough to read.
fn offer(part: &str, names: &[&str]) -> String {
    // Beyond some hundreds of names a comparison with each would take longer than it helps.
    if let Some(name) = nearest(part, names.iter().copied().take(500)) {
        return format!(", did you mean `{name}`?");
    }
    match names {
        [] => " (it is empty)".to_owned(),
        names if names.len() <= 12 && names.iter().all(|name| name.len() <= 40) => {
            format!(", only `{}`", names.join("`, `"))
        }
        names => format!(" among its {} names", names.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path(text: &str) -> Vec<Segment> {
        let segment = |part: &str| part.parse().map_or_else(|_| Segment::Key(part.into()), Segment::Index);
        text.split('.').map(segment).collect()
    }

    fn scope() -> Scope {
        let step =
            Branch::new().with("output", json!({"name": "Ann", "tags": ["a"]})).with("status", json!("ok"));
        Scope::new().with("steps", Branch::new().with("a", step)).with("inputs", json!({"n": null}))
    }

    #[test]
    fn a_value_is_borrowed_and_a_branch_becomes_a_map() {
        let scope = scope();
        assert!(matches!(scope.lookup(&path("steps.a.output.tags.0")), Ok(Cow::Borrowed(v)) if v == "a"));
        assert_eq!(scope.lookup(&path("steps.a")).unwrap()["status"], "ok");
    }

    #[test]
    fn an_extended_scope_leaves_the_old_one_as_it_was() {
        let old = scope();
        let new = old.with("item", json!(1));
        assert!(old.get("item").is_none() && new.get("item").is_some());
    }

    #[test]
    fn what_is_missing_is_named() {
        let cases = [
            ("steps.b.output", "`steps` has no `b`, did you mean `a`?"),
            ("steps.a.output.nmae", "`steps.a.output` has no `nmae`, did you mean `name`?"),
            ("steps.a.output.other", "`steps.a.output` has no `other`, only `name`, `tags`"),
            ("steps.a.output.tags.3", "`steps.a.output.tags` is a list of 1 item, it has no `[3]`"),
            ("inputs.n.x", "`inputs.n` is null, it has no `x`"),
            ("steps.a.status.x", "`steps.a.status` is text, it has no `x`"),
            ("nothing", "there is no `nothing` here, only `steps`, `inputs`"),
        ];
        for (text, reason) in cases {
            assert_eq!(scope().lookup(&path(text)).unwrap_err().to_string(), reason, "{text}");
        }
    }
}
