//! Who may use the administration: one check around every route, public ones named exactly.
//!
//! A browser is kept from acting for a stranger's page: the `Host` must be one of ours (a foreign
//! name that leads here is an attack), an `Origin`, where there is one, must be the page's own, and a
//! change comes as JSON, which no form can send. A token keeps out whoever is no browser.
//!
//! Not who may send a webhook, which its trigger decides. What must stay true: matching is on the
//! very path that the router sees; a token is compared in constant time.

use std::net::IpAddr;

use axum::response::Response;
use hyper::body::Body;
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::http::uri::Authority;
use hyper::{Method, Request, StatusCode};
use subtle::ConstantTimeEq as _;

use crate::ids::Digest;
use crate::secret::Secret;

use super::answer::Problem;

/// The routes that need no token: whether howdah lives, and what it waits for.
const PUBLIC: [&str; 2] = ["/healthz", "/readyz"];

/// The host names under which a listener is known.
pub(super) struct Hosts {
    names: Vec<String>,
    bound: IpAddr,
}

impl Hosts {
    /// Loopback names, the address that is listened on, and these.
    pub fn new(bound: IpAddr, configured: &[String]) -> Self {
        let configured = configured.iter().map(|name| name.to_ascii_lowercase());
        Self { names: std::iter::once("localhost".to_owned()).chain(configured).collect(), bound }
    }

    /// Whether a `Host` (a name or an address, and perhaps a port) is one of ours.
    fn admits(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host().to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        !host.contains('@')
            && match address.map(|address| address.to_canonical()) {
                // Where every address is listened on, an address in the header cannot be told from
                // one of this machine's; it is a name that a stranger could have led here.
                Ok(address) => address.is_loopback() || address == self.bound || self.bound.is_unspecified(),
                Err(_) => self.names.contains(&name),
            }
    }

    /// The `Host` of a request, if it is one of ours.
    fn own<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        single(headers, HOST).filter(|host| self.admits(host))
    }

    /// Whether a request comes from a page of another origin than the one it is sent to.
    pub fn is_foreign(&self, headers: &HeaderMap) -> bool {
        if !headers.contains_key(ORIGIN) {
            return false;
        }
        let origin = single(headers, ORIGIN).unwrap_or_default();
        let origin = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        !matches!((self.own(headers), origin), (Some(host), Some(origin)) if origin.eq_ignore_ascii_case(host))
    }
}

