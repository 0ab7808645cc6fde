//! What a condition tells of the values it looks at, when it holds and when it does not.

use crate::template::reference::Segment;
use crate::template::term::{Comparison, Logic, Op, Path, Term};
use crate::value::Json;

use super::{Env, Presence, Ty};

/// How a condition came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is true, or what Handlebars takes for true.
    Holds,
    /// It is not.
    Fails,
}

impl Outcome {
    /// The other one.
    fn reversed(self) -> Self {
        match self {
            Self::Holds => Self::Fails,
            Self::Fails => Self::Holds,
        }
    }
}

/// How deep `and` and `or` may alternate before nothing more is concluded: each level doubles the work.
const ALTERNATIONS: usize = 8;

/// What is known after a condition of true and false came out like this.
pub(in crate::template) fn assume(env: &Env, term: &Term, outcome: Outcome) -> Env {
    conclude(env, term, outcome, ALTERNATIONS)
}

/// What is known after a value was taken for true or for false, as Handlebars takes it.
pub(in crate::template) fn assume_truth(env: &Env, term: &Term, outcome: Outcome) -> Env {
    conclude_truth(env, term, outcome, ALTERNATIONS)
}

fn conclude(env: &Env, term: &Term, outcome: Outcome, left: usize) -> Env {
    match &term.op {
        Op::Path(path) => {
            env.change(path, &mut |ty| ty.and(&Ty::of_value(&Json::Bool(outcome == Outcome::Holds))))
        }
        Op::Not(inner) => conclude(env, inner, outcome.reversed(), left),
        Op::Falsy(inner) => conclude_truth(env, inner, outcome.reversed(), left),
        Op::Logic(logic, _) => {
            let mut terms = Vec::new();
            flatten(term, *logic, &mut terms);
            joined(env, *logic, outcome, &terms, &conclude, left)
        }
        Op::Truths(logic, terms) => {
            let terms: Vec<&Term> = terms.iter().collect();
            joined(env, *logic, outcome, &terms, &conclude_truth, left)
        }
        Op::Exists(inner) => match (&inner.op, outcome) {
            (Op::Path(path), Outcome::Holds) => env.change(path, &mut Ty::present),
            _ => env.clone(),
        },
        Op::Has(holder, part) => match (&holder.op, outcome) {
            (Op::Path(path), Outcome::Holds) => env.change(path, &mut |ty| with_part(ty, part)),
            _ => env.clone(),
        },
        // Only a value that is there is something else than a fallback of `false`.
        Op::Default(both) => match (both.as_ref(), outcome) {
            ([wanted, Term { op: Op::Literal(Json::Bool(false)), .. }], Outcome::Holds) => {
                conclude(env, wanted, outcome, left)
            }
            _ => env.clone(),
        },
        Op::Compare(comparison, both) => compared(env, *comparison, both, outcome),
        Op::In(both) => contained(env, both, outcome),
        _ => env.clone(),
    }
}

fn conclude_truth(env: &Env, term: &Term, outcome: Outcome, left: usize) -> Env {
    match (&term.op, outcome) {
        (Op::Path(path), Outcome::Holds) => env.change(path, &mut |ty| {
            let falsy = [Json::Bool(false), Json::from(""), Json::from(0)];
            let ty = falsy.iter().fold(ty.present(), |ty, value| ty.without(value));
            filled(&ty)
        }),
        // What is no boolean is not known to be false: it may be empty.
        (Op::Path(path), Outcome::Fails) => env
            .change(path, &mut |ty| if ty.is_boolean() { ty.without(&Json::Bool(true)) } else { ty.clone() }),
        _ => conclude(env, term, outcome, left),
    }
}

/// The operands of a chain of the same operator, in order.
pub(in crate::template) fn flatten<'t>(term: &'t Term, logic: Logic, terms: &mut Vec<&'t Term>) {
    match &term.op {
        Op::Logic(same, both) if *same == logic => both.iter().for_each(|term| flatten(term, logic, terms)),
        _ => terms.push(term),
    }
}

type Conclude<'c> = &'c dyn Fn(&Env, &Term, Outcome, usize) -> Env;

