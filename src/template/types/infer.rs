//! The types of terms, and what is wrong with how they are put together.
//!
//! One mistake is told once: what is already wrong is any value from there on. What may be null is
//! told where it is read, with the reason for it; who asks first (`exists`, `default`, a condition)
//! is told nothing.

use std::ops::Range;

use crate::diagnostic::Severity;
use crate::template::TemplateError;
use crate::template::functions::{Function, Takes};
use crate::template::term::{Comprehension, ComprehensionKind, Logic, Op, Term};

use super::assume::{Outcome, assume, assume_truth};
use super::{Env, Kind, Presence, Ty};

/// Something that is or may be wrong with a text, by the types of what it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it fails when it is run, or is only of no use.
    pub severity: Severity,
    /// What it is, and where.
    pub problem: TemplateError,
}

/// What is known of a text's value.
#[derive(Clone, Debug, PartialEq)]
pub struct Inference {
    /// Its type.
    pub ty: Ty,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

/// What happens to a value where it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::template) enum Reading {
    /// It is used, and has to be there.
    Used,
    /// It is compared, or taken for true or false: null is as good as any.
    Tested,
    /// It may be missing.
    Optional,
}

/// How a text is spelled, for what it is told to write instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::template) enum Language {
    /// `default(x, '')`.
    Cel,
    /// `{{default x ''}}`.
    Handlebars,
}

/// Goes through terms and notes what is wrong.
pub(in crate::template) struct Inferrer {
    pub(super) language: Language,
    findings: Vec<Finding>,
}

impl Inferrer {
    /// Nothing found yet.
    pub(in crate::template) fn new(language: Language) -> Self {
        Self { language, findings: Vec::new() }
    }

    /// What was found, with the type of it all.
    pub(in crate::template) fn finish(self, ty: Ty) -> Inference {
        Inference { ty, findings: self.findings }
    }

    /// The type of a term.
    pub(in crate::template) fn term(&mut self, term: &Term, reading: Reading, env: &Env) -> Ty {
        // What a function or an operator is given may be missing where its result may be.
        let inner = if reading == Reading::Optional { Reading::Optional } else { Reading::Used };
        match &term.op {
            Op::Literal(value) => Ty::of_value(value),
            Op::Path(path) => self.path(path, &term.range, reading, env),
            Op::Round(up, value) => env.round(*up, *value),
            Op::Secret(_) => Ty::text(),
            Op::List(items) => {
                let item = items.iter().map(|item| self.term(item, inner, env)).reduce(|a, b| a.or(&b));
                item.map_or_else(|| Ty::of_value(&serde_json::json!([])), Ty::filled_list)
            }
            Op::Map(entries) => self.map(entries, inner, env),
            Op::Call(function, arguments) => self.call(function, arguments, inner, env),
            Op::Default(both) => {
                let [wanted, fallback] = both.as_ref();
                let wanted = self.term(wanted, Reading::Optional, env);
                let fallback = self.term(fallback, reading, env);
                if wanted.is_null() { fallback } else { wanted.present().or(&fallback) }
            }
            Op::Exists(value) => {
                self.term(value, Reading::Optional, env);
                Ty::boolean()
            }
            Op::Has(holder, part) => {
                self.has(holder, part, env);
                Ty::boolean()
            }
            Op::Falsy(value) => {
                self.term(value, Reading::Tested, env);
                Ty::boolean()
            }
            Op::Truths(logic, terms) => {
                let mut env = env.clone();
                for term in terms {
                    self.term(term, Reading::Tested, &env);
                    env = assume_truth(&env, term, going_on(*logic));
                }
                Ty::boolean()
            }
            Op::Not(value) => {
                self.condition(value, "!", inner, env);
                Ty::boolean()
            }
            Op::Negate(value) => self.negate(value, inner, env),
            Op::Logic(logic, both) => {
                let [left, right] = both.as_ref();
                let operator = if *logic == Logic::And { "&&" } else { "||" };
                self.condition(left, operator, inner, env);
                self.condition(right, operator, inner, &assume(env, left, going_on(*logic)));
                Ty::boolean()
            }
            Op::Compare(comparison, both) => self.compare(*comparison, both, inner, env),
            Op::Arithmetic(operation, both) => self.arithmetic(*operation, both, &term.range, inner, env),
            Op::Conditional(three) => {
                let [condition, then, otherwise] = three.as_ref();
                self.condition(condition, "?", inner, env);
                let then = self.term(then, reading, &assume(env, condition, Outcome::Holds));
                then.or(&self.term(otherwise, reading, &assume(env, condition, Outcome::Fails)))
            }
            Op::In(both) => self.contained(both, inner, env),
            Op::Select(holder, part) => self.select(holder, part, &term.range, reading, env),
            Op::Index(both) => self.index(both, &term.range, reading, env),
            Op::Matches(text, _) => {
                self.given(text, "`matches`", Takes::Text, inner, env);
                Ty::boolean()
            }
            Op::Comprehension(comprehension) => self.comprehension(comprehension, inner, env),
        }
    }

