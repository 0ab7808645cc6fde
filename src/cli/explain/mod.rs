//! `howdah explain`: what a code, an action, a trigger, a form of control flow or a key means.
//!
//! Everything that is shown comes from the tables that the program itself works with: the pages of
//! codes, the declarations of kinds, the functions. `topic` finds what a word means, `text` draws
//! it, `wrap` breaks its lines.

mod text;
mod topic;
mod wrap;

use clap::Args;
use serde_json::json;

use crate::cli::exit::Exit;
use crate::cli::problem::Problem;
use crate::cli::screen;
use crate::diagnostic::did_you_mean;
use crate::registry;
use crate::template::functions::Function;

pub use wrap::wrapped;

/// What `howdah explain` is told.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  howdah explain                     list what can be explained
  howdah explain unknown-step        a code that `howdah check` shows in brackets
  howdah explain http_status         a code of a run that failed
  howdah explain chat                an action: its fields, and an example
  howdah explain foreach             control flow
  howdah explain webhook --json      the action and the trigger, for programs
")]
pub struct ExplainArgs {
    /// A code, an action, a trigger, a form of control flow, a key or a function.
    #[arg(value_name = "WORD")]
    word: Option<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// Explains a word, or lists all words.
///
/// # Errors
/// When nothing has this name.
pub fn run(args: &ExplainArgs) -> Result<Exit, Problem> {
    let kinds = registry::kinds();
    let all = topic::all(&kinds);
    let found = match &args.word {
        None if args.json => all,
        None => {
            screen::print(&text::list(&all))?;
            return Ok(Exit::Done);
        }
        Some(word) => {
            let names: Vec<_> = all.iter().map(|topic| topic.name).collect();
            let found: Vec<_> = all.into_iter().filter(|topic| topic.is_called(word)).collect();
            if found.is_empty() {
                return Err(unknown(word, &names));
            }
            found
        }
    };
    if args.json {
        let topics: Vec<_> = found.iter().map(topic::Topic::json).collect();
        screen::print_json(&json!({ "topics": topics }))?;
    } else {
        let drawn: Vec<_> = found.iter().map(text::page).collect();
        screen::print(&drawn.join("\n"))?;
    }
    Ok(Exit::Done)
}

/// The page of a function.
pub fn function_page(function: &'static Function) -> String {
    text::page(&topic::function(function))
}

fn unknown(word: &str, names: &[&str]) -> Problem {
    let shown = screen::excerpt(word, 60);
    // Codes are met in both spellings.
    let help = did_you_mean(&word.replace('_', "-"), names.iter().copied())
        .or_else(|| did_you_mean(word, names.iter().copied()))
        .unwrap_or_else(|| "`howdah explain` lists all that can be explained".to_owned());
    Problem::invalid(format!("nothing is called `{shown}`")).with_help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(word: &str) -> Vec<(&'static str, &'static str)> {
        let kinds = registry::kinds();
        let found = topic::all(&kinds).into_iter().filter(|topic| topic.is_called(word));
        found.map(|topic| (topic.kind.as_str(), topic.name)).collect()
    }

    #[test]
    fn a_word_with_several_meanings_shows_all_of_them() {
        assert_eq!(names_of("webhook"), [("action", "webhook"), ("trigger", "webhook")]);
        assert_eq!(names_of("timeout"), [("step key", "timeout"), ("failure", "timeout")]);
        assert_eq!(names_of("http-status"), [("failure", "http_status")]);
        assert_eq!(names_of("nothing_at_all"), []);
    }

    #[test]
    fn a_near_miss_is_offered() {
        let names: Vec<_> = topic::all(&registry::kinds()).iter().map(|topic| topic.name).collect();
        let told = |word| {
            let problem = unknown(word, &names);
            problem.help().to_vec()
        };
        assert_eq!(told("unknwon_key"), ["did you mean `unknown-key`?"]);
        assert_eq!(told("foreech"), ["did you mean `foreach`?"]);
        assert_eq!(told("something else"), ["`howdah explain` lists all that can be explained"]);
    }

    #[test]
    fn every_page_can_be_drawn_within_the_screen() {
        for topic in topic::all(&registry::kinds()) {
            let plain = anstream::adapter::strip_str(&text::page(&topic)).to_string();
            assert!(plain.contains(topic.name));
            for line in plain.lines().filter(|line| !line.starts_with("    ")) {
                assert!(line.chars().count() <= screen::WIDTH, "{line}");
            }
        }
    }
}
