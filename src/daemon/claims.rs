//! Who has a name or a webhook path that two workflows ask for: whoever had it, and else the first.
//!
//! A file that is refused something is refused whole, as one with any other error: its last good
//! version goes on with what that had. So what is in force never loses anything to a newcomer.
//!
//! Codes: `duplicate-name`, `duplicate-path`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::component::Route;
use crate::diagnostic::{Diagnostic, Diagnostics, Span};

/// What one workflow file asks for, and what it has.
pub(super) struct Wish {
    /// The file, relative to the workspace.
    pub path: PathBuf,
    /// What it asks for as it is now, each with its place; none: it has errors.
    pub wanted: Option<Vec<(Claim, Span)>>,
    /// What its last good version has; nothing when there is none.
    pub kept: Vec<Claim>,
}

/// Something that only one workflow can have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Claim {
    /// A workflow's name.
    Name(Arc<str>),
    /// A method of a webhook path.
    Route {
        /// As it is written.
        path: String,
        /// Upper case.
        method: String,
    },
}

impl Claim {
    /// Each method of a route.
    pub fn routes(route: &Route) -> impl Iterator<Item = Self> {
        let claim = |method: &String| Self::Route { path: route.path.clone(), method: method.clone() };
        route.methods.iter().map(claim)
    }

    /// What cannot be told from this when a request comes: parameters may have any name.
    fn shape(&self) -> String {
        let segment = |segment| if str::starts_with(segment, '{') { "{}" } else { segment };
        match self {
            Self::Name(name) => name.to_string(),
            Self::Route { path, .. } => path.split('/').map(segment).collect::<Vec<_>>().join("/"),
        }
    }

    /// Whether only one of two of the same shape can be had.
    fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Route { path, method }, Self::Route { path: other, method: others }) => {
                path != other || method == others
            }
            (own, other) => own == other,
        }
    }
}

/// What is given away, by shape. A name has no `/` in front, so that it is no path.
#[derive(Default)]
struct Given<'a>(HashMap<String, Vec<Owned<'a>>>);

/// A claim with the place of its owner among the wishes.
#[derive(Clone, Copy)]
struct Owned<'a> {
    claim: &'a Claim,
    owner: usize,
    /// Where it is written, if it is in the file as it is now.
    span: Option<Span>,
}

impl<'a> Given<'a> {
    fn give(&mut self, owned: Owned<'a>) {
        let same = self.0.entry(owned.claim.shape()).or_default();
        if !same.iter().any(|other| other.claim == owned.claim) {
            same.push(owned);
        }
    }

    /// Who has what keeps this claim from being given.
    fn against(&self, claim: &Claim) -> Option<Owned<'a>> {
        self.0.get(&claim.shape())?.iter().find(|given| given.claim.excludes(claim)).copied()
    }
}

/// Decides who gets what, and says in `diagnostics` why others do not. Gives the places in `wishes`
/// of those that are refused. Of newcomers the first in order is served first.
pub(super) fn settle(wishes: &[Wish], diagnostics: &mut Diagnostics) -> Vec<usize> {
    let mut refused = BTreeMap::new();
    // Whoever is refused goes on with what it had, which another may have been given meanwhile: then
    // all is decided again. Every turn but the last refuses one more, so there is a last one.
    loop {
        let turned_away = serve(wishes, &refused);
        let (back, newcomers): (Vec<_>, Vec<_>) =
            turned_away.into_iter().partition(|(place, _)| !wishes[*place].kept.is_empty());
        let is_last = back.is_empty();
        refused.extend(back);
        if is_last {
            refused.extend(newcomers);
            break;
        }
    }
    refused.values().flatten().for_each(|problem| diagnostics.push(problem.clone()));
    refused.into_keys().collect()
}

/// Who is refused, and why.
type Refused = BTreeMap<usize, Vec<Diagnostic>>;

/// Serves everybody but those refused before; gives those that cannot have what they ask for.
fn serve(wishes: &[Wish], refused: &Refused) -> Refused {
    let mut given = Given::default();
    let mut asking = Vec::new();
    for (owner, wish) in wishes.iter().enumerate() {
        match wish.wanted.as_ref().filter(|_| !refused.contains_key(&owner)) {
            None => wish.kept.iter().for_each(|claim| given.give(Owned { claim, owner, span: None })),
            Some(wanted) => {
                let kept: HashSet<_> = wish.kept.iter().collect();
                let stays = wanted.iter().filter(|(claim, _)| kept.contains(claim));
                stays.for_each(|(claim, span)| given.give(Owned { claim, owner, span: Some(*span) }));
                asking.push((owner, wanted));
            }
        }
    }
    // Those in force before newcomers; the sort leaves all else in order.
    asking.sort_by_key(|(owner, _)| wishes[*owner].kept.is_empty());
    let mut turned_away = BTreeMap::new();
    for (owner, wanted) in asking {
        let mut own = Given::default();
        let mut problems = Vec::new();
        for (claim, span) in wanted {
            let taken = given.against(claim).filter(|taken| taken.owner != owner);
            if let Some(first) = own.against(claim).or(taken) {
                problems.push(problem(claim, *span, first, wishes));
            }
            own.give(Owned { claim, owner, span: Some(*span) });
        }
        if problems.is_empty() {
            own.0.into_values().flatten().for_each(|owned| given.give(owned));
        } else {
            turned_away.insert(owner, problems);
        }
    }
    turned_away
}