    /// A term that must be true or false; `operator` is what wants it so.
    pub(in crate::template) fn condition(
        &mut self,
        term: &Term,
        operator: &str,
        reading: Reading,
        env: &Env,
    ) {
        let ty = self.term(term, reading, env);
        if ty.can_be(Kind::Boolean) {
            return self.present(term, &ty);
        }
        if ty.is_never() {
            return;
        }
        let what = self.spelling(term);
        let help = ty.kinds().and_then(|mut kinds| kinds.next()).map(|kind| match (kind, &what) {
            (Kind::Null, _) => "it is always null here".to_owned(),
            (Kind::Text, Some(what)) => format!("compare it, as in `{what} != ''`"),
            (Kind::Number, Some(what)) => format!("compare it, as in `{what} > 0`"),
            (Kind::List | Kind::Map, Some(what)) => {
                format!("ask how many there are, as in `length({what}) > 0`")
            }
            (_, None) => "compare it with something".to_owned(),
            (Kind::Boolean, Some(_)) => String::new(),
        });
        let message = format!("`{operator}` needs true or false, found {ty}");
        self.error("wrong-type", &term.range, message, help);
    }

    /// What a loop goes over; `what` it is, for messages.
    pub(in crate::template) fn range(&mut self, term: &Term, what: &str, reading: Reading, env: &Env) -> Ty {
        let ty = self.term(term, reading, env);
        if ty.can_be(Kind::List) || ty.can_be(Kind::Map) || ty.is_never() || ty.is_null() {
            return ty;
        }
        let help = ty.can_be(Kind::Text).then(|| match self.language {
            Language::Cel => "`lines(…)` and `split(…, ',')` make a list of text".to_owned(),
            Language::Handlebars => "`(lines …)` and `(split … ',')` make a list of text".to_owned(),
        });
        let message = format!("{what} needs a list or a map, found {ty}");
        self.error("wrong-type", &term.range, message, help);
        Ty::any()
    }

    /// The list that a loop of steps goes over; `what` it is, for messages.
    pub(in crate::template) fn list(&mut self, term: &Term, what: &str, env: &Env) -> Ty {
        let ty = self.term(term, Reading::Used, env);
        if ty.can_be(Kind::List) {
            self.present(term, &ty);
            return ty;
        }
        if !ty.is_never() {
            let help = ty
                .can_be(Kind::Text)
                .then(|| "`lines(…)` and `split(…, ',')` make a list of text".to_owned());
            self.error("wrong-type", &term.range, format!("`{what}` needs a list, found {ty}"), help);
        }
        Ty::any()
    }

    fn map(&mut self, entries: &[(Term, Term)], reading: Reading, env: &Env) -> Ty {
        let mut fields = Vec::new();
        let mut others = None::<Ty>;
        for (key, value) in entries {
            let name = self.given(key, "a key of a map", Takes::Text, reading, env);
            let ty = self.term(value, reading, env);
            match name.as_words() {
                Some([name]) => fields.push((name.clone(), ty, Presence::Required)),
                _ => others = Some(others.map_or(ty.clone(), |others| others.or(&ty))),
            }
        }
        match others {
            // Which names there are beside the known ones nobody can say.
            Some(others) => {
                let known = fields.into_iter().map(|(_, ty, _)| ty).reduce(|a, b| a.or(&b));
                Ty::map_of(known.map_or(others.clone(), |known| known.or(&others)))
            }
            None => Ty::map(fields),
        }
    }

    fn call(&mut self, function: &'static Function, arguments: &[Term], reading: Reading, env: &Env) -> Ty {
        let last = function.parameters.len().saturating_sub(1);
        let types: Vec<Ty> = arguments
            .iter()
            .enumerate()
            .map(|(at, argument)| {
                let parameter = function.parameters.get(at.min(last));
                let takes = parameter.map_or(Takes::Any, |parameter| parameter.takes);
                match parameter {
                    Some(parameter) if parameter.is_optional() && is_null(argument) => Ty::null(),
                    _ => self.given(argument, &format!("`{}`", function.name), takes, reading, env),
                }
            })
            .collect();
        (function.gives)(&types)
    }

