//! A step's prompt file: which one, and what it is given.

use std::sync::Arc;

use serde_json::json;

use crate::template::foresight::Foreseen;
use crate::template::prompt::{Inputs, Message, Prompt};
use crate::template::{Scope, Tree};
use crate::value::{Failure, Json};

use super::{Field, FieldType};

/// What a step may say of a prompt file.
pub const PROMPT_FILE: &[Field] = &[
    Field::required("file", FieldType::Text, "The file: a path, or a name below `prompts/`"),
    Field::optional("with", FieldType::Json, "What the prompt's inputs are"),
    Field::optional("context", FieldType::Map(&FieldType::Json), "What `@name` reads in it"),
    Field::optional("history", FieldType::Json, "The messages before, where it says `{{history}}`"),
];

/// A prompt file as a step uses it.
#[derive(Clone, Debug)]
pub struct PromptCall {
    /// The file's path in the workspace, for messages.
    pub file: Arc<str>,
    /// What it says.
    pub prompt: Arc<Prompt>,
    /// What it takes.
    pub inputs: Arc<Inputs>,
    /// What it is given.
    pub with: Tree,
    /// What `@name` reads in it.
    pub context: Vec<(Arc<str>, Tree)>,
    /// The messages before.
    pub history: Option<Tree>,
}

impl PromptCall {
    /// The messages as `{messages: […]}`, each in [Dotprompt's form](Message).
    ///
    /// # Errors
    /// When a value that it is given fails or does not fit, or the prompt itself fails.
    pub fn evaluate(&self, scope: &Scope) -> Result<Json, Failure> {
        let given = self.with.evaluate(scope)?;
        let mut variables = Scope::new();
        for (name, tree) in &self.context {
            variables = variables.with(name.clone(), tree.evaluate(scope)?);
        }
        let history = match &self.history {
            Some(tree) => earlier(tree.evaluate(scope)?)?,
            None => Vec::new(),
        };
        let inside = |failure: Failure| {
            let message = format!("in `{}`: {}", self.file, failure.message);
            Failure { message, ..failure }
        };
        let inputs = self.inputs.fill(given).map_err(inside)?;
        let messages = self.prompt.render(&inputs, &variables, history).map_err(inside)?;
        Ok(json!({ "messages": messages }))
    }

    /// The messages, where all that the prompt is given is known; else which file is given what, as a
    /// prompt may go another way with every value.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn foresee(&self, scope: &Scope) -> Result<Foreseen<Json>, Failure> {
        let mut all = Foreseen::known(());
        let with = all.merge(self.with.foresee(scope)?);
        for (_, tree) in &self.context {
            all.merge(tree.foresee(scope)?);
        }
        if let Some(history) = &self.history {
            all.merge(history.foresee(scope)?);
        }
        match all.is_known() {
            true => self.evaluate(scope).map(Foreseen::known),
            false => {
                Ok(Foreseen { value: json!({ "file": &*self.file, "with": with }), unknown: all.unknown })
            }
        }
    }
}

fn earlier(history: Json) -> Result<Vec<Message>, Failure> {
    if history.is_null() {
        return Ok(Vec::new());
    }
    serde_json::from_value(history).map_err(|error| {
        let message = format!(
            "`history` is a list of messages like `{{role: user, content: text}}`, and this is not: {error}"
        );
        Failure::new("wrong_value", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Partials;

    fn call(body: &str, with: Json, history: Json) -> PromptCall {
        PromptCall {
            file: "prompts/x.prompt".into(),
            prompt: Arc::new(Prompt::compile(body, &Partials::new()).unwrap()),
            inputs: Arc::default(),
            with: Tree::Literal(Arc::new(with)),
            context: vec![("user".into(), Tree::Literal(Arc::new(json!({ "name": "Ann" }))))],
            history: Some(Tree::Literal(Arc::new(history))),
        }
    }

    #[test]
    fn the_messages_are_those_of_the_file() {
        let history = json!([{ "role": "user", "content": "before" }]);
        let made = call(
            "{{role \"system\"}}For {{@user.name}}.{{role \"user\"}}{{q}}",
            json!({ "q": "?" }),
            history,
        );
        let texts: Vec<Json> = made.evaluate(&Scope::new()).unwrap()["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|message| message["content"][0]["text"].clone())
            .collect();
        assert_eq!(texts, ["For Ann.", "before", "?"]);
    }

    #[test]
    fn what_fails_says_in_which_file() {
        let failure = call("{{q}}", json!({}), Json::Null).evaluate(&Scope::new()).unwrap_err();
        assert_eq!(failure.code, "missing_path");
        assert!(failure.message.starts_with("in `prompts/x.prompt`: `q` is missing"), "{failure}");
        let failure = call("", json!({}), json!([{ "role": "tool", "content": "" }])).evaluate(&Scope::new());
        assert_eq!(failure.unwrap_err().code, "wrong_value");
    }
}
