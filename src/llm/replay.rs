//! Tests of the client against what real servers wrote, byte for byte, from a raw TCP listener.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::clock::SystemClock;
use crate::models::{Catalog, ModelRef, Price};
use crate::net;
use crate::secret::{Secret, Secrets, placeholder};
use crate::value::Json;

/// How an answer is written to the socket before it is closed.
#[derive(Clone, Copy, Debug)]
enum Writing {
    Whole,
    /// In pieces of this many bytes.
    Pieces(usize),
    /// Only so many bytes.
    Cut(usize),
    /// Whole, and then the connection stays open.
    Held,
}

/// A server that gives one answer to everybody, and what was sent to it.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answer: impl Into<Vec<u8>>, writing: Writing) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (answer, requests) = (answer.into(), Arc::new(Mutex::new(Vec::new())));
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let request = read_request(&mut stream).await;
                seen.lock().unwrap().push(request);
                // A client that has seen enough may leave before all is written.
                let _ = write(&mut stream, &answer, writing).await;
            }
        });
        Self { address, requests }
    }

    fn provider(&self) -> Provider {
        Provider::new("local", BaseUrl::parse(&format!("http://{}", self.address)).unwrap())
    }

    /// The head and the body of the last request.
    fn last(&self) -> (String, String) {
        let requests = self.requests.lock().unwrap();
        let (head, body) = requests.last().unwrap().split_once("\r\n\r\n").unwrap();
        (head.to_ascii_lowercase(), body.to_owned())
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_ascii_lowercase().lines().find_map(|line| {
                line.strip_prefix("content-length:").and_then(|value| value.trim().parse::<usize>().ok())
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        if stream.read_buf(&mut request).await.unwrap_or(0) == 0 {
            return text;
        }
    }
}

async fn write(stream: &mut TcpStream, answer: &[u8], writing: Writing) -> std::io::Result<()> {
    match writing {
        Writing::Whole => stream.write_all(answer).await?,
        Writing::Cut(at) => stream.write_all(&answer[..at.min(answer.len())]).await?,
        Writing::Pieces(size) => {
            for piece in answer.chunks(size) {
                stream.write_all(piece).await?;
            }
        }
        Writing::Held => {
            stream.write_all(answer).await?;
            stream.read_to_end(&mut Vec::new()).await?;
        }
    }
    stream.shutdown().await
}

fn secrets() -> Secrets {
    Secrets::new([("KEY".to_owned(), Secret::new("sk-test-0123456789"))].into())
}

fn client() -> Client {
    let price = Price { input: "2".parse().unwrap(), cached_input: None, output: "8".parse().unwrap() };
    let catalog = Catalog::new([(ModelRef::new("local", "gpt-4.1"), price)]);
    let net = net::Client::new(net::NetOptions { secrets: secrets(), ..net::NetOptions::default() });
    Client::new(net, Arc::new(catalog), SystemClock::shared())
}

fn request() -> ChatRequest {
    ChatRequest::new("gpt-4.1", vec![Message::text(Role::User, "Hello")])
}

fn options(stream: Streaming) -> ChatOptions {
    ChatOptions { stream, ..ChatOptions::default() }
}

/// An answer with this type and body.
fn answer(kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn events(chunks: &[Json]) -> String {
    chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect()
}

fn text_chunk(text: &str) -> Json {
    json!({ "choices": [{ "index": 0, "delta": { "content": text } }] })
}

fn stop_chunk() -> Json {
    json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] })
}

async fn ask(answer: impl Into<Vec<u8>>, writing: Writing) -> Result<ChatAnswer, ModelError> {
    let server = Server::start(answer, writing).await;
    client().chat(&server.provider(), &request(), &options(Streaming::On)).await
}

async fn fails(answer: impl Into<Vec<u8>>, writing: Writing) -> ModelError {
    ask(answer, writing).await.unwrap_err()
}

