//! Goes through the parts of a template with the types of what it reads, as rendering will go
//! through them with the values.

use crate::template::types::{
    Env, Finding, Inference, Inferrer, Language, Names, Outcome, Reading, Ty, assume_truth,
};

use super::mark::Marker;
use super::part::Part;

/// The type of a template's value, and what is wrong with it.
pub(super) fn infer(parts: &[Part], names: &Names) -> Inference {
    let mut inferrer = Inferrer::new(Language::Handlebars);
    let env = Env::new(names);
    let ty = match parts {
        [Part::Value(value)] => inferrer.term(&value.term, Reading::Used, &env),
        [] => Ty::words([""]),
        [Part::Text(text)] => Ty::words([text.as_str()]),
        parts => {
            go_through(&mut inferrer, parts, &env);
            Ty::text()
        }
    };
    inferrer.finish(ty)
}

/// What is wrong with a conversation over a value of this type.
pub(super) fn infer_markup(parts: &[Part], value: &Ty) -> Vec<Finding> {
    let mut inferrer = Inferrer::new(Language::Handlebars);
    go_through(&mut inferrer, parts, &Env::new(&Names::new()).with_value(value.clone()));
    inferrer.finish(Ty::text()).findings
}

fn go_through(inferrer: &mut Inferrer, parts: &[Part], env: &Env) {
    for part in parts {
        match part {
            Part::Text(_) => {}
            Part::Mark(Marker::Media { url, content_type }) => {
                inferrer.term(url, Reading::Used, env);
                content_type.iter().for_each(|term| drop(inferrer.term(term, Reading::Used, env)));
            }
            Part::Mark(_) => {}
            Part::Value(value) => {
                inferrer.term(&value.term, Reading::Used, env);
            }
            Part::If { condition, then, otherwise } => {
                inferrer.term(condition, Reading::Tested, env);
                go_through(inferrer, then, &assume_truth(env, condition, Outcome::Holds));
                go_through(inferrer, otherwise, &assume_truth(env, condition, Outcome::Fails));
            }
            Part::Each { over, body, otherwise } => {
                let range = inferrer.range(over, "`{{#each}}`", Reading::Tested, env);
                go_through(inferrer, body, &assume_truth(env, over, Outcome::Holds).in_loop_over(&range));
                go_through(inferrer, otherwise, env);
            }
            Part::With { value, body, otherwise } => {
                let ty = inferrer.term(value, Reading::Tested, env);
                go_through(
                    inferrer,
                    body,
                    &assume_truth(env, value, Outcome::Holds).with_value(ty.present()),
                );
                go_through(inferrer, otherwise, env);
            }
            Part::Bind { values, body } => {
                let types: Vec<Ty> =
                    values.iter().map(|value| inferrer.term(value, Reading::Tested, env)).collect();
                let inside = types.into_iter().fold(env.clone(), |env, ty| env.with_value(ty));
                go_through(inferrer, body, &inside);
            }
        }
    }
}
