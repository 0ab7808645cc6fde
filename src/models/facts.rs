//! What a model's id says about what it accepts. A rule here is a first guess that a provider's
//! configuration or a server's refusal may correct.

/// Whose model it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// GPT and the o series.
    OpenAi,
    /// Mistral, Magistral, Codestral, Ministral, Pixtral, Devstral.
    Mistral,
    /// Grok.
    Xai,
    /// Gemini and Gemma.
    Google,
    /// DeepSeek.
    DeepSeek,
    /// Llama.
    Meta,
    /// Claude.
    Anthropic,
    /// Qwen and QwQ.
    Qwen,
    /// GLM.
    Zhipu,
}

impl Family {
    /// The name in lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Mistral => "mistral",
            Self::Xai => "xai",
            Self::Google => "google",
            Self::DeepSeek => "deepseek",
            Self::Meta => "meta",
            Self::Anthropic => "anthropic",
            Self::Qwen => "qwen",
            Self::Zhipu => "zhipu",
        }
    }
}

/// The family that a model's id tells of. Prefixes of routers (`openai/gpt-5`) do not matter.
pub fn family(model: &str) -> Option<Family> {
    let id = bare(model);
    let known: [(Family, &[&str]); 9] = [
        (Family::OpenAi, &["gpt-", "chatgpt-", "o1", "o3", "o4"]),
        (
            Family::Mistral,
            &["mistral", "magistral", "codestral", "ministral", "pixtral", "devstral", "open-mistral"],
        ),
        (Family::Xai, &["grok"]),
        (Family::Google, &["gemini", "gemma"]),
        (Family::DeepSeek, &["deepseek"]),
        (Family::Meta, &["llama"]),
        (Family::Anthropic, &["claude"]),
        (Family::Qwen, &["qwen", "qwq"]),
        (Family::Zhipu, &["glm"]),
    ];
    known
        .iter()
        .find(|(_, starts)| starts.iter().any(|start| id.starts_with(start)))
        .map(|(family, _)| *family)
}

/// How a model is asked for JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JsonMode {
    /// By words in the prompt only.
    Prompt,
    /// `response_format: json_object`.
    Object,
    /// `response_format: json_schema`.
    Schema,
}

/// The best way to ask this model for JSON; a server that refuses it is asked one level lower.
pub fn json_mode(model: &str) -> JsonMode {
    match family(model) {
        Some(Family::DeepSeek | Family::Qwen | Family::Zhipu) => JsonMode::Object,
        _ => JsonMode::Schema,
    }
}

/// What OpenAI's reasoning models refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reasoning {
    /// Whether `stop` is understood.
    pub stop: bool,
    /// Whether `temperature` and its like are understood when `reasoning_effort` is `none`.
    pub sampling_without_effort: bool,
}

/// The rules of a reasoning model, none for all others: the o series, and GPT from 5 on except its
/// chat variants. Such a model wants `max_completion_tokens` and refuses `temperature`.
pub fn reasoning(model: &str) -> Option<Reasoning> {
    let id = bare(model);
    if let Some(rest) = id.strip_prefix('o') {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let matches = !number.is_empty() && (tail.is_empty() || tail.starts_with('-'));
        let stop = !(number == "3" || number == "4" && tail.starts_with("-mini"));
        return matches.then_some(Reasoning { stop, sampling_without_effort: false });
    }
    let version = id.strip_prefix("gpt-")?;
    let (number, tail) =
        version.split_at(version.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count());
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    let major: u32 = major.parse().ok()?;
    let minor: u32 = minor.parse().unwrap_or(0);
    let ends = tail.is_empty() || tail.starts_with('-');
    let matches = major >= 5 && ends && !tail.starts_with("-chat");
    matches.then_some(Reasoning { stop: true, sampling_without_effort: (major, minor) >= (5, 1) })
}

/// How many tokens, reasoning included, an answer of this model may have where something limits what
/// it costs and the step does not say. Every model that is known can give as many; a local one may
/// have no room for more than this beside its prompt.
pub fn usual_answer(model: &str) -> u64 {
    match (reasoning(model), family(model)) {
        (Some(_), _) => 32_768,
        (None, Some(_)) => 8_192,
        (None, None) => 4_096,
    }
}

/// The id in lower case without a router's prefixes.
fn bare(model: &str) -> String {
    model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasoning_models_are_told_by_their_ids() {
        for id in
            ["o1", "o3", "o4-mini", "o3-pro", "gpt-5", "gpt-5-mini", "gpt-5.1", "gpt-12", "openai/gpt-5"]
        {
            assert!(reasoning(id).is_some(), "{id}");
        }
        for id in
            ["gpt-4.1", "gpt-4o", "gpt-5-chat-latest", "gpt-5.1-chat", "o3x", "o", "olmo-2", "gpt-oss-20b"]
        {
            assert_eq!(reasoning(id), None, "{id}");
        }
        assert_eq!(reasoning("o3"), Some(Reasoning { stop: false, sampling_without_effort: false }));
        assert_eq!(reasoning("gpt-5"), Some(Reasoning { stop: true, sampling_without_effort: false }));
        assert_eq!(reasoning("gpt-5.1"), Some(Reasoning { stop: true, sampling_without_effort: true }));
    }

    #[test]
    fn json_is_asked_for_by_family() {
        assert_eq!(json_mode("deepseek-v3.1"), JsonMode::Object);
        assert_eq!(json_mode("gpt-4.1"), JsonMode::Schema);
        assert_eq!(json_mode("unheard-of"), JsonMode::Schema);
    }
}
