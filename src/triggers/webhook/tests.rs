use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::clock::{Clock, Timestamp};
use crate::component::{Argument, Arguments, Incoming, Ingress, Received, Rejection, Rendered};
use crate::event::TriggerId;
use crate::net::{NetOptions, signature};
use crate::secret::{Secret, Secrets, placeholder};
use crate::template::Schema;

/// The instant of all these tests, in seconds since 1970.
const NOW: i64 = 1_700_000_000;

#[derive(Debug)]
struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }

    fn sleep(&self, _: Duration) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::pending())
    }
}

const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn arm_with(values: Json, arguments: Arguments) -> Result<(Route, Arc<dyn Ingress>), Failure> {
    let known = [("KEY", KEY), ("EMPTY", "")];
    let secrets = known.map(|(name, value)| (name.to_owned(), Secret::new(value)));
    let net = NetOptions { secrets: Secrets::new(BTreeMap::from(secrets)), ..NetOptions::default() };
    let kind = Webhook::new(net::Client::new(net), Arc::new(Standing));
    let Json::Object(values) = values else { panic!("a map") };
    let id = TriggerId { kind: "webhook".into(), index: 0 };
    match kind.arm(Setting { workflow: "w", id, values: Rendered { values }, arguments: &arguments })? {
        Armed::Route(route, ingress) => Ok((route, ingress)),
        Armed::Source(_) => panic!("a route"),
    }
}

fn arm(auth: Json, more: Json) -> Result<(Route, Arc<dyn Ingress>), Failure> {
    let mut values = json!({ "path": "/a/{id}", "auth": auth });
    values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    arm_with(values, Arguments::default())
}

fn request(headers: &[(&str, &str)], body: &str) -> Incoming {
    Incoming {
        method: "POST".into(),
        params: [("id".to_owned(), "7".to_owned())].into(),
        query: vec![("a".into(), "1".into()), ("b".into(), "2".into()), ("a".into(), "3".into())],
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.to_owned().into(),
    }
}

fn receive(auth: Json, more: Json, headers: &[(&str, &str)], body: &str) -> Result<Received, Rejection> {
    let (_, ingress) = arm(auth, more).unwrap();
    ingress.receive(&request(headers, body))
}

/// What a request is refused with.
fn refused(auth: Json, headers: &[(&str, &str)], body: &str) -> (u16, &'static str) {
    let rejection = receive(auth, json!({}), headers, body).unwrap_err();
    (rejection.status, rejection.code)
}

/// The key of a request's identity.
fn key_of(auth: Json, more: Json, headers: &[(&str, &str)], body: &str) -> Option<String> {
    receive(auth, more, headers, body).unwrap().identity.map(|identity| identity.key)
}

fn standard_headers(id: &str, body: &str) -> Vec<(&'static str, String)> {
    let signature = signature::standard(KEY, id, NOW, body.as_bytes()).unwrap();
    vec![
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", NOW.to_string()),
        ("webhook-signature", signature),
    ]
}

