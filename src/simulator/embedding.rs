//! `POST /v1/embeddings`: vectors that say how many words two texts share.
//!
//! Each word adds to one place of the vector, so texts about the same things lie near each other
//! and a search over them works in a demo. The same text has the same vector on every machine.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use super::completion::tokens_of;
use super::key::Key;
use super::reply::{Problem, to_json};
use super::wire::{EmbeddingRequest, Encoding, Input, MAX_MODEL};

/// The size of a vector when the request does not say.
const DIMENSIONS: usize = 384;
const MAX_DIMENSIONS: usize = 4_096;
const MAX_INPUTS: usize = 2_048;
/// The most numbers of one answer.
const MAX_NUMBERS: usize = 1 << 22;

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Embedding>,
    model: &'a str,
    usage: Usage,
}

#[derive(Serialize)]
struct Embedding {
    object: &'static str,
    index: usize,
    embedding: Vector,
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    total_tokens: u64,
}

/// A vector as it is written.
struct Vector {
    numbers: Vec<f32>,
    encoding: Encoding,
}

impl Serialize for Vector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.encoding {
            Encoding::Float => self.numbers.serialize(serializer),
            Encoding::Base64 => {
                let bytes: Vec<u8> = self.numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                serializer.serialize_str(&STANDARD.encode(bytes))
            }
        }
    }
}

/// The answer to a body, and how many tokens it took.
pub(super) fn answer(body: &[u8]) -> Result<Vec<u8>, Problem> {
    let request: EmbeddingRequest =
        serde_json::from_slice(body).map_err(|error| Problem::unreadable(&error))?;
    let wrong = |param, message: String| Err(Problem::bad_request(Some(param), message));
    if request.model.is_empty() {
        return wrong("model", "`model` is missing: name any model".into());
    }
    if request.model.len() > MAX_MODEL {
        return wrong("model", format!("`model` is too long: at most {MAX_MODEL} bytes"));
    }
    let dimensions = request.dimensions.unwrap_or(DIMENSIONS);
    if dimensions == 0 || dimensions > MAX_DIMENSIONS {
        return wrong("dimensions", format!("`dimensions` must be from 1 to {MAX_DIMENSIONS}"));
    }
    let texts = match request.input {
        None => return wrong("input", "`input` is missing: send one text or a list".into()),
        Some(Input::Text(text)) => vec![text],
        Some(Input::Texts(texts)) => texts,
        Some(Input::Tokens(tokens)) => vec![joined(&tokens)],
        Some(Input::TokenLists(lists)) => lists.iter().map(|tokens| joined(tokens)).collect(),
    };
    if texts.is_empty() || texts.len() > MAX_INPUTS || texts.len() * dimensions > MAX_NUMBERS {
        let message =
            format!("`input` must hold 1 to {MAX_INPUTS} texts, and {MAX_NUMBERS} numbers in all at most");
        return wrong("input", message);
    }
    let encoding = request.encoding_format.unwrap_or(Encoding::Float);
    let tokens = texts.iter().map(|text| tokens_of(text)).sum();
    let embedding = |(index, text): (usize, &String)| Embedding {
        object: "embedding",
        index,
        embedding: Vector { numbers: vector(text, dimensions), encoding },
    };
    Ok(to_json(&List {
        object: "list",
        data: texts.iter().enumerate().map(embedding).collect(),
        model: &request.model,
        usage: Usage { prompt_tokens: tokens, total_tokens: tokens },
    }))
}

fn joined(tokens: &[u64]) -> String {
    tokens.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}

/// A vector of length 1: each word, in lower case, counts up or down in one place.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let mut numbers = vec![0.0_f32; dimensions];
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    for word in words {
        let hash = Key::new(0).text(&word.to_lowercase()).value();
        let place = (hash >> 1) as usize % dimensions;
        numbers[place] += if hash & 1 == 0 { 1.0 } else { -1.0 };
    }
    let length = numbers.iter().map(|number| number * number).sum::<f32>().sqrt();
    if length == 0.0 {
        // No word, or words that cancel each other: some direction is still needed.
        numbers.fill(0.0);
        numbers[Key::new(1).text(text).value() as usize % dimensions] = 1.0;
        return numbers;
    }
    numbers.iter_mut().for_each(|number| *number /= length);
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn embed(body: Value) -> Value {
        serde_json::from_slice(&answer(body.to_string().as_bytes()).unwrap()).unwrap()
    }

    fn likeness(a: &str, b: &str) -> f32 {
        vector(a, 384).iter().zip(vector(b, 384)).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn texts_that_share_words_lie_near() {
        assert!((likeness("The invoice is wrong", "the INVOICE is wrong!") - 1.0).abs() < 1e-5);
        assert!(
            likeness("the invoice is wrong", "a wrong invoice")
                > likeness("the invoice is wrong", "rain tomorrow")
        );
        assert!((likeness("", "") - 1.0).abs() < 1e-5);
    }

    #[test]
    fn both_encodings_hold_the_same_numbers() {
        let float = embed(json!({"model": "m", "input": ["a b", "c"], "dimensions": 8}));
        let base64 =
            embed(json!({"model": "m", "input": ["a b", "c"], "dimensions": 8, "encoding_format": "base64"}));
        let numbers: Vec<f32> = serde_json::from_value(float["data"][1]["embedding"].clone()).unwrap();
        let bytes = STANDARD.decode(base64["data"][1]["embedding"].as_str().unwrap()).unwrap();
        let decoded: Vec<f32> =
            bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert_eq!(numbers, decoded);
        assert_eq!(float["usage"], json!({"prompt_tokens": 2, "total_tokens": 2}));
        assert_eq!(embed(json!({"model": "m", "input": [[1, 2], [3]]}))["data"][1]["index"], 1);
    }

    #[test]
    fn a_wrong_request_is_told_what_is_wrong() {
        for (body, message) in [
            (json!({"input": "a"}), "`model` is missing"),
            (json!({"model": "m"}), "`input` is missing"),
            (json!({"model": "m", "input": []}), "1 to 2048 texts"),
            (json!({"model": "m", "input": "a", "dimensions": 0}), "from 1 to 4096"),
        ] {
            let problem = answer(body.to_string().as_bytes()).unwrap_err();
            assert!(problem.message.contains(message), "{}", problem.message);
        }
    }
}
