//! Actions of files and of HTTP: what goes in comes out, whole or not at all, and nothing leads out.

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{Response, StatusCode};
use serde_json::{Value as Json, json};

use crate::bed::{Bed, Ran, Receiver, eventually};

/// What a test's server was asked: method and path, headers, body.
#[derive(Clone, Debug)]
struct Asked {
    line: String,
    headers: axum::http::HeaderMap,
    body: Bytes,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// An HTTP server that answers as a test says.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

type Answer = Response<Body>;

impl Server {
    async fn start(answer: impl Fn(&str, &Asked) -> Answer + Clone + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (own, seen) = (url.clone(), asked.clone());
        let app = axum::Router::new().fallback(move |request: Request| {
            let (answer, own, seen) = (answer.clone(), own.clone(), seen.clone());
            async move {
                let (parts, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
                let asked =
                    Asked { line: format!("{} {}", parts.method, parts.uri), headers: parts.headers, body };
                seen.lock().unwrap().push(asked.clone());
                answer(&own, &asked)
            }
        });
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
    let mut builder = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(body.into()).unwrap()
}

fn json_answer(value: &Json) -> Answer {
    answer(200, &[("content-type", "application/json")], value.to_string())
}

/// Runs a workflow of these steps, whose output is that of the step `last`.
fn run(bed: &Bed, steps: &str) -> Ran {
    bed.write("workflows/w.yaml", format!("steps:\n{steps}\noutput: \"{{{{steps.last.output}}}}\"\n"));
    bed.howdah(&["run", "w", "--json"])
}

#[track_caller]
fn output(bed: &Bed, steps: &str) -> Json {
    run(bed, steps).exits(0).json()["output"].clone()
}

/// The error of a run that fails.
#[track_caller]
fn error(bed: &Bed, steps: &str) -> (String, String) {
    let ran = run(bed, steps).exits(1).json();
    let text = |field: &str| ran["error"][field].as_str().unwrap().to_owned();
    (text("code"), text("message"))
}

#[test]
fn every_parse_gives_its_value() {
    let bed = Bed::of(&[
        ("in/a.csv", "name;n\nAnn;1\n"),
        ("in/a.xml", "<o id='7'><i>1</i><i>2</i></o>"),
        ("in/a.html", "<title>T</title><p>Hi <a href='/x'>there</a>"),
        ("in/a.md", "---\ntitle: T\n---\nBody\n"),
        ("in/a.rss", "<rss><channel><title>F</title><item><title>I</title></item></channel></rss>"),
        ("in/a.ndjson", "1\n2\n"),
    ]);
    let steps = "  - id: csv\n    read: { path: in/a.csv, parse: csv }\n  - id: xml\n    read: { path: in/a.xml, parse: xml }\n  - id: html\n    read: { path: in/a.html, parse: html }\n  - id: md\n    read: { path: in/a.md, parse: front_matter }\n  - id: rss\n    read: { path: in/a.rss, parse: feed }\n  - id: lines\n    read: { path: in/a.ndjson, parse: lines }\n  - id: nd\n    read: { path: in/*.ndjson, parse: ndjson }\n  - id: last\n    set:\n      csv: \"{{steps.csv.output.[0].name}}\"\n      xml: \"{{steps.xml.output}}\"\n      html: \"{{steps.html.output.text}}\"\n      link: \"{{steps.html.output.links.[0].url}}\"\n      md: \"{{steps.md.output.front_matter.title}}{{steps.md.output.content}}\"\n      rss: \"{{steps.rss.output.items.[0].title}}\"\n      lines: \"{{steps.lines.output}}\"\n      nd: \"{{steps.nd.output}}\"";
    assert_eq!(
        output(&bed, steps),
        json!({
            "csv": "Ann", "xml": {"o": {"@id": "7", "i": ["1", "2"]}}, "html": "Hi there", "link": "/x",
            "md": "TBody\n", "rss": "I", "lines": ["1", "2"],
            "nd": [{"path": "in/a.ndjson", "value": [1, 2]}],
        })
    );
}

#[test]
fn the_checker_knows_what_each_parse_gives() {
    let bed = Bed::new();
    let check = |steps: &str| {
        bed.write("workflows/w.yaml", format!("steps:\n{steps}\n"));
        bed.howdah(&["check"])
    };
    let read = |parse: &str, path: &str| {
        format!(
            "  - id: a\n    read: {{ path: in/x, parse: {parse} }}\n  - set: {{ x: \"{{{{steps.a.output.{path}}}}}\" }}"
        )
    };
    for (parse, path) in
        [("html", "title"), ("feed", "items.[0].title"), ("bytes", "sha256"), ("json", "any")]
    {
        check(&read(parse, path)).exits(0);
    }
    for (parse, path) in
        [("html", "titel"), ("feed", "items.[0].titel"), ("bytes", "sha"), ("lines", "first"), ("text", "x")]
    {
        let said = check(&read(parse, path)).exits(2);
        assert!(said.stderr.contains("unknown-field") || said.stdout.contains("unknown-field"), "{said:?}");
    }
    let http = |more: &str, path: &str| {
        format!(
            "  - id: a\n    http: {{ get: \"http://127.0.0.1/\", {more} }}\n  - set: {{ x: \"{{{{steps.a.output.{path}}}}}\" }}"
        )
    };
    check(&http("save: out/x", "bytes")).exits(0);
    check(&http("save: out/x", "body")).exits(2);
    check(&http("pages: { next: link }", "complete")).exits(0);
    check(&http("pages: { next: link }", "body.x")).exits(2);
    // What pages follow by is over the answer, and over nothing else.
    for (wrong, code) in [
        ("pages: { next: steps.a.output }", "unknown-"),
        ("pages: { next: bdy.next }", "bdy"),
        ("pages: { items: body }", "missing-key"),
        ("pages: { next: link, max: 1001 }", "1000"),
        ("save: out/x, parse: json", "conflicting-keys"),
        ("auth: { bearer: x, basic: { user: a, password: b } }", "conflicting-keys"),
        ("body: { a: 1 }", "wrong-type"),
    ] {
        let said = check(&http(wrong, "status")).exits(2);
        assert!(format!("{}{}", said.stdout, said.stderr).contains(code), "{wrong}: {said:?}");
    }
}

#[test]
fn hostile_files_fail_the_step_and_nothing_else() {
    let bed = Bed::of(&[
        ("in/laughs.xml", "<!DOCTYPE a [<!ENTITY x 'ha'><!ENTITY y '&x;&x;&x;'>]><a>&y;</a>"),
        ("in/deep.json", &"[".repeat(100_000)),
        ("in/wide.csv", &format!("{}\n", "x,x,".repeat(5_000))),
    ]);
    bed.write("in/latin.txt", b"caf\xe9");
    bed.write("in/app.zip", b"PK\x03\x04\xff\xfe\x00");
    for (file, parse, code, said) in [
        ("laughs.xml", "xml", "not_parsed", "entities"),
        ("laughs.xml", "feed", "not_parsed", "entities"),
        ("deep.json", "json", "not_parsed", "recursion"),
        ("wide.csv", "csv", "not_parsed", "`x` twice"),
        ("latin.txt", "text", "not_text", "parse: bytes"),
        ("app.zip", "lines", "not_text", "parse: bytes"),
    ] {
        let (found, message) =
            error(&bed, &format!("  - id: last\n    read: {{ path: in/{file}, parse: {parse} }}"));
        assert_eq!(found, code, "{file}");
        assert!(message.contains(said) && message.contains(&format!("in/{file}")), "{message}");
    }
}

#[test]
fn bytes_are_a_reference_that_other_steps_take() {
    let bed = Bed::new();
    let bytes = b"\x89PNG\r\n\x1a\n\xff\x00";
    bed.write("in/a.png", bytes);
    let seen = output(
        &bed,
        "  - id: a\n    read: { path: in/a.png, parse: bytes }\n  - write: { path: out/b.png, content: \"{{steps.a.output}}\" }\n  - write: { path: out/c.bin, content: \"{{steps.a.output}}\", mode: create }\n  - id: text\n    write: { path: out/t.txt, content: hello }\n  - id: t\n    read: { path: out/t.txt, parse: bytes }\n  - id: again\n    read: { path: \"{{steps.t.output}}\", parse: lines }\n  - id: last\n    set: { file: \"{{steps.a.output}}\", again: \"{{steps.again.output}}\" }",
    );
    assert_eq!((&seen["file"]["type"], &seen["file"]["size"]), (&json!("image/png"), &json!(10)));
    let path = seen["file"]["path"].as_str().unwrap();
    assert!(path.starts_with(".howdah/blobs/"), "{path}");
    for file in [path, "out/b.png", "out/c.bin"] {
        assert_eq!(std::fs::read(bed.path().join(file)).unwrap(), bytes, "{file}");
    }
    assert_eq!(seen["again"], json!(["hello"]));
}

#[test]
fn files_are_listed_moved_and_removed() {
    let bed =
        Bed::of(&[("in/b.txt", "bb"), ("in/a.tar.gz", "a"), ("in/deep/c.txt", ""), ("out/b.txt", "old")]);
    let listed = output(&bed, "  - id: last\n    list: in/**/*");
    let rows = listed.as_array().unwrap();
    let paths: Vec<_> = rows.iter().map(|row| row["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["in/a.tar.gz", "in/b.txt", "in/deep/c.txt"]);
    let part = |name: &str| rows[0][name].clone();
    assert_eq!(
        [part("name"), part("stem"), part("ext"), part("dir"), part("size")],
        [json!("a.tar.gz"), json!("a.tar"), json!("gz"), json!("in"), json!(1)]
    );
    assert!(rows[0]["modified"].as_str().unwrap().ends_with('Z'));

    let named = "  - id: n\n    set: { dir: in, star: \"t*\", ext: txt }\n  - id: last\n    list: \"{{steps.n.output.dir}}/**/*.{{steps.n.output.STAR}}\"";
    let listed = |name: &str| output(&bed, &named.replace("STAR", name)).as_array().unwrap().len();
    assert_eq!((listed("ext"), listed("star")), (2, 0));

    let moved = output(&bed, "  - id: last\n    move: { from: in/b.txt, to: out/b.txt, existing: number }");
    assert_eq!(moved, json!({"path": "out/b-1.txt"}));
    assert_eq!((bed.read("out/b.txt"), bed.read("out/b-1.txt")), ("old".to_owned(), "bb".to_owned()));
    let (code, message) = error(&bed, "  - id: last\n    move: { from: out/b-1.txt, to: out/b.txt }");
    assert_eq!(code, "file_exists");
    assert!(message.contains("existing: replace"), "{message}");
    for removed in [true, false] {
        let gone = output(&bed, "  - id: last\n    remove: out/b.txt");
        assert_eq!(gone, json!({"path": "out/b.txt", "removed": removed}));
    }
    for path in ["in", "workflows/w.yaml", ".howdah/howdah.db", "../x", "howdah.yaml"] {
        let steps = [
            format!("  - id: last\n    remove: {path}"),
            format!("  - id: last\n    move: {{ from: out/b-1.txt, to: {path}, existing: replace }}"),
            format!("  - id: last\n    move: {{ from: {path}, to: out/x }}"),
        ];
        for steps in steps {
            assert_eq!(error(&bed, &steps).0, "file_denied", "{steps}");
        }
    }
    assert!(bed.has("out/b-1.txt") && bed.has("workflows/w.yaml"));
}

#[test]
fn front_matter_is_written_as_it_is_read() {
    let bed = Bed::new();
    let seen = output(
        &bed,
        "  - write:\n      path: out/n.md\n      front_matter: { title: \"a: b\", n: 4, tags: [x, y] }\n      content: \"Hi\\n\"\n  - id: last\n    read: { path: out/n.md, parse: front_matter }",
    );
    assert_eq!(
        seen,
        json!({"front_matter": {"title": "a: b", "n": 4, "tags": ["x", "y"]}, "content": "Hi\n"})
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_follow_links_and_expressions_within_one_server() {
    let other = Receiver::start().await;
    let elsewhere = other.url.clone();
    let server = Server::start(move |url, asked| {
        let page: u32 = asked.line.rsplit_once("p=").map_or(1, |(_, page)| page.parse().unwrap());
        match asked.line.split(['/', '?']).nth(1).unwrap() {
            "link" => {
                let next = format!("</link?p={}>; rel=\"next\"", page + 1);
                let headers = [("content-type", "application/json"), ("link", next.as_str())];
                answer(200, if page < 3 { &headers } else { &headers[..1] }, format!("[{page}]"))
            }
            "cel" => json_answer(&json!({
                "data": [page], "next": (page < 12).then(|| format!("{url}/cel?p={}", page + 1)),
            })),
            "away" => json_answer(&json!({ "data": [1], "next": format!("{elsewhere}/steal") })),
            "loop" => json_answer(&json!({ "data": [1], "next": "/loop" })),
            _ => json_answer(&json!({ "data": "x".repeat(400_000), "next": format!("/big?p={}", page + 1) })),
        }
    })
    .await;
    let bed = Bed::new();
    let steps = |path: &str, pages: &str| {
        format!(
            "  - id: last\n    http: {{ get: \"{}/{path}\", headers: {{ x-key: k }}, auth: {{ bearer: t0ken }}, pages: {{ {pages} }}, max_size: 1MiB }}",
            server.url
        )
    };
    let seen = output(&bed, &steps("link", "next: link"));
    assert_eq!(
        (&seen["body"], &seen["pages"], &seen["complete"]),
        (&json!([1, 2, 3]), &json!(3), &json!(true))
    );
    assert!(server.asked().iter().all(|asked| asked.header("authorization") == Some("Bearer t0ken")));
    let seen = output(&bed, &steps("cel", "next: body.next, items: body.data"));
    assert_eq!((&seen["pages"], &seen["complete"]), (&json!(10), &json!(false)));
    let seen = output(&bed, &steps("cel", "next: body.next, items: body.data, max: 50"));
    assert_eq!((seen["body"].as_array().unwrap().len(), &seen["complete"]), (12, &json!(true)));
    let failed = |path: &str, pages: &str| error(&bed, &steps(path, pages));
    assert_eq!(failed("away", "next: body.next, items: body.data").0, "address_refused");
    assert!(other.requests().is_empty(), "a page of another server was asked for");
    assert_eq!(failed("loop", "next: body.next, items: body.data").0, "endless_pages");
    let (code, message) = failed("big", "next: body.next, items: \"[body.data]\"");
    assert_eq!(code, "answer_too_large");
    assert!(message.contains("1MiB"), "{message}");
    let (_, message) = failed("cel", "next: body.nxt");
    assert!(message.contains("`pages.items` gives a list, found a map on page 1"), "{message}");
    let (code, message) = failed("link", "next: \"body[9]\"");
    assert!(code == "missing_path" && message.contains("`pages.next` on page 1"), "{code} {message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_saved_whole_or_not_at_all() {
    let server = Server::start(|_, asked| match asked.line.as_str() {
        "GET /ok" => answer(200, &[("content-type", "image/png")], vec![7_u8; 300_000]),
        "GET /gone" => answer(404, &[], "no"),
        // A body that ends before its length.
        _ => {
            let pieces = [Ok(Bytes::from_static(b"half")), Err(std::io::Error::other("cut"))];
            answer(200, &[], Body::from_stream(futures_util::stream::iter(pieces)))
        }
    })
    .await;
    let bed = Bed::of(&[("out/a.png", "old")]);
    let steps = |path: &str, save: &str, more: &str| {
        format!(
            "  - id: last\n    http: {{ get: \"{}/{path}\", save: {save}{more} }}\n    retry: {{ attempts: 1 }}",
            server.url
        )
    };
    for (path, more, code) in [
        ("gone", "", "http_status"),
        ("cut", "", "unreachable"),
        ("ok", ", max_size: 64KiB", "answer_too_large"),
    ] {
        assert_eq!(error(&bed, &steps(path, "out/a.png", more)).0, code, "{path}");
        assert_eq!(bed.read("out/a.png"), "old");
        assert_eq!(std::fs::read_dir(bed.path().join("out")).unwrap().count(), 1, "{path} left something");
    }
    let before = server.asked().len();
    assert_eq!(error(&bed, &steps("ok", "workflows/evil.yaml", "")).0, "file_denied");
    assert_eq!(server.asked().len(), before, "a refused path is refused before anything is sent");
    let saved = output(&bed, &steps("ok", "out/a.png", ""));
    assert_eq!(
        (&saved["bytes"], &saved["path"], &saved["status"]),
        (&json!(300_000), &json!("out/a.png"), &json!(200))
    );
    assert_eq!(std::fs::read(bed.path().join("out/a.png")).unwrap(), vec![7; 300_000]);
    let kept =
        output(&bed, &format!("  - id: last\n    http: {{ get: \"{}/ok\", parse: bytes }}", server.url));
    assert_eq!((&kept["body"]["size"], &kept["body"]["type"]), (&json!(300_000), &json!("image/png")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_killed_while_it_saves_leaves_the_old_file() {
    use futures_util::StreamExt as _;
    let server = Server::start(|_, _| {
        let piece = futures_util::stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 100_000]))]);
        // The rest never comes.
        answer(200, &[], Body::from_stream(piece.chain(futures_util::stream::pending())))
    })
    .await;
    let bed = Bed::of(&[("out/a", "old")]);
    bed.write(
        "workflows/w.yaml",
        format!("on: {{ webhook: {{ path: /w, auth: none }} }}\nsteps:\n  - http: {{ get: \"{}/x\", save: out/a }}\n", server.url),
    );
    let daemon = bed.serve().await;
    daemon.hook("/w", &json!({})).await.is(202);
    eventually("the first piece is on disk", async || {
        let sizes = std::fs::read_dir(bed.path().join("out")).unwrap().flatten();
        sizes.filter_map(|entry| entry.metadata().ok()).any(|file| file.len() == 100_000).then_some(())
    })
    .await;
    daemon.kill();
    assert_eq!(bed.read("out/a"), "old");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_carries_files() {
    let server = Server::start(|_, _| answer(200, &[], "")).await;
    let bed = Bed::of(&[("in/a.txt", "file text"), ("in/b.json", "{}"), (".env", "TOKEN=s3cr3t-value\n")]);
    let steps = format!(
        "  - id: kept\n    read: {{ path: in/b.json, parse: bytes }}\n  - id: last\n    http:\n      post: \"{0}/up\"\n      multipart:\n        note: \"two words\"\n        token: \"{{{{secrets.TOKEN}}}}\"\n        doc: {{ file: in/a.txt, name: 'q\"uote.txt' }}\n        more: [{{ file: \"{{{{steps.kept.output}}}}\", name: b.json }}, \"{{{{steps.kept.output}}}}\"]\n  - http: {{ put: \"{0}/raw\", body: \"{{{{steps.kept.output}}}}\" }}",
        server.url
    );
    run(&bed, &steps).exits(0);
    let asked = server.asked();
    let content_type = asked[0].header("content-type").unwrap();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = String::from_utf8(asked[0].body.to_vec()).unwrap();
    let heads: Vec<_> = body.split(&format!("--{boundary}")).collect();
    assert_eq!(heads.len(), 7, "{body}");
    for (at, part) in [
        (1, "form-data; name=\"note\"\r\n\r\ntwo words\r\n"),
        (2, "name=\"token\"\r\n\r\ns3cr3t-value\r\n"),
        (3, "name=\"doc\"; filename=\"q%22uote.txt\"\r\ncontent-type: text/plain\r\n\r\nfile text\r\n"),
        (4, "name=\"more\"; filename=\"b.json\"\r\ncontent-type: application/json\r\n\r\n{}\r\n"),
    ] {
        assert!(heads[at].ends_with(part), "{at}: {:?}", heads[at]);
    }
    assert_eq!((asked[1].header("content-type"), &asked[1].body[..]), (Some("application/json"), &b"{}"[..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_fetched_once_and_again_when_it_is_refused() {
    let issued = Arc::new(Mutex::new(0));
    let server = Server::start(move |_, asked| match asked.line.as_str() {
        "POST /token" => {
            let mut issued = issued.lock().unwrap();
            *issued += 1;
            json_answer(&json!({"access_token": format!("token-number-{issued}"), "token_type": "bearer", "expires_in": 3600}))
        }
        // The first token works twice; what is echoed is not kept.
        "GET /third" if asked.header("authorization") == Some("Bearer token-number-1") => answer(401, &[], "stale"),
        "GET /never" => answer(401, &[], format!("no {}", asked.header("authorization").unwrap())),
        _ => json_answer(&json!({"echo": asked.header("authorization")})),
    })
    .await;
    let bed = Bed::of(&[(".env", "CLIENT=s3cr3t&client\n")]);
    let get = |id: &str, path: &str| {
        format!(
            "  - id: {id}\n    http:\n      get: \"{0}/{path}\"\n      auth: {{ oauth2: {{ token_url: \"{0}/token\", client_id: me, client_secret: \"{{{{secrets.CLIENT}}}}\", scope: a b }} }}\n",
            server.url
        )
    };
    let seen =
        output(&bed, &format!("{}{}{}", get("one", "first"), get("two", "second"), get("last", "third")));
    assert_eq!(
        server.lines(),
        ["POST /token", "GET /first", "GET /second", "GET /third", "POST /token", "GET /third"]
    );
    let asked = server.asked();
    assert_eq!(asked[0].body, "grant_type=client_credentials&scope=a+b");
    // `me:s3cr3t%26client`
    assert_eq!(asked[0].header("authorization"), Some("Basic bWU6czNjcjN0JTI2Y2xpZW50"));
    assert_eq!(asked[5].header("authorization"), Some("Bearer token-number-2"));
    assert_eq!(seen["body"]["echo"], "Bearer [secret access token]");
    let (code, message) = error(&bed, &get("last", "never"));
    assert_eq!(code, "http_status");
    assert!(message.contains("[secret access token]") && !message.contains("token-number"), "{message}");
    let refusing = Receiver::start().await;
    refusing.answer(&[400; 8]);
    let steps = format!(
        "  - id: last\n    http: {{ get: \"{0}/x\", auth: {{ oauth2: {{ token_url: \"{0}/token\", client_id: me, client_secret: x, client_in: body }} }} }}",
        refusing.url
    );
    let (_, message) = error(&bed, &steps);
    assert!(message.starts_with("no token for `auth.oauth2`: "), "{message}");
    assert_eq!(refusing.requests().len(), 1);
    assert_eq!(refusing.requests()[0]["text"], "grant_type=client_credentials&client_id=me&client_secret=x");
}

#[test]
fn what_is_listed_can_be_read() {
    let bed = Bed::of(&[
        (
            "workflows/w.yaml",
            "inputs: { more: { type: string, default: inbox/a.txt } }\n\
             steps:\n\
             \x20 - id: files\n    list: \"inbox/**/*.txt\"\n\
             \x20 - id: texts\n    foreach: steps.files.output\n    as: file\n\
             \x20   steps: [{ read: \"{{file.path}}\" }]\n\
             \x20 - id: one\n    read: { path: \"{{inputs.more}}\" }\n\
             output: \"{{steps.texts.output}}\"\n",
        ),
        ("inbox/a.txt", "A"),
        ("inbox/deep/b.txt", "B"),
        ("secret.txt", "C"),
    ]);
    bed.howdah(&["check"]).exits(0);
    assert_eq!(bed.howdah(&["run", "w"]).exits(0).json(), json!(["A", "B"]));
    for outside in ["inbox/../secret.txt", "../x", "/etc/hostname", "a\\b"] {
        let run = bed.howdah(&["run", "w", "-i", &format!("more={outside}"), "--json"]).exits(1).json();
        let code = run["error"]["code"].as_str().unwrap();
        assert!(["unsafe_path", "file_denied"].contains(&code), "{outside}: {run:#}");
    }
}