fn borrowed<'h>(headers: &'h [(&'static str, String)]) -> Vec<(&'h str, &'h str)> {
    headers.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[test]
fn a_trigger_is_a_route_with_defaults() {
    let (route, ingress) = arm(json!("none"), json!({})).unwrap();
    assert_eq!(route, Route { path: "/a/{id}".into(), methods: vec!["POST".into()], max_body: 1 << 20 });
    assert_eq!(ingress.respond(), &RespondMode::Accepted);
    let more =
        json!({ "methods": ["GET", "PUT"], "max_size": "2KiB", "respond": "result", "respond_within": "5s" });
    let (route, ingress) = arm(json!("none"), more).unwrap();
    assert_eq!((route.methods.len(), route.max_body), (2, 2048));
    assert_eq!(ingress.respond(), &RespondMode::Result(Duration::from_secs(5)));
    let (_, ingress) = arm(json!("none"), json!({ "respond": "step" })).unwrap();
    assert_eq!(ingress.respond(), &RespondMode::Step(RESPOND_WITHIN));
    let (_, ingress) = arm(json!("none"), json!({ "respond": { "status": 204, "json": [1] } })).unwrap();
    let always = Response { status: 204, headers: Vec::new(), body: json!([1]) };
    assert_eq!(ingress.respond(), &RespondMode::Fixed(always));
}

#[test]
fn what_cannot_be_armed_is_said() {
    for (auth, more) in [
        (json!("all"), json!({})),
        (json!({ "bearer": "a", "github": "b" }), json!({})),
        (json!({}), json!({})),
        (json!("none"), json!({ "path": "a" })),
        (json!("none"), json!({ "max_size": "1GiB" })),
        (json!("none"), json!({ "dedupe": { "key": "event." } })),
        (json!("none"), json!({ "dedupe": { "keep": "soon" } })),
        (json!("none"), json!({ "respond": "later" })),
    ] {
        let failure = arm(auth.clone(), more.clone()).err();
        assert_eq!(failure.map(|failure| failure.code), Some("wrong_value".into()), "{auth} {more}");
    }
    assert!(arm_with(json!({ "path": "/a" }), Arguments::default()).is_err(), "auth is never implied");
}

#[test]
fn an_event_holds_the_request_without_its_credentials() {
    let headers = [
        ("content-type", "application/json"),
        ("x-kind", "a"),
        ("x-kind", "b"),
        ("cookie", "c"),
        ("authorization", "Bearer t"),
        ("x-own", "hex"),
    ];
    let event = receive(json!("none"), json!({}), &headers, r#"{"n":1}"#).unwrap().data;
    let expected = json!({
        "body": { "n": 1 }, "raw": "{\"n\":1}", "params": { "id": "7" }, "query": { "a": ["1", "3"], "b": "2" },
        "headers": { "content-type": "application/json", "x-kind": "a, b", "x-own": "hex" }, "method": "POST",
    });
    assert_eq!(event, expected);
    let digest = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
    let own = json!({ "hmac": { "secret": "Jefe", "header": "X-Own", "algorithm": "sha1" } });
    let event = receive(own, json!({}), &[("x-own", digest)], "what do ya want for nothing?").unwrap().data;
    assert_eq!((&event["headers"], &event["body"]), (&json!({}), &json!("what do ya want for nothing?")));
}

#[test]
fn a_bearer_token_is_the_right_one_or_none() {
    let auth = || json!({ "bearer": placeholder("KEY") });
    let good = format!("bearer {KEY}");
    assert!(receive(auth(), json!({}), &[("authorization", &good)], "").is_ok());
    for bad in ["Bearer x", "Bearer ", "Bearer", "Basic x", KEY, ""] {
        assert_eq!(refused(auth(), &[("authorization", bad)], ""), (401, "unauthorized"), "{bad}");
    }
    assert_eq!(refused(auth(), &[], ""), (401, "unauthorized"));
}

#[test]
fn the_sender_is_known_before_the_body_is_read() {
    let headers = [("content-type", "application/json"), ("content-encoding", "gzip")];
    assert_eq!(refused(json!({ "github": "x" }), &headers, "{"), (401, "unauthorized"));
    assert_eq!(refused(json!("none"), &headers, "{"), (415, "unsupported_media_type"));
    assert_eq!(refused(json!("none"), &headers[..1], "{"), (400, "unreadable_body"));
}

#[test]
fn a_secret_that_is_not_set_lets_nobody_in() {
    for secret in [placeholder("NONE"), placeholder("EMPTY"), String::new()] {
        let signed = [
            ("authorization", "Bearer "),
            (
                "x-hub-signature-256",
                "sha256=b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad",
            ),
            ("x-slack-signature", "v0=00"),
            ("x-slack-request-timestamp", "1700000000"),
            ("stripe-signature", "t=1700000000,v1=00"),
            ("webhook-id", "a"),
            ("webhook-timestamp", "1700000000"),
            ("webhook-signature", "v1,AA=="),
        ];
        for scheme in ["bearer", "standard", "github", "slack", "stripe"] {
            let auth = json!({ scheme: secret });
            assert_eq!(refused(auth, &signed, ""), (503, "auth_not_configured"), "{scheme}");
        }
        let auth =
            json!({ "hmac": { "secret": secret, "header": "x-hub-signature-256", "prefix": "sha256=" } });
        assert_eq!(refused(auth, &signed, ""), (503, "auth_not_configured"));
    }
    let rejection = receive(json!({ "github": placeholder("NONE") }), json!({}), &[], "").unwrap_err();
    assert!(!rejection.message.contains("NONE"));
}

#[test]
fn a_standard_sender_is_named_by_what_it_signed() {
    let auth = || json!({ "standard": placeholder("KEY") });
    let mut headers = standard_headers("msg_1", "{}");
    headers.push(("idempotency-key", "forged".to_owned()));
    assert_eq!(key_of(auth(), json!({}), &borrowed(&headers), "{}").as_deref(), Some("msg_1"));
    assert_eq!(refused(auth(), &borrowed(&headers), "{ }"), (401, "unauthorized"));
    headers[0].1 = "msg_2".to_owned();
    assert_eq!(refused(auth(), &borrowed(&headers), "{}"), (401, "unauthorized"));
    assert_eq!(refused(auth(), &borrowed(&headers[1..]), "{}"), (401, "unauthorized"));
}

#[test]
fn a_signed_message_is_remembered_for_as_long_as_it_could_pass() {
    let keep = |auth: Json, headers: &[(&str, &str)]| {
        let more = json!({ "dedupe": { "keep": "1s" } });
        receive(auth, more, headers, "{}").unwrap().identity.and_then(|identity| identity.keep)
    };
    let headers = standard_headers("msg_1", "{}");
    assert_eq!(keep(json!({ "standard": KEY }), &borrowed(&headers)), Some(Duration::from_secs(600)));
    assert_eq!(keep(json!("none"), &borrowed(&headers)), Some(Duration::from_secs(1)));
    let identity = receive(json!("none"), json!({}), &borrowed(&headers), "{}").unwrap().identity.unwrap();
    assert_eq!(identity.keep, Some(Duration::from_secs(86_400)));
}

#[test]
fn known_senders_name_their_messages() {
    let key = |headers: &[(&str, &str)]| key_of(json!("none"), json!({}), headers, "{}");
    assert_eq!(key(&[]), None);
    assert_eq!(key(&[("webhook-id", "")]), None);
    assert_eq!(key(&[("idempotency-key", "k"), ("x-github-delivery", "d")]).as_deref(), Some("k"));
    assert_eq!(key(&[("x-github-delivery", "d")]).as_deref(), Some("d"));
    let long = key(&[("idempotency-key", &"k".repeat(1000))]).unwrap();
    assert!(long.starts_with("sha256:") && long.len() < 100);

    // As GitHub's documentation signs it.
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let headers = [("x-hub-signature-256", signature), ("x-github-delivery", "d"), ("idempotency-key", "k")];
    let github = json!({ "github": "It's a Secret to Everybody" });
    assert_eq!(key_of(github, json!({}), &headers, "Hello, World!").as_deref(), Some("d"));
}

#[test]
fn slack_and_stripe_name_their_messages_in_the_signed_body() {
    // Computed with another implementation, for the key `secret` at the instant of these tests.
    let stripe = |body: &str, v1: &str| {
        let header = format!("t={NOW},v1={v1}");
        let headers = [("stripe-signature", header.as_str()), ("idempotency-key", "forged")];
        key_of(json!({ "stripe": "secret" }), json!({}), &headers, body).unwrap()
    };
    let slack = |body: &str, v0: &str| {
        let (header, now) = (format!("v0={v0}"), NOW.to_string());
        let headers = [
            ("x-slack-signature", header.as_str()),
            ("x-slack-request-timestamp", &now),
            ("webhook-id", "forged"),
        ];
        key_of(json!({ "slack": "secret" }), json!({}), &headers, body).unwrap()
    };
    assert_eq!(
        stripe(r#"{"id":"evt_1"}"#, "af784f27423c462e20039559cd4264140f7b7ed4c9090e26fd663faa5eeb8dda"),
        "evt_1"
    );
    assert_eq!(
        slack(r#"{"event_id":"Ev1"}"#, "a82c4affdf354c1d9620688789b938f9b46ccd895f1eb9884f23ef542c2f76be"),
        "Ev1"
    );
    let bare = slack("text=hello", "3d5a6dfea64f4f1dd2f85ab0eb2a80e1551d0b2d7928a6c587b4a58bb1dca489");
    assert_eq!(bare, format!("sha256:{}", crate::ids::Digest::of(b"text=hello")));
}

#[test]
fn an_authors_key_comes_first() {
    let key = |expression: &str, body: &str| {
        let more = json!({ "dedupe": { "key": expression } });
        receive(json!("none"), more, &[("idempotency-key", "k")], body)
    };
    let name = |received: Result<Received, Rejection>| received.unwrap().identity.unwrap().key;
    assert_eq!(name(key("event.body.id", r#"{"id":"a"}"#)), "a");
    assert_eq!(name(key("event.body.id", r#"{"id":5}"#)), "5");
    assert_eq!(name(key("event.params.id + '/' + event.query.b", "")), "7/2");
    assert_eq!(name(key("default(event.body.id, null)", "{}")), "k");
    let rejection = key("event.body.id", "{}").unwrap_err();
    assert_eq!((rejection.status, rejection.code), (422, "dedupe_key"));
    assert!(rejection.message.contains("`event.body`"), "{}", rejection.message);
}

#[test]
fn a_body_fits_its_schema() {
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"] });
    let schema = Arc::new(Schema::parse(&schema).unwrap());
    let arguments = Arguments::new(vec![("body".into(), Argument::Schema(schema))]);
    let (_, ingress) = arm_with(json!({ "path": "/a", "auth": "none" }), arguments).unwrap();
    assert!(ingress.receive(&request(&[], r#"{"n":1}"#)).is_ok());
    for (body, pointer) in [(r#"{"n":"x"}"#, "`/n`"), ("{}", "n"), ("", "")] {
        let rejection = ingress.receive(&request(&[], body)).unwrap_err();
        assert_eq!((rejection.status, rejection.code), (422, "body_schema"));
        assert!(rejection.message.contains(pointer), "{}", rejection.message);
    }
}
