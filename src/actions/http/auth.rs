//! Credentials of a request: given ones, and tokens that are fetched with them (OAuth 2.0, client
//! credentials).
//!
//! A token lives in memory until it runs out; it is in no output and no error.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::component::{Field, FieldType, Retry, StepError};
use crate::ids::Digest;
use crate::net::{self, Body, Method, Request};
use crate::secret::{MissingSecret, Secret, Secrets};
use crate::value::{Failure, Json};

use super::{refused, unsent};

/// `auth`.
pub(super) const FIELDS: &[Field] = &[
    Field::optional("bearer", FieldType::Text, "Sent as `Authorization: Bearer`").with_secrets(),
    Field::optional("basic", FieldType::Record(BASIC), "Sent as `Authorization: Basic`").with_secrets(),
    Field::optional(
        "oauth2",
        FieldType::Record(OAUTH2),
        "Client credentials for a token, which is kept until it runs out and sent as `Authorization: Bearer`",
    )
    .with_secrets(),
];

const BASIC: &[Field] = &[
    Field::required("user", FieldType::Text, "The user").with_secrets(),
    Field::required("password", FieldType::Text, "The password").with_secrets(),
];

const OAUTH2: &[Field] = &[
    Field::required("token_url", FieldType::Url, "Where tokens are given").with_secrets(),
    Field::required("client_id", FieldType::Text, "The client").with_secrets(),
    Field::required("client_secret", FieldType::Text, "Its secret").with_secrets(),
    Field::optional("scope", FieldType::Text, "What the token is for, words with spaces between them"),
    Field::optional(
        "client_in",
        FieldType::Choice(&["header", "body"]),
        "Where the client and its secret are sent; some servers want them in the `body`",
    )
    .with_default("header"),
];

/// The value of `auth`.
#[derive(Default, Deserialize)]
pub(super) struct Auth {
    bearer: Option<String>,
    basic: Option<Basic>,
    oauth2: Option<OAuth2>,
}

#[derive(Deserialize)]
struct Basic {
    user: String,
    password: String,
}

#[derive(Deserialize)]
struct OAuth2 {
    token_url: String,
    client_id: String,
    client_secret: String,
    scope: Option<String>,
    #[serde(default)]
    client_in: ClientIn,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClientIn {
    #[default]
    Header,
    Body,
}

/// The longest time that a token is used which does not say how long it lasts.
const LIFETIME: Duration = Duration::from_secs(300);

/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(30);

/// How many tokens are held; beyond it they are fetched anew.
const TOKENS: usize = 1_000;

/// The largest answer of a token server, in bytes.
const ANSWER: u64 = 64 << 10;

/// A request's credential.
pub(super) enum Credential {
    /// None.
    None,
    /// The value of `Authorization`.
    Header(String),
    /// A token that is got with this.
    Token(Box<Grant>),
}

/// What a token is got with.
pub(super) struct Grant {
    written: OAuth2,
    /// Of all of it, secrets filled in: what the token is kept under.
    key: Digest,
}

impl Credential {
    /// The credential that is written.
    ///
    /// # Errors
    /// `missing_secret`.
    pub(super) fn new(auth: Auth, net: &net::Client) -> Result<Self, Failure> {
        if let Some(bearer) = auth.bearer {
            return Ok(Self::Header(format!("Bearer {bearer}")));
        }
        if let Some(Basic { user, password }) = auth.basic {
            return basic(&format!("{user}:{password}"), net).map(Self::Header);
        }
        let Some(written) = auth.oauth2 else { return Ok(Self::None) };
        let parts = [
            written.token_url.as_str(),
            &written.client_id,
            &written.client_secret,
            written.scope.as_deref().unwrap_or_default(),
        ];
        let filled = net.secrets().fill(&parts.join("\0")).map_err(missing)?;
        Ok(Self::Token(Box::new(Grant { written, key: Digest::of(filled.as_bytes()) })))
    }

    /// Whether it is a token that was fetched.
    pub(super) fn is_token(&self) -> bool {
        matches!(self, Self::Token(_))
    }
}

fn missing(missing: MissingSecret) -> Failure {
    Failure::new("missing_secret", missing.to_string())
}

/// Basic credentials are encoded as one, so their secrets are filled in here, into a value that
/// goes to the wire and nowhere else.
fn basic(pair: &str, net: &net::Client) -> Result<String, Failure> {
    let pair = net.secrets().fill(pair).map_err(missing)?;
    Ok(format!("Basic {}", STANDARD.encode(pair)))
}

/// The tokens that are held.
#[derive(Default)]
pub(super) struct Tokens {
    by_grant: Mutex<HashMap<Digest, Token>>,
}

#[derive(Clone)]
struct Token {
    value: Secret,
    until: Timestamp,
}

/// The value of `Authorization` for one request.
pub(super) enum Header {
    None,
    Given(String),
    /// A token, fetched just now or held since before.
    Token(Secret, Age),
}

/// How a token was come by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    New,
    Old,
}

impl Header {
    /// The header's value.
    pub(super) fn value(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Given(value) => Some(value.clone()),
            Self::Token(token, _) => Some(format!("Bearer {}", token.expose())),
        }
    }

    /// Whether it is a token that may have run out meanwhile.
    pub(super) fn is_old(&self) -> bool {
        matches!(self, Self::Token(_, Age::Old))
    }
}

