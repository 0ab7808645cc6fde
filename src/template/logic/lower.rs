//! Makes terms of the library's tree.

use std::ops::Range;
use std::sync::Arc;

use cel::Program;
use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr as Node, IdedEntryExpr, IdedExpr, ListExpr, LiteralValue,
    SourceInfo, operators,
};
use regex::RegexBuilder;

use crate::diagnostic::quoted;
use crate::template::TemplateError;
use crate::template::functions::{self, Body, STANDARD};
use crate::template::reference::{Need, Reference, Segment, path_text};
use crate::template::term::{Arithmetic, Comparison, Comprehension, Logic, Op, Path, Root, TERM_DEPTH, Term};
use crate::value::Json;

use super::guard::{limit, syntax};
use super::pattern::{path, read_macro};
use super::unknown::unknown_function;

/// How deep comprehensions may nest.
const COMPREHENSION_DEPTH: usize = 2;

/// How large a compiled pattern may be, in bytes.
const PATTERN_SIZE: usize = 256 * 1024;

type Result<T> = std::result::Result<T, TemplateError>;

/// Reads a text that the guard has let pass.
pub(super) fn compile(text: &str) -> std::result::Result<(Term, Vec<Reference>), Vec<TemplateError>> {
    let program = Program::compile(text).map_err(|errors| parse_errors(text, &errors))?;
    let mut lowering = Lowering {
        text,
        source: program.source_info(),
        variables: Vec::new(),
        references: Vec::new(),
        need: Need::Required,
        comprehensions: 0,
        spans: Vec::new(),
    };
    match lowering.term(program.expression(), 0) {
        Ok(term) => Ok((term, lowering.references)),
        Err(error) => Err(vec![error]),
    }
}

/// The library's first error, with its place; those after it are mostly its consequences.
fn parse_errors(text: &str, errors: &cel::ParseErrors) -> Vec<TemplateError> {
    let Some(error) = errors.errors.first() else {
        return vec![syntax(0..text.len(), "this is not an expression")];
    };
    let (line, column) =
        (usize::try_from(error.pos.0).unwrap_or(1), usize::try_from(error.pos.1).unwrap_or(1));
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let at =
        start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.trim_end().len(), |(at, _)| at);
    let end = at + text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let before = text[..at].trim_end();
    if text[at..].trim().is_empty() {
        return vec![
            syntax(at..end, "the expression ends too early").with_help("add what is missing at its end"),
        ];
    }
    let word = |text: &str| text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let end = (at + word(&text[at..])).max(end);
    let found = format!("{} is not expected here", quoted(&text[at..end]));
    let last = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |last| last + 1);
    let help = match &before[last..] {
        name if functions::find(name).is_some() => {
            format!("a function has brackets around what it is given: `{name}(…)`")
        }
        _ => "an operator or a comma is missing before it, or it is one too many".to_owned(),
    };
    vec![syntax(at..end, found).with_help(help)]
}

struct Lowering<'t> {
    text: &'t str,
    source: &'t SourceInfo,
    /// The variables of comprehensions, outermost first, and where their values come from.
    variables: Vec<(String, Option<Vec<Segment>>)>,
    references: Vec<Reference>,
    need: Need,
    comprehensions: usize,
    /// What the terms that are already made of the present one cover.
    spans: Vec<Range<usize>>,
}

