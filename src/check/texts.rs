//! Texts and expressions: compiled, their names looked up, their types followed.
//!
//! Codes: `wrong-type`, `yaml-comment`, `unknown-name`, `dollar-template`, and those of the template
//! languages and of names.

use std::collections::HashSet;
use std::sync::Arc;

use crate::component::{FieldType, SecretsIn};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, Span};
use crate::syntax::tree::{Kind, Node};
use crate::template::types::Presence;
use crate::template::{Expr, Finding, Outcome, Reference, Segment, Template, TemplateError, Tree, Ty};

use super::names::{Ids, Visible};
use super::prompts::Loan;

/// What compiling a text needs to know of its surroundings.
pub(super) struct Texts<'a> {
    /// Where each step of the file stands.
    pub ids: &'a Ids,
    /// The prompt files, and which of them are used.
    pub prompts: Loan<'a>,
    /// Where findings go.
    pub diagnostics: &'a mut Diagnostics,
    /// The secrets that were read, each with its first place.
    pub secrets: &'a mut Vec<(Arc<str>, Span)>,
    /// Which of the roots were read that somebody has to provide.
    pub reads: Reads,
    /// What was read of roots that have names of the author's own.
    pub used: Used,
}

/// Which roots a workflow reads, of those that somebody has to provide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// `event`, so that a person must give one.
    pub event: bool,
    /// `state`, which is looked up before the run starts.
    pub state: bool,
    /// `previous`, which is looked up when the run is accepted.
    pub previous: bool,
}

impl Reads {
    fn note(&mut self, reference: &Reference) {
        match reference.root() {
            "event" => self.event = true,
            "state" => self.state = true,
            "previous" => self.previous = true,
            _ => {}
        }
    }
}

/// Which names of `inputs`, `vars` and `steps` were read.
#[derive(Default)]
pub(super) struct Used {
    names: HashSet<(Arc<str>, Arc<str>)>,
    /// Roots that were read as a whole, and so every name in them.
    whole: HashSet<Arc<str>>,
}

impl Used {
    fn note(&mut self, reference: &Reference) {
        let Some((Segment::Key(root), rest)) = reference.path.split_first() else { return };
        if !matches!(&**root, "inputs" | "vars" | "steps") {
            return;
        }
        match rest.first() {
            Some(Segment::Key(name)) => self.names.insert((root.clone(), name.clone())),
            _ => self.whole.insert(root.clone()),
        };
    }

    /// Whether this name of this root was read.
    pub fn has(&self, root: &str, name: &str) -> bool {
        self.whole.contains(root) || self.names.contains(&(root.into(), name.into()))
    }
}

