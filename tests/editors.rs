//! What `howdah init` writes, in an editor: the real YAML language server completes an action's
//! fields, shows what they mean and flags what is wrong.
//!
//! Built only with the feature `counterparts`; `tests/counterparts/with_yaml_ls.sh` says where the
//! server is. It is spoken to over its standard streams, as editors do.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test says what is wrong by failing")]

use std::io::{BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::{Value as Json, json};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A language server with one file open.
struct Editor {
    server: Child,
    input: ChildStdin,
    messages: Receiver<Json>,
    uri: String,
    last: i64,
}

impl Editor {
    /// Opens a file with this text, which may differ from what is on the disk.
    fn open(path: &Path, text: &str) -> Self {
        let mut server = Command::new(variable("HOWDAH_TEST_NODE"))
            .arg(variable("HOWDAH_TEST_YAML_LS"))
            .arg("--stdio")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = server.stdin.take().unwrap();
        let mut output = BufReader::new(server.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            while let Some(message) = message(&mut output) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let uri = format!("file://{}", path.display());
        let mut editor = Self { server, input, messages, uri: uri.clone(), last: 0 };
        let capabilities = json!({ "workspace": { "configuration": true }, "textDocument": {
            "completion": { "completionItem": { "snippetSupport": true } }, "hover": { "contentFormat": ["markdown"] },
        } });
        editor.ask("initialize", json!({ "processId": null, "rootUri": null, "capabilities": capabilities }));
        editor.tell("initialized", json!({}));
        let settings = json!({ "yaml": { "schemaStore": { "enable": false }, "validate": true, "hover": true, "completion": true } });
        editor.tell("workspace/didChangeConfiguration", json!({ "settings": settings }));
        let document = json!({ "uri": uri, "languageId": "yaml", "version": 1, "text": text });
        editor.tell("textDocument/didOpen", json!({ "textDocument": document }));
        editor
    }

    fn send(&mut self, message: Json) {
        let text = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        self.input.flush().unwrap();
    }

    fn tell(&mut self, method: &str, params: Json) {
        self.send(json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// Asks, and answers what the server asks in between.
    fn ask(&mut self, method: &str, params: Json) -> Json {
        self.last += 1;
        let id = self.last;
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        self.wait(|message| {
            (message["id"] == id && message.get("method").is_none()).then(|| message["result"].clone())
        })
    }

    /// The first message from which something is taken.
    fn wait<T>(&mut self, take: impl Fn(&Json) -> Option<T>) -> T {
        loop {
            let message = match self.messages.recv_timeout(PATIENCE) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => panic!("the server says nothing"),
                Err(RecvTimeoutError::Disconnected) => panic!("the server has ended"),
            };
            if let Some(found) = take(&message) {
                return found;
            }
            if message["method"] == "workspace/configuration" {
                let yaml = json!({ "schemaStore": { "enable": false }, "validate": true, "hover": true, "completion": true });
                let items = message["params"]["items"].as_array().unwrap();
                let answers: Vec<_> = items
                    .iter()
                    .map(|item| if item["section"] == "yaml" { yaml.clone() } else { Json::Null })
                    .collect();
                self.send(json!({ "jsonrpc": "2.0", "id": message["id"], "result": answers }));
            } else if message.get("id").is_some() && message.get("method").is_some() {
                self.send(json!({ "jsonrpc": "2.0", "id": message["id"], "result": null }));
            }
        }
    }

    /// The first findings, as messages with their lines (from 1).
    fn findings(&mut self) -> Vec<(u64, String)> {
        let list = self.wait(|message| {
            (message["method"] == "textDocument/publishDiagnostics")
                .then(|| message["params"]["diagnostics"].clone())
        });
        let line = |one: &Json| one["range"]["start"]["line"].as_u64().unwrap() + 1;
        let list = list.as_array().unwrap();
        list.iter().map(|one| (line(one), one["message"].as_str().unwrap().to_owned())).collect()
    }

    fn place(&self, line: u64, column: u64) -> Json {
        json!({ "textDocument": { "uri": self.uri }, "position": { "line": line - 1, "character": column - 1 } })
    }

    fn completions(&mut self, line: u64, column: u64) -> Vec<String> {
        let place = self.place(line, column);
        let answer = self.ask("textDocument/completion", place);
        let items = answer["items"].as_array().or(answer.as_array()).unwrap();
        items.iter().map(|item| item["label"].as_str().unwrap().to_owned()).collect()
    }

    fn hover(&mut self, line: u64, column: u64) -> String {
        let place = self.place(line, column);
        self.ask("textDocument/hover", place)["contents"]["value"].as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

#[expect(clippy::disallowed_methods, reason = "the script that runs the tests tells where the server is")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("`{name}` is not set: start the tests with `tests/counterparts/with_yaml_ls.sh`")
    })
}

/// The next message of the server.
fn message(output: &mut impl std::io::BufRead) -> Option<Json> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            header => {
                if let Some(value) = header.strip_prefix("Content-Length: ") {
                    length = value.parse().ok()?;
                }
            }
        }
    }
    let mut text = vec![0; length];
    output.read_exact(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

/// A new workspace, as people make it.
fn workspace() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = Command::new(env!("CARGO_BIN_EXE_howdah")).arg("init").arg(folder.path()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    folder
}

#[test]
fn what_init_writes_is_right() {
    let folder = workspace();
    for file in ["workflows/hello.yaml", "workflows/summarise.yaml", "howdah.yaml"] {
        let path = folder.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# yaml-language-server: $schema="), "{file}");
        assert_eq!(Editor::open(&path, &text).findings(), [], "{file}");
    }
}

#[test]
fn a_wrong_key_is_flagged_and_a_right_one_completed() {
    let folder = workspace();
    let path = folder.path().join("workflows/new.yaml");
    let text = "# yaml-language-server: $schema=../.schemas/workflow.json\n\
                steps:\n  - id: one\n    chat:\n      modle: gpt-4.1-mini\n      \n    on_error: \n";
    let mut editor = Editor::open(&path, text);
    let found = editor.findings();
    assert!(found.iter().any(|(line, message)| *line == 5 && message.contains("modle")), "{found:?}");
    let fields = editor.completions(6, 7);
    for field in ["model", "prompt", "system", "schema", "temperature"] {
        assert!(fields.iter().any(|label| label == field), "{field} in {fields:?}");
    }
    let words = editor.completions(7, 15);
    assert!(words.iter().any(|label| label == "continue"), "{words:?}");
    let shown = editor.hover(4, 6);
    assert!(shown.contains("Asks a model"), "{shown}");
}

#[test]
fn the_configuration_is_flagged_and_completed_too() {
    let folder = workspace();
    let path = folder.path().join("howdah.yaml");
    let text = "# yaml-language-server: $schema=.schemas/config.json\n\
                providers:\n  local:\n    base_ur: http://127.0.0.1:8080/v1\n    \n";
    let mut editor = Editor::open(&path, text);
    let found = editor.findings();
    assert!(found.iter().any(|(line, message)| *line == 4 && message.contains("base_ur")), "{found:?}");
    let fields = editor.completions(5, 5);
    assert!(fields.iter().any(|label| label == "api_key"), "{fields:?}");
}
