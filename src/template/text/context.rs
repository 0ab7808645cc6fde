//! What a place in a template can see: the loops and blocks around it, and where their values come
//! from. Each context here is a frame when the template is rendered.

use std::sync::Arc;

use crate::template::reference::Segment;
use crate::template::term::RoundValue;

use super::part::Origin;

/// One loop, block or value given to a partial.
#[derive(Debug)]
pub(super) struct Context {
    /// Where its value comes from, if that is a path.
    pub(super) path: Option<Vec<Segment>>,
    pub(super) origin: Origin,
    /// The name of its value, from `as |name|` or `name=value`.
    pub(super) name: Option<Arc<str>>,
    /// The second name of a loop: `as |value key|`.
    pub(super) round_name: Option<(Arc<str>, RoundValue)>,
    /// Whether its value is `this`.
    pub(super) is_this: bool,
    /// Whether it has `@index` and its kin.
    pub(super) is_loop: bool,
}

impl Context {
    /// A block whose value is `this`.
    pub(super) fn new(path: Option<Vec<Segment>>, origin: Origin) -> Self {
        Self { path, origin, name: None, round_name: None, is_this: true, is_loop: false }
    }
}

/// The contexts around a place.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    /// Outermost first.
    list: Vec<Context>,
}

/// A context and how many frames out it is.
pub(super) type Found<'c> = (usize, &'c Context);

impl Contexts {
    pub(super) fn push(&mut self, context: Context) {
        self.list.push(context);
    }

    pub(super) fn pop(&mut self) {
        self.list.pop();
    }

    /// The contexts, innermost first.
    fn outwards(&self) -> impl Iterator<Item = Found<'_>> {
        self.list.iter().rev().enumerate()
    }

    /// The context so many frames out.
    pub(super) fn at(&self, up: usize) -> Option<&Context> {
        self.list.iter().rev().nth(up)
    }

    /// How many frames out the outermost context is.
    pub(super) fn outermost(&self) -> usize {
        self.list.len().saturating_sub(1)
    }

    /// The context that is `this` so many levels up; none at the top and above.
    pub(super) fn this(&self, up: usize) -> Option<Found<'_>> {
        self.outwards().filter(|(_, context)| context.is_this).nth(up)
    }

    /// How many contexts are `this` of some place inside them.
    pub(super) fn levels(&self) -> usize {
        self.list.iter().filter(|context| context.is_this).count()
    }

    /// The loop around the context that is `this` so many levels up, or that context itself.
    pub(super) fn looping(&self, up: usize) -> Option<Found<'_>> {
        let (from, _) = self.this(up)?;
        self.outwards().skip(from).find(|(_, context)| context.is_loop)
    }

    /// The context whose value has this name.
    pub(super) fn named(&self, name: &str) -> Option<Found<'_>> {
        self.outwards().find(|(_, context)| context.name.as_deref() == Some(name))
    }

    /// The loop whose key or index has this name.
    pub(super) fn round_named(&self, name: &str) -> Option<(usize, RoundValue)> {
        self.outwards().find_map(|(up, context)| {
            let (known, value) = context.round_name.as_ref()?;
            (known.as_ref() == name).then_some((up, *value))
        })
    }
}