/// What several conditions tell together: all of them, or whichever of them decides.
fn joined(
    env: &Env,
    logic: Logic,
    outcome: Outcome,
    terms: &[&Term],
    conclude: Conclude<'_>,
    left: usize,
) -> Env {
    let all_alike = (logic == Logic::And) == (outcome == Outcome::Holds);
    if all_alike {
        return terms.iter().fold(env.clone(), |env, term| conclude(&env, term, outcome, left));
    }
    let Some(left) = left.checked_sub(1) else { return env.clone() };
    let mut before = env.clone();
    let mut any: Option<Env> = None;
    for term in terms {
        let decided = conclude(&before, term, outcome, left);
        any = Some(any.map_or_else(|| decided.clone(), |any| any.or(&decided)));
        before = conclude(&before, term, outcome.reversed(), left);
    }
    any.unwrap_or_else(|| env.clone())
}

fn compared(env: &Env, comparison: Comparison, both: &[Term; 2], outcome: Outcome) -> Env {
    let (path, value, comparison) = match both {
        [Term { op: Op::Literal(value), .. }, term] => (term, value, mirrored(comparison)),
        [term, Term { op: Op::Literal(value), .. }] => (term, value, comparison),
        _ => return env.clone(),
    };
    if let Some(list) = measured(path) {
        return match is_filled(comparison, value, outcome) {
            true => env.change(list, &mut filled),
            false => env.clone(),
        };
    }
    let Op::Path(path) = &path.op else { return env.clone() };
    let equal = match (comparison, outcome) {
        (Comparison::Equal, Outcome::Holds) | (Comparison::Unequal, Outcome::Fails) => true,
        (Comparison::Equal, Outcome::Fails) | (Comparison::Unequal, Outcome::Holds) => false,
        _ => return env.clone(),
    };
    env.change(path, &mut |ty| match equal {
        true => ty.and(&Ty::of_value(value)),
        false => ty.without(value),
    })
}

/// The list whose length this is.
fn measured(term: &Term) -> Option<&Path> {
    let Op::Call(function, arguments) = &term.op else { return None };
    match (function.name, arguments.as_slice()) {
        ("length" | "size", [Term { op: Op::Path(path), .. }]) => Some(path),
        _ => None,
    }
}

/// Whether a length that compares like this with a number is not 0.
fn is_filled(comparison: Comparison, number: &Json, outcome: Outcome) -> bool {
    let Some(number) = number.as_i64() else { return false };
    match (comparison, outcome) {
        (Comparison::Greater, Outcome::Holds) | (Comparison::LessOrEqual, Outcome::Fails) => number >= 0,
        (Comparison::GreaterOrEqual, Outcome::Holds) | (Comparison::Less, Outcome::Fails) => number >= 1,
        (Comparison::Equal, Outcome::Holds) | (Comparison::Unequal, Outcome::Fails) => number >= 1,
        (Comparison::Unequal, Outcome::Holds) | (Comparison::Equal, Outcome::Fails) => number == 0,
        _ => false,
    }
}

/// The comparison with its sides exchanged.
fn mirrored(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        same => same,
    }
}

fn contained(env: &Env, both: &[Term; 2], outcome: Outcome) -> Env {
    let values = |terms: &[Term]| -> Option<Vec<Json>> {
        terms
            .iter()
            .map(|term| match &term.op {
                Op::Literal(value) => Some(value.clone()),
                _ => None,
            })
            .collect()
    };
    match (both, outcome) {
        ([Term { op: Op::Path(path), .. }, Term { op: Op::List(items), .. }], outcome) => {
            let Some(values) = values(items) else { return env.clone() };
            env.change(path, &mut |ty| match outcome {
                Outcome::Holds => {
                    let any = values.iter().map(Ty::of_value).reduce(|a, b| a.or(&b));
                    any.map_or_else(|| ty.clone(), |any| ty.and(&any))
                }
                Outcome::Fails => values.iter().fold(ty.clone(), |ty, value| ty.without(value)),
            })
        }
        (
            [Term { op: Op::Literal(Json::String(name)), .. }, Term { op: Op::Path(path), .. }],
            Outcome::Holds,
        ) => env.change(path, &mut |ty| with_part(ty, &Segment::Key(name.as_str().into()))),
        _ => env.clone(),
    }
}

/// The same with a part that is there for sure, be it null.
fn with_part(ty: &Ty, part: &Segment) -> Ty {
    let ty = ty.present();
    match part {
        Segment::Key(name) => match ty.field(name) {
            Some((field, _)) => ty.with_field(name.clone(), field, Presence::Required),
            None => ty,
        },
        _ => ty,
    }
}

/// The same, where it is a list one with an item.
fn filled(ty: &Ty) -> Ty {
    ty.with_known(|known| {
        if let Some(items) = &mut known.list {
            items.filled = true;
        }
    })
}
