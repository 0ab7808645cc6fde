//! What operators do with values.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::template::reference::{Segment, path_text};
use crate::template::scope::child;
use crate::template::term::{Arithmetic, Comparison, Logic, Term};
use crate::template::values::{self, as_integer, equal, kind};
use crate::value::Json;

use super::{Evaluator, Fault, Frames, MISSING_PATH, Value, truth};

impl<'e> Evaluator<'e> {
    /// The truth of a term that `operator` wants to be true or false.
    pub(super) fn bool<'f>(
        &self,
        term: &'f Term,
        frames: Frames<'f>,
        operator: &str,
    ) -> Result<bool, Fault<'f>>
    where
        'e: 'f,
    {
        match self.value(term, frames)?.as_ref() {
            Json::Bool(truth) => Ok(*truth),
            other => Err(Fault::of_type(format!("`{operator}` needs true or false, found {}", kind(other)))),
        }
    }

    pub(super) fn logic<'f>(&self, logic: Logic, both: &'f [Term; 2], frames: Frames<'f>) -> Value<'f>
    where
        'e: 'f,
    {
        let (decisive, symbol) = match logic {
            Logic::And => (false, "&&"),
            Logic::Or => (true, "||"),
        };
        let left = self.bool(&both[0], frames, symbol);
        if matches!(left, Ok(value) if value == decisive) {
            return truth(decisive);
        }
        match (left, self.bool(&both[1], frames, symbol)) {
            (_, Ok(value)) if value == decisive => truth(decisive),
            (Err(one), Err(other)) => Err(one.or(other)),
            (Err(fault), _) | (_, Err(fault)) => Err(fault),
            _ => truth(!decisive),
        }
    }

    pub(super) fn compare<'f>(
        &self,
        comparison: Comparison,
        both: &'f [Term; 2],
        frames: Frames<'f>,
    ) -> Value<'f>
    where
        'e: 'f,
    {
        let left = self.value(&both[0], frames)?;
        let right = self.value(&both[1], frames)?;
        self.spend(crate::value::weight(&left).min(crate::value::weight(&right)))?;
        let order = || {
            values::compare(&left, &right).ok_or_else(|| {
                let (symbol, left, right) = (comparison.symbol(), kind(&left), kind(&right));
                Fault::of_type(format!("`{symbol}` needs two numbers or two texts, found {left} and {right}"))
            })
        };
        truth(match comparison {
            Comparison::Equal => equal(&left, &right),
            Comparison::Unequal => !equal(&left, &right),
            Comparison::Less => order()? == Ordering::Less,
            Comparison::LessOrEqual => order()? != Ordering::Greater,
            Comparison::Greater => order()? == Ordering::Greater,
            Comparison::GreaterOrEqual => order()? != Ordering::Less,
        })
    }

    pub(super) fn negate<'f>(&self, term: &'f Term, frames: Frames<'f>) -> Value<'f>
    where
        'e: 'f,
    {
        let value = self.value(term, frames)?;
        let negative = match value.as_ref() {
            Json::Number(number) => match number.as_i64() {
                Some(integer) => integer.checked_neg().map(Json::from),
                None => number.as_f64().and_then(|float| values::number(-float)),
            },
            other => return Err(Fault::of_type(format!("`-` needs a number, found {}", kind(other)))),
        };
        negative.map(Cow::Owned).ok_or_else(|| out_of_range("-"))
    }

    pub(super) fn arithmetic<'f>(
        &self,
        operation: Arithmetic,
        both: &'f [Term; 2],
        frames: Frames<'f>,
    ) -> Value<'f>
    where
        'e: 'f,
    {
        let left = self.value(&both[0], frames)?;
        let right = self.value(&both[1], frames)?;
        let symbol = operation.symbol();
        let result = match (left.as_ref(), right.as_ref()) {
            (Json::Number(a), Json::Number(b)) => match (a.as_i64(), b.as_i64()) {
                (Some(_), Some(0)) if matches!(operation, Arithmetic::Divide | Arithmetic::Remainder) => {
                    return Err(Fault::of_type(format!("`{symbol}` by zero")));
                }
                (Some(a), Some(b)) => integer_arithmetic(operation, a, b),
                _ => match (a.as_f64(), b.as_f64()) {
                    (Some(a), Some(b)) => float_arithmetic(operation, a, b),
                    _ => None,
                },
            },
            (Json::String(a), Json::String(b)) if operation == Arithmetic::Add => {
                self.spend(a.len() + b.len())?;
                Some(Json::String(format!("{a}{b}")))
            }
            (Json::Array(a), Json::Array(b)) if operation == Arithmetic::Add => {
                self.spend(crate::value::weight(&left) + crate::value::weight(&right))?;
                Some(Json::Array(a.iter().chain(b).cloned().collect()))
            }
            (a, b) => {
                let mut message = format!("`{symbol}` does not take {} and {}", kind(a), kind(b));
                if operation == Arithmetic::Add && (a.is_string() || b.is_string()) {
                    message.push_str("; `string(…)` makes text of a value");
                }
                return Err(Fault::of_type(message));
            }
        };
        result.map(Cow::Owned).ok_or_else(|| out_of_range(symbol))
    }

    pub(super) fn contains<'f>(&self, both: &'f [Term; 2], frames: Frames<'f>) -> Value<'f>
    where
        'e: 'f,
    {
        let wanted = self.value(&both[0], frames)?;
        let holder = self.value(&both[1], frames)?;
        match (wanted.as_ref(), holder.as_ref()) {
            (wanted, Json::Array(items)) => {
                self.spend(items.len() * 16)?;
                truth(items.iter().any(|item| equal(wanted, item)))
            }
            (Json::String(key), Json::Object(fields)) => truth(fields.contains_key(key)),
            (_, Json::Object(_)) => truth(false),
            (_, Json::String(_)) => Err(Fault::of_type(
                "`in` needs a list or a map, found text; `text.contains(part)` looks into text",
            )),
            (_, other) => Err(Fault::of_type(format!("`in` needs a list or a map, found {}", kind(other)))),
        }
    }

    pub(super) fn index<'f>(&self, both: &'f [Term; 2], frames: Frames<'f>) -> Value<'f>
    where
        'e: 'f,
    {
        let holder = self.value(&both[0], frames)?;
        let key = self.value(&both[1], frames)?;
        let segment = match (key.as_ref(), as_integer(&key)) {
            (Json::String(key), _) => Segment::Key(key.as_str().into()),
            (_, Some(index)) => match usize::try_from(index) {
                Ok(index) => Segment::Index(index),
                Err(_) => {
                    return Err(Fault::new(
                        MISSING_PATH,
                        format!("a list has no item `{index}`, they count from 0"),
                    ));
                }
            },
            (other, None) => {
                return Err(Fault::of_type(format!(
                    "a key is text or a whole number, found {}",
                    kind(other)
                )));
            }
        };
        select(holder, &segment)
    }
}

