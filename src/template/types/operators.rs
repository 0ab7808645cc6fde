//! The types of what operators give, and the operands that they cannot take.

use std::ops::Range;

use crate::diagnostic::{Severity, did_you_mean};
use crate::template::TemplateError;
use crate::template::functions::Takes;
use crate::template::term::{Arithmetic, Comparison, Op, Term};
use crate::template::values::text;
use crate::value::Json;

use super::infer::{Inferrer, Reading};
use super::{Env, Kind, Ty};

impl Inferrer {
    pub(super) fn negate(&mut self, term: &Term, reading: Reading, env: &Env) -> Ty {
        let ty = self.given(term, "`-`", Takes::Number, reading, env);
        if ty.is_whole() { Ty::integer() } else { Ty::number() }
    }

    pub(super) fn compare(
        &mut self,
        comparison: Comparison,
        both: &[Term; 2],
        reading: Reading,
        env: &Env,
    ) -> Ty {
        let [left, right] = both;
        if matches!(comparison, Comparison::Equal | Comparison::Unequal) {
            let tested = if reading == Reading::Optional { reading } else { Reading::Tested };
            let types = [self.term(left, tested, env), self.term(right, tested, env)];
            self.comparable(both, &types);
            return Ty::boolean();
        }
        let types = [self.term(left, reading, env), self.term(right, reading, env)];
        let [a, b] = &types;
        let ordered = [Kind::Number, Kind::Text, Kind::Boolean];
        if ordered.into_iter().any(|kind| a.can_be(kind) && b.can_be(kind)) {
            self.present(left, a);
            self.present(right, b);
        } else if !a.is_never() && !b.is_never() {
            let symbol = comparison.symbol();
            let message = format!("`{symbol}` needs two numbers or two texts, found {a} and {b}");
            let help = is_numeric_text(a, b).then(|| "`int(…)` makes a number of text".to_owned());
            self.error("wrong-type", &hull(both), message, help);
        }
        Ty::boolean()
    }

    /// Whether two values can be equal at all.
    fn comparable(&mut self, both: &[Term; 2], types: &[Ty; 2]) {
        let [a, b] = types;
        let is_null = |term: &Term| matches!(&term.op, Op::Literal(Json::Null));
        if !a.excludes(b) || both.iter().any(is_null) || a.is_never() || b.is_never() {
            return;
        }
        for (term, other) in [(&both[0], b), (&both[1], a)] {
            if let Op::Literal(value) = &term.op
                && self.not_among(value, other, &term.range)
            {
                return;
            }
        }
        let [a, b] = [(&both[0], a), (&both[1], b)].map(|(term, ty)| match &term.op {
            Op::Literal(Json::String(_)) => format!("the text {ty}"),
            _ => ty.to_string(),
        });
        let message = format!("{a} and {b} are never equal");
        let help = is_numeric_text(&types[0], &types[1])
            .then(|| "without quotes it is a number; `int(…)` makes a number of text".to_owned());
        self.push(Severity::Warning, TemplateError::new("never-equal", hull(both), message), help);
    }

    /// Notes that a value is none of the few that another can be; whether that is so.
    fn not_among(&mut self, value: &Json, ty: &Ty, range: &Range<usize>) -> bool {
        let Some(values) = ty.as_values().filter(|values| values.len() > 1 && !ty.can_be(Kind::Boolean))
        else {
            return false;
        };
        let same_kind =
            values.iter().any(|known| std::mem::discriminant(known) == std::mem::discriminant(value));
        if !same_kind {
            return false;
        }
        let names: Vec<String> = values.iter().map(|known| text(known).into_owned()).collect();
        let value = text(value);
        let help = did_you_mean(&value, names.iter().map(String::as_str).collect::<Vec<_>>());
        let message = format!("the other side is never {}", crate::diagnostic::quoted(&value));
        self.error("unknown-value", range, message, help);
        true
    }

    pub(super) fn arithmetic(
        &mut self,
        operation: Arithmetic,
        both: &[Term; 2],
        range: &Range<usize>,
        reading: Reading,
        env: &Env,
    ) -> Ty {
        let [left, right] = both;
        let (a, b) = (self.term(left, reading, env), self.term(right, reading, env));
        let adds = operation == Arithmetic::Add;
        let kinds = if adds { &[Kind::Number, Kind::Text, Kind::List][..] } else { &[Kind::Number] };
        let possible: Vec<Kind> =
            kinds.iter().copied().filter(|kind| a.can_be(*kind) && b.can_be(*kind)).collect();
        if possible.is_empty() {
            if !a.is_never() && !b.is_never() {
                let message = format!("`{}` does not take {a} and {b}", operation.symbol());
                let help = (adds && (a.can_be(Kind::Text) || b.can_be(Kind::Text)))
                    .then(|| "`string(…)` makes text of a value".to_owned());
                self.error("wrong-type", range, message, help);
            }
            return Ty::any();
        }
        self.present(left, &a);
        self.present(right, &b);
        match possible.as_slice() {
            // `5.0` is a whole number too, and half of it is not.
            [Kind::Number] if operation == Arithmetic::Divide => Ty::number(),
            [Kind::Number] if a.is_whole() && b.is_whole() => Ty::integer(),
            [Kind::Number] => Ty::number(),
            [Kind::Text] => Ty::text(),
            [Kind::List] => {
                let item = a.item().or(&b.item());
                if a.is_filled_list() || b.is_filled_list() { Ty::filled_list(item) } else { Ty::list(item) }
            }
            _ => Ty::any(),
        }
    }

    pub(super) fn contained(&mut self, both: &[Term; 2], reading: Reading, env: &Env) -> Ty {
        let [wanted, holder] = both;
        let tested = if reading == Reading::Optional { reading } else { Reading::Tested };
        let wanted_ty = self.term(wanted, tested, env);
        let ty = self.term(holder, reading, env);
        if !ty.can_be(Kind::List) && !ty.can_be(Kind::Map) {
            if !ty.is_never() {
                let help = ty.can_be(Kind::Text).then(|| "`text.contains(part)` looks into text".to_owned());
                let message = format!("`in` needs a list or a map, found {ty}");
                self.error("wrong-type", &holder.range, message, help);
            }
            return Ty::boolean();
        }
        self.present(holder, &ty);
        if let Op::List(items) = &holder.op {
            for item in items {
                if let Op::Literal(value) = &item.op
                    && wanted_ty.excludes(&Ty::of_value(value))
                {
                    self.not_among(value, &wanted_ty, &item.range);
                }
            }
        } else if let Op::Literal(value) = &wanted.op
            && !ty.can_be(Kind::Map)
            && ty.item().excludes(&Ty::of_value(value))
        {
            self.not_among(value, &ty.item(), &wanted.range);
        }
        Ty::boolean()
    }
}

/// Whether one is a number and the other text that may spell one.
fn is_numeric_text(a: &Ty, b: &Ty) -> bool {
    (a.can_be(Kind::Number) && b.can_be(Kind::Text)) || (a.can_be(Kind::Text) && b.can_be(Kind::Number))
}

/// All that two operands cover.
fn hull(both: &[Term; 2]) -> Range<usize> {
    let [left, right] = both;
    left.range.start.min(right.range.start)..left.range.end.max(right.range.end)
}
