//! Text answers: what a reader of a demo takes for sensible, made from the prompt's own sentences.
//!
//! No model: a summary is the first sentences, and what cannot be done (a translation) is marked as
//! simulated and shows the first words.

use super::directive::without_directives;
use super::wire::Message;

/// What is looked at of a prompt: enough for a demo, little enough for any prompt to be cheap.
const CONSIDERED: usize = 16 << 10;
/// The most characters of a sentence that is quoted.
const SENTENCE: usize = 240;
/// The most words that are quoted of a text that should have been changed.
const WORDS: usize = 60;
/// Where an instruction ends at the latest, when a text follows it.
const INSTRUCTION: usize = 600;

/// What the prompt asks for, as far as its words tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    Summarise,
    List,
    Translate,
    Proofread,
    Other,
}

/// Words that tell the task. The first that is found counts.
const TASKS: [(&str, Task); 11] = [
    ("translat", Task::Translate),
    ("proofread", Task::Proofread),
    ("correct the", Task::Proofread),
    ("bullet", Task::List),
    ("key points", Task::List),
    ("summar", Task::Summarise),
    ("tl;dr", Task::Summarise),
    ("digest", Task::Summarise),
    ("daily brief", Task::Summarise),
    ("in brief", Task::Summarise),
    ("write a brief", Task::Summarise),
];

/// Words of an instruction.
const ASKS: [&str; 16] = [
    "summar",
    "translat",
    "proofread",
    "classif",
    "sort ",
    "extract",
    "list ",
    "write ",
    "answer",
    "label",
    "triage",
    "rewrite",
    "correct ",
    "describe",
    "explain",
    "key points",
];

/// A prompt, taken apart: what is asked, and of what text.
#[derive(Debug)]
pub(super) struct Prompt<'a> {
    /// What the system messages say, and how the user's begins.
    instruction: String,
    /// The text that it is about.
    pub(super) material: &'a str,
}

impl<'a> Prompt<'a> {
    /// Takes the system text and the last message of the user apart.
    pub(super) fn new(system: &str, user: &'a str) -> Self {
        let user = head(user.trim(), CONSIDERED);
        let (asked, material) = split(user);
        Self { instruction: format!("{}\n{asked}", head(system, CONSIDERED)), material }
    }

    /// The first sentences of the material.
    pub(super) fn sentences(&self) -> impl Iterator<Item = String> + use<'a> {
        sentences(self.material)
    }

    /// The first words of the material, at most this many.
    pub(super) fn words(&self, most: usize) -> String {
        let words: Vec<_> = self.material.split_whitespace().take(most).collect();
        words.join(" ")
    }

    /// A text that answers.
    pub(super) fn answer(&self) -> String {
        let quoted = |most| self.sentences().take(most).collect::<Vec<_>>();
        let instruction = self.instruction.to_lowercase();
        let task =
            TASKS.iter().find(|(word, _)| instruction.contains(word)).map_or(Task::Other, |(_, task)| *task);
        if self.material.is_empty() {
            return "[simulated] The prompt holds no text.".to_owned();
        }
        match task {
            Task::Summarise => format!("Summary: {}", quoted(2).join(" ")),
            Task::List => {
                quoted(4).iter().map(|sentence| format!("- {sentence}")).collect::<Vec<_>>().join("\n")
            }
            Task::Translate => match language(&self.instruction) {
                Some(language) => format!("[simulated translation into {language}] {}", self.words(WORDS)),
                None => format!("[simulated translation] {}", self.words(WORDS)),
            },
            Task::Proofread => format!("[simulated proofreading] {}", self.words(WORDS)),
            Task::Other => format!("[simulated] {}", quoted(2).join(" ")),
        }
    }
}

/// The texts of the messages from this role, joined by line ends, with an upper bound on the whole.
pub(super) fn texts(messages: &[Message], of: impl Fn(&Message) -> bool) -> String {
    let mut joined = String::new();
    for message in messages.iter().filter(|message| of(message)) {
        let text = without_directives(head(&message.content.0, CONSIDERED));
        if joined.len() + text.len() > 4 * CONSIDERED {
            break;
        }
        joined.push_str(&text);
        joined.push('\n');
    }
    joined
}

