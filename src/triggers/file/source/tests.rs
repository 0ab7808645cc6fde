use std::path::Path;
use std::sync::Mutex;

use serde_json::json;
use tokio::task::JoinHandle;

use super::super::File;
use super::*;
use crate::clock::SystemClock;
use crate::component::{Arguments, Armed, Delivered, Ledger, Rendered, Setting, Trigger as _};
use crate::files::RootSettings;
use crate::value::Json;

/// What a sink was told.
#[derive(Debug, PartialEq)]
enum Call {
    Event(Json),
    Armed(Vec<String>),
    Noted(String),
    Ready,
}

/// A daemon that keeps a ledger in memory and refuses as often as it is told to.
struct FakeSink {
    calls: mpsc::UnboundedSender<Call>,
    ledger: Mutex<HashSet<Digest>>,
    files: Mutex<Vec<SeenFile>>,
    refusals: Mutex<usize>,
}

impl FakeSink {
    fn new(refusals: usize) -> (Arc<Self>, mpsc::UnboundedReceiver<Call>) {
        let (calls, told) = mpsc::unbounded_channel();
        let (ledger, files) = (Mutex::default(), Mutex::default());
        (Arc::new(Self { calls, ledger, files, refusals: Mutex::new(refusals) }), told)
    }

    fn say(&self, call: Call) {
        // A test that has seen enough listens no more.
        let _ = self.calls.send(call);
    }

    fn record(&self, file: SeenFile) {
        let mut files = self.files.lock().unwrap();
        files.retain(|known| known.path != file.path);
        files.push(file);
    }

    fn refuse(&self) -> Result<(), Refused> {
        let mut refusals = self.refusals.lock().unwrap();
        if *refusals == 0 {
            return Ok(());
        }
        *refusals -= 1;
        Err(Refused { reason: "full".into(), retry_after: Duration::ZERO })
    }
}

impl EventSink for FakeSink {
    fn deliver(&self, event: Event, file: Option<SeenFile>) -> BoxFuture<'_, Result<Delivered, Refused>> {
        Box::pin(async move {
            self.refuse()?;
            file.into_iter().for_each(|file| self.record(file));
            self.say(Call::Event(Json::clone(&event.data)));
            Ok(Delivered::Started(crate::ids::RunId::new()))
        })
    }

    fn ledger(&self, settings: Digest) -> BoxFuture<'_, Result<Ledger, Refused>> {
        Box::pin(async move {
            self.refuse()?;
            let known = self.ledger.lock().unwrap().contains(&settings);
            let arming = if known { Arming::Known } else { Arming::First };
            Ok(Ledger { arming, files: self.files.lock().unwrap().clone() })
        })
    }

    fn arm(&self, settings: Digest, existing: Vec<SeenFile>) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(async move {
            self.refuse()?;
            self.ledger.lock().unwrap().insert(settings);
            self.say(Call::Armed(existing.iter().map(path_of).collect()));
            existing.into_iter().for_each(|file| self.record(file));
            Ok(())
        })
    }

    fn note(&self, files: Vec<SeenFile>) -> BoxFuture<'_, Result<(), Refused>> {
        Box::pin(async move {
            for file in files {
                self.say(Call::Noted(path_of(&file)));
                self.record(file);
            }
            Ok(())
        })
    }

    fn ready(&self) {
        self.say(Call::Ready);
    }
}

fn path_of(file: &SeenFile) -> String {
    String::from_utf8_lossy(&file.path).into_owned()
}

/// A source under way.
struct Running {
    sink: Arc<FakeSink>,
    told: mpsc::UnboundedReceiver<Call>,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    fn start(folder: &Path, values: Json, sink: (Arc<FakeSink>, mpsc::UnboundedReceiver<Call>)) -> Self {
        let source = source(folder, values).unwrap();
        let (sink, told) = sink;
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(source.run(sink.clone(), shutdown.clone()));
        Self { sink, told, shutdown, task }
    }

    async fn next(&mut self) -> Call {
        tokio::time::timeout(Duration::from_secs(20), self.told.recv()).await.unwrap().unwrap()
    }

    async fn event(&mut self) -> Json {
        match self.next().await {
            Call::Event(event) => event,
            other => panic!("an event, not {other:?}"),
        }
    }

    /// Ends it and gives the sink back, for another start.
    async fn stop(self) -> (Arc<FakeSink>, mpsc::UnboundedReceiver<Call>) {
        self.shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(20), self.task).await.unwrap().unwrap();
        (self.sink, self.told)
    }
}

