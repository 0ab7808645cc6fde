//! The examples in `workflows/` against real model servers: llama.cpp's, through a `howdah.yaml`.
//!
//! Built only with the feature `counterparts`; `tests/counterparts/with_llama.sh` starts the servers
//! and says where they are. What the models say is not looked at, only that it came in the right way
//! and was paid for.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use howdah::money::Money;
use serde_json::Value as Json;

/// What the servers' tokens cost here, in pico-dollars: $0.10 and $0.40 a million.
const INPUT: u64 = 100_000;
const OUTPUT: u64 = 400_000;

/// How answers are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Streamed,
    Whole,
}

const BOTH: [Wire; 2] = [Wire::Streamed, Wire::Whole];

/// Which of the two servers.
#[derive(Clone, Copy)]
enum Model {
    /// Says something.
    SmolLm2,
    /// Says anything, at once; good for what a grammar forces.
    Tiny,
}

#[test]
fn a_letter_is_summarised() {
    for wire in BOTH {
        let bed = Bed::new(Model::SmolLm2, wire);
        let letter = bed.read("workflows/samples/letter.txt");
        let outcome =
            bed.succeeds(&["summarise-inbox", "-i", "name=letter", "-i", &format!("text={letter}")]);
        let summary = outcome["output"]["summary"].as_str().unwrap();
        assert!(!summary.trim().is_empty());
        assert_eq!(bed.read("out/summaries/letter.md"), format!("# letter\n\n{summary}\n"));
    }
}