fn fixtures() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/llm/servers");
    let list = |folder: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let folders = list(&root).into_iter().filter(|path| path.is_dir());
    folders
        .flat_map(|folder| list(&folder))
        .filter(|path| path.extension().is_some_and(|extension| extension == "http"))
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().with_extension("").display().to_string();
            (name, std::fs::read(&path).unwrap())
        })
        .collect()
}

/// What matters of a result, in a line or two.
fn outline(result: &Result<ChatAnswer, ModelError>, server: &Server) -> String {
    let mut line = String::new();
    match result {
        Ok(answer) => {
            let facts = &answer.facts;
            write!(line, "{} {:?}", answer.finish.name(), answer.text).unwrap();
            if let Some(reasoning) = &answer.reasoning {
                write!(line, " reasoning {reasoning:?}").unwrap();
            }
            for call in &answer.tool_calls {
                write!(line, " call {}({})", call.name, call.arguments).unwrap();
            }
            for other in &answer.others {
                write!(line, " or {:?}", other.text).unwrap();
            }
            let usage = &facts.usage;
            let about = if usage.estimated { "about " } else { "" };
            write!(line, " {about}{}+{} tokens {}", usage.input_tokens, usage.output_tokens, facts.cost)
                .unwrap();
            answer.warnings.iter().for_each(|warning| write!(line, "\n    warning: {warning}").unwrap());
        }
        Err(error) => {
            write!(line, "{} {:?}", error.failure.code, error.retry).unwrap();
            if let Some(partial) = &error.partial {
                write!(line, " after {partial:?}").unwrap();
            }
            write!(line, "\n    {}", error.failure).unwrap();
        }
    }
    line.replace(&server.address, "HOST")
}

/// The forms in which a fixture is asked for and written; every one gives the same.
#[tokio::test]
async fn every_fixture_gives_what_is_written_down_however_it_comes() {
    let mut seen = String::new();
    for (name, bytes) in fixtures() {
        let mut first: Option<String> = None;
        let ways = [
            (Streaming::On, Writing::Whole),
            (Streaming::Off, Writing::Whole),
            (Streaming::On, Writing::Pieces(if bytes.len() < 4096 { 1 } else { 7 })),
        ];
        for (stream, writing) in ways {
            let server = Server::start(bytes.clone(), writing).await;
            let result = client().chat(&server.provider(), &request(), &options(stream)).await;
            let outline = outline(&result, &server);
            let first = first.get_or_insert_with(|| outline.clone());
            assert_eq!(*first, outline, "{name}, {stream:?}, {writing:?}");
        }
        writeln!(seen, "{name}: {}", first.unwrap_or_default()).unwrap();
    }
    let expected = include_str!("../../tests/fixtures/llm/expected.txt");
    for (seen, expected) in seen.lines().zip(expected.lines()) {
        assert_eq!(seen, expected);
    }
    assert_eq!(seen.lines().count(), expected.lines().count(), "{seen}");
}

#[tokio::test]
async fn a_fixture_that_is_cut_gives_the_same_or_a_clean_error() {
    for (name, bytes) in fixtures() {
        let whole = ask(bytes.clone(), Writing::Whole).await;
        for at in (0..bytes.len()).step_by(bytes.len() / 12 + 1) {
            match (ask(bytes.clone(), Writing::Cut(at)).await, &whole) {
                (Ok(cut), Ok(whole)) => {
                    let key = |answer: &ChatAnswer| {
                        (
                            answer.text.clone(),
                            answer.tool_calls.len(),
                            answer.finish,
                            answer.reasoning.clone(),
                        )
                    };
                    assert_eq!(key(&cut), key(whole), "{name} cut at {at}");
                }
                (Ok(cut), Err(_)) => panic!("{name} cut at {at} became an answer: {cut:?}"),
                (Err(cut), whole) => {
                    let broken =
                        ["stream_truncated", "model_unreachable"].contains(&cut.failure.code.as_ref());
                    let same = matches!(whole, Err(whole) if whole.failure.code == cut.failure.code);
                    // The status alone tells less than the whole error, but it does tell.
                    let status = matches!(whole, Err(whole) if whole.failure.status.is_some())
                        && cut.failure.status.is_some();
                    assert!(broken || same || status, "{name} cut at {at}: {cut:?}");
                    assert!(!broken || cut.retry == Retry::Again { after: None }, "{name} cut at {at}");
                }
            }
        }
    }
}

