//! Messages, and how they come of a rendered text and the marks in it. The JSON of a message is
//! Dotprompt's.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

use crate::template::text::{Mark, Marked};

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// What is said and shown, in order. Read from JSON it may also be one text.
    #[serde(deserialize_with = "content")]
    pub content: Vec<Part>,
    /// What is known of it, beside what it says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The author of the prompt.
    System,
    /// The one who asks.
    User,
    /// The model; `assistant` is read too.
    #[serde(alias = "assistant")]
    Model,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Text.
    Text(String),
    /// A picture, a sound, a file.
    Media(Media),
    /// The beginning of a section; nothing of it is sent.
    Metadata(Metadata),
}

/// Something that is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Media {
    /// Where it is, or what it is (`data:`).
    pub url: String,
    /// Its media type, where the author says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// What is known of a message or a part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// What it is there for: `history`, or the name of a section.
    pub purpose: Arc<str>,
    /// Whether somebody may still fill it in: so it is with a section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<bool>,
}

impl Role {
    /// What a role is called in a prompt.
    pub const NAMES: [&'static str; 3] = ["system", "user", "model"];

    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "system" => Some(Self::System),
            "user" => Some(Self::User),
            "model" | "assistant" => Some(Self::Model),
            _ => None,
        }
    }
}

impl Message {
    fn new(role: Role) -> Self {
        Self { role, content: Vec::new(), metadata: None }
    }

    /// How many bytes it takes, roughly.
    pub(super) fn size(&self) -> usize {
        let size = |part: &Part| match part {
            Part::Text(text) => text.len(),
            Part::Media(media) => media.url.len(),
            Part::Metadata(_) => 0,
        };
        MESSAGE_COST + self.content.iter().map(size).sum::<usize>()
    }

    fn is_history(&self) -> bool {
        self.metadata.as_ref().is_some_and(|metadata| &*metadata.purpose == HISTORY)
    }

    /// Adds text, unless there is nothing in it but space.
    fn say(&mut self, text: &str) {
        if !text.trim().is_empty() {
            self.content.push(Part::Text(text.to_owned()));
        }
    }
}

/// What a message takes beside what it says.
const MESSAGE_COST: usize = 64;

/// The purpose of earlier messages.
const HISTORY: &str = "history";

/// Content as JSON has it: one text, or parts.
fn content<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Part>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Content {
        Text(String),
        Parts(Vec<Part>),
    }
    Ok(match Content::deserialize(deserializer)? {
        Content::Text(text) => vec![Part::Text(text)],
        Content::Parts(parts) => parts,
    })
}

/// The messages of a rendered text. Where nothing is said yet, a role replaces the one before; after
/// the history it is the model that speaks until somebody else does.
pub(super) fn assemble(marked: Marked, history: Vec<Message>) -> Vec<Message> {
    let Marked { text, marks } = marked;
    let mut messages = Vec::new();
    let mut message = Message::new(Role::User);
    let mut from = 0;
    for (at, mark) in marks {
        message.say(&text[from..at]);
        from = at;
        match mark {
            Mark::Media(media) => message.content.push(Part::Media(media)),
            Mark::Section(purpose) => {
                message.content.push(Part::Metadata(Metadata { purpose, pending: Some(true) }));
            }
            Mark::Role(role) if message.content.is_empty() => message.role = role,
            Mark::Role(role) => messages.push(std::mem::replace(&mut message, Message::new(role))),
            Mark::History => {
                messages.push(std::mem::replace(&mut message, Message::new(Role::Model)));
                let metadata = Some(Metadata { purpose: HISTORY.into(), pending: None });
                messages.extend(
                    history.iter().map(|earlier| Message { metadata: metadata.clone(), ..earlier.clone() }),
                );
            }
        }
    }
    message.say(&text[from..]);
    messages.push(message);
    messages.retain(|message| !message.content.is_empty());
    if history.is_empty() || messages.iter().any(Message::is_history) {
        return messages;
    }
    let before = match messages.last() {
        Some(last) if last.role == Role::User => messages.len() - 1,
        _ => messages.len(),
    };
    messages.splice(before..before, history);
    messages
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(role: Role, text: &str) -> Message {
        Message { role, content: vec![Part::Text(text.into())], metadata: None }
    }

    #[test]
    fn history_comes_before_the_last_question() {
        let marked = |text: &str, marks| Marked { text: text.into(), marks };
        let earlier = || vec![said(Role::User, "a"), said(Role::Model, "b")];
        let texts = |messages: Vec<Message>| -> Vec<(Role, Part)> {
            messages.into_iter().map(|mut message| (message.role, message.content.remove(0))).collect()
        };
        let asked = assemble(
            marked("sq", vec![(0, Mark::Role(Role::System)), (1, Mark::Role(Role::User))]),
            earlier(),
        );
        let roles: Vec<_> = texts(asked).into_iter().map(|(role, _)| role).collect();
        assert_eq!(roles, [Role::System, Role::User, Role::Model, Role::User]);
        // Twice written it stands twice, each time without the bounds of what is said around it.
        let twice = assemble(marked("", vec![(0, Mark::History), (0, Mark::History)]), earlier());
        assert_eq!(twice.len(), 4);
        assert_eq!(assemble(marked(" \n", vec![(1, Mark::History)]), Vec::new()), []);
    }

    #[test]
    fn messages_are_read_in_both_forms() {
        let read: Vec<Message> = serde_json::from_value(json!([
            { "role": "assistant", "content": "hello" },
            { "role": "user", "content": [{ "text": "a" }, { "media": { "url": "https://x/y", "contentType": "image/png" } }] },
        ]))
        .unwrap();
        assert_eq!(read[0], said(Role::Model, "hello"));
        assert!(
            matches!(&read[1].content[1], Part::Media(Media { content_type: Some(kind), .. }) if kind == "image/png")
        );
    }
}