#[test]
fn a_ticket_gets_a_label_of_the_schema() {
    for wire in BOTH {
        let bed = Bed::new(Model::SmolLm2, wire);
        let outcome = bed.succeeds(&["triage", "-i", "ticket=I was charged twice for the invoice of May."]);
        let (queue, urgency) = (&outcome["output"]["queue"], &outcome["output"]["urgency"]);
        assert!(["outage", "billing", "question", "spam"].iter().any(|known| queue == known), "{queue}");
        assert!((1..=5).contains(&urgency.as_i64().unwrap()), "{urgency}");
        assert!(bed.sent().contains(r#""response_format":{"type":"json_schema""#));
    }
}

#[test]
fn a_feed_becomes_a_brief() {
    for wire in BOTH {
        let bed = Bed::new(Model::SmolLm2, wire);
        let outcome = bed.succeeds(&["daily-brief", "-i", "stories=2"]);
        assert_eq!(outcome["output"]["stories"], 2);
        let page = bed.read(outcome["output"]["path"].as_str().unwrap());
        assert!(page.contains("(https://example.org/ferry)"), "{page}");
    }
}

#[test]
fn documents_are_translated_and_proofread() {
    for wire in BOTH {
        let bed = Bed::new(Model::SmolLm2, wire);
        let outcome = bed.succeeds(&["translate-docs", "-i", "language=French"]);
        let expected = serde_json::json!(["out/french/care.md", "out/french/opening-hours.md"]);
        assert_eq!(outcome["output"]["files"], expected);
        assert!(!bed.read("out/french/care.md").trim().is_empty());
    }
}

#[test]
fn notes_become_minutes_of_the_schema() {
    for wire in BOTH {
        let bed = Bed::new(Model::Tiny, wire);
        let outcome = bed.succeeds(&["meeting-notes", "--inputs", "workflows/samples/meeting.json"]);
        let minutes = bed.read(outcome["output"]["minutes"].as_str().unwrap());
        assert!(minutes.starts_with("# ") && minutes.contains("## Actions"), "{minutes}");
        for task in outcome["output"]["tasks"].as_array().unwrap() {
            assert!(bed.read(task.as_str().unwrap()).starts_with("- [ ] "));
        }
    }
}

#[test]
fn a_wrong_key_fails_at_once_and_is_named() {
    for wire in BOTH {
        let bed = Bed { key: Some("sk-wrong-0".to_owned()), ..Bed::new(Model::Tiny, wire) };
        let outcome = bed.fails(&["summarise-inbox", "-i", "name=x", "-i", "text=Hello."]);
        let message = outcome["error"]["message"].as_str().unwrap();
        assert!(message.contains("`LLAMA_KEY`") && !message.contains("sk-wrong-0"), "{message}");
        assert_eq!(outcome["error"]["status"], 401);
        assert_eq!(bed.requests(), 1, "what is refused for good is not asked again");
        assert_eq!(outcome["cost"], "$0.00");
    }
}

#[test]
fn a_missing_key_is_named_before_anything_is_sent() {
    let bed = Bed { key: None, ..Bed::new(Model::Tiny, Wire::Streamed) };
    let outcome = bed.fails(&["summarise-inbox", "-i", "name=x", "-i", "text=Hello."]);
    let message = outcome["error"]["message"].as_str().unwrap();
    assert!(message.contains("`LLAMA_KEY`"), "{message}");
    assert_eq!(bed.requests(), 0);
}

/// A workspace with the examples in it, whose models are all one of the servers.
struct Bed {
    folder: tempfile::TempDir,
    tap: Tap,
    /// Who is told of urgent outages.
    pager: String,
    wire: Wire,
    /// What `LLAMA_KEY` is.
    key: Option<String>,
}

impl Bed {
    fn new(model: Model, wire: Wire) -> Self {
        let (server, name) = match model {
            Model::SmolLm2 => ("HOWDAH_TEST_LLAMA", "smollm2"),
            Model::Tiny => ("HOWDAH_TEST_LLAMA_TINY", "tiny"),
        };
        let tap = Tap::before(&variable(server));
        let folder = tempfile::tempdir().unwrap();
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows"), &folder.path().join("workflows"));
        let configuration = format!(
            "providers:\n  llama: {{ base_url: \"http://{}/v1\", api_key: \"{{{{secrets.LLAMA_KEY}}}}\", stream: {} }}\n\
             models:\n  gpt-4.1-mini: llama/{name}\n  mistral-medium-3.1: llama/{name}\n  \
             mistral-small-3.2-24b-instruct: llama/{name}\n\
             prices:\n  llama/{name}: {{ input: $0.10, output: $0.40 }}\n",
            tap.address,
            wire == Wire::Streamed,
        );
        fs::write(folder.path().join("howdah.yaml"), configuration).unwrap();
        Self { folder, tap, pager: pager(), wire, key: Some(variable("HOWDAH_TEST_LLAMA_KEY")) }
    }

    /// Runs a workflow that must succeed, and whose calls must be paid for to the last digit.
    fn succeeds(&self, arguments: &[&str]) -> Json {
        let outcome = self.run(arguments, 0);
        assert_eq!(outcome["status"], "succeeded", "{outcome:#}");
        let tokens = |kind: &str| outcome["usage"][kind].as_u64().unwrap();
        let (input, output) = (tokens("input_tokens"), tokens("output_tokens"));
        assert!(input > 0 && output > 0, "{}", outcome["usage"]);
        assert_eq!(outcome["cost"], Money::from_pico(input * INPUT + output * OUTPUT).to_string());
        assert_eq!(outcome["cost_exact"], true);
        let streamed = self.sent().contains(r#""stream":true"#);
        assert_eq!(streamed, self.wire == Wire::Streamed);
        outcome
    }

    fn fails(&self, arguments: &[&str]) -> Json {
        let outcome = self.run(arguments, 1);
        assert_eq!(outcome["status"], "failed", "{outcome:#}");
        outcome
    }

    fn run(&self, arguments: &[&str], code: i32) -> Json {
        let mut command = Command::new(env!("CARGO_BIN_EXE_howdah"));
        command.args(["run", "--json"]).args(arguments).current_dir(self.folder.path());
        command.stdin(Stdio::null()).env_remove("MAMMOUTH_API_KEY").env_remove("LLAMA_KEY");
        command.env("NO_COLOR", "1").env("PAGER_URL", &self.pager);
        command.envs(self.key.iter().map(|key| ("LLAMA_KEY", key)));
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{told}");
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {told}"))
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Everything that went to the server so far.
    fn sent(&self) -> String {
        String::from_utf8_lossy(&self.tap.sent.lock().unwrap()).into_owned()
    }

    fn requests(&self) -> usize {
        self.sent().matches("POST /v1/chat/completions").count()
    }
}

/// Stands between the program and a server, and keeps what the program sends.
struct Tap {
    address: String,
    sent: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    fn before(base_url: &str) -> Self {
        let server = base_url.trim_start_matches("http://").trim_end_matches("/v1").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let sent = Arc::new(Mutex::new(Vec::new()));
        let kept = sent.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (server, kept) = (server.clone(), kept.clone());
                thread::spawn(move || relay(&client, &server, kept));
            }
        });
        Self { address, sent }
    }
}

/// Carries bytes both ways until one side leaves. That somebody leaves is no error.
fn relay(client: &TcpStream, server: &str, kept: Arc<Mutex<Vec<u8>>>) {
    let server = TcpStream::connect(server).unwrap();
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || {
        let mut buffer = [0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            kept.lock().unwrap().extend(&buffer[..read]);
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (server, client);
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

/// Somebody who takes whatever is delivered.
fn pager() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/pager", listener.local_addr().unwrap());
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let mut request = [0; 16 * 1024];
            // One that leaves before it is answered comes again.
            let _ = client.read(&mut request);
            let _ = client.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
        }
    });
    url
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration to read it from")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "`{name}` is not set: run this below `tests/counterparts/with_llama.sh`, which starts the servers"
        )
    })
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