    /// A value that something takes of some kinds only.
    pub(super) fn given(&mut self, term: &Term, what: &str, takes: Takes, reading: Reading, env: &Env) -> Ty {
        let ty = self.term(term, reading, env);
        if takes == Takes::Any || ty.is_never() {
            return ty;
        }
        if ty.kinds().is_some_and(|mut kinds| !kinds.any(|kind| takes.accepts(kind))) {
            let message = format!("{what} takes {takes}, found {ty}");
            let help = match (takes, ty.kinds().and_then(|mut kinds| kinds.next())) {
                (Takes::Text, Some(Kind::Number | Kind::Boolean)) if self.language == Language::Cel => {
                    Some("`string(…)` makes text of it".to_owned())
                }
                (Takes::Text | Takes::Plain, Some(Kind::List)) => {
                    Some("`join` makes text of a list".to_owned())
                }
                (Takes::Text | Takes::Plain, Some(Kind::Map)) => {
                    Some("`json` makes text of any value".to_owned())
                }
                (Takes::List, Some(Kind::Text)) => Some("`split` and `lines` make a list of text".to_owned()),
                _ => None,
            };
            self.error("wrong-type", &term.range, message, help);
            return Ty::any();
        }
        self.present(term, &ty);
        ty.present()
    }

    /// Notes that a value may be null where nothing can be done with null.
    pub(super) fn present(&mut self, term: &Term, ty: &Ty) {
        if !ty.may_be_null() || ty.is_null() {
            return;
        }
        let what = self.spelling(term);
        let subject = what.as_deref().map_or_else(|| "this".to_owned(), |what| format!("`{what}`"));
        let message = match ty.absence() {
            Some(why) => format!("{subject} may be null: {why}"),
            None => format!("{subject} may be null"),
        };
        let help = what.as_deref().map_or_else(
            || "give it a value for that case with `default`".to_owned(),
            |what| self.remedy(what, what),
        );
        self.error("may-be-absent", &term.range, message, Some(help));
    }

    /// How a value that may be missing can be read all the same: `path` is read, `guard` is to be asked for.
    pub(super) fn remedy(&self, path: &str, guard: &str) -> String {
        match self.language {
            Language::Cel => {
                format!("write `default({path}, …)`, or ask `exists({guard})` first, here or in an `if`")
            }
            Language::Handlebars => {
                format!(
                    "write `default {path} '…'`, or put `{{{{#if (exists {guard})}}}}` around it, or ask first in the step: `if: exists({guard})`"
                )
            }
        }
    }

    /// How a term is spelled, where it is short.
    pub(super) fn spelling(&self, term: &Term) -> Option<String> {
        match &term.op {
            Op::Path(path) => Some(path.spelled.to_string()),
            _ => None,
        }
    }

    fn comprehension(&mut self, comprehension: &Comprehension, reading: Reading, env: &Env) -> Ty {
        let Comprehension { kind, range, filter, item } = comprehension;
        let name = match kind {
            ComprehensionKind::Collect => "filter",
            ComprehensionKind::All => "all",
            ComprehensionKind::Any => "exists",
            ComprehensionKind::ExactlyOne => "exists_one",
        };
        let over = self.range(range, "what goes over it", reading, env);
        self.present(range, &over);
        // Of a map it is the keys that are gone over.
        let each = match (over.can_be(Kind::Map), over.can_be(Kind::List)) {
            _ if over.is_any() => Ty::any(),
            (true, false) => Ty::text(),
            (true, true) => over.item().or(&Ty::text()),
            _ => over.item(),
        };
        let mut inside = env.with_value(each);
        if let Some(filter) = filter {
            self.condition(filter, name, reading, &inside);
            inside = assume(&inside, filter, Outcome::Holds);
        }
        match kind {
            ComprehensionKind::Collect => Ty::list(self.term(item, reading, &inside)),
            _ => {
                self.condition(item, name, reading, &inside);
                Ty::boolean()
            }
        }
    }

    pub(super) fn error(
        &mut self,
        code: &'static str,
        range: &Range<usize>,
        message: String,
        help: Option<String>,
    ) {
        self.push(Severity::Error, TemplateError::new(code, range.clone(), message), help);
    }

    pub(super) fn push(&mut self, severity: Severity, problem: TemplateError, help: Option<String>) {
        let finding =
            Finding { severity, problem: problem.with_help_if(help.filter(|help| !help.is_empty())) };
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }
}

/// How the operand before came out where the next one is looked at.
fn going_on(logic: Logic) -> Outcome {
    match logic {
        Logic::And => Outcome::Holds,
        Logic::Or => Outcome::Fails,
    }
}

/// Whether an argument was left out, or is null as if it were.
fn is_null(term: &Term) -> bool {
    matches!(&term.op, Op::Literal(value) if value.is_null())
}