/// The value of a header that stands once.
fn single(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

/// What every request to the administration must pass.
pub(super) struct Guard {
    hosts: Hosts,
    /// The digest of the token: of one length, whatever the token's is.
    token: Option<Digest>,
}

impl Guard {
    /// A guard that knows these hosts, and asks for this token.
    pub fn new(hosts: Hosts, token: Option<&Secret>) -> Self {
        Self { hosts, token: token.map(|token| Digest::of(token.expose().as_bytes())) }
    }

    /// Lets a request through, or says why not.
    pub fn admit<B: Body>(&self, request: &Request<B>) -> Result<(), Problem> {
        let headers = request.headers();
        if self.hosts.own(headers).is_none() {
            let message =
                "the `Host` is not a name of this server; use `127.0.0.1` or `localhost`, or list the name";
            return Err(Problem::new(StatusCode::FORBIDDEN, "foreign_host", message));
        }
        if self.hosts.is_foreign(headers) {
            let message = "the `Origin` is another site; only pages of this server may send requests";
            return Err(Problem::new(StatusCode::FORBIDDEN, "foreign_origin", message));
        }
        if !PUBLIC.contains(&request.uri().path()) && !self.knows(headers) {
            let message = "a token is needed: send it as `Authorization: Bearer TOKEN`";
            let problem = Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
            return Err(problem.with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
        }
        if !is_read(request.method()) && !has_json(request) {
            let message = "a change is sent as JSON, with `Content-Type: application/json`";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", message));
        }
        Ok(())
    }

    /// Whether a request brings the token, or none is asked for.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let sent = single(headers, AUTHORIZATION).and_then(|sent| sent.split_once(' '));
        let sent = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let sent = Digest::of(sent.map(|(_, token)| token.trim()).unwrap_or_default().as_bytes());
        bool::from(sent.as_bytes().ct_eq(token.as_bytes()))
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a body is JSON by its header, or there is neither body nor header.
fn has_json<B: Body>(request: &Request<B>) -> bool {
    if !request.headers().contains_key(CONTENT_TYPE) {
        return request.body().is_end_stream();
    }
    let kind = single(request.headers(), CONTENT_TYPE).and_then(|kind| kind.split(';').next());
    kind.is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// What every answer of the administration carries: nobody keeps it, frames it or guesses its type.
pub(super) fn fence(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    answer
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;

    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn guard(bound: &str, token: Option<&str>) -> Guard {
        let hosts = Hosts::new(bound.parse().unwrap(), &["Howdah.example.org".to_owned()]);
        Guard::new(hosts, token.map(Secret::new).as_ref())
    }

    /// The word with which a request is refused, or nothing.
    fn refusal(guard: &Guard, line: &str, headers: &[(&str, &str)], body: &'static str) -> String {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap();
        let refused = guard.admit(&request).map_err(|problem| format!("{problem:?}"));
        refused.err().map(|text| text.split(':').next().unwrap().to_owned()).unwrap_or_default()
    }

    #[test]
    fn only_our_own_names_are_hosts() {
        let guard = guard("127.0.0.1", None);
        let asked = |host| refusal(&guard, "GET /api/v1/runs", &[("host", host)], "");
        for own in
            ["127.0.0.1:7878", "localhost", "LOCALHOST:1", "[::1]:7878", "127.9.9.9", "howdah.example.org"]
        {
            assert_eq!(asked(own), "", "{own}");
        }
        for foreign in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "x@localhost",
            "192.0.2.1",
            "",
        ] {
            assert_eq!(asked(foreign), "403 foreign_host", "{foreign}");
        }
        assert_eq!(refusal(&guard, "GET /healthz", &[], ""), "403 foreign_host");
        let twice = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(refusal(&guard, "GET /healthz", &twice, ""), "403 foreign_host");
    }

    #[test]
    fn a_server_for_all_addresses_is_known_by_each_of_them() {
        let guard = guard("0.0.0.0", Some(TOKEN));
        assert_eq!(refusal(&guard, "GET /healthz", &[("host", "192.0.2.1:7878")], ""), "");
        assert_eq!(refusal(&guard, "GET /healthz", &[("host", "evil.example")], ""), "403 foreign_host");
    }

    #[test]
    fn a_page_of_another_origin_is_refused() {
        let guard = guard("127.0.0.1", None);
        let from = |origin| {
            refusal(&guard, "GET /api/v1/runs", &[("host", "localhost:7878"), ("origin", origin)], "")
        };
        assert_eq!(from("http://localhost:7878"), "");
        for foreign in
            ["http://localhost:3000", "http://evil.example", "null", "", "file://", "localhost:7878"]
        {
            assert_eq!(from(foreign), "403 foreign_origin", "{foreign}");
        }
    }

    #[test]
    fn a_change_is_json() {
        let guard = guard("127.0.0.1", None);
        let host = ("host", "localhost");
        let post = |headers: &[(&str, &str)], body| {
            refusal(&guard, "POST /api/v1/runs/1/cancel", &[&[host], headers].concat(), body)
        };
        assert_eq!(post(&[("content-type", "application/json; charset=utf-8")], "{}"), "");
        assert_eq!(post(&[], ""), "");
        assert_eq!(post(&[], "{}"), "415 not_json");
        for form in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx"] {
            assert_eq!(post(&[("content-type", form)], "{}"), "415 not_json", "{form}");
            assert_eq!(post(&[("content-type", form)], ""), "415 not_json", "{form}");
        }
    }

    #[test]
    fn a_token_opens_all_and_its_absence_only_what_is_public() {
        let guard = guard("0.0.0.0", Some(TOKEN));
        let with = |path: &str, sent: &str| {
            refusal(&guard, &format!("GET {path}"), &[("host", "localhost"), ("authorization", sent)], "")
        };
        assert_eq!(with("/api/v1/runs", &format!("Bearer {TOKEN}")), "");
        assert_eq!(with("/api/v1/runs", &format!("bearer {TOKEN}")), "");
        assert_eq!(with("/healthz", ""), "");
        for wrong in [
            String::new(),
            "Bearer ".into(),
            TOKEN.into(),
            format!("Basic {TOKEN}"),
            format!("Bearer {TOKEN}0"),
        ] {
            assert_eq!(with("/api/v1/runs", &wrong), "401 unauthorized", "{wrong}");
        }
        for near in [
            "/healthz/",
            "/healthz/x",
            "//healthz",
            "/api/healthz",
            "/%68ealthz",
            "/HEALTHZ",
            "/api/v1/runs/readyz",
        ] {
            assert_eq!(with(near, ""), "401 unauthorized", "{near}");
        }
        let header = [("host", "localhost")];
        assert_eq!(refusal(&guard, "GET /nowhere", &header, ""), "401 unauthorized");
    }
}
