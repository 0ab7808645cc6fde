//! The requests of a test, which never leave: what would have been sent, with secrets by their names.

use serde_json::json;

use crate::secret;
use crate::value::Json;

/// The keys of a step under which an address stands, with the method that each is.
const METHODS: [(&str, &str); 7] = [
    ("get", "GET"),
    ("head", "HEAD"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    // A delivery.
    ("url", "POST"),
];

/// The request that a step with these values would make.
pub(super) fn request(step: &str, values: &serde_json::Map<String, Json>) -> Json {
    let target = METHODS.iter().find_map(|(key, method)| Some((*method, values.get(*key)?.as_str()?)));
    let (method, url) = target.unwrap_or(("GET", ""));
    let mut request = json!({ "step": step, "method": method, "url": with_query(url, values.get("query")) });
    let headers = values.get("headers").and_then(Json::as_object);
    let headers = headers.into_iter().flatten().map(|(name, value)| (name.to_lowercase(), value.clone()));
    request["headers"] = Json::Object(headers.collect());
    for body in ["json", "form", "body", "multipart"] {
        if let Some(value) = values.get(body) {
            request[body] = value.clone();
        }
    }
    named(&request)
}

fn with_query(url: &str, query: Option<&Json>) -> String {
    let pairs = query.and_then(Json::as_object).into_iter().flatten();
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let encode = |text: &str| match secret::has_placeholder(text) {
        true => text.to_owned(),
        false => url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
    };
    let pairs = pairs.map(|(name, value)| format!("{}={}", encode(name), encode(&text(value))));
    let pairs = pairs.collect::<Vec<_>>().join("&");
    match (pairs.is_empty(), url.contains('?')) {
        (true, _) => url.to_owned(),
        (false, true) => format!("{url}&{pairs}"),
        (false, false) => format!("{url}?{pairs}"),
    }
}

/// A value with every secret in it as it is written: `{{secrets.NAME}}`.
pub(super) fn named(value: &Json) -> Json {
    match value {
        Json::String(text) => Json::String(secret::as_written(text)),
        Json::Array(items) => items.iter().map(named).collect(),
        Json::Object(fields) => {
            Json::Object(fields.iter().map(|(key, field)| (secret::as_written(key), named(field))).collect())
        }
        other => other.clone(),
    }
}

/// Requests in an order that does not hang on who was first: those of a loop stand where its first one
/// does, pass by pass.
pub(super) fn in_order(requests: Vec<Json>) -> Vec<Json> {
    let mut groups: Vec<(String, Vec<Json>)> = Vec::new();
    for request in requests {
        let step = request["step"].as_str().unwrap_or_default().to_owned();
        let group = match step.split_once('[') {
            Some((list, _)) => format!("{list}["),
            None => step,
        };
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, requests)) => requests.push(request),
            None => groups.push((group, vec![request])),
        }
    }
    let pass = |request: &Json| passes(request["step"].as_str().unwrap_or_default());
    for (_, requests) in &mut groups {
        requests.sort_by_key(pass);
    }
    groups.into_iter().flat_map(|(_, requests)| requests).collect()
}

/// The passes of the loops around a step, the outermost first.
pub(super) fn passes(step: &str) -> Vec<usize> {
    let inside = step.split('[').skip(1).filter_map(|rest| rest.split(']').next());
    inside.filter_map(|index| index.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: Json) -> Json {
        request("s", values.as_object().unwrap())
    }

    #[test]
    fn a_request_is_shown_as_it_would_be_sent() {
        let key = secret::placeholder("KEY");
        let made = of(json!({
            "get": "https://example.org/a?b=1", "query": { "q": "x y", "k": key, "n": 2 },
            "headers": { "X-Key": format!("Bearer {key}") }, "parse": "json",
        }));
        assert_eq!(
            made,
            json!({
                "step": "s", "method": "GET", "url": "https://example.org/a?b=1&q=x+y&k={{secrets.KEY}}&n=2",
                "headers": { "x-key": "Bearer {{secrets.KEY}}" },
            })
        );
        let made = of(json!({ "url": secret::placeholder("HOOK"), "json": { "a": [key] } }));
        assert_eq!((&made["method"], &made["url"]), (&json!("POST"), &json!("{{secrets.HOOK}}")));
        assert_eq!(made["json"], json!({ "a": ["{{secrets.KEY}}"] }));
    }

    #[test]
    fn the_order_does_not_hang_on_who_was_first() {
        let steps = ["a", "each[10]/x", "each[2]/x", "b", "each[2]/y"];
        let ordered = in_order(steps.iter().map(|step| json!({ "step": step })).collect());
        let ordered: Vec<_> = ordered.iter().map(|one| one["step"].as_str().unwrap()).collect();
        assert_eq!(ordered, ["a", "each[2]/x", "each[2]/y", "each[10]/x", "b"]);
        assert_eq!(passes("o[1]/i[12]/x!h/y"), [1, 12]);
    }
}
