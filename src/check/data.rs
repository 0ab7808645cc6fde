//! Where data could choose what it may not: the host of an address, the folder of a file that is
//! written. The refusal is at run time; here the author hears of it before.
//!
//! Codes: `host-from-data`, `path-from-data`, and for what is allowed `invalid-value`.

use std::sync::Arc;

use crate::component::{Allow, Argument, Effect, Kinds};
use crate::diagnostic::{Diagnostic, Diagnostics, Span};
use crate::syntax::ast;
use crate::template::Sink;

use super::flow::StepList;
use super::steps::{Call, lies_in};

/// What the author allows, compiled.
pub(super) fn allow(written: &ast::Allow, diagnostics: &mut Diagnostics) -> Arc<Allow> {
    let mut allow = Allow::default();
    let hosts = written.hosts.iter().map(|name| (name.span, allow.host(&name.value))).collect::<Vec<_>>();
    let files = written.files.iter().map(|name| (name.span, allow.files(&name.value))).collect::<Vec<_>>();
    for (span, result) in hosts.into_iter().chain(files) {
        if let Err(error) = result {
            diagnostics.push(Diagnostic::error("invalid-value", span, error.to_string()));
        }
    }
    Arc::new(allow)
}

/// Warns of what will be refused, or may be, in these steps.
pub(super) fn warn(steps: &StepList<Call>, kinds: &Kinds, allow: &Allow, diagnostics: &mut Diagnostics) {
    steps.each_action(&mut |call| {
        let writes = kinds.action(call.kind).is_some_and(|kind| kind.effect > Effect::None);
        for (field, argument) in call.arguments.iter() {
            let place = call.places.iter().find(|(name, _)| name == field).map(|(_, span)| *span);
            // What stands under `defaults` has its place there, and is said once for each step.
            let span = place.unwrap_or(call.name);
            // Of a text that is wrong itself nobody knows what will stand in it.
            if diagnostics.iter().any(|found| found.is_error() && lies_in(found.primary.span, span)) {
                continue;
            }
            look(argument, &mut |argument| {
                diagnostics.extend(match argument {
                    Argument::Text(url, Sink::Url) if url.host_is_dynamic() && !allow.any_host() => {
                        Some(host(span))
                    }
                    Argument::Text(path, Sink::Path)
                        if writes && path.has_loose_values() && !allow.any_file() =>
                    {
                        Some(folder(span))
                    }
                    _ => None,
                });
            });
        }
    });
}

fn host(span: Span) -> Diagnostic {
    let message = "data chooses the host of this address, which is refused when the step runs";
    Diagnostic::warning("host-from-data", span, message)
        .with_help("name the hosts that are meant: `allow: { hosts: [api.example.org] }`, or `*.example.org`")
}

fn folder(span: Span) -> Diagnostic {
    let message = "data stands in this path as it is, which is refused when it holds a `/`";
    Diagnostic::warning("path-from-data", span, message).with_help(
        "make it one file name with `{{filename …}}`, or allow the folders: `allow: { files: [\"out/**\"] }`",
    )
}

/// Calls `see` with an argument and all that are in it.
fn look(argument: &Argument, see: &mut dyn FnMut(&Argument)) {
    see(argument);
    match argument {
        Argument::List(items) => items.iter().for_each(|item| look(item, see)),
        Argument::Map(entries) => entries.iter().for_each(|(_, entry)| look(entry, see)),
        _ => {}
    }
}
