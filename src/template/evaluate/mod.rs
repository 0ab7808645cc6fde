//! Evaluates terms over a scope, borrowing what it reads.
//!
//! It recurses once for each level of nesting, which is capped when a term is made. All work is
//! paid from one budget: each term, and each byte that is copied or given to a function.

mod comprehension;
mod operators;

use std::borrow::Cow;
use std::cell::Cell;

use crate::secret;
use crate::value::{Failure, Json};

use super::ROUND_LIMIT;
use super::foresight;
use super::functions::{Arguments, Function};
use super::scope::{Missing, Scope, descend};
use super::term::{Logic, Op, Path, Root, RoundValue, Term};
use super::values::{self, is_truthy, kind};

use operators::select;

/// What one rendering or evaluation may spend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// Bytes touched, and [`TERM_COST`] for each term.
    pub(super) work: usize,
    /// The rounds of all its loops together.
    pub(super) rounds: usize,
}

impl Allowance {
    /// What everything has that people write.
    pub(super) const FULL: Self = Self { work: 64 * 1024 * 1024, rounds: ROUND_LIMIT };
}

/// What a term costs beside the bytes it touches.
const TERM_COST: usize = 32;

/// One rendering or evaluation.
pub(super) struct Evaluator<'e> {
    scope: &'e Scope,
    budget: Cell<usize>,
    rounds: Cell<usize>,
}

/// The value that a loop or a block gives, inside the frames around it.
pub(super) struct Frame<'f> {
    pub(super) parent: Option<&'f Frame<'f>>,
    pub(super) value: &'f Json,
    pub(super) round: Round<'f>,
}

/// Where a loop is.
#[derive(Clone, Copy, Default)]
pub(super) struct Round<'f> {
    pub(super) index: usize,
    /// The key, where the loop goes over a map.
    pub(super) key: Option<&'f str>,
    pub(super) last: bool,
}

/// The frames that a term can see, innermost first.
pub(super) type Frames<'f> = Option<&'f Frame<'f>>;

/// Why there is no value.
pub(super) enum Fault<'f> {
    /// A path is missing: what it is called, and why.
    Missing(&'f str, Missing<'f>),
    /// Anything else, and paths whose surroundings are gone by now.
    Failed(Box<Failure>),
}

impl Fault<'_> {
    /// A fault of this class.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self::Failed(Box::new(Failure::new(code, message)))
    }

    /// The same fault, when it has to outlive what it is about.
    pub(super) fn settled<'s>(self) -> Fault<'s> {
        Fault::Failed(Box::new(self.into()))
    }

    /// Of the wrong type.
    fn of_type(message: impl Into<String>) -> Self {
        Self::new("template_type", message)
    }

    /// Whether the budget or another limit is spent.
    pub(super) fn is_limit(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.code == "template_limit")
    }

    /// Whether `default` and `exists` take it.
    fn is_missing(&self) -> bool {
        match self {
            Self::Missing(_, missing) => !missing.is_unknown(),
            Self::Failed(failure) => failure.code == MISSING_PATH,
        }
    }

    /// The path that is not known yet, where that is why there is no value.
    pub(super) fn unknown(&self) -> Option<&str> {
        match self {
            Self::Missing(spelled, missing) => missing.is_unknown().then_some(*spelled),
            Self::Failed(failure) => foresight::unknown(failure),
        }
    }

    /// Of two faults the one that counts: what is not known may turn out to decide.
    fn or(self, other: Self) -> Self {
        if self.unknown().is_none() && other.unknown().is_some() { other } else { self }
    }
}

/// The code of a failure for a path that leads nowhere.
const MISSING_PATH: &str = "missing_path";

impl From<Fault<'_>> for Failure {
    fn from(fault: Fault<'_>) -> Self {
        match fault {
            Fault::Missing(spelled, missing) if missing.is_unknown() => foresight::failure(spelled),
            Fault::Missing(spelled, missing) => missing_path(spelled, &missing),
            Fault::Failed(failure) => *failure,
        }
    }
}

