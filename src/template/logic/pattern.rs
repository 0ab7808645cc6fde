//! What stands in the library's tree: paths of fixed parts, and the macros that it has expanded.

use cel::common::ast::{ComprehensionExpr, Expr as Node, IdedExpr, LiteralValue, operators};

use crate::template::reference::Segment;
use crate::template::term::ComprehensionKind;

/// A path of fixed parts: its root, the parts after it, and the root's node.
pub(super) fn path(node: &IdedExpr) -> Option<(&str, Vec<Segment>, u64)> {
    let mut segments = Vec::new();
    let mut node = node;
    loop {
        node = match &node.expr {
            Node::Ident(root) => {
                segments.reverse();
                // A leading dot is CEL's way to name a root inside a comprehension.
                return Some((root.trim_start_matches('.'), segments, node.id));
            }
            Node::Select(select) if !select.test => {
                segments.push(Segment::Key(select.field.as_str().into()));
                &select.operand
            }
            Node::Call(call) if call.func_name == operators::INDEX => {
                let [holder, key] = call.args.as_slice() else { return None };
                let Node::Literal(key) = &key.expr else { return None };
                segments.push(match key {
                    LiteralValue::String(key) => Segment::Key(key.inner().into()),
                    LiteralValue::Int(index) => Segment::Index(usize::try_from(*index.inner()).ok()?),
                    _ => return None,
                });
                holder
            }
            _ => return None,
        };
    }
}

/// What a macro's expansion goes over: the kind, the filter, and the condition or the item.
pub(super) fn read_macro(
    node: &ComprehensionExpr,
) -> Option<(ComprehensionKind, Option<&IdedExpr>, &IdedExpr)> {
    let call = |node: &'_ IdedExpr, name: &str| -> bool {
        matches!(&node.expr, Node::Call(call) if call.func_name == name)
    };
    let arguments = |node: &'_ IdedExpr| match &node.expr {
        Node::Call(call) => Some(call.args.len()),
        _ => None,
    };
    let step = &node.loop_step;
    let argument = |at: usize| match &step.expr {
        Node::Call(call) => call.args.get(at),
        _ => None,
    };
    match &node.accu_init.expr {
        _ if node.iter_var2.is_some() => None,
        Node::Literal(LiteralValue::Boolean(_)) if call(step, operators::LOGICAL_OR) => {
            Some((ComprehensionKind::Any, None, argument(1)?))
        }
        Node::Literal(LiteralValue::Boolean(_)) if call(step, operators::LOGICAL_AND) => {
            Some((ComprehensionKind::All, None, argument(1)?))
        }
        Node::Literal(LiteralValue::Int(_)) if arguments(step) == Some(3) => {
            Some((ComprehensionKind::ExactlyOne, None, argument(0)?))
        }
        Node::List(_) if call(step, operators::CONDITIONAL) => {
            Some((ComprehensionKind::Collect, Some(argument(0)?), collected(argument(1)?)?))
        }
        Node::List(_) => Some((ComprehensionKind::Collect, None, collected(step)?)),
        _ => None,
    }
}

/// The `x` of `accumulator + [x]`.
fn collected(step: &IdedExpr) -> Option<&IdedExpr> {
    match &step.expr {
        Node::Call(call) if call.func_name == operators::ADD => match &call.args.get(1)?.expr {
            Node::List(list) => list.elements.first(),
            _ => None,
        },
        _ => None,
    }
}
