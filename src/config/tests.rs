use super::*;

/// The configuration of these layers, and what is wrong as `code: message @ text`.
fn read(layers: &[&str]) -> (Config, Vec<String>) {
    let numbered: Vec<_> = layers
        .iter()
        .enumerate()
        .map(|(index, text)| (FileId(u32::try_from(index).unwrap()), *text))
        .collect();
    let mut diagnostics = Diagnostics::new();
    let config = Config::decode(&numbered, &mut diagnostics);
    let told = |found: &crate::diagnostic::Diagnostic| {
        let span = found.primary.span;
        let text = layers[span.file.0 as usize].get(span.start as usize..span.end as usize).unwrap_or("?");
        format!("{}: {} @ {}", found.code, found.message, text.trim())
    };
    // What nothing heeds yet is told elsewhere.
    let heeded = |found: &&Diagnostic| found.code != "no-effect";
    let told = diagnostics.sorted().iter().filter(heeded).map(told).collect();
    (config, told)
}

/// A configuration in which nothing is wrong.
fn good(layers: &[&str]) -> Config {
    let (config, told) = read(layers);
    assert_eq!(told, [""; 0]);
    config
}

/// What is wrong with a file.
fn wrong(text: &str) -> Vec<String> {
    read(&[text]).1
}

const WHOLE: &str = r#"
providers:
  mammouth: { api_key: "{{secrets.KEY}}" }
  local:
    base_url: http://127.0.0.1:8080/v1
    limits: { concurrency: 2, requests_per_minute: 60, tokens_per_minute: 90000 }
    headers: { X-Title: howdah, X-Api-Key: "{{secrets.OTHER}}" }
    stream: false
    timeouts: { connect: 2s, first_byte: 1m, progress: 30s, total: 5m }
models: { fast: [gpt-4.1-mini, local/qwen3-8b], best: gpt-5 }
prices: { local/qwen3-8b: { input: $0, output: $0.4, cached: $0.000001 } }
vars: { vault: notes, langs: [fr, en] }
timezone: Europe/Paris
limits: { day: { cost: $5 } }
files: { read: [inbox, docs], write: [out] }
exec: { allow: [/usr/bin/pandoc] }
server: { listen: 127.0.0.1:7878, hooks: "localhost:0" }
history: { keep: 30d, max_runs: 100000 }
"#;

#[test]
fn a_whole_file_is_read() {
    let config = good(&[WHOLE]);
    let mammouth = &config.providers[MAMMOUTH];
    assert_eq!(&*mammouth.base_url.text, "https://api.mammouth.ai/v1");
    assert_eq!(mammouth.api_key.as_ref().map(|key| &*key.text), Some("{{secrets.KEY}}"));
    let local = &config.providers["local"];
    assert!(local.api_key.is_none());
    assert_eq!(local.limits.tokens_per_minute.map(u64::from), Some(90_000));
    assert_eq!(local.headers.keys().collect::<Vec<_>>(), ["x-title", "x-api-key"]);
    assert_eq!(local.stream, Streaming::Never);
    assert_eq!(local.timeouts.total.map(|time| time.as_secs()), Some(300));
    let chain = |name: &str| config.models[name].chain.iter().map(|model| &*model.value).collect::<Vec<_>>();
    assert_eq!((chain("fast"), chain("best")), (vec!["gpt-4.1-mini", "local/qwen3-8b"], vec!["gpt-5"]));
    assert_eq!(config.prices["local/qwen3-8b"].output.to_string(), "$0.40");
    assert_eq!(config.vars["langs"].value.to_json(), serde_json::json!(["fr", "en"]));
    let span = config.vars["vault"].value.span;
    assert_eq!(&WHOLE[span.start as usize..span.end as usize], "notes");
    assert_eq!(
        config.timezone.and_then(|zone| zone.value.iana_name().map(str::to_owned)).unwrap(),
        "Europe/Paris"
    );
    assert_eq!(config.cost_per_day.unwrap().to_string(), "$5.00");
    assert_eq!(config.files.write.unwrap()[0].value, Path::new("out"));
    assert_eq!(config.programs[0].value, Path::new("/usr/bin/pandoc"));
    assert_eq!(config.server.hooks.unwrap().to_string(), "127.0.0.1:0");
    assert_eq!(config.history.keep.unwrap().as_secs(), 30 * 86_400);
    assert_eq!(u64::from(*config.history.max_runs.unwrap()), 100_000);
}

#[test]
fn without_a_file_mammouth_is_there() {
    for layers in [&[][..], &["# nothing yet\n"], &["providers:\nlimits:\n"]] {
        let config = good(layers);
        let mammouth = &config.providers[MAMMOUTH];
        assert_eq!(mammouth.api_key.as_ref().unwrap().text.as_ref(), "{{secrets.MAMMOUTH_API_KEY}}");
        assert!(mammouth.span.is_none() && config.files.read.is_none());
    }
}

#[test]
fn another_address_does_not_get_the_built_in_key() {
    let config = good(&["providers: { mammouth: { base_url: http://127.0.0.1:1/v1 } }"]);
    assert!(config.providers[MAMMOUTH].api_key.is_none());
    let config = good(&["providers: { mammouth: { stream: false } }"]);
    assert!(config.providers[MAMMOUTH].api_key.is_some());
    let config = good(&["providers: { mammouth: { api_key: '' } }"]);
    assert!(config.providers[MAMMOUTH].api_key.is_none());
}