#[tokio::test]
async fn requests_fit_the_schema_and_the_headers_say_who_asks() {
    let schema =
        include_str!("../../tests/fixtures/llm/openai-openapi/CreateChatCompletionRequest.schema.json");
    let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
    let server = Server::start(
        answer("application/json", r#"{"choices":[{"message":{"content":"x"}}]}"#),
        Writing::Whole,
    )
    .await;
    let rich = json!({
        "model": "gpt-4.1", "temperature": 0.2, "top_p": 1.0, "max_tokens": 5, "stop": ["a"], "seed": 1, "n": 2,
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": [
                { "type": "text", "text": "What is it?" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==", "detail": "low" } },
            ] },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "c", "type": "function", "function": { "name": "look", "arguments": "{}" } },
            ] },
            { "role": "tool", "tool_call_id": "c", "content": "a cat" },
        ],
        "response_format": { "type": "json_schema", "json_schema": { "name": "n", "schema": {}, "strict": false } },
        "tools": [{ "type": "function", "function": { "name": "look", "parameters": { "type": "object" } } }],
        "tool_choice": "auto", "parallel_tool_calls": true, "reasoning_effort": "low", "user": "u",
    });
    let rich: ChatRequest = serde_json::from_value(rich.clone()).unwrap();
    let mut provider = server.provider();
    provider.key = Some(placeholder("KEY"));
    provider.headers.push(("x-team".to_owned(), "a".to_owned()));
    for (request, stream) in [(&request(), Streaming::On), (&rich, Streaming::On), (&rich, Streaming::Off)] {
        let options =
            ChatOptions { idempotency_key: Some("run/step".to_owned()), attempt: 2, ..options(stream) };
        client().chat(&provider, request, &options).await.unwrap();
        let (head, body) = server.last();
        let body: Json = serde_json::from_str(&body).unwrap();
        let faults: Vec<_> = schema.iter_errors(&body).map(|error| error.to_string()).collect();
        assert!(faults.is_empty(), "{faults:?}");
        assert_eq!(body["stream"] == true, stream == Streaming::On);
        for line in [
            "post /v1/chat/completions http/1.1",
            "authorization: bearer sk-test-0123456789",
            "content-type: application/json",
            "idempotency-key: run/step",
            "x-howdah-attempt: 2",
            "x-team: a",
        ] {
            assert!(head.lines().any(|header| header == line), "{line} is missing in {head}");
        }
    }
    for key in [None, Some(String::new()), Some("  ".to_owned())] {
        provider.key = key;
        client().chat(&provider, &request(), &options(Streaming::Off)).await.unwrap();
        assert!(!server.last().0.contains("authorization"));
    }
    provider.key = Some(placeholder("KEY"));
    provider.key_header = KeyHeader::Named("api-key".to_owned());
    client().chat(&provider, &request(), &options(Streaming::Off)).await.unwrap();
    assert!(server.last().0.contains("\r\napi-key: sk-test-0123456789"));
}

