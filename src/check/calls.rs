//! Which workflows call which, so that what one gives is known where another reads it.

use std::collections::HashMap;

use crate::syntax::ast::{Body, OnError, Step};

use super::workflow::Read;

/// An order in which each of these files comes after those whose workflows it calls, as far as they
/// do not call each other in a circle.
pub fn callees_first(files: &[Read]) -> Vec<usize> {
    // Of two with one name the first has it.
    let named: HashMap<&str, usize> =
        files.iter().enumerate().rev().filter_map(|(at, read)| Some((read.name()?, at))).collect();
    let calls: Vec<Vec<usize>> = files
        .iter()
        .map(|read| {
            let mut names = Vec::new();
            read.lists().for_each(|list| called(list, &mut names));
            names.into_iter().filter_map(|name| named.get(name).copied()).collect()
        })
        .collect();
    let (mut order, mut seen) = (Vec::with_capacity(files.len()), vec![false; files.len()]);
    for start in 0..files.len() {
        // A walk with its own stack: a file, and how many of its calls were followed.
        let mut trail = if seen[start] { Vec::new() } else { vec![(start, 0)] };
        seen[start] = true;
        while let Some((file, followed)) = trail.pop() {
            match calls[file].get(followed) {
                None => order.push(file),
                Some(&next) => {
                    trail.push((file, followed + 1));
                    if !std::mem::replace(&mut seen[next], true) {
                        trail.push((next, 0));
                    }
                }
            }
        }
    }
    order
}

/// The workflows that these steps call.
fn called<'a>(steps: &'a [Step], names: &mut Vec<&'a str>) {
    for step in steps {
        match &step.body {
            Body::Call { workflow, .. } => names.push(&workflow.value),
            Body::Action(..) | Body::Broken => {}
            Body::Approve { notify, .. } => called(notify, names),
            Body::Group { steps, otherwise } => {
                called(steps, names);
                otherwise.iter().for_each(|list| called(list, names));
            }
            Body::Parallel(steps) => called(steps, names),
            Body::Foreach(each) => called(&each.steps, names),
            Body::Repeat(repeat) => called(&repeat.steps, names),
            Body::Switch { cases, default, .. } => {
                cases.iter().for_each(|(_, list)| called(list, names));
                default.iter().for_each(|list| called(list, names));
            }
        }
        if let OnError::Handle(list) = &step.on_error {
            called(list, names);
        }
    }
}