#[test]
fn a_profile_overlays_maps_and_replaces_the_rest() {
    let overlay = "providers: { local: { base_url: https://gpu.example.org/v1 } }\nmodels: { fast: gpt-5 }\nlimits: { day: { cost: $9 } }\n";
    let config = good(&[WHOLE, overlay]);
    let local = &config.providers["local"];
    assert_eq!(&*local.base_url.text, "https://gpu.example.org/v1");
    assert_eq!(local.base_url.node.as_ref().unwrap().span.file, FileId(1));
    assert_eq!(local.stream, Streaming::Never);
    assert_eq!(config.models["fast"].chain.len(), 1);
    assert_eq!(config.models["best"].chain.len(), 1);
    assert_eq!(config.cost_per_day.unwrap().to_string(), "$9.00");
    let (_, told) = read(&[WHOLE, "limits: { day: { cots: 1 } }"]);
    assert_eq!(told, ["unknown-key: unknown key `cots` in `day` @ cots"]);
}

#[test]
fn a_profile_is_found_by_its_name_or_the_others_are_named() {
    let mut sources = Sources::new();
    sources.add("howdah.yaml", Ok(b"timezone: UTC".to_vec()));
    sources.add("howdah.prod.yaml", Ok(b"timezone: Asia/Tokyo".to_vec()));
    let mut diagnostics = Diagnostics::new();
    let mut zone = |profile| {
        let config = Config::read(&sources, profile, &mut diagnostics)?;
        Ok(config.timezone.and_then(|zone| zone.value.iana_name().map(str::to_owned)))
    };
    assert_eq!(zone(None), Ok(Some("UTC".to_owned())));
    assert_eq!(zone(Some("prod")), Ok(Some("Asia/Tokyo".to_owned())));
    let missing: MissingProfile = zone(Some("test")).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "there is no profile `test`: make the file `howdah.test.yaml`, or use one of `prod`"
    );
    assert!(!diagnostics.has_errors());
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "providers:
  my/server: { base_url: https://x.example/v1 }
  a: { api_key: '{{secrets.A}}' }
  b: { base_url: ftp://x.example }
  c: { base_url: https://x.example/v1, limits: { concurrency: 0 }, stream: maybe, timeouts: { total: 0s }, tmp: 1 }
modles: {}
models: { none: [] }
prices: { m: { input: 1, output: $0.0000001 } }
vars: { my-var: 1 }
timezone: Mars/Base
files: { read: [../x, 'a/*', ''] }
exec: { allow: [pandoc] }
plugins: { github: {} }
server: { listen: 7878, hooks: here }
history: { keep: 30 }
";
    assert_eq!(
        wrong(text),
        [
            "invalid-value: `my/server` cannot name a provider @ my/server",
            "missing-key: `base_url` is missing in a provider @ a",
            "invalid-value: `base_url` must begin with `https://` or `http://` and a host @ ftp://x.example",
            "out-of-range: `concurrency` must be at least 1, found 0 @ 0",
            "invalid-value: `stream` is `maybe` @ maybe",
            "out-of-range: `total` must be longer than nothing @ 0s",
            "unknown-key: unknown key `tmp` in a provider @ tmp",
            "unknown-key: unknown key `modles` in the configuration @ modles",
            "invalid-value: `none` stands for no model @ []",
            "out-of-range: `output` is finer than a price can be @ $0.0000001",
            "invalid-value: `my-var` cannot name a variable @ my-var",
            "invalid-value: `Mars/Base` is no time zone that this machine knows @ Mars/Base",
            "invalid-value: `../x` in `read` holds `..`: write it from the workspace's root, or absolute @ ../x",
            "invalid-value: `a/*` in `read` looks like a pattern: name a folder or a file, and all below it is meant @ 'a/*'",
            "invalid-value: an item of `read` is empty @ ''",
            "invalid-value: `pandoc` is not an absolute path @ pandoc",
            "unsupported: plugins are not supported by this version of howdah @ plugins",
            "wrong-type: `listen` must be text, found the number `7878` @ 7878",
            "invalid-value: `here` is no address to listen on @ here",
            "wrong-type: `keep` must be a duration, found the number `30` @ 30",
        ]
    );
}

#[test]
fn what_is_risky_is_a_warning() {
    let text = "providers:
  a: { base_url: http://models.example.org/v1, api_key: sk-123, headers: { Authorization: Bearer x } }
";
    let told = wrong(text);
    assert_eq!(
        told,
        [
            "plain-http: `base_url` is not encrypted: keys and prompts travel readable @ http://models.example.org/v1",
            "literal-credential: `api_key` holds a credential that everybody who sees this file can read @ sk-123",
            "literal-credential: `authorization` holds a credential that everybody who sees this file can read @ Bearer x",
        ]
    );
}

#[test]
fn a_file_of_another_shape_leaves_the_defaults() {
    for text in ["- a\n", "text", "providers: []", "models: 5", "providers: { a: }"] {
        let (config, told) = read(&[text]);
        assert_eq!(told.len(), 1, "{text}: {told:?}");
        assert_eq!(config.providers.len(), 1);
    }
    let headers = "providers: { a: { base_url: 'https://x.example', headers: { 'a b': x, c: \"x\\ny\" } } }";
    assert_eq!(wrong(headers).len(), 2);
}