fn missing_path(spelled: &str, missing: &Missing<'_>) -> Failure {
    let message = format!("`{spelled}` is missing: {missing} (`default` and `exists` take a missing path)");
    Failure::new(MISSING_PATH, message)
}

type Value<'f> = Result<Cow<'f, Json>, Fault<'f>>;

impl<'e> Evaluator<'e> {
    /// With everything still to spend.
    pub(super) fn new(scope: &'e Scope) -> Self {
        Self::within(scope, Allowance::FULL)
    }

    /// With so much to spend.
    pub(super) fn within(scope: &'e Scope, Allowance { work, rounds }: Allowance) -> Self {
        Self { scope, budget: Cell::new(work), rounds: Cell::new(rounds) }
    }

    /// Pays for so many bytes.
    pub(super) fn spend<'f>(&self, bytes: usize) -> Result<(), Fault<'f>> {
        match self.budget.get().checked_sub(bytes) {
            Some(rest) => {
                self.budget.set(rest);
                Ok(())
            }
            None => {
                self.budget.set(0);
                Err(Fault::new(
                    "template_limit",
                    "evaluating this takes too much work: make it read or repeat less",
                ))
            }
        }
    }

    /// Pays for one round of a loop.
    pub(super) fn spend_round<'f>(&self) -> Result<(), Fault<'f>> {
        let message = || format!("the loops of this template take more than {ROUND_LIMIT} rounds together");
        let rest = self.rounds.get().checked_sub(1).ok_or_else(|| Fault::new("template_limit", message()))?;
        self.rounds.set(rest);
        self.spend(TERM_COST)
    }

    /// The value of a term, owned.
    pub(super) fn own<'f>(&self, term: &'f Term, frames: Frames<'f>) -> Result<Json, Fault<'f>>
    where
        'e: 'f,
    {
        match self.value(term, frames)? {
            Cow::Owned(value) => Ok(value),
            Cow::Borrowed(value) => {
                self.spend(crate::value::weight(value))?;
                Ok(value.clone())
            }
        }
    }

    /// The value of a term.
    pub(super) fn value<'f>(&self, term: &'f Term, frames: Frames<'f>) -> Value<'f>
    where
        'e: 'f,
    {
        self.spend(TERM_COST)?;
        match &term.op {
            Op::Literal(value) => Ok(Cow::Borrowed(value)),
            Op::Path(path) => self.path(path, frames),
            Op::Round(up, value) => Ok(Cow::Owned(round_value(frames, *up, *value))),
            Op::Secret(name) => Ok(Cow::Owned(secret::placeholder(name).into())),
            Op::List(items) => {
                let items: Result<_, _> = items.iter().map(|item| self.own(item, frames)).collect();
                items.map(|items| Cow::Owned(Json::Array(items)))
            }
            Op::Map(entries) => self.map(entries, frames),
            Op::Call(function, arguments) => self.call(function, arguments, frames),
            Op::Default(both) => {
                let [wanted, fallback] = both.as_ref();
                match self.value(wanted, frames) {
                    Ok(value) if !value.is_null() => Ok(value),
                    Err(fault) if !fault.is_missing() => Err(fault),
                    _ => self.value(fallback, frames),
                }
            }
            Op::Exists(term) => match self.value(term, frames) {
                Ok(value) => truth(!value.is_null()),
                Err(fault) if fault.is_missing() => truth(false),
                Err(fault) => Err(fault),
            },
            Op::Has(term, part) => {
                let holder = self.value(term, frames)?;
                truth(descend(&holder, std::slice::from_ref(part), 0).is_ok())
            }
            Op::Falsy(term) => truth(!is_truthy(self.value(term, frames)?.as_ref())),
            Op::Truths(logic, terms) => {
                for term in terms {
                    let holds = is_truthy(self.value(term, frames)?.as_ref());
                    if holds == (*logic == Logic::Or) {
                        return truth(holds);
                    }
                }
                truth(*logic == Logic::And)
            }
            Op::Not(term) => truth(!self.bool(term, frames, "!")?),
            Op::Negate(term) => self.negate(term, frames),
            Op::Logic(logic, both) => self.logic(*logic, both, frames),
            Op::Compare(comparison, both) => self.compare(*comparison, both, frames),
            Op::Arithmetic(operation, both) => self.arithmetic(*operation, both, frames),
            Op::Conditional(three) => {
                let [condition, then, otherwise] = three.as_ref();
                match self.bool(condition, frames, "?")? {
                    true => self.value(then, frames),
                    false => self.value(otherwise, frames),
                }
            }
            Op::In(both) => self.contains(both, frames),
            Op::Select(term, part) => {
                let holder = self.value(term, frames)?;
                select(holder, part)
            }
            Op::Index(both) => self.index(both, frames),
            Op::Matches(term, pattern) => {
                let text = self.value(term, frames)?;
                self.spend(crate::value::weight(&text))?;
                match text.as_ref() {
                    Json::String(text) => truth(pattern.is_match(text)),
                    other => Err(Fault::of_type(format!("`matches` needs text, found {}", kind(other)))),
                }
            }
            Op::Comprehension(comprehension) => self.comprehension(comprehension, frames),
        }
    }

