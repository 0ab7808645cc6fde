//! Strings: by format, by pattern, or from the prompt's own words, within the length asked for.

use super::Instance;
use super::schema::Layers;
use super::{pattern, prose};

/// The longest string that is filled up to reach a minimum.
const MAX_FILLED: usize = 8_192;
/// Property names whose values are a few words.
const SHORT: [&str; 9] =
    ["title", "subject", "headline", "name", "label", "topic", "category", "tag", "keyword"];

impl Instance<'_> {
    /// A string for the property `name`.
    pub(super) fn text(&mut self, layers: &Layers, name: &str) -> String {
        let (least, most) = (layers.most_of("minLength"), layers.least_of("maxLength"));
        let fits = |text: &String| {
            let length = text.chars().count();
            least.is_none_or(|least| length >= least) && most.is_none_or(|most| length <= most)
        };
        if let Some(found) = layers.text("pattern").and_then(|pattern| self.matching(pattern, fits)) {
            return found;
        }
        if let Some(found) = layers.text("format").and_then(|format| self.formatted(format)).filter(fits) {
            return found;
        }
        let mut text = self.words(name);
        if let Some(most) = most {
            text = text.chars().take(most).collect();
        }
        let length = text.chars().count();
        let missing = least.unwrap_or_default().min(MAX_FILLED).saturating_sub(length);
        if self.spend(missing) {
            text.extend(" simulated".chars().cycle().take(missing));
        }
        text
    }

    /// A text that the pattern matches and the length allows, in a few attempts.
    fn matching(&mut self, source: &str, fits: impl Fn(&String) -> bool) -> Option<String> {
        // Reading an expression is the dear part: each is read once, and none when the work is done.
        if source.len() > pattern::MAX_PATTERN || !self.spend(8_192) {
            return None;
        }
        if !self.patterns.contains_key(source) {
            let read = if self.spend(source.len() * 4_096) { pattern::read(source) } else { None };
            self.patterns.insert(source.to_owned(), read);
        }
        let expression = self.patterns.get(source)?.as_ref()?;
        let draws = &mut self.draws;
        (0..4).find_map(|_| pattern::matching(expression, draws).filter(&fits))
    }

    /// A text of a named format; none for a format that is not known.
    fn formatted(&mut self, format: &str) -> Option<String> {
        let draws = &mut self.draws;
        let mut number = |most: u32| draws.u32(1..=most);
        let text = match format {
            "date" => format!("2026-{:02}-{:02}", number(12), number(28)),
            "time" => format!("{:02}:{:02}:00Z", number(23), number(59)),
            "date-time" => {
                format!("2026-{:02}-{:02}T{:02}:{:02}:00Z", number(12), number(28), number(23), number(59))
            }
            "duration" => format!("PT{}M", number(90)),
            "email" | "idn-email" => format!("person{}@example.com", number(99)),
            "hostname" | "idn-hostname" => format!("host{}.example.com", number(99)),
            "ipv4" => format!("192.0.2.{}", number(254)),
            "ipv6" => format!("2001:db8::{:x}", number(0xffff)),
            "uri" | "url" | "iri" | "uri-reference" | "iri-reference" => {
                format!("https://example.com/{}", number(999))
            }
            "uuid" => {
                let (high, low) = (draws.u64(..), draws.u64(..));
                uuid::Builder::from_random_bytes(
                    u128::from(high).wrapping_shl(64).wrapping_add(low.into()).to_be_bytes(),
                )
                .into_uuid()
                .to_string()
            }
            "json-pointer" => "/simulated".to_owned(),
            "regex" => "^simulated$".to_owned(),
            _ => return None,
        };
        Some(text)
    }

    /// Words of the prompt: few for a title, a sentence otherwise, another one each time.
    fn words(&mut self, name: &str) -> String {
        let name = prose::head(name, 64).to_lowercase();
        if name.contains("lang") {
            return "en".to_owned();
        }
        let Some(sentence) = self.next_sentence() else {
            return format!("simulated {name}").trim().to_owned();
        };
        if !SHORT.iter().any(|short| name.contains(short)) {
            return sentence;
        }
        let few: Vec<_> = sentence.split_whitespace().take(6).collect();
        prose::clip(few.join(" ").trim_end_matches(['.', ',', ';', ':', '!', '?']), 60)
    }
}