fn source(folder: &Path, values: Json) -> Result<Arc<dyn Source>, Failure> {
    let roots = Roots::open(folder, RootSettings::default()).unwrap();
    let Json::Object(values) = values else { panic!("a map") };
    let id = TriggerId { kind: "file".into(), index: 0 };
    let (values, arguments) = (Rendered { values }, Arguments::default());
    let setting = Setting { workflow: "w", id, values, arguments: &arguments };
    match File::new(roots, SystemClock::shared()).arm(setting)? {
        Armed::Source(source) => Ok(source),
        Armed::Route(..) => panic!("a source"),
    }
}

fn inbox() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("in")).unwrap();
    folder
}

/// Puts a file there whole. Versions of one file differ in size, as two that are written within the
/// same tick of the file system differ in nothing else that a stamp shows.
fn put(folder: &tempfile::TempDir, path: &str, text: &str) {
    let path = folder.path().join(path);
    let staged = folder.path().join("staged");
    std::fs::write(&staged, text).unwrap();
    std::fs::rename(staged, path).unwrap();
}

fn quick() -> Json {
    json!({ "paths": ["in/*.txt"], "settle": "0s" })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_there_is_left_aside_and_what_comes_starts_runs() {
    let folder = inbox();
    put(&folder, "in/old.txt", "old");
    let mut running = Running::start(folder.path(), quick(), FakeSink::new(0));
    assert_eq!(running.next().await, Call::Armed(vec!["in/old.txt".into()]));
    assert_eq!(running.next().await, Call::Ready);
    put(&folder, "in/new.txt", "new");
    let event = running.event().await;
    assert_eq!(
        (&event["path"], &event["text"], &event["change"]),
        (&json!("in/new.txt"), &json!("new"), &json!("created"))
    );
    put(&folder, "in/old.txt", "changed");
    let event = running.event().await;
    assert_eq!((&event["path"], &event["change"]), (&json!("in/old.txt"), &json!("modified")));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_while_nobody_watched_comes_once() {
    let folder = inbox();
    put(&folder, "in/a.txt", "1");
    let mut running = Running::start(folder.path(), quick(), FakeSink::new(0));
    assert_eq!(running.next().await, Call::Armed(vec!["in/a.txt".into()]));
    assert_eq!(running.next().await, Call::Ready);
    let sink = running.stop().await;
    put(&folder, "in/a.txt", "22");
    put(&folder, "in/b.txt", "3");
    let mut running = Running::start(folder.path(), quick(), sink);
    // In whichever order.
    let calls = [running.next().await, running.next().await, running.next().await];
    let path = |call: &Call| match call {
        Call::Event(event) => event["path"].as_str().map(str::to_owned),
        _ => None,
    };
    let paths: HashSet<_> = calls.iter().filter_map(path).collect();
    assert_eq!(paths, HashSet::from(["in/a.txt", "in/b.txt"].map(str::to_owned)));
    assert!(calls.contains(&Call::Ready));
    let sink = running.stop().await;
    let mut running = Running::start(folder.path(), quick(), sink);
    assert_eq!(running.next().await, Call::Ready);
    put(&folder, "in/c.txt", "4");
    assert_eq!(running.event().await["path"], "in/c.txt");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_paths_leave_the_old_record_in_force() {
    let folder = inbox();
    let mut running = Running::start(folder.path(), quick(), FakeSink::new(0));
    assert_eq!([running.next().await, running.next().await], [Call::Armed(vec![]), Call::Ready]);
    put(&folder, "in/a.txt", "1");
    running.event().await;
    let sink = running.stop().await;
    put(&folder, "in/a.txt", "22");
    put(&folder, "in/b.md", "b");
    let mut running = Running::start(folder.path(), json!({ "paths": ["in/*"], "settle": "0s" }), sink);
    // The new pattern finds `b.md` there; what came to `a.txt` meanwhile is new all the same.
    assert_eq!(running.next().await, Call::Armed(vec!["in/b.md".into()]));
    let calls = [running.next().await, running.next().await];
    assert!(calls.contains(&Call::Ready));
    assert!(
        calls.iter().any(|call| matches!(call, Call::Event(event) if event["text"] == "22")),
        "{calls:?}"
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn existing_files_can_be_processed() {
    let folder = inbox();
    put(&folder, "in/a.txt", "1");
    let values = json!({ "paths": ["in/*.txt"], "settle": "0s", "existing": "process" });
    let mut running = Running::start(folder.path(), values, FakeSink::new(0));
    assert_eq!(running.next().await, Call::Armed(vec![]));
    let calls = [running.next().await, running.next().await];
    assert!(calls.iter().any(|call| matches!(call, Call::Event(event) if event["text"] == "1")), "{calls:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_nobody_wants_goes_on_record() {
    let folder = inbox();
    let values = json!({ "paths": ["in/*.txt"], "settle": "0s", "events": ["modified"] });
    let mut running = Running::start(folder.path(), values, FakeSink::new(0));
    assert_eq!([running.next().await, running.next().await], [Call::Armed(vec![]), Call::Ready]);
    put(&folder, "in/a.txt", "1");
    assert_eq!(running.next().await, Call::Noted("in/a.txt".into()));
    put(&folder, "in/a.txt", "2");
    assert_eq!(running.event().await["change"], "modified");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_delays_and_loses_nothing() {
    let folder = inbox();
    let mut running = Running::start(folder.path(), quick(), FakeSink::new(7));
    assert_eq!([running.next().await, running.next().await], [Call::Armed(vec![]), Call::Ready]);
    *running.sink.refusals.lock().unwrap() = 3;
    put(&folder, "in/a.txt", "1");
    assert_eq!(running.event().await["text"], "1");
    assert_eq!(*running.sink.refusals.lock().unwrap(), 0);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_comes_whole_and_once() {
    let folder = inbox();
    let mut running = Running::start(folder.path(), quick(), FakeSink::new(0));
    assert_eq!([running.next().await, running.next().await], [Call::Armed(vec![]), Call::Ready]);
    for index in 0..1_000 {
        put(&folder, &format!("in/{index}.txt"), &index.to_string());
    }
    let mut paths = HashSet::new();
    for _ in 0..1_000 {
        assert!(paths.insert(running.event().await["path"].clone()));
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_left_out_and_a_binary_one_has_no_text() {
    let folder = inbox();
    let values = json!({ "paths": ["in/*"], "settle": "0s", "max_size": "8B" });
    let mut running = Running::start(folder.path(), values, FakeSink::new(0));
    assert_eq!([running.next().await, running.next().await], [Call::Armed(vec![]), Call::Ready]);
    put(&folder, "in/large", "123456789");
    std::fs::write(folder.path().join("staged"), b"\xff\xfe").unwrap();
    std::fs::rename(folder.path().join("staged"), folder.path().join("in/small")).unwrap();
    let event = running.event().await;
    assert_eq!(
        (&event["path"], &event["text"], &event["size"]),
        (&json!("in/small"), &Json::Null, &json!(2))
    );
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_at_once_even_while_it_is_refused() {
    let folder = inbox();
    let (sink, told) = FakeSink::new(usize::MAX);
    let running = Running::start(folder.path(), quick(), (sink, told));
    running.stop().await;
}

#[test]
fn what_cannot_be_armed_is_said() {
    let folder = inbox();
    for (values, code) in [
        (json!({ "paths": ["../x"] }), "bad_pattern"),
        (json!({ "paths": ["/etc/*"] }), "file_denied"),
        (json!({ "paths": ["a"], "settle": "soon" }), "wrong_value"),
        (json!({ "paths": ["a"], "max_size": "big" }), "wrong_value"),
        (json!({ "paths": ["a"], "events": ["deleted"] }), "wrong_value"),
    ] {
        let failure = source(folder.path(), values.clone()).err();
        assert_eq!(failure.map(|failure| failure.code), Some(code.into()), "{values}");
    }
}

#[test]
fn only_what_is_watched_makes_another_trigger() {
    let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let both = [Wanted::Created, Wanted::Modified];
    let digest = |paths: &[&str], ignore: &[&str], wanted: &[Wanted]| {
        super::super::settings(list(paths), list(ignore), wanted)
    };
    let one = digest(&["a", "b"], &[], &both);
    assert_eq!(digest(&["b", "a", "a"], &[], &[Wanted::Modified, Wanted::Created]), one);
    for other in
        [digest(&["a"], &[], &both), digest(&["a", "b"], &["c"], &both), digest(&["a", "b"], &[], &both[..1])]
    {
        assert_ne!(other, one);
    }
}