    fn path<'f>(&self, path: &'f Path, frames: Frames<'f>) -> Value<'f>
    where
        'e: 'f,
    {
        let found = match path.root {
            Root::Scope => self.scope.lookup(&path.path),
            Root::Frame(up) => match frame(frames, up) {
                Some(frame) => descend(frame.value, &path.path, 0).map(Cow::Borrowed),
                None => return Ok(Cow::Owned(Json::Null)),
            },
        };
        let value = found.map_err(|missing| Fault::Missing(&path.spelled, missing))?;
        if let Cow::Owned(value) = &value {
            self.spend(crate::value::weight(value))?;
        }
        Ok(value)
    }

    fn map<'f>(&self, entries: &'f [(Term, Term)], frames: Frames<'f>) -> Value<'f>
    where
        'e: 'f,
    {
        let mut fields = serde_json::Map::with_capacity(entries.len());
        for (key, value) in entries {
            let name = match self.value(key, frames)?.as_ref() {
                Json::String(name) => name.clone(),
                other => {
                    return Err(Fault::of_type(format!("a key of a map is text, found {}", kind(other))));
                }
            };
            if fields.contains_key(&name) {
                return Err(Fault::of_type(format!("the map has the key `{name}` twice")));
            }
            fields.insert(name, self.own(value, frames)?);
        }
        Ok(Cow::Owned(Json::Object(fields)))
    }

    fn call<'f>(&self, function: &'static Function, arguments: &'f [Term], frames: Frames<'f>) -> Value<'f>
    where
        'e: 'f,
    {
        let arguments: Result<Vec<_>, _> =
            arguments.iter().map(|argument| self.value(argument, frames)).collect();
        let arguments = arguments?;
        self.spend(arguments.iter().map(|argument| crate::value::weight(argument)).sum())?;
        let result = function.call(&Arguments::new(&arguments));
        let result = result
            .map_err(|reason| Fault::new("function_error", format!("`{}`: {reason}", function.name)))?;
        if !crate::value::fits_depth(&result, values::DEPTH_LIMIT) {
            let message =
                format!("`{}` gave a value nested deeper than {} levels", function.name, values::DEPTH_LIMIT);
            return Err(Fault::new("template_limit", message));
        }
        self.spend(crate::value::weight(&result))?;
        Ok(Cow::Owned(result))
    }
}

fn truth<'f>(value: bool) -> Value<'f> {
    Ok(Cow::Owned(Json::Bool(value)))
}

/// The frame so many levels out.
fn frame<'f>(frames: Frames<'f>, up: usize) -> Frames<'f> {
    std::iter::successors(frames, |frame| frame.parent).nth(up)
}

fn round_value(frames: Frames<'_>, up: usize, value: RoundValue) -> Json {
    let Some(Frame { round, .. }) = frame(frames, up) else {
        return Json::Null;
    };
    match value {
        RoundValue::Index => round.index.into(),
        RoundValue::Key => round.key.map_or_else(|| round.index.into(), Json::from),
        RoundValue::First => (round.index == 0).into(),
        RoundValue::Last => round.last.into(),
    }
}
