//! Through the front door: real sockets, OpenAI's schemas for every answer.

use std::pin::Pin;
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::clock::{Clock, SystemClock, Timestamp};

macro_rules! schema {
    ($name:literal) => {
        LazyLock::new(|| {
            let text = include_str!(concat!("../../tests/fixtures/openai/", $name, ".schema.json"));
            jsonschema::validator_for(&serde_json::from_str(text).unwrap()).unwrap()
        })
    };
}

static COMPLETION: LazyLock<Validator> = schema!("CreateChatCompletionResponse");
static CHUNK: LazyLock<Validator> = schema!("CreateChatCompletionStreamResponse");
static MODELS: LazyLock<Validator> = schema!("ListModelsResponse");
static ERROR: LazyLock<Validator> = schema!("ErrorResponse");

#[track_caller]
fn assert_valid(schema: &Validator, value: &Value) {
    let problems: Vec<_> = schema.iter_errors(value).map(|problem| problem.to_string()).collect();
    assert!(problems.is_empty(), "{value}: {problems:?}");
}

/// A clock on which every wait is over at once, and is remembered.
#[derive(Debug, Default)]
struct SkippingClock(Mutex<Vec<Duration>>);

impl SkippingClock {
    fn waited(&self) -> Vec<Duration> {
        self.0.lock().unwrap().clone()
    }
}

impl Clock for SkippingClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.waited().iter().sum::<Duration>()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.0.lock().unwrap().push(duration);
        Box::pin(std::future::ready(()))
    }
}

/// What came back over the wire.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    /// The body, dechunked; all that came of it when the connection broke.
    body: String,
    /// Whether the body came to its proper end.
    complete: bool,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|problem| panic!("{problem}: {}", self.body))
    }

    fn text(&self) -> String {
        self.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
    }

    /// The events of a stream, `[DONE]` as null.
    fn events(&self) -> Vec<Value> {
        let data = self.body.split_terminator("\n\n").map(|event| event.strip_prefix("data: ").unwrap());
        data.map(|data| if data == "[DONE]" { Value::Null } else { serde_json::from_str(data).unwrap() })
            .collect()
    }
}

async fn start(options: Options) -> Simulator {
    Simulator::start(options, CancellationToken::new()).await.unwrap()
}

async fn simulator() -> Simulator {
    start(Options::new(SystemClock::shared())).await
}