impl Tokens {
    /// The header for a request; a token is fetched where none is held.
    ///
    /// # Errors
    /// When it cannot be fetched; nothing of the request itself was sent then.
    pub(super) async fn header(
        &self,
        credential: &Credential,
        net: &net::Client,
        now: Timestamp,
    ) -> Result<Header, StepError> {
        let grant = match credential {
            Credential::None => return Ok(Header::None),
            Credential::Header(value) => return Ok(Header::Given(value.clone())),
            Credential::Token(grant) => grant,
        };
        let held = self.lock().get(&grant.key).filter(|token| token.until > now).cloned();
        if let Some(token) = held {
            return Ok(Header::Token(token.value, Age::Old));
        }
        let token = fetch(&grant.written, net, now).await.map_err(before_sending)?;
        let mut tokens = self.lock();
        if tokens.len() >= TOKENS {
            tokens.clear();
        }
        tokens.insert(grant.key, token.clone());
        Ok(Header::Token(token.value, Age::New))
    }

    /// Drops a token that was refused.
    pub(super) fn forget(&self, credential: &Credential) {
        if let Credential::Token(grant) = credential {
            self.lock().remove(&grant.key);
        }
    }

    /// The secrets, and the token of this credential with them.
    pub(super) fn secrets(&self, credential: &Credential, secrets: &Secrets) -> Secrets {
        let token = match credential {
            Credential::Token(grant) => self.lock().get(&grant.key).map(|token| token.value.clone()),
            _ => None,
        };
        match token {
            Some(token) => secrets.union(&Secrets::new(BTreeMap::from([("access token".to_owned(), token)]))),
            None => secrets.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Token>> {
        self.by_grant.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A failure to get a token: of the request itself nothing was sent.
fn before_sending(error: StepError) -> StepError {
    let retry = match error.retry {
        Retry::IfIdempotent { after } => Retry::Safe { after },
        retry => retry,
    };
    let message = format!("no token for `auth.oauth2`: {}", error.failure.message);
    StepError { failure: Failure { message, ..error.failure }, retry, ..error }
}

/// Asks for a token, as RFC 6749 has it in its section 4.4.
async fn fetch(grant: &OAuth2, net: &net::Client, now: Timestamp) -> Result<Token, StepError> {
    let mut request = Request::new(Method::POST, grant.token_url.clone());
    request.limits.max_body = ANSWER;
    request.headers.push(("accept".to_owned(), "application/json".to_owned()));
    let mut form = vec![("grant_type".to_owned(), "client_credentials".to_owned())];
    form.extend(grant.scope.clone().map(|scope| ("scope".to_owned(), scope)));
    match grant.client_in {
        ClientIn::Header => {
            let encode =
                |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let encoded = |text: &str| net.secrets().fill(text).map(|text| encode(&text)).map_err(missing);
            let pair = format!("{}:{}", encoded(&grant.client_id)?, encoded(&grant.client_secret)?);
            request.headers.push(("authorization".to_owned(), format!("Basic {}", STANDARD.encode(pair))));
        }
        ClientIn::Body => form.extend([
            ("client_id".to_owned(), grant.client_id.clone()),
            ("client_secret".to_owned(), grant.client_secret.clone()),
        ]),
    }
    request.body = Body::Form(form);
    let response = net.send(request).await.map_err(|error| unsent(&error))?;
    if !(200..300).contains(&response.status) {
        return Err(refused(response, now, net.secrets()).await);
    }
    let host = response.host().to_owned();
    let bytes = response.bytes().await.map_err(|error| unsent(&error))?;
    // What came is not shown: it may be a token all the same.
    let answer: Json = serde_json::from_slice(&bytes).unwrap_or_default();
    let token = answer.get("access_token").and_then(Json::as_str).filter(|token| !token.is_empty());
    let is_bearer = answer
        .get("token_type")
        .and_then(Json::as_str)
        .is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    let (Some(token), true) = (token, is_bearer) else {
        let message = format!("{host} answered without a bearer token in `access_token`");
        return Err(Failure::new("no_token", message).into());
    };
    Ok(Token { value: Secret::new(token), until: until(&answer, now) })
}

/// When a token is not used any more.
fn until(answer: &Json, now: Timestamp) -> Timestamp {
    let seconds = answer.get("expires_in").and_then(|value| match value {
        Json::String(text) => text.parse().ok(),
        value => value.as_f64(),
    });
    let lifetime = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(LIFETIME);
    now.checked_add(lifetime.saturating_sub(MARGIN)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_token_is_used_until_shortly_before_its_end() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let at = |answer: Json| until(&answer, now).to_string();
        assert_eq!(at(json!({"expires_in": 3600})), "2026-11-23T00:59:30Z");
        assert_eq!(at(json!({"expires_in": "60"})), "2026-11-23T00:00:30Z");
        assert_eq!(at(json!({"expires_in": 10})), "2026-11-23T00:00:00Z");
        for odd in [json!({}), json!({"expires_in": -1}), json!({"expires_in": null})] {
            assert_eq!(at(odd), "2026-11-23T00:04:30Z");
        }
        assert_eq!(until(&json!({"expires_in": 1e18}), now), Timestamp::MAX);
    }
}