impl Texts<'_> {
    /// Compiles a value in which every text may be a template.
    pub fn tree(&mut self, node: &Node, secrets: SecretsIn, visible: &Visible) -> Option<Tree> {
        self.tree_of(node, secrets, visible).map(|(tree, _)| tree)
    }

    /// The same, with its type. What is written out is of its kind, not of its value: the author may
    /// write another one tomorrow.
    pub fn tree_of(&mut self, node: &Node, secrets: SecretsIn, visible: &Visible) -> Option<(Tree, Ty)> {
        match &node.kind {
            Kind::Scalar(scalar) if scalar.text.contains("{{") => {
                let (text, ty) = self.template(node, secrets, visible)?;
                Some((Tree::Text(Arc::new(text)), ty))
            }
            Kind::Scalar(scalar) => {
                let value = scalar.value();
                let ty = Ty::of_value(&value).widened();
                Some((Tree::Literal(Arc::new(value)), ty))
            }
            Kind::Sequence(items) => {
                let items: Vec<_> =
                    items.iter().filter_map(|item| self.tree_of(item, secrets, visible)).collect();
                let item = items.iter().map(|(_, ty)| ty.clone()).reduce(|a, b| a.or(&b));
                let ty = item.map_or_else(|| Ty::of_value(&serde_json::json!([])), Ty::filled_list);
                Some((Tree::List(items.into_iter().map(|(tree, _)| tree).collect()), ty))
            }
            Kind::Mapping(entries) => {
                let mut fields = Vec::new();
                let mut types = Vec::new();
                for (key, node) in entries.iter() {
                    let field = self.tree_of(node, secrets, visible);
                    let ty = field.as_ref().map_or_else(Ty::any, |(_, ty)| ty.clone());
                    types.push((key.value.clone(), ty, Presence::Required));
                    fields.extend(field.map(|(tree, _)| (key.value.clone(), tree)));
                }
                Some((Tree::Map(fields), Ty::map(types)))
            }
        }
    }

    /// Compiles text. A bare number or word is text too where text is asked for.
    pub fn text(&mut self, node: &Node, secrets: SecretsIn, visible: &Visible) -> Option<Arc<Template>> {
        if node.as_scalar().is_none() || node.is_null() {
            return self.wrong(node, &FieldType::Text);
        }
        self.template(node, secrets, visible).map(|(template, _)| Arc::new(template))
    }

    fn template(&mut self, node: &Node, secrets: SecretsIn, visible: &Visible) -> Option<(Template, Ty)> {
        let scalar = node.as_scalar()?;
        match Template::compile(&scalar.text, &self.prompts.shelf.partials) {
            Ok(template) => {
                self.dollar(node, &scalar.text);
                self.prompts.include(template.partials());
                self.references(node, template.references(), secrets, visible);
                let found = template.infer(visible.names());
                self.findings(node, found.findings);
                Some((template, found.ty))
            }
            Err(errors) => self.errors(node, errors),
        }
    }

    /// Warns of the dollar sign that other programs want before a template, and that stays in the text.
    /// Before a tag without spaces, in a longer text, it is more likely an amount of money.
    fn dollar(&mut self, node: &Node, text: &str) {
        let is_whole = text.starts_with("${{") && text.ends_with("}}");
        let Some(at) = is_whole.then_some(0).or_else(|| text.find("${{ ")) else { return };
        let message = "this `$` is text, and stays in the value";
        let problem = Diagnostic::warning("dollar-template", node.locate(at..at + 1), message);
        self.diagnostics.push(problem.with_help("write `{{…}}` without it"));
    }

    /// Compiles a CEL expression.
    pub fn expression(&mut self, node: &Node, visible: &Visible) -> Option<Arc<Expr>> {
        self.expression_of(node, visible).map(|(expression, _)| expression)
    }

    /// The same, with its type.
    pub fn expression_of(&mut self, node: &Node, visible: &Visible) -> Option<(Arc<Expr>, Ty)> {
        let expression = self.compile_expression(node, visible)?;
        let found = expression.infer(visible.names());
        self.findings(node, found.findings);
        Some((expression, found.ty))
    }

    /// Compiles a condition: an expression that is true or false; `what` it is, for messages.
    pub fn condition(&mut self, node: &Node, what: &str, visible: &Visible) -> Option<Arc<Expr>> {
        let expression = self.compile_expression(node, visible)?;
        let found = expression.infer_condition(visible.names(), what);
        self.findings(node, found.findings);
        Some(expression)
    }

    /// Compiles what a loop goes over, with the type of that list.
    pub fn range(&mut self, node: &Node, what: &str, visible: &Visible) -> Option<(Arc<Expr>, Ty)> {
        let expression = self.compile_expression(node, visible)?;
        let found = expression.infer_range(visible.names(), what);
        self.findings(node, found.findings);
        Some((expression, found.ty))
    }

    fn compile_expression(&mut self, node: &Node, visible: &Visible) -> Option<Arc<Expr>> {
        let Some(scalar) = node.as_scalar().filter(|_| !node.is_null()) else {
            let message = format!("expected an expression, found {}", node.describe());
            // A list of YAML looks like one of CEL, and the texts in it would be no expressions.
            let help = matches!(node.kind, Kind::Sequence(_) | Kind::Mapping(_))
                .then(|| "an expression is text: put quotes around the whole of it".to_owned());
            self.diagnostics.push(Diagnostic::error("wrong-type", node.span, message).with_help_if(help));
            return None;
        };
        match Expr::compile(&scalar.text) {
            Ok(expression) if self.subtracts(node, &scalar.text, expression.references(), visible) => None,
            Ok(expression) => {
                self.references(node, expression.references(), SecretsIn::Refused, visible);
                Some(Arc::new(expression))
            }
            Err(errors) => self.errors(node, errors),
        }
    }

    /// Reports `steps.my-step`, which subtracts in CEL; whether it stands there.
    fn subtracts(&mut self, node: &Node, text: &str, references: &[Reference], visible: &Visible) -> bool {
        let Some((name, other)) = references.iter().find_map(|name| {
            let after = name.range.end.checked_add(1).filter(|_| text[name.range.end..].starts_with('-'))?;
            let other = references.iter().find(|other| other.range.start == after)?;
            let is_name = name.path.len() > 1 && visible.names().root(other.root()).is_none();
            is_name.then_some((name, other))
        }) else {
            return false;
        };
        let end = other.range.start + other.root().len();
        let whole = &text[name.range.start..end];
        let meant = whole.replace('-', "_");
        let message = format!("`{whole}` subtracts `{}` from `{}`", other.root(), &text[name.range.clone()]);
        let known = meant.strip_prefix("steps.").is_some_and(|id| self.ids.contains_key(id));
        let help = match known {
            true => format!("did you mean `{meant}`?"),
            false => {
                let (before, last) = whole.rsplit_once('.').unwrap_or(("", whole));
                format!(
                    "names have letters, digits and `_`; a field of foreign data is read as `{before}[\"{last}\"]`"
                )
            }
        };
        let span = node.locate(name.range.start..end);
        self.diagnostics.push(Diagnostic::error("unknown-name", span, message).with_help(help));
        true
    }

    fn errors<T>(&mut self, node: &Node, errors: Vec<TemplateError>) -> Option<T> {
        if let Some(comment) = node.as_scalar().and_then(|scalar| scalar.comment) {
            let message = "a ` #` begins a comment, and what stands before it is not whole";
            let problem = Diagnostic::error("yaml-comment", comment, message)
                .with_related(node.span, "the value ends before it")
                .with_help("put quotes around the whole value if the `#` belongs to it");
            self.diagnostics.push(problem);
            return None;
        }
        for error in errors {
            self.diagnostics.push(self.prompts.shelf.diagnostic(error, |range| node.locate(range)));
        }
        None
    }

    fn findings(&mut self, node: &Node, findings: Vec<Finding>) {
        for Finding { severity, problem } in findings {
            let span = node.locate(problem.range);
            let found = match severity {
                Severity::Error => Diagnostic::error(problem.code, span, problem.message),
                Severity::Warning => Diagnostic::warning(problem.code, span, problem.message),
            };
            self.diagnostics.push(found.with_help_if(problem.help));
        }
    }

    fn references(&mut self, node: &Node, references: &[Reference], secrets: SecretsIn, visible: &Visible) {
        // What a loop goes over is told where the loop begins, not at each name in it.
        let mut told = HashSet::new();
        for reference in references {
            let at = node.locate(reference.range.clone());
            if let Some(problem) = visible.check(reference, at, secrets, self.ids) {
                let through_loop = reference.path.contains(&Segment::Each);
                if told.insert(problem.message.clone()) || !through_loop {
                    self.diagnostics.push(problem);
                }
                continue;
            }
            self.used.note(reference);
            self.reads.note(reference);
            if let Some(name) = reference.secret()
                && !self.secrets.iter().any(|(known, _)| **known == *name)
            {
                self.secrets.push((name.into(), at));
            }
        }
    }

    /// The place below a condition: what can be read there when it holds, and when it does not.
    pub fn branches(node: &Node, condition: &Expr, visible: &Visible) -> (Visible, Visible) {
        let text = node.as_scalar().map_or("", |scalar| &scalar.text);
        (visible.after(condition, text, Outcome::Holds), visible.after(condition, text, Outcome::Fails))
    }
}
