//! The models that can be called: providers by name, aliases, and what was learned of each model.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use indexmap::{IndexMap, IndexSet};

use super::{ChatAnswer, ChatOptions, ChatRequest, Client, ModelError, Provider, WorstCase};
use crate::models::{DEFAULT_PROVIDER, JsonMode, MAMMOUTH, ModelRef, Quote};
use crate::secret::MissingSecret;

/// Where each model is, and how it is called.
pub struct Directory {
    client: Client,
    providers: IndexMap<String, Provider>,
    /// By name, the models tried in order.
    aliases: BTreeMap<String, Vec<String>>,
    /// Ways of asking for JSON that a server refused; forgotten when the daemon stops.
    learned: Mutex<HashMap<ModelRef, JsonMode>>,
}

/// A step of the walk through the aliases.
enum Visit<'a> {
    /// To what this name stands for.
    Enter(&'a str),
    /// Out of this alias.
    Leave(&'a str),
}

/// How far an alias was followed.
enum Opened {
    /// The walk is inside it.
    Inside,
    /// All of it is in the chain.
    Done,
}

impl Directory {
    /// The models of these providers. A name without a provider is one of Mammouth's, or of the
    /// first provider where Mammouth is not among them.
    pub fn new(
        client: Client,
        providers: impl IntoIterator<Item = Provider>,
        aliases: BTreeMap<String, Vec<String>>,
    ) -> Self {
        let providers = providers.into_iter().map(|provider| (provider.name.clone(), provider)).collect();
        Self { client, providers, aliases, learned: Mutex::default() }
    }

    /// The models that these names stand for, each once, in order. Inside an alias, the alias' own
    /// name is that of a model.
    pub fn chain<'a>(&'a self, names: impl IntoIterator<Item = &'a str>) -> Vec<ModelRef> {
        let mut chain = IndexSet::new();
        // Each alias is opened once, however many lead to it, and on a stack of its own, however
        // long a chain of them is.
        let mut opened = HashMap::new();
        let mut waiting: Vec<_> = names.into_iter().map(Visit::Enter).collect();
        waiting.reverse();
        while let Some(visit) = waiting.pop() {
            match visit {
                Visit::Leave(alias) => {
                    opened.insert(alias, Opened::Done);
                }
                Visit::Enter(name) => match (self.aliases.get(name), opened.get(name)) {
                    (Some(names), None) => {
                        opened.insert(name, Opened::Inside);
                        waiting.push(Visit::Leave(name));
                        waiting.extend(names.iter().rev().map(|name| Visit::Enter(name)));
                    }
                    (Some(_), Some(Opened::Done)) => {}
                    (Some(_), Some(Opened::Inside)) | (None, _) => {
                        chain.insert(self.model(name));
                    }
                },
            }
        }
        chain.into_iter().collect()
    }

    fn model(&self, name: &str) -> ModelRef {
        ModelRef::parse(name, self.providers.keys().map(String::as_str), self.default_provider())
    }

    fn default_provider(&self) -> &str {
        if self.providers.contains_key(DEFAULT_PROVIDER) {
            return DEFAULT_PROVIDER;
        }
        self.providers.keys().next().map_or(DEFAULT_PROVIDER, String::as_str)
    }

    /// Whether a model is listed; of providers without a list every name may be a model.
    pub fn knows(&self, model: &ModelRef) -> bool {
        model.provider != DEFAULT_PROVIDER
            || self.known_models(&model.provider).contains(&model.model.as_str())
            || self.client.catalog.price(model).is_some()
    }

    /// The listed models of a provider.
    pub fn known_models(&self, provider: &str) -> Vec<&'static str> {
        if provider == DEFAULT_PROVIDER {
            MAMMOUTH.iter().map(|known| known.id).collect()
        } else {
            Vec::new()
        }
    }

    /// The secret without which the provider of this model cannot be called: its key is made of one
    /// that is not set.
    pub fn missing_key(&self, model: &ModelRef) -> Option<MissingSecret> {
        let provider = self.providers.get(&model.provider)?;
        let texts = provider.key.iter().chain(provider.headers.iter().map(|(_, value)| value));
        texts.filter_map(|text| self.client.net.secrets().fill(text).err()).next()
    }

    /// The best way to ask this model for JSON that no server has refused yet.
    pub fn json_mode(&self, model: &ModelRef) -> JsonMode {
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        learned.get(model).copied().unwrap_or(JsonMode::Schema)
    }

    /// Remembers that a server wants to be asked for JSON in this way.
    pub fn learn_json_mode(&self, model: &ModelRef, mode: JsonMode) {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner).insert(model.clone(), mode);
    }

    /// What a model costs; none when nobody said.
    pub fn price(&self, model: &ModelRef) -> Option<Quote<'_>> {
        self.client.catalog.price(model)
    }

    /// What a call may cost at most; none when nobody said what the model costs.
    pub fn worst_case(&self, model: &ModelRef, request: &ChatRequest) -> Option<WorstCase> {
        let (Quote::Listed(price) | Quote::Estimate { price, .. }) = self.price(model)?;
        Some(WorstCase::of(request, *price))
    }

    /// Calls a model of [`chain`](Self::chain).
    ///
    /// # Errors
    /// As [`Client::chat`].
    pub async fn chat(
        &self,
        model: &ModelRef,
        request: &ChatRequest,
        options: &ChatOptions,
    ) -> Result<ChatAnswer, ModelError> {
        let Some(provider) = self.providers.get(&model.provider) else {
            return Err(ModelError::no_provider(&model.provider));
        };
        let options = ChatOptions { stream: provider.streaming, ..options.clone() };
        self.client.chat(provider, request, &options).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SystemClock;
    use crate::models::Catalog;
    use crate::net;

    fn directory(aliases: impl IntoIterator<Item = (String, Vec<String>)>) -> Directory {
        let net = net::Client::new(net::NetOptions::default());
        let client = Client::new(net, Arc::new(Catalog::default()), Arc::new(SystemClock));
        Directory::new(client, [], aliases.into_iter().collect())
    }

    fn names(directory: &Directory, of: &str) -> Vec<String> {
        directory.chain([of]).into_iter().map(|model| model.model).collect()
    }

    #[test]
    fn aliases_are_followed_in_order_and_give_each_model_once() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let models = directory([
            ("fast".to_owned(), list(&["small", "big", "m3"])),
            ("small".to_owned(), list(&["m1", "m2"])),
            ("big".to_owned(), list(&["m2", "small", "m4"])),
            ("m5".to_owned(), list(&["m5", "m1"])),
        ]);
        assert_eq!(names(&models, "fast"), ["m1", "m2", "m4", "m3"]);
        assert_eq!(names(&models, "m5"), ["m5", "m1"]);
        assert_eq!(names(&models, "other"), ["other"]);
    }

    #[test]
    fn many_ways_to_a_model_and_a_long_way_cost_little() {
        let wide = (0..40).map(|level| (format!("a{level}"), vec![format!("a{}", level + 1); 8]));
        assert_eq!(names(&directory(wide), "a0"), ["a40"]);
        let long = (0..100_000).map(|level| (format!("a{level}"), vec![format!("a{}", level + 1)]));
        assert_eq!(names(&directory(long), "a0"), ["a100000"]);
    }
}