fn problem(claim: &Claim, span: Span, first: Owned<'_>, wishes: &[Wish]) -> Diagnostic {
    let owner = wishes[first.owner].path.display();
    let (problem, label) = match (claim, first.claim) {
        (Claim::Route { path, .. }, Claim::Route { path: other, .. }) => {
            let message = match path == other {
                true => format!("the webhook path `{path}` belongs to `{owner}` already"),
                false => format!("the webhook path `{path}` cannot be told from `{other}` of `{owner}`"),
            };
            let problem = Diagnostic::error("duplicate-path", span, message);
            (problem.with_help("give this one another `path:`"), "the first webhook there")
        }
        (Claim::Name(name), _) | (_, Claim::Name(name)) => {
            let message = format!("the name `{name}` belongs to `{owner}` already");
            let problem = Diagnostic::error("duplicate-name", span, message);
            (problem.with_help("give this one another `name:`"), "the first workflow of that name")
        }
    };
    match first.span {
        Some(first) => problem.with_related(first, label),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::FileId;

    /// `name` or `METHOD /path`, several with commas between.
    fn claims(text: &str) -> Vec<Claim> {
        let claim = |text: &str| match text.split_once(' ') {
            Some((method, path)) => Claim::Route { path: path.to_owned(), method: method.to_owned() },
            None => Claim::Name(text.into()),
        };
        text.split(", ").filter(|text| !text.is_empty()).map(claim).collect()
    }

    /// Settles (kept, wanted) of files `0`, `1`, …; gives who is refused, with what is said.
    #[track_caller]
    fn settles(wishes: &[(&str, Option<&str>)], refused: &[usize], messages: &[&str]) {
        let place = |file: usize, index: usize| Span::new(FileId(u32::try_from(file).unwrap()), index, 100);
        let wishes: Vec<_> = wishes
            .iter()
            .enumerate()
            .map(|(file, (kept, wanted))| Wish {
                path: file.to_string().into(),
                wanted: wanted.map(|wanted| {
                    let claims = claims(wanted).into_iter().enumerate();
                    claims.map(|(index, claim)| (claim, place(file, index))).collect()
                }),
                kept: claims(kept),
            })
            .collect();
        let mut diagnostics = Diagnostics::new();
        assert_eq!(settle(&wishes, &mut diagnostics), refused);
        let said: Vec<_> = diagnostics.iter().map(|found| found.message.as_str()).collect();
        assert_eq!(said, messages);
    }

    #[test]
    fn of_newcomers_the_first_is_served() {
        settles(
            &[("", Some("a")), ("", Some("b")), ("", Some("a"))],
            &[2],
            &["the name `a` belongs to `0` already"],
        );
        settles(
            &[("", Some("a, POST /p")), ("", Some("b, GET /p, POST /p")), ("", Some("c, GET /p"))],
            &[1],
            &["the webhook path `/p` belongs to `0` already"],
        );
    }

    #[test]
    fn whoever_was_in_force_wins() {
        settles(
            &[("", Some("a, POST /p")), ("z, POST /p", Some("z, POST /p"))],
            &[0],
            &["the webhook path `/p` belongs to `1` already"],
        );
        // Also with errors in it, and when it asks for more.
        settles(&[("", Some("z")), ("z", None)], &[0], &["the name `z` belongs to `1` already"]);
        settles(
            &[("a", Some("z")), ("z", Some("z, POST /p"))],
            &[0],
            &["the name `z` belongs to `1` already"],
        );
    }

    #[test]
    fn what_is_given_up_is_free_at_once() {
        settles(&[("a", Some("b")), ("b", Some("a")), ("", Some("c"))], &[], &[]);
        settles(&[("", Some("a")), ("a", Some("b"))], &[], &[]);
    }

    #[test]
    fn whoever_is_refused_falls_back_on_what_it_had() {
        settles(
            &[("", Some("b")), ("a", Some("a")), ("b", Some("a"))],
            &[0, 2],
            &["the name `b` belongs to `2` already", "the name `a` belongs to `1` already"],
        );
    }

    #[test]
    fn parameters_by_other_names_are_the_same_path() {
        settles(
            &[("", Some("a, POST /t/{id}")), ("", Some("b, GET /t/{name}")), ("", Some("c, GET /t/all"))],
            &[1],
            &["the webhook path `/t/{name}` cannot be told from `/t/{id}` of `0`"],
        );
        settles(
            &[("", Some("a, POST /p, POST /p"))],
            &[0],
            &["the webhook path `/p` belongs to `0` already"],
        );
    }
}