#[tokio::test]
async fn the_key_is_in_no_error() {
    let body =
        r#"{"error":{"message":"Incorrect API key provided: sk-test-0123456789.","code":"invalid_api_key"}}"#;
    let refused = answer("application/json", body).replace("200 OK", "401 Unauthorized");
    let server = Server::start(refused, Writing::Whole).await;
    let provider = Provider { key: Some(placeholder("KEY")), ..server.provider() };
    let error = client().chat(&provider, &request(), &options(Streaming::On)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`local/gpt-4.1` answered 401: Incorrect API key provided: [secret KEY]; check `KEY`, the key of provider `local`"
    );
    assert_eq!((error.failure.status, error.retry), (Some(401), Retry::NextModel));

    let provider =
        Provider { key: Some(placeholder("MAMMOUTH_API_KEY")), name: "mammouth".into(), ..server.provider() };
    let error = client().chat(&provider, &request(), &options(Streaming::On)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "`mammouth/gpt-4.1` needs `MAMMOUTH_API_KEY`, which is not set: put it in the environment or in `.env`; \
         keys are made at https://mammouth.ai, in the account's API settings"
    );
    assert_eq!(server.requests.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let cases = [
        (
            "429 X\r\nretry-after: 300",
            "{}",
            "model_rate_limited",
            "429; it asks to wait 5m, longer than the 2m that are waited",
        ),
        (
            "429 X",
            r#"{"error":{"message":"Pay.","code":"insufficient_quota"}}"#,
            "model_quota",
            "429: Pay; raise the limit or add credit at the provider",
        ),
        ("503 X\r\nx-should-retry: false", "", "model_unavailable", "503"),
        (
            "308 X\r\nlocation: https://h/v2",
            "",
            "model_unknown",
            "308; `http://HOST/v1/chat/completions` was called, which sends on to `https://h/v2`; \
             put the right address in `base_url`",
        ),
        (
            "400 X",
            r#"{"error":{"message":"No.","param":"top_p"}}"#,
            "model_bad_request",
            "400: No; check `top_p`",
        ),
    ];
    for (head, body, code, expected) in cases {
        let answer = answer("application/json", body).replacen("200 OK", head, 1);
        let server = Server::start(answer, Writing::Whole).await;
        let error = client().chat(&server.provider(), &request(), &options(Streaming::On)).await.unwrap_err();
        assert_eq!(error.failure.code, code);
        let message = error.to_string().replace(&server.address, "HOST");
        assert_eq!(message, format!("`local/gpt-4.1` answered {expected}"));
        assert_eq!(error.retry, if code == "model_bad_request" { Retry::Never } else { Retry::NextModel });
    }
}

#[tokio::test]
async fn done_ends_a_stream_that_stays_open() {
    let body = events(&[text_chunk("a"), stop_chunk()]) + "data: [DONE]\n\ndata: {broken\n\n";
    let open = format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{body}");
    assert_eq!(ask(open, Writing::Held).await.unwrap().text, "a");
}

#[tokio::test]
async fn how_a_stream_ends_decides() {
    let sse = |body: String| answer("text/event-stream", &body);
    let sample = events(&[text_chunk("a")]) + "data: [DONE]\n\n";
    let unfinished = ask(sse(sample), Writing::Whole).await.unwrap();
    assert_eq!((unfinished.finish, unfinished.warnings.len()), (FinishReason::Unknown, 1));

    let no_done = ask(sse(events(&[text_chunk("a"), stop_chunk()])), Writing::Whole).await.unwrap();
    assert_eq!((no_done.text.as_str(), no_done.finish), ("a", FinishReason::Stop));
    let no_blank_line = events(&[text_chunk("a"), stop_chunk()]);
    assert_eq!(ask(sse(no_blank_line.trim_end().to_owned()), Writing::Whole).await.unwrap().text, "a");

    let truncated = fails(sse(events(&[text_chunk("a")])), Writing::Whole).await;
    assert_eq!(
        (truncated.failure.code.as_ref(), truncated.retry),
        ("stream_truncated", Retry::Again { after: None })
    );
    assert_eq!(truncated.partial.as_deref(), Some("a"));
    assert!(truncated.facts.is_some_and(|facts| facts.usage.estimated && !facts.cost.exact));

    let half = events(&[text_chunk("a")]) + "data: {\"choices\":[{\"delta\":{\"con";
    assert_eq!(fails(sse(half), Writing::Whole).await.failure.code, "stream_truncated");
    let named = events(&[text_chunk("a")]) + "event: error\ndata: {\"message\":\"boom\"}\n\n";
    let named = fails(sse(named), Writing::Whole).await;
    assert_eq!((named.failure.code.as_ref(), named.partial.as_deref()), ("model_unavailable", Some("a")));
    assert_eq!(named.to_string(), "`local/gpt-4.1` reported an error in its answer: boom");
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error_of_its_own() {
    let json = |body: Json| answer("application/json", &body.to_string());
    let choice = |message: Json, finish: &str| {
        json(json!({ "choices": [{ "message": message, "finish_reason": finish }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 20 } }))
    };
    let refused = fails(choice(json!({ "content": null, "refusal": "No." }), "stop"), Writing::Whole).await;
    assert_eq!((refused.failure.code.as_ref(), refused.retry), ("model_refused", Retry::NextModel));
    assert_eq!(refused.facts.unwrap().cost.to_string(), "$0.00018");
    let filtered = fails(choice(json!({ "content": "So" }), "content_filter"), Writing::Whole).await;
    assert_eq!((filtered.failure.code.as_ref(), filtered.partial.as_deref()), ("model_filtered", Some("So")));
    let reasoned = fails(choice(json!({ "content": "", "reasoning": "hm" }), "length"), Writing::Whole).await;
    assert_eq!(
        reasoned.to_string(),
        "`local/gpt-4.1` reached its limit while it was still reasoning; raise `max_tokens`"
    );
    let empty = fails(json(json!({ "choices": [] })), Writing::Whole).await;
    assert_eq!(empty.failure.code, "model_bad_answer");
    let inside = fails(json(json!({ "error": { "message": "later", "code": 429 } })), Writing::Whole).await;
    assert_eq!(
        (inside.failure.code.as_ref(), inside.retry),
        ("model_rate_limited", Retry::Again { after: None })
    );
    let page = answer("text/html", "<!DOCTYPE html><html><title>Sign in</title><script>x()</script></html>");
    let page = fails(page, Writing::Whole).await.to_string();
    assert!(page.contains("(\"Sign in\")"), "{page}");
    let deep = answer("application/json", &"[".repeat(1 << 20));
    assert_eq!(fails(deep, Writing::Whole).await.failure.code, "model_bad_answer");
}

#[tokio::test]
async fn a_stream_may_come_under_any_name() {
    let body = events(&[text_chunk("a"), stop_chunk()]) + "data: [DONE]\n\n";
    for kind in ["text/plain", "application/json", "application/octet-stream"] {
        assert_eq!(ask(answer(kind, &body), Writing::Whole).await.unwrap().text, "a", "{kind}");
    }
}

#[tokio::test]
async fn comments_are_no_progress_and_every_wait_ends() {
    let limits = |first_byte, progress, total| ChatLimits {
        first_byte: Duration::from_millis(first_byte),
        progress: Duration::from_millis(progress),
        total: Duration::from_millis(total),
    };
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    let cases = [
        (String::new(), limits(30, 5000, 5000), "did not begin to answer within 30ms"),
        (format!("{head}: ping\n\n"), limits(400, 5000, 5000), "sent nothing of its answer within 400ms"),
        (
            format!("{head}{}: ping\n\n", events(&[text_chunk("a")])),
            limits(5000, 30, 5000),
            "stopped in the middle of its answer for 30ms",
        ),
        (
            format!("{head}{}", events(&[text_chunk("a")])),
            limits(5000, 5000, 400),
            "was not done with its answer within 400ms",
        ),
    ];
    for (answer, limits, expected) in cases {
        let server = Server::start(answer, Writing::Held).await;
        let options = ChatOptions { limits, ..options(Streaming::On) };
        let error = client().chat(&server.provider(), &request(), &options).await.unwrap_err();
        assert_eq!(error.failure.code, "model_timeout");
        assert!(error.to_string().ends_with(expected), "{error}");
    }
    let finished = format!("{head}{}", events(&[text_chunk("a"), stop_chunk()]));
    let server = Server::start(finished, Writing::Held).await;
    let options = ChatOptions { limits: limits(5000, 30, 5000), ..options(Streaming::On) };
    let answer = client().chat(&server.provider(), &request(), &options).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.facts.usage.estimated), ("a", true));
}