/// The first bytes of a text, whole characters only.
pub(super) fn head(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The first characters of a text, marked by `…` when there are more.
pub(super) fn clip(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// An instruction and its text: they meet at a blank line or at a colon. Where no instruction is
/// seen, the whole is both.
fn split(user: &str) -> (&str, &str) {
    let cut = |mark: &str, kept: usize| {
        let at = user.find(mark)?;
        let (asked, material) = (user[..at + kept].trim(), user[at + mark.len()..].trim());
        (is_instruction(asked) && material.contains(char::is_alphanumeric)).then_some((asked, material))
    };
    // The colon at the end of a line is kept: it tells that a text follows.
    cut(":\n", 1).or_else(|| cut("\n\n", 0)).or_else(|| cut(": ", 0)).unwrap_or((user, user))
}

/// Whether a text asks for something, or announces what follows. A heading or the first paragraph
/// of a letter does neither, and belongs to the text.
fn is_instruction(text: &str) -> bool {
    let lower = head(text, INSTRUCTION + 1).to_lowercase();
    let announces = text.ends_with(':') && text.contains(' ');
    text.len() <= INSTRUCTION
        && !text.starts_with(['#', '>', '-'])
        && (announces || ASKS.iter().any(|word| lower.contains(word)))
}

/// The language after `into` or `to`, which has a capital.
fn language(instruction: &str) -> Option<&str> {
    let words: Vec<_> =
        instruction.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let after =
        |pair: &[&'_ str]| matches!(pair[0], "into" | "to") && pair[1].starts_with(char::is_uppercase);
    words.windows(2).find(|pair| after(pair)).map(|pair| pair[1])
}

/// The sentences of a text, without marks of lists and headings.
fn sentences(text: &str) -> impl Iterator<Item = String> + use<'_> {
    text.lines()
        .map(|line| line.trim_start_matches(|c: char| c.is_whitespace() || "#>*-+".contains(c)))
        .flat_map(stops)
        .map(str::trim)
        .filter(|sentence| sentence.contains(char::is_alphanumeric))
        .map(|sentence| clip(sentence, SENTENCE))
}

/// The parts of a line, cut after each `.`, `!` or `?` that white space follows.
fn stops(line: &str) -> Vec<&str> {
    let (mut parts, mut start, mut stopped) = (Vec::new(), 0, false);
    for (at, c) in line.char_indices() {
        if stopped && c.is_whitespace() {
            parts.push(&line[start..at]);
            start = at;
        }
        stopped = matches!(c, '.' | '!' | '?');
    }
    parts.push(&line[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEWS: &str =
        "# Outage\n\nThe database was down for 2.5 hours. Nobody was hurt! Orders were kept. More follows.";

    fn answer(system: &str, user: &str) -> String {
        Prompt::new(system, user).answer()
    }

    #[test]
    fn a_summary_is_the_first_sentences_of_the_text() {
        let summary = "Summary: Outage The database was down for 2.5 hours.";
        assert_eq!(answer("", &format!("Summarise in two sentences:\n\n{NEWS}")), summary);
        assert_eq!(answer("You write summaries.", NEWS), summary);
        assert_eq!(answer("", "Summarise this: One. Two. Three."), "Summary: One. Two.");
        assert_eq!(answer("", "Summarise: One. Two. Three."), "Summary: One. Two.");
    }

    #[test]
    fn other_tasks_are_marked_as_simulated() {
        assert_eq!(
            answer("", "Translate to French:\nGood morning, all."),
            "[simulated translation into French] Good morning, all."
        );
        assert_eq!(
            answer("", "What is the capital of France?"),
            "[simulated] What is the capital of France?"
        );
        assert_eq!(answer("", "Give the key points of this text:\n\n- One.\n- Two."), "- One.\n- Two.");
        assert_eq!(answer("", " "), "[simulated] The prompt holds no text.");
    }

    #[test]
    fn a_heading_or_a_field_is_not_an_instruction() {
        assert_eq!(
            Prompt::new("", "Subject: the invoice\n\nIt is wrong.").material,
            "Subject: the invoice\n\nIt is wrong."
        );
        assert_eq!(Prompt::new("", NEWS).material, NEWS);
        let letter = "The server is down.\n\nAnn";
        assert_eq!(Prompt::new("Classify the mail.", letter).material, letter);
    }

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(head("aé", 2), "a");
        assert_eq!(clip("éèà", 2), "éè…");
        assert_eq!(clip("éè", 2), "éè");
    }
}
