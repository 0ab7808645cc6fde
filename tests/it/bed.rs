//! A workspace of its own for each test, and the real binary on it.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use howdah::clock::SystemClock;
use howdah::simulator::{self, Simulator};
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

/// How long a test waits for something that must happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A workspace in a folder of its own.
pub struct Bed {
    folder: tempfile::TempDir,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ran {
    /// Standard output as one JSON document.
    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The same, after a check of the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\nstdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

impl Bed {
    /// An empty workspace.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("workflows")).unwrap();
        Self { folder }
    }

    /// A workspace of these files.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let bed = Self::new();
        files.iter().for_each(|(path, text)| bed.write(path, text));
        bed
    }

    /// A workspace whose models are all the simulator at this address.
    pub fn with_models(base_url: &str, files: &[(&str, &str)]) -> Self {
        let bed = Self::of(files);
        bed.write(
            "howdah.yaml",
            format!("providers:\n  local: {{ base_url: \"{base_url}\" }}\nprices:\n  local/m: {{ input: $2, output: $8 }}\n"),
        );
        bed
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and the folders to it.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Puts a file in its place in one move, as editors do.
    pub fn replace(&self, path: &str, text: &str) {
        let temporary = self.path().join(".edit~");
        fs::write(&temporary, text).unwrap();
        fs::rename(temporary, self.path().join(path)).unwrap();
    }

    /// Reads a file.
    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Whether a file is there.
    pub fn has(&self, path: &str) -> bool {
        self.path().join(path).exists()
    }

    /// The binary in this workspace, with an environment that holds no secrets of the machine.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_howdah"));
        command.args(arguments).current_dir(self.path()).stdin(Stdio::null());
        command.env_remove("MAMMOUTH_API_KEY").env_remove("HOWDAH_LOG").env("NO_COLOR", "1");
        command
    }

    /// Runs the binary to its end.
    pub fn howdah(&self, arguments: &[&str]) -> Ran {
        self.howdah_with(arguments, "")
    }

    /// Runs the binary to its end, with this on its standard input.
    pub fn howdah_with(&self, arguments: &[&str], input: &str) -> Ran {
        use std::io::Write as _;
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A program that does not read its input may have closed it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// A daemon on this workspace, ready for work.
    pub async fn serve(&self) -> Served {
        let served = self.spawn(&[]);
        served.wait_ready().await;
        served
    }

    /// A daemon on this workspace, with more arguments, as soon as its listeners are open.
    pub fn spawn(&self, more: &[&str]) -> Served {
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--hooks", "127.0.0.1:0"];
        arguments.extend(more);
        let mut command = self.command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let sink = log.clone();
        std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|read| read > 0) {
                sink.lock().unwrap().push_str(&line);
                line.clear();
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (mut admin, mut hooks) = (None, None);
        while admin.is_none() || hooks.is_none() {
            let mut line = String::new();
            if stdout.read_line(&mut line).unwrap() == 0 {
                let status = child.wait().unwrap();
                panic!("the daemon ended ({status}):\n{}", log.lock().unwrap());
            }
            let url = |line: &str| line.split_whitespace().last().unwrap().to_owned();
            if line.starts_with("administration ") {
                admin = Some(url(&line));
            } else if line.starts_with("webhooks ") {
                hooks = Some(url(&line));
            }
        }
        std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = stdout.read_to_string(&mut rest);
        });
        Served {
            child: Some(child),
            admin: admin.unwrap(),
            hooks: hooks.unwrap(),
            log,
            http: reqwest_client(),
        }
    }
}

fn reqwest_client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().tls_certs_only([]).timeout(PATIENCE).build().unwrap()
}

/// A daemon under test. It is killed when the test ends.
pub struct Served {
    child: Option<Child>,
    /// Of the administration listener, without a slash at its end.
    pub admin: String,
    /// Of the webhook listener, without a slash at its end.
    pub hooks: String,
    log: Arc<Mutex<String>>,
    /// A client for both.
    pub http: reqwest::Client,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Got {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: reqwest::header::HeaderMap,
    /// Its body.
    pub text: String,
}

impl Got {
    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The same, after a check of the status.
    #[track_caller]
    pub fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

/// Sends a request and reads its answer.
pub async fn send(request: reqwest::RequestBuilder) -> Got {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Got { status, headers, text: response.text().await.unwrap() }
}

impl Served {
    /// GET on the administration listener.
    pub async fn get(&self, path: &str) -> Got {
        send(self.http.get(format!("{}{path}", self.admin))).await
    }

    /// POST of JSON on the administration listener.
    pub async fn post(&self, path: &str, body: &Json) -> Got {
        send(self.http.post(format!("{}{path}", self.admin)).json(body)).await
    }

    /// POST of JSON to a webhook.
    pub async fn hook(&self, path: &str, body: &Json) -> Got {
        send(self.http.post(format!("{}/hooks{path}", self.hooks)).json(body)).await
    }