#[tokio::test]
async fn cancelling_ends_the_call_and_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = BaseUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let (deltas, mut watched) = tokio::sync::mpsc::channel(8);
    let options = ChatOptions { deltas: Some(deltas), ..options(Streaming::On) };
    let cancellation = options.cancellation.clone();
    let call =
        tokio::spawn(async move { client().chat(&Provider::new("local", base), &request(), &options).await });
    let (mut stream, _) = listener.accept().await.unwrap();
    read_request(&mut stream).await;
    let begin =
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{}", events(&[text_chunk("so")]));
    stream.write_all(begin.as_bytes()).await.unwrap();
    assert_eq!(watched.recv().await, Some(Delta::Text("so".to_owned())));
    cancellation.cancel();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!((error.failure.code.as_ref(), error.retry), ("cancelled", Retry::Never));
    assert_eq!(error.partial.as_deref(), Some("so"));
    assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_body_without_end_meets_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = BaseUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: ";
        let mut written = stream.write_all(head.as_bytes()).await;
        while written.is_ok() {
            written = stream.write_all(&[b'x'; 65536]).await;
        }
    });
    let error =
        client().chat(&Provider::new("local", base), &request(), &options(Streaming::On)).await.unwrap_err();
    assert_eq!(error.failure.code, "model_bad_answer");
    assert!(error.to_string().contains("4MiB"), "{error}");

    let said = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2147483648\r\n\r\n{";
    let error = fails(said, Writing::Held).await;
    assert_eq!((error.failure.code.as_ref(), error.retry), ("model_bad_answer", Retry::NextModel));
}

