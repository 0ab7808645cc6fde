//! Files that a workflow writes where it, or one that writes for it in turn, is started by files.
//!
//! Which fields name such files the declarations of the kinds say. A trigger with an `if` has its
//! author's own guard, and nothing is said of it.
//!
//! Code: `file-loop`.

use crate::component::{Argument, Arguments, Field, Files, Kinds};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::template::Template;

use super::globs::{Glob, Path};
use super::workflow::Workflow;

/// A file that a step writes.
struct Writing {
    path: Path,
    span: Span,
}

/// What starts a workflow.
struct Watching {
    globs: Vec<Glob>,
    ignored: Vec<Glob>,
    span: Span,
}

/// What a workflow has to do with files.
struct Party<'a> {
    workflow: &'a Workflow,
    writes: Vec<Writing>,
    watches: Vec<Watching>,
}

/// Warns of each workflow that starts itself by a file, and of each two that start each other.
pub(super) fn warn(workflows: &[&Workflow], kinds: &Kinds, diagnostics: &mut Diagnostics) {
    let parties = workflows.iter().map(|workflow| party(workflow, kinds));
    let parties: Vec<_> =
        parties.filter(|party| !party.writes.is_empty() && !party.watches.is_empty()).collect();
    for (at, party) in parties.iter().enumerate() {
        if let Some((writing, watching)) = starts(party, party) {
            let message = "the file that this step writes starts this workflow again, without end";
            diagnostics.push(
                Diagnostic::warning("file-loop", writing.span, message)
                    .with_related(watching.span, "files are watched for here")
                    .with_help(
                        "write to another folder, or leave the file out with `ignore:` in the trigger",
                    ),
            );
        }
        for other in &parties[at + 1..] {
            if let (Some((there, started)), Some((back, again))) =
                (starts(party, other), starts(other, party))
            {
                let message = format!(
                    "the file that this step writes starts `{}`, and what that writes starts this workflow again",
                    other.workflow.name
                );
                diagnostics.push(
                    Diagnostic::warning("file-loop", there.span, message)
                        .with_related(started.span, "it is watched for here")
                        .with_related(back.span, "and this is written then")
                        .with_related(again.span, "which is watched for here")
                        .with_help("let one of the two write to another folder, or leave the file out with `ignore:`"),
                );
            }
        }
    }
}

/// The first file by which one workflow starts another.
fn starts<'a>(writer: &'a Party<'_>, reader: &'a Party<'_>) -> Option<(&'a Writing, &'a Watching)> {
    writer.writes.iter().find_map(|writing| {
        let watching = reader.watches.iter().find(|watching| {
            watching.globs.iter().any(|glob| glob.can_meet(&writing.path))
                && !watching.ignored.iter().any(|glob| glob.leaves_out(&writing.path))
        });
        Some((writing, watching?))
    })
}

fn party<'a>(workflow: &'a Workflow, kinds: &Kinds) -> Party<'a> {
    let mut writes = Vec::new();
    for list in [&workflow.steps, &workflow.on_failure, &workflow.finally] {
        list.each_action(&mut |call| {
            let fields = kinds.action(call.kind).map_or(&[][..], |kind| kind.fields);
            for field in fields.iter().filter(|field| field.files == Files::Written) {
                let place = call.places.iter().find(|(name, _)| name == field.name).map(|(_, span)| *span);
                let span = place.unwrap_or(call.name);
                let texts = texts(&call.arguments, field);
                writes.extend(texts.filter_map(|text| Some(Writing { path: Path::of(text)?, span })));
            }
        });
    }
    let watches = workflow.triggers.iter().filter(|trigger| trigger.condition.is_none());
    let watches = watches.map(|trigger| {
        let fields = kinds.trigger(&trigger.id.kind).map_or(&[][..], |kind| kind.fields);
        let globs = |files: Files| {
            let fields = fields.iter().filter(move |field| field.files == files);
            fields.flat_map(|field| texts(&trigger.arguments, field)).filter_map(Glob::of).collect()
        };
        Watching { globs: globs(Files::Watched), ignored: globs(Files::Ignored), span: trigger.span }
    });
    let watches = watches.filter(|watching: &Watching| !watching.globs.is_empty()).collect();
    Party { workflow, writes, watches }
}

/// The texts in a field, one or several.
fn texts<'a>(arguments: &'a Arguments, field: &Field) -> impl Iterator<Item = &'a Template> {
    let argument = arguments.get(field.name);
    let items = match argument {
        Some(Argument::List(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    items.iter().filter_map(|item| match item {
        Argument::Text(text, _) => Some(&**text),
        _ => None,
    })
}