/// A part of a value, moved out of it where that is possible.
pub(super) fn select<'f>(holder: Cow<'f, Json>, part: &Segment) -> Value<'f> {
    match holder {
        Cow::Borrowed(holder) => child(holder, part).map(Cow::Borrowed).ok_or_else(|| no_part(holder, part)),
        Cow::Owned(mut holder) => {
            let taken = match (&mut holder, part) {
                (Json::Object(fields), Segment::Key(key)) => fields.get_mut(key.as_ref()),
                (Json::Object(fields), Segment::Index(index)) => fields.get_mut(&index.to_string()),
                (Json::Array(items), Segment::Index(index)) => items.get_mut(*index),
                _ => None,
            };
            let taken = taken.map(Json::take);
            taken.map(Cow::Owned).ok_or_else(|| no_part(&holder, part))
        }
    }
}

/// What is wrong with reading `part` of a value that has no name.
fn no_part<'f>(holder: &Json, part: &Segment) -> Fault<'f> {
    let part = path_text(std::slice::from_ref(part));
    Fault::new(MISSING_PATH, format!("a path is missing: {} there has no `{part}`", kind(holder)))
}

fn out_of_range<'f>(symbol: &str) -> Fault<'f> {
    Fault::of_type(format!("the result of `{symbol}` is not a 64-bit number"))
}

fn integer_arithmetic(operation: Arithmetic, a: i64, b: i64) -> Option<Json> {
    let result = match operation {
        Arithmetic::Add => a.checked_add(b),
        Arithmetic::Subtract => a.checked_sub(b),
        Arithmetic::Multiply => a.checked_mul(b),
        Arithmetic::Divide => a.checked_div(b),
        Arithmetic::Remainder => a.checked_rem(b),
    };
    result.map(Json::from)
}

fn float_arithmetic(operation: Arithmetic, a: f64, b: f64) -> Option<Json> {
    values::number(match operation {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
        Arithmetic::Remainder => a % b,
    })
}