/// Sends bytes on a new connection and reads until the server closes it.
async fn exchange(simulator: &Simulator, request: &str) -> Answer {
    let mut stream = TcpStream::connect(simulator.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // A dropped connection may show as an error or as an early end.
    let _ = stream.read_to_end(&mut bytes).await;
    let text = String::from_utf8(bytes).unwrap();
    let (head, rest) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
    let status = head[9..12].parse().unwrap();
    let head = head.to_lowercase();
    if head.contains("transfer-encoding: chunked") {
        let (mut body, mut rest) = (String::new(), rest);
        while let Some((size, tail)) = rest.split_once("\r\n") {
            let size = usize::from_str_radix(size, 16).unwrap();
            if size == 0 {
                return Answer { status, head, body, complete: true };
            }
            body.push_str(&tail[..size]);
            rest = &tail[size + 2..];
        }
        return Answer { status, head, body, complete: false };
    }
    let length: usize =
        head.split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
    Answer { status, body: rest.to_owned(), complete: rest.len() == length, head }
}

fn post(path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: s\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn get(simulator: &Simulator, path: &str) -> Answer {
    exchange(simulator, &format!("GET {path} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n")).await
}

fn body(user: &str, more: Value) -> Value {
    let mut body = json!({"model": "gpt-4.1", "messages": [{"role": "user", "content": user}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Sends a chat request; whatever is complete must satisfy OpenAI's schemas.
async fn send(simulator: &Simulator, body: &Value) -> Answer {
    let answer = exchange(simulator, &post("/v1/chat/completions", &body.to_string())).await;
    match answer.status {
        200 if answer.head.contains("text/event-stream") => {}
        200 if answer.complete && !body.to_string().contains("sim: malformed") => {
            assert_valid(&COMPLETION, &answer.json())
        }
        200 => {}
        _ => assert_valid(&ERROR, &answer.json()),
    }
    answer
}

async fn chat(simulator: &Simulator, user: &str, more: Value) -> Answer {
    send(simulator, &body(user, more)).await
}

/// Puts the deltas of a stream's first choice together: text and finish reason.
fn joined(events: &[Value]) -> (String, Value) {
    let (mut text, mut finish) = (String::new(), Value::Null);
    for choice in events
        .iter()
        .filter_map(|event| event["choices"].as_array()?.iter().find(|choice| choice["index"] == 0))
    {
        text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        finish = choice["finish_reason"].clone();
    }
    (text, finish)
}

#[tokio::test]
async fn a_text_is_answered_in_full() {
    let simulator = simulator().await;
    let answer =
        chat(&simulator, "Summarise this: The house burnt. All got out. It rained.", json!({})).await;
    assert_eq!(answer.text(), "Summary: The house burnt. All got out.");
    let json = answer.json();
    assert_eq!(json["model"], "gpt-4.1");
    assert_eq!(json["choices"][0]["finish_reason"], "stop");
    assert_eq!(json["usage"]["prompt_tokens"], 14);
    assert_eq!(json["usage"]["completion_tokens"], 10);
    assert_eq!(json["usage"]["total_tokens"], 24);
    assert_eq!(json["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    let other =
        exchange(&simulator, &post("/chat/completions", &body("Hello.", json!({})).to_string())).await;
    assert_eq!(other.text(), "[simulated] Hello.");
    assert_eq!(simulator.requests(), 2);
}

#[tokio::test]
async fn the_same_conversation_has_the_same_answer_under_the_same_seed() {
    let schema = json!({"response_format": {"type": "json_schema", "json_schema": {"name": "a",
        "schema": {"type": "array", "minItems": 20, "items": {"type": "integer"}}}}});
    let options = Options::new(SystemClock::shared());
    let (first, second) = (start(options.clone()).await, start(options.clone()).await);
    let third = start(Options { seed: 1, ..options }).await;
    let text = chat(&first, "a", schema.clone()).await.text();
    assert_eq!(text, chat(&second, "a", schema.clone()).await.text());
    assert_ne!(text, chat(&second, "b", schema.clone()).await.text());
    assert_ne!(text, chat(&third, "a", schema).await.text());
}

#[tokio::test]
async fn a_stream_says_the_same_and_ends_properly() {
    let simulator = simulator().await;
    let user = "Héllo wörld, this is a stream of some length.";
    let whole = chat(&simulator, user, json!({})).await;
    let answer =
        chat(&simulator, user, json!({"stream": true, "stream_options": {"include_usage": true}})).await;
    assert!(answer.complete);
    let events = answer.events();
    events[..events.len() - 1].iter().for_each(|event| assert_valid(&CHUNK, event));
    assert_eq!(events.last(), Some(&Value::Null));
    assert_eq!(joined(&events), (whole.text(), json!("stop")));
    assert_eq!(events[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    assert_eq!(events[0]["usage"], Value::Null);
    let usage = &events[events.len() - 2];
    assert_eq!((&usage["choices"], &usage["usage"]), (&json!([]), &whole.json()["usage"]));
    let plain = chat(&simulator, user, json!({"stream": true})).await.events();
    assert!(plain.iter().all(|event| event.get("usage").is_none()));
    assert_eq!(plain.len() + 1, events.len());
}

#[tokio::test]
async fn several_answers_stop_sequences_and_limits() {
    let simulator = simulator().await;
    let several = chat(&simulator, "Hello there.", json!({"n": 3})).await.json();
    assert_eq!(several["choices"].as_array().unwrap().len(), 3);
    assert_ne!(several["choices"][0]["message"], several["choices"][1]["message"]);
    let streamed = chat(&simulator, "Hello there.", json!({"n": 3, "stream": true})).await.events();
    let finished = streamed.iter().filter(|event| !event["choices"][0]["finish_reason"].is_null()).count();
    assert_eq!(finished, 3);
    let stopped = chat(&simulator, "sim: say one two three", json!({"stop": ["three", " two"]})).await;
    assert_eq!(stopped.text(), "one");
    let cut = chat(&simulator, "sim: tokens 50", json!({"max_completion_tokens": 7})).await.json();
    assert_eq!(
        (&cut["choices"][0]["finish_reason"], &cut["usage"]["completion_tokens"]),
        (&json!("length"), &json!(7))
    );
    let long = chat(&simulator, "sim: tokens 99999999", json!({})).await.json();
    assert_eq!(long["usage"]["completion_tokens"], 32_768);
    let old = chat(&simulator, "sim: tokens 50", json!({"max_tokens": 7, "stream": true})).await.events();
    assert_eq!(joined(&old).1, "length");
}

#[tokio::test]
async fn json_fits_its_schema_wherever_that_stands() {
    let simulator = simulator().await;
    let schema = json!({"type": "object", "required": ["queue"], "additionalProperties": false,
        "properties": {"queue": {"enum": ["billing", "outage"]}, "urgency": {"type": "integer", "minimum": 1, "maximum": 5}}});
    let asked = [
        body(
            "The outage lasts.",
            json!({"response_format": {"type": "json_schema", "json_schema": {"name": "t", "schema": schema}}}),
        ),
        body(
            &format!("The outage lasts. Answer as JSON by {schema}"),
            json!({"response_format": {"type": "json_object"}}),
        ),
        body(&format!("Answer by this schema: {schema}\n\nThe outage lasts."), json!({})),
    ];
    for body in asked {
        let made: Value = serde_json::from_str(&send(&simulator, &body).await.text()).unwrap();
        assert_valid(&jsonschema::validator_for(&schema).unwrap(), &made);
        assert_eq!(made["queue"], "outage");
    }
    let data = format!("Hello. {schema}");
    assert!(chat(&simulator, &data, json!({})).await.text().starts_with("[simulated] Hello."));
    let free = chat(&simulator, "Hello.", json!({"response_format": {"type": "json_object"}})).await.text();
    assert_eq!(free, r#"{"simulated":true,"text":"[simulated] Hello."}"#);
}

fn tools() -> Value {
    let parameters =
        json!({"type": "object", "required": ["city"], "properties": {"city": {"enum": ["Oslo", "Rome"]}}});
    let function = |name| json!({"type": "function", "function": {"name": name, "parameters": parameters}});
    json!([function("get_weather"), function("get_time"), {"type": "custom", "custom": {"name": "x"}}])
}

#[tokio::test]
async fn tools_are_called_when_asked_for() {
    let simulator = simulator().await;
    let user = "Use get_weather for Rome.";
    let named = chat(&simulator, user, json!({"tools": tools()})).await.json();
    let choice = &named["choices"][0];
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("tool_calls"), &Value::Null)
    );
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(call["function"], json!({"name": "get_weather", "arguments": r#"{"city":"Rome"}"#}));

    let called =
        |answer: &Value| answer["choices"][0]["message"]["tool_calls"].as_array().map_or(0, Vec::len);
    let hello = |choice: Value| body("Hello.", json!({"tools": tools(), "tool_choice": choice}));
    assert_eq!(called(&send(&simulator, &hello(json!("auto"))).await.json()), 0);
    assert_eq!(called(&send(&simulator, &hello(json!("required"))).await.json()), 1);
    let forced = hello(json!({"type": "function", "function": {"name": "get_time"}}));
    assert_eq!(
        send(&simulator, &forced).await.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"],
        "get_time"
    );
    let unknown = hello(json!({"type": "function", "function": {"name": "nope"}}));
    assert_eq!(send(&simulator, &unknown).await.status, 400);
    assert_eq!(
        called(&chat(&simulator, user, json!({"tools": tools(), "tool_choice": "none"})).await.json()),
        0
    );
    let both = "get_time and get_weather";
    assert_eq!(called(&chat(&simulator, both, json!({"tools": tools()})).await.json()), 2);
    let single = json!({"tools": tools(), "parallel_tool_calls": false});
    assert_eq!(called(&chat(&simulator, both, single).await.json()), 1);

    let after = json!({"model": "m", "tools": tools(), "messages": [{"role": "user", "content": user},
            {"role": "assistant", "content": null, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": "18 degrees"}]});
    assert_eq!(send(&simulator, &after).await.text(), "[simulated] The tool answered: 18 degrees");
}

#[tokio::test]
async fn a_call_is_streamed_in_pieces() {
    let simulator = simulator().await;
    let more = json!({"tools": tools(), "stream": true});
    let events = chat(&simulator, "get_time and get_weather in Oslo", more).await.events();
    events.iter().filter(|event| !event.is_null()).for_each(|event| assert_valid(&CHUNK, event));
    let mut calls = vec![(String::new(), String::new()); 2];
    for part in events.iter().filter_map(|event| event["choices"][0]["delta"]["tool_calls"].get(0)) {
        let (name, arguments) = &mut calls[part["index"].as_u64().unwrap() as usize];
        name.push_str(part["function"]["name"].as_str().unwrap_or_default());
        arguments.push_str(part["function"]["arguments"].as_str().unwrap());
    }
    let arguments = r#"{"city":"Oslo"}"#.to_owned();
    assert_eq!(calls, [("get_weather".to_owned(), arguments.clone()), ("get_time".to_owned(), arguments)]);
    assert_eq!(joined(&events).1, "tool_calls");
}

#[tokio::test]
async fn errors_have_openais_shape() {
    let simulator = simulator().await;
    for (user, status, header) in [
        ("sim: error 429 retry-after 7", 429, "retry-after: 7"),
        ("sim: error 503", 503, "retry-after: 1"),
        ("sim: error 500", 500, "content-type: application/json"),
        ("sim: error-event", 500, "content-type: application/json"),
        ("sim: wrong", 400, "content-type: application/json"),
        (&"sim: hang\n".repeat(300), 400, "content-type: application/json"),
    ] {
        let answer = chat(&simulator, user, json!({})).await;
        assert_eq!(answer.status, status);
        assert!(answer.head.contains(header), "{}", answer.head);
    }
    for (request, status, code) in [
        ("GET /v1/nope", 404, json!("unknown_url")),
        ("GET /v1/models/nope", 404, json!("model_not_found")),
        ("GET /v1/chat/completions", 405, Value::Null),
        ("POST /v1/models", 405, Value::Null),
    ] {
        let answer =
            exchange(&simulator, &format!("{request} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n"))
                .await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &code), "{request}");
        assert_valid(&ERROR, &answer.json());
        assert_eq!(answer.head.contains("allow: "), status == 405);
    }
    let large = "POST /v1/chat/completions HTTP/1.1\r\nHost: s\r\nContent-Length: 16777217\r\nConnection: close\r\n\r\n";
    assert_eq!(exchange(&simulator, large).await.status, 413);
}

#[tokio::test]
async fn a_key_is_asked_for() {
    let options = Options { key: Some(Secret::new("k1")), ..Options::new(SystemClock::shared()) };
    let simulator = start(options).await;
    let with = |key: &str| format!("GET /v1/models HTTP/1.1\r\nHost: s\r\nConnection: close\r\n{key}\r\n");
    assert_eq!(exchange(&simulator, &with("")).await.status, 401);
    let wrong = exchange(&simulator, &with("Authorization: Bearer k2\r\n")).await;
    assert_eq!((wrong.status, &wrong.json()["error"]["code"]), (401, &json!("invalid_api_key")));
    assert_eq!(exchange(&simulator, &with("Authorization: Bearer k1\r\n")).await.status, 200);
    assert_eq!(get(&simulator, "/health").await.status, 200);
}

#[tokio::test]
async fn models_are_listed() {
    let models = vec!["gpt-4.1".to_owned(), "vendor/tiny".to_owned()];
    let simulator = start(Options { models, ..Options::new(SystemClock::shared()) }).await;
    let list = get(&simulator, "/v1/models").await.json();
    assert_valid(&MODELS, &list);
    assert_eq!(list["data"][1]["id"], "vendor/tiny");
    assert_eq!(get(&simulator, "/models/vendor%2Ftiny").await.json(), list["data"][1]);
    assert_eq!(get(&simulator, "/v1/models/vendor/tiny").await.json(), list["data"][1]);
}

#[tokio::test]
async fn embeddings_are_answered() {
    let simulator = simulator().await;
    let request = post("/v1/embeddings", r#"{"model": "e", "input": ["a", "b"], "dimensions": 4}"#);
    let answer = exchange(&simulator, &request).await.json();
    assert_eq!(answer["data"].as_array().unwrap().len(), 2);
    assert_eq!(answer["data"][1]["embedding"].as_array().unwrap().len(), 4);
    assert_eq!(exchange(&simulator, &post("/v1/embeddings", "{}")).await.status, 400);
}

#[tokio::test]
async fn answers_break_in_each_of_the_ways() {
    let simulator = simulator().await;
    let stream = json!({"stream": true});
    let text = "sim: tokens 40\nsim: ";
    for (how, complete) in [("cut", false), ("truncate", true)] {
        let answer = chat(&simulator, &format!("{text}{how}"), stream.clone()).await;
        let (said, finish) = joined(&answer.events());
        assert_eq!((answer.complete, finish), (complete, Value::Null), "{how}");
        assert!((80..160).contains(&said.len()), "{how}: {said}");
        assert!(!chat(&simulator, &format!("{text}{how}"), json!({})).await.complete, "{how}");
    }
    let failed = chat(&simulator, &format!("{text}error-event"), stream.clone()).await.events();
    assert_valid(&ERROR, failed.last().unwrap());
    let malformed = chat(&simulator, &format!("{text}malformed"), stream).await.body;
    let readable =
        |event: &&str| serde_json::from_str::<Value>(event.strip_prefix("data: ").unwrap()).is_ok();
    assert_eq!(
        malformed.split_terminator("\n\n").filter(|event| !readable(event)).count(),
        2,
        "the chunk and [DONE]"
    );
    let whole = chat(&simulator, &format!("{text}malformed"), json!({})).await;
    assert!(serde_json::from_str::<Value>(&whole.body).is_err() && whole.complete);
}

#[tokio::test]
async fn a_directive_counts_its_times() {
    let simulator = simulator().await;
    let user = "Hello.\nsim: error 429 times 2\nsim: say \"first\" times 1";
    let mut seen = Vec::new();
    for _ in 0..4 {
        let answer = chat(&simulator, user, json!({})).await;
        seen.push(if answer.status == 200 { answer.text() } else { answer.status.to_string() });
    }
    assert_eq!(seen, ["429", "429", "first", "[simulated] Hello."]);
    let journal = simulator.journal();
    let statuses: Vec<_> = journal.iter().filter_map(|request| request.status).collect();
    assert_eq!((statuses, journal[3].number), (vec![429, 429, 200, 200], 3));
    assert_eq!(serde_json::from_slice::<Value>(&journal[0].body).unwrap(), body(user, json!({})));
}

#[tokio::test]
async fn chance_fails_its_share() {
    let errors = vec!["429=0.5".parse().unwrap()];
    let simulator = start(Options { errors, seed: 7, ..Options::new(SystemClock::shared()) }).await;
    let mut failed = 0;
    for _ in 0..40 {
        failed += usize::from(chat(&simulator, "Hello.", json!({})).await.status == 429);
    }
    assert!((10..30).contains(&failed), "{failed}");
}

#[tokio::test]
async fn latency_and_speed_go_by_the_clock() {
    let clock = Arc::new(SkippingClock::default());
    let options = Options {
        latency: Duration::from_millis(50),
        speed: NonZeroU32::new(10),
        ..Options::new(Arc::clone(&clock) as SharedClock)
    };
    let simulator = start(options).await;
    chat(&simulator, "sim: tokens 20", json!({})).await;
    assert_eq!(clock.waited(), [Duration::from_millis(50), Duration::from_secs(2)]);
    chat(&simulator, "sim: tokens 20\nsim: latency 3s\nsim: speed 20", json!({"stream": true})).await;
    let waited = clock.waited();
    assert_eq!(waited[2], Duration::from_secs(3));
    assert_eq!(waited[3..], [Duration::from_millis(200); 5]);
}

#[tokio::test]
async fn hanging_and_stalling_requests_end_with_their_clients() {
    let simulator = simulator().await;
    let mut clients = Vec::new();
    for number in 0..100 {
        let user = if number % 2 == 0 { "sim: hang" } else { "sim: stall" };
        let request = post("/v1/chat/completions", &body(user, json!({"stream": true})).to_string());
        let mut client = TcpStream::connect(simulator.addr()).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        clients.push(client);
    }
    in_flight_becomes(&simulator, 100).await;
    clients.truncate(40);
    in_flight_becomes(&simulator, 40).await;
    simulator.stop().await;
    assert_eq!(simulator.in_flight(), 0);
    assert!(TcpStream::connect(simulator.addr()).await.is_err());
}

async fn in_flight_becomes(simulator: &Simulator, count: usize) {
    let reached = async {
        while simulator.in_flight() != count {
            tokio::task::yield_now().await;
        }
    };
    let timely = tokio::time::timeout(Duration::from_secs(20), reached).await;
    assert!(timely.is_ok(), "{} in flight instead of {count}", simulator.in_flight());
}

#[tokio::test]
async fn a_port_in_use_is_told() {
    let simulator = simulator().await;
    let options = Options { listen: simulator.addr(), ..Options::new(SystemClock::shared()) };
    let problem = Simulator::start(options, CancellationToken::new()).await.unwrap_err().to_string();
    assert!(problem.starts_with(&format!("cannot listen on `{}`", simulator.addr())), "{problem}");
}

/// Messages of every role, with texts that look like directives, schemas and tools now and then.
fn messages() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        4 => any::<String>(),
        2 => "(Summarise|Translate to French|List the key points)[:.]? ?[a-zA-Zé .\n]{0,80}",
        1 => "sim: (say|tokens|error|cut|truncate|malformed|refuse|call) ?[a-z0-9\"{} ]{0,12}",
        1 => Just(r#"By {"type": "object", "properties": {"a": {"type": "integer"}}}"#.to_owned()),
        1 => Just("get_time, get_weather".to_owned()),
    ];
    let role = prop_oneof![4 => Just("user"), 1 => Just("system"), 1 => Just("assistant"), 1 => Just("tool")];
    let content = prop_oneof![
        6 => text.clone().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => text.prop_map(|text| json!([{"type": "text", "text": text}, {"type": "file", "file": {}}])),
    ];
    let message = (role, content).prop_map(|(role, content)| json!({"role": role, "content": content}));
    proptest::collection::vec(message, 0..5).prop_map(Value::from)
}

fn requests() -> impl Strategy<Value = Value> {
    let more = (
        proptest::option::of(any::<bool>()),
        proptest::option::of(0_i64..5),
        proptest::option::of(-1_i64..40),
        proptest::option::of(prop_oneof![
            Just(json!("auto")),
            Just(json!("required")),
            Just(json!("none")),
            Just(json!(7))
        ]),
        proptest::option::of(prop_oneof![
            Just(json!({"type": "text"})),
            Just(json!({"type": "json_object"})),
            Just(
                json!({"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object", "required": ["x"]}}})
            ),
            Just(json!({"type": "json_schema", "json_schema": {}})),
        ]),
        proptest::option::of("[a-z .]{0,3}"),
    );
    (messages(), more).prop_map(|(messages, (stream, n, most, choice, format, stop))| {
        let mut request = json!({"model": "m", "messages": messages, "tools": tools()});
        let optional = [("stream", json!(stream)), ("n", json!(n)), ("max_tokens", json!(most))];
        let more =
            [("tool_choice", json!(choice)), ("response_format", json!(format)), ("stop", json!(stop))];
        for (name, value) in optional.into_iter().chain(more).filter(|(_, value)| !value.is_null()) {
            request[name] = value;
        }
        request
    })
}

#[test]
fn every_answer_to_any_request_satisfies_the_schemas() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let simulator = runtime.block_on(simulator());
    proptest!(|(request in requests())| {
        let answer = runtime.block_on(send(&simulator, &request));
        if answer.status == 200 && answer.head.contains("text/event-stream") && !request.to_string().contains("sim: ") {
            let events = answer.events();
            prop_assert_eq!(events.last(), Some(&Value::Null));
            events.iter().filter(|event| !event.is_null()).for_each(|event| assert_valid(&CHUNK, event));
        }
    });
    // A request that made a task panic would have broken its connection, and `send` with it.
    assert!(simulator.requests() >= 256);
}