impl Lowering<'_> {
    fn range(&self, id: u64) -> Range<usize> {
        let whole = 0..self.text.len();
        let Some((start, stop)) = self.source.offset_for(id) else { return whole };
        let (start, last) = (start as usize, stop as usize);
        let (start, end) = (self.text.floor_char_boundary(start), self.text.ceil_char_boundary(last + 1));
        if start < end { start..end } else { whole }
    }

    /// The name of the function that a call begins with; the library's place of it is the `(`.
    fn name_range(&self, id: u64) -> Range<usize> {
        let range = self.range(id);
        let before = &self.text[..range.start];
        let name = before.trim_end().trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if self.text[range.clone()].starts_with('(') { name.len()..before.trim_end().len() } else { range }
    }

    fn term(&mut self, node: &IdedExpr, depth: usize) -> Result<Term> {
        if depth > TERM_DEPTH {
            let message = format!("the expression nests deeper than {TERM_DEPTH} levels");
            return Err(
                limit(self.range(node.id), message).with_help("give a part of it a name with `compute`")
            );
        }
        let from = self.spans.len();
        let op = self.op(node, depth)?;
        let range = self.whole_range(node, from);
        self.spans.truncate(from);
        self.spans.push(range.clone());
        Ok(Term { op, range })
    }

    /// All that a term covers: its own place, and what it was made of.
    fn whole_range(&self, node: &IdedExpr, from: usize) -> Range<usize> {
        if let Some((_, segments, id)) = path(node) {
            return self.path_range(id, segments.len());
        }
        let own = match &node.expr {
            // What a macro stands for has places of its own, which are not in the text.
            Node::Call(call) if call.target.is_some() || call.func_name.starts_with(char::is_alphabetic) => {
                self.name_range(node.id)
            }
            _ => self.range(node.id),
        };
        let own = if own == (0..self.text.len()) { None } else { Some(own) };
        let parts = own.into_iter().chain(self.spans[from..].iter().cloned());
        let whole = parts.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end));
        self.closed(whole.unwrap_or(0..self.text.len()))
    }

    /// A range and the brackets after it that close those it opens.
    fn closed(&self, range: Range<usize>) -> Range<usize> {
        let text = &self.text[range.clone()];
        let count = |of: char| text.matches(of).count();
        let mut end = range.end;
        let mut open =
            [(')', count('('), count(')')), (']', count('['), count(']')), ('}', count('{'), count('}'))];
        loop {
            let rest = &self.text[end..];
            let next = rest.trim_start();
            let closing =
                open.iter_mut().find(|(close, opened, closed)| opened > closed && next.starts_with(*close));
            let Some((close, _, closed)) = closing else { return range.start..end };
            *closed += 1;
            end += rest.len() - next.len() + close.len_utf8();
        }
    }

    fn op(&mut self, node: &IdedExpr, depth: usize) -> Result<Op> {
        if let Some((root, segments, id)) = path(node) {
            return self.path(root, segments, id);
        }
        match &node.expr {
            Node::Literal(literal) => self.literal(literal, node.id),
            Node::Call(call) => self.call(call, node.id, depth),
            Node::Select(select) => {
                let part = Segment::Key(select.field.as_str().into());
                if select.test {
                    return self.has(&select.operand, part, depth);
                }
                Ok(Op::Select(Box::new(self.term(&select.operand, depth + 1)?), part))
            }
            Node::List(list) => self.list(list, node.id, depth),
            Node::Map(map) => {
                let entries = map.entries.iter().map(|entry| self.entry(entry, depth));
                entries.collect::<Result<_>>().map(Op::Map)
            }
            Node::Comprehension(comprehension) => self.comprehension(comprehension, node.id, depth),
            Node::Struct(_) => {
                let error = syntax(self.range(node.id), "messages of a type can't be made here");
                Err(error.with_help("write a map, as in `{'name': value}`"))
            }
            Node::Ident(_) | Node::Unspecified => {
                Err(syntax(self.range(node.id), "this is not an expression"))
            }
        }
    }

    fn path(&mut self, root: &str, segments: Vec<Segment>, id: u64) -> Result<Op> {
        let range = self.path_range(id, segments.len());
        if let Some(up) = self.variables.iter().rev().position(|(name, _)| name == root) {
            let (_, from) = &self.variables[self.variables.len() - 1 - up];
            let spelled = path_text(&[&[Segment::Key(root.into())], segments.as_slice()].concat());
            if let Some(from) = from {
                let path = [from.as_slice(), &segments].concat();
                self.references.push(Reference { path, range, need: self.need });
            }
            return Ok(Op::Path(Path { root: Root::Frame(up), path: segments, spelled: spelled.into() }));
        }
        if root == "secrets" {
            let error = TemplateError::new("secret-use", range, "an expression does not see secrets");
            return Err(error.with_help("a secret stands where a credential belongs, as `{{secrets.NAME}}`"));
        }
        let path = [&[Segment::Key(root.into())], segments.as_slice()].concat();
        let spelled: Arc<str> = path_text(&path).into();
        self.references.push(Reference { path: path.clone(), range, need: self.need });
        Ok(Op::Path(Path { root: Root::Scope, path, spelled }))
    }

    /// From the root of a path through so many parts after it.
    fn path_range(&self, root: u64, parts: usize) -> Range<usize> {
        let Range { start, mut end } = self.range(root);
        for _ in 0..parts {
            let rest = &self.text[end..];
            let part = rest.trim_start();
            let skipped = rest.len() - part.len();
            let length = match part.chars().next() {
                Some('.') => {
                    let name = part[1..].trim_start();
                    let name_end =
                        name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
                    part.len() - name.len() + name_end
                }
                Some('[') => part.find(']').map_or(part.len(), |close| close + 1),
                _ => break,
            };
            end += skipped + length;
        }
        start..end
    }

    fn literal(&self, literal: &LiteralValue, id: u64) -> Result<Op> {
        Ok(Op::Literal(match literal {
            LiteralValue::Boolean(truth) => Json::from(*truth.inner()),
            LiteralValue::Double(float) => crate::template::values::number(*float.inner())
                .ok_or_else(|| syntax(self.range(id), "the number is too large"))?,
            LiteralValue::Int(integer) => Json::from(*integer.inner()),
            LiteralValue::UInt(integer) => Json::from(*integer.inner()),
            LiteralValue::Null => Json::Null,
            LiteralValue::String(text) => Json::from(text.inner()),
            LiteralValue::Bytes(_) => {
                return Err(
                    syntax(self.range(id), "bytes can't be written here").with_help("leave out the `b`")
                );
            }
        }))
    }

    fn list(&mut self, list: &ListExpr, id: u64, depth: usize) -> Result<Op> {
        if !list.optional_indices.is_empty() {
            return Err(syntax(self.range(id), "optional items are not supported"));
        }
        list.elements.iter().map(|item| self.term(item, depth + 1)).collect::<Result<_>>().map(Op::List)
    }

    fn entry(&mut self, entry: &IdedEntryExpr, depth: usize) -> Result<(Term, Term)> {
        match &entry.expr {
            EntryExpr::MapEntry(entry) if !entry.optional => {
                Ok((self.term(&entry.key, depth + 1)?, self.term(&entry.value, depth + 1)?))
            }
            _ => Err(syntax(self.range(entry.id), "optional entries are not supported")),
        }
    }

    fn has(&mut self, operand: &IdedExpr, part: Segment, depth: usize) -> Result<Op> {
        let before = self.references.len();
        let holder = self.term(operand, depth + 1)?;
        let whole = path(operand).and_then(|_| self.references.get(before)).map(|reference| Reference {
            path: [reference.path.as_slice(), std::slice::from_ref(&part)].concat(),
            range: reference.range.clone(),
            need: Need::Optional,
        });
        self.references.extend(whole);
        Ok(Op::Has(Box::new(holder), part))
    }

    fn terms<const N: usize>(&mut self, nodes: &[IdedExpr], id: u64, depth: usize) -> Result<Box<[Term; N]>> {
        let terms: Vec<Term> = nodes.iter().map(|node| self.term(node, depth + 1)).collect::<Result<_>>()?;
        let terms = <[Term; N]>::try_from(terms);
        terms
            .map(Box::new)
            .map_err(|_| syntax(self.range(id), "an operator has too few or too many operands"))
    }

    fn call(&mut self, call: &CallExpr, id: u64, depth: usize) -> Result<Op> {
        let arguments = &call.args;
        let comparison = |comparison| move |both| Op::Compare(comparison, both);
        let arithmetic = |operation| move |both| Op::Arithmetic(operation, both);
        match call.func_name.as_str() {
            operators::LOGICAL_AND => {
                self.terms(arguments, id, depth).map(|both| Op::Logic(Logic::And, both))
            }
            operators::LOGICAL_OR => self.terms(arguments, id, depth).map(|both| Op::Logic(Logic::Or, both)),
            operators::EQUALS => self.terms(arguments, id, depth).map(comparison(Comparison::Equal)),
            operators::NOT_EQUALS => self.terms(arguments, id, depth).map(comparison(Comparison::Unequal)),
            operators::LESS => self.terms(arguments, id, depth).map(comparison(Comparison::Less)),
            operators::LESS_EQUALS => {
                self.terms(arguments, id, depth).map(comparison(Comparison::LessOrEqual))
            }
            operators::GREATER => self.terms(arguments, id, depth).map(comparison(Comparison::Greater)),
            operators::GREATER_EQUALS => {
                self.terms(arguments, id, depth).map(comparison(Comparison::GreaterOrEqual))
            }
            operators::ADD => self.terms(arguments, id, depth).map(arithmetic(Arithmetic::Add)),
            operators::SUBSTRACT => self.terms(arguments, id, depth).map(arithmetic(Arithmetic::Subtract)),
            operators::MULTIPLY => self.terms(arguments, id, depth).map(arithmetic(Arithmetic::Multiply)),
            operators::DIVIDE => self.terms(arguments, id, depth).map(arithmetic(Arithmetic::Divide)),
            operators::MODULO => self.terms(arguments, id, depth).map(arithmetic(Arithmetic::Remainder)),
            operators::CONDITIONAL => self.terms(arguments, id, depth).map(Op::Conditional),
            operators::IN => self.terms(arguments, id, depth).map(Op::In),
            operators::INDEX => self.terms(arguments, id, depth).map(Op::Index),
            operators::LOGICAL_NOT => self.terms(arguments, id, depth).map(|one: Box<[Term; 1]>| {
                let [term] = *one;
                Op::Not(Box::new(term))
            }),
            operators::NEGATE => self.terms(arguments, id, depth).map(|one: Box<[Term; 1]>| {
                let [term] = *one;
                Op::Negate(Box::new(term))
            }),
            "matches" => self.matches(call, id, depth),
            name => self.function(name, call, id, depth),
        }
    }

    fn matches(&mut self, call: &CallExpr, id: u64, depth: usize) -> Result<Op> {
        let arguments: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let [text, pattern] = arguments.as_slice() else {
            let message = format!("`matches` takes a text and a pattern, found {} values", arguments.len());
            return Err(TemplateError::new("arguments", self.name_range(id), message));
        };
        let Node::Literal(LiteralValue::String(pattern_text)) = &pattern.expr else {
            let error = TemplateError::new(
                "arguments",
                self.range(pattern.id),
                "the pattern of `matches` is computed",
            );
            return Err(error.with_help("write it as text, as in `x.matches('^[a-z]+$')`"));
        };
        let compiled = RegexBuilder::new(pattern_text.inner()).size_limit(PATTERN_SIZE).build();
        let compiled = compiled.map_err(|error| {
            let reason =
                error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            TemplateError::new(
                "arguments",
                self.range(pattern.id),
                format!("the pattern is not right: {reason}"),
            )
        })?;
        Ok(Op::Matches(Box::new(self.term(text, depth + 1)?), Box::new(compiled)))
    }

    fn function(&mut self, name: &str, call: &CallExpr, id: u64, depth: usize) -> Result<Op> {
        let range = self.name_range(id);
        let standard = STANDARD.iter().find(|function| function.name == name);
        let Some(function) = functions::find(name).or(standard) else {
            return Err(unknown_function(name, range));
        };
        let arguments: Vec<&IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        functions::check_arity(function, arguments.len(), |at| at < arguments.len(), &range)?;
        let mut terms = Vec::with_capacity(arguments.len());
        for (at, argument) in arguments.into_iter().enumerate() {
            // Only the value itself may be missing, not what `default` falls back to.
            let before = self.need;
            if at == 0 && !matches!(function.body(), Body::Plain(_)) {
                self.need = Need::Optional;
            }
            let term = self.term(argument, depth + 1);
            self.need = before;
            terms.push(term?);
        }
        Ok(functions::op(function, terms))
    }

    fn comprehension(&mut self, node: &ComprehensionExpr, id: u64, depth: usize) -> Result<Op> {
        let unknown = || syntax(self.range(id), "this macro is not supported");
        let (kind, filter, item) = read_macro(node).ok_or_else(unknown)?;
        self.comprehensions += 1;
        if self.comprehensions > COMPREHENSION_DEPTH {
            let message = format!("`map`, `filter` and their kin nest at most {COMPREHENSION_DEPTH} levels");
            return Err(
                limit(self.name_range(id), message).with_help("give a part of it a name with `compute`")
            );
        }
        // What the range itself goes over is not inside.
        self.comprehensions -= 1;
        let range = self.term(&node.iter_range, depth + 1)?;
        self.comprehensions += 1;
        let from = self.source_of(&range);
        self.variables.push((node.iter_var.clone(), from));
        let filter = filter.map(|filter| self.term(filter, depth + 1)).transpose();
        let item = self.term(item, depth + 1);
        self.variables.pop();
        self.comprehensions -= 1;
        Ok(Op::Comprehension(Box::new(Comprehension { kind, range, filter: filter?, item: item? })))
    }

    /// The path of the items of a range that is a path itself.
    fn source_of(&self, range: &Term) -> Option<Vec<Segment>> {
        let Op::Path(path) = &range.op else { return None };
        let mut source = match path.root {
            Root::Scope => path.path.clone(),
            Root::Frame(up) => {
                let (_, from) = self.variables.iter().rev().nth(up)?;
                [from.as_ref()?.as_slice(), &path.path].concat()
            }
        };
        source.push(Segment::Each);
        Some(source)
    }
}