    /// Waits until work is taken.
    pub async fn wait_ready(&self) {
        eventually("the daemon is ready", async || (self.get("/readyz").await.status == 200).then_some(()))
            .await;
    }

    /// Waits until a run has one of these statuses, and gives it as the API shows it.
    pub async fn wait_run(&self, run: &str, statuses: &[&str]) -> Json {
        eventually(&format!("{run} is {statuses:?}"), async || {
            let seen = self.get(&format!("/api/v1/runs/{run}")).await.is(200).json();
            statuses.contains(&seen["status"].as_str().unwrap()).then_some(seen)
        })
        .await
    }

    /// Waits until exactly so many runs of a workflow have this status; gives their rows.
    pub async fn wait_runs(&self, workflow: &str, status: &str, count: usize) -> Vec<Json> {
        eventually(&format!("{count} runs of {workflow} are {status}"), async || {
            let path = format!("/api/v1/runs?workflow={workflow}&status={status}&limit=1000");
            let rows = self.get(&path).await.is(200).json()["runs"].as_array().unwrap().clone();
            (rows.len() == count).then_some(rows)
        })
        .await
    }

    /// The digest under which a workflow is in force.
    pub async fn digest(&self, workflow: &str) -> Option<String> {
        self.workflow(workflow).await["digest"].as_str().map(str::to_owned)
    }

    /// A workflow as the API lists it; null when it is not there.
    pub async fn workflow(&self, name: &str) -> Json {
        let listed = self.get("/api/v1/workflows").await.is(200).json();
        listed["workflows"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == name)
            .cloned()
            .unwrap_or(Json::Null)
    }

    /// What the daemon has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Ends the process as a power cut would, as far as a process can see.
    pub fn kill(mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks the process to end with this signal, and waits for it.
    pub fn signal(mut self, signal: rustix::process::Signal) -> (ExitStatus, String) {
        let mut child = self.child.take().unwrap();
        let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return (status, self.log());
            }
            assert!(Instant::now() < deadline, "the daemon does not end:\n{}", self.log());
            std::thread::yield_now();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
            if std::thread::panicking() {
                eprintln!("--- the daemon's log ---\n{}", self.log());
            }
        }
    }
}

/// Waits for something that must happen, and looks again each time the world may have moved.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "it did not happen in {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A model server for a test.
pub async fn simulator() -> Simulator {
    simulator_with(|_| {}).await
}

/// A model server for a test, with other habits.
pub async fn simulator_with(change: impl FnOnce(&mut simulator::Options)) -> Simulator {
    let mut options = simulator::Options::new(SystemClock::shared());
    change(&mut options);
    Simulator::start(options, CancellationToken::new()).await.unwrap()
}

/// In place of a status: no answer.
const HELD: u16 = 0;

/// A server that keeps what it is sent and answers 200, or what it is told.
pub struct Receiver {
    /// Its address, without a slash at its end.
    pub url: String,
    requests: Arc<Mutex<Vec<Json>>>,
    statuses: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    /// Starts one.
    pub async fn start() -> Self {
        use axum::extract::{Request, State};
        type Shared = (Arc<Mutex<Vec<Json>>>, Arc<Mutex<Vec<u16>>>);
        async fn take(
            State((requests, statuses)): State<Shared>,
            request: Request,
        ) -> axum::http::StatusCode {
            let (parts, body) = request.into_parts();
            let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
            let headers: serde_json::Map<_, _> = parts
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
                .collect();
            let text = String::from_utf8_lossy(&body).into_owned();
            requests.lock().unwrap().push(json!({
                "method": parts.method.as_str(),
                "path": parts.uri.to_string(),
                "headers": headers,
                "text": text,
                "json": serde_json::from_str::<Json>(&text).ok(),
            }));
            let status = {
                let mut statuses = statuses.lock().unwrap();
                if statuses.is_empty() { 200 } else { statuses.remove(0) }
            };
            if status == HELD {
                std::future::pending::<()>().await;
            }
            axum::http::StatusCode::from_u16(status).unwrap()
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (requests, statuses): Shared = Default::default();
        let app = axum::Router::new().fallback(take).with_state((requests.clone(), statuses.clone()));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, requests, statuses }
    }

    /// Answers the next requests with these statuses, then 200 again.
    pub fn answer(&self, statuses: &[u16]) {
        self.statuses.lock().unwrap().extend(statuses);
    }

    /// Takes the next request and never answers it.
    pub fn hold(&self) {
        self.answer(&[HELD]);
    }

    /// What came so far.
    pub fn requests(&self) -> Vec<Json> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until so many requests have come.
    pub async fn wait(&self, count: usize) -> Vec<Json> {
        eventually(&format!("{count} requests"), async || {
            let requests = self.requests();
            (requests.len() >= count).then_some(requests)
        })
        .await
    }
}