#[tokio::test]
async fn nobody_there_is_told_with_the_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let provider = Provider::new("local", BaseUrl::parse(&format!("http://{address}")).unwrap());
    let error = client().chat(&provider, &request(), &options(Streaming::On)).await.unwrap_err();
    assert_eq!(
        (error.failure.code.as_ref(), error.retry),
        ("model_unreachable", Retry::Again { after: None })
    );
    let expected = format!("`local/gpt-4.1` is not reached: no connection to `{address}`");
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test]
async fn nothing_is_asked_without_a_prompt() {
    let server = Server::start("", Writing::Whole).await;
    for messages in [vec![], vec![Message::text(Role::User, "")]] {
        let empty = ChatRequest::new("gpt-4.1", messages);
        let error = client().chat(&server.provider(), &empty, &options(Streaming::On)).await.unwrap_err();
        assert_eq!((error.failure.code.as_ref(), error.retry), ("model_bad_request", Retry::Never));
    }
    assert!(server.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn models_are_listed_where_there_is_a_list() {
    for (name, bytes) in fixtures().into_iter().filter(|(name, _)| name.ends_with("/models")) {
        let server = Server::start(bytes, Writing::Whole).await;
        let models = client().list_models(&server.provider()).await.unwrap().unwrap();
        assert!(models.iter().all(|model| !model.id.is_empty()) && !models.is_empty(), "{name}");
        assert!(server.last().0.starts_with("get /v1/models "));
    }
    let missing = answer("application/json", "{}").replace("200 OK", "404 Not Found");
    let server = Server::start(missing, Writing::Whole).await;
    assert_eq!(client().list_models(&server.provider()).await, Ok(None));
}

#[tokio::test]
async fn the_cost_of_a_gateway_is_the_same_as_ours() {
    let fixture = fixtures().into_iter().find(|(name, _)| name.ends_with("chat-cost-header")).unwrap();
    let answer = ask(fixture.1, Writing::Whole).await.unwrap();
    assert_eq!(answer.facts.cost.to_string(), "$0.00018");
    assert_eq!(answer.reported_cost, Some(answer.facts.cost.amount));
    assert_eq!(answer.facts.served_model.as_deref(), Some("priced"));
    assert_eq!(answer.request_id.as_deref(), Some("dd60d3e2-c867-4818-b147-814d483607ca"));
}
