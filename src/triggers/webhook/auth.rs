//! Who may send: the schemes, and the check of a request against one of them.
//!
//! What must stay true: a secret that is not set, or is empty, lets nobody in; the check is over the
//! raw bytes and comes before anything of the body is read.

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::component::{Field, FieldType, Incoming, Rejection};
use crate::net::signature::{self, Algorithm, Encoding, Form, SignatureError, Signed};
use crate::secret::{MissingSecret, Secret, Secrets};

/// The schemes that are written as a map.
pub(super) const FIELDS: &[Field] = &[
    Field::optional("bearer", FieldType::Text, "The token of `Authorization: Bearer TOKEN`").with_secrets(),
    Field::optional(
        "hmac",
        FieldType::Record(HMAC),
        "A signature over the body in a header of the sender's choice",
    )
    .with_secrets(),
    Field::optional("standard", FieldType::Text, "The secret of a Standard Webhooks sender (`whsec_…`)")
        .with_secrets(),
    Field::optional("github", FieldType::Text, "The secret of a GitHub webhook").with_secrets(),
    Field::optional("slack", FieldType::Text, "The signing secret of a Slack app").with_secrets(),
    Field::optional("stripe", FieldType::Text, "The signing secret of a Stripe endpoint (`whsec_…`)")
        .with_secrets(),
];

const HMAC: &[Field] = &[
    Field::required("secret", FieldType::Text, "What the sender signs with").with_secrets(),
    Field::required("header", FieldType::Text, "The header in which the signature comes"),
    Field::optional("algorithm", FieldType::Choice(&["sha256", "sha1", "sha512"]), "The hash")
        .with_default("sha256"),
    Field::optional("encoding", FieldType::Choice(&["hex", "base64"]), "How the signature is written")
        .with_default("hex"),
    Field::optional("prefix", FieldType::Text, "What stands before the signature, like `sha256=`"),
];

/// `auth` as written; secrets in it are placeholders.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Auth {
    None,
    Bearer(String),
    Hmac(Hmac),
    Standard(String),
    Github(String),
    Slack(String),
    Stripe(String),
}

#[derive(Deserialize)]
pub(super) struct Hmac {
    secret: String,
    header: String,
    #[serde(default)]
    algorithm: Algorithm,
    #[serde(default)]
    encoding: Encoding,
    #[serde(default)]
    prefix: String,
}

/// Decides whether a request comes from whom it should.
pub(super) struct Verifier {
    scheme: Scheme,
    /// The name of a secret that is not set.
    missing: Option<MissingSecret>,
}

/// How a sender is known.
enum Scheme {
    Anybody,
    Bearer(Secret),
    Hmac { secret: Secret, header: String, form: Form },
    Standard(Secret),
    Github(Secret),
    Slack(Secret),
    Stripe(Secret),
}

/// Where a sender says which of its messages this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// In one of these headers.
    Headers(&'static [&'static str]),
    /// In this field of the signed body; where it is missing, the signed body names itself. A header
    /// would not be signed, and a replay could come under another name.
    Body(&'static str),
}

impl Verifier {
    /// A verifier with its secret filled in. One whose secret is not set refuses everything.
    pub(super) fn new(auth: Auth, secrets: &Secrets) -> Self {
        let mut missing = None;
        let mut fill = |text: &str| match secrets.fill(text) {
            Ok(value) => Secret::new(value),
            Err(error) => {
                missing = Some(error);
                Secret::new("")
            }
        };
        let scheme = match auth {
            Auth::None => Scheme::Anybody,
            Auth::Bearer(token) => Scheme::Bearer(fill(&token)),
            Auth::Hmac(Hmac { secret, header, algorithm, encoding, prefix }) => Scheme::Hmac {
                secret: fill(&secret),
                header: header.to_ascii_lowercase(),
                form: Form { algorithm, encoding, prefix },
            },
            Auth::Standard(secret) => Scheme::Standard(fill(&secret)),
            Auth::Github(secret) => Scheme::Github(fill(&secret)),
            Auth::Slack(secret) => Scheme::Slack(fill(&secret)),
            Auth::Stripe(secret) => Scheme::Stripe(fill(&secret)),
        };
        Self { scheme, missing }
    }

    /// The secret without which nobody gets in.
    pub(super) fn missing(&self) -> Option<&MissingSecret> {
        self.missing.as_ref()
    }

    /// Lets a request pass that proves who sent it.
    pub(super) fn verify(&self, request: &Incoming, now: Timestamp) -> Result<(), Rejection> {
        let signed = |name: &str| Ok(Signed { signature: header(request, name)?, body: &request.body });
        let verified = match &self.scheme {
            Scheme::Anybody => Ok(()),
            Scheme::Bearer(token) if token.expose().is_empty() => Err(SignatureError::Secret),
            Scheme::Bearer(token) => return bearer(request, token),
            Scheme::Hmac { secret, header, form } => {
                signature::verify_hmac(secret.expose(), form, signed(header)?)
            }
            Scheme::Standard(secret) => {
                let (id, timestamp) = (header(request, "webhook-id")?, header(request, "webhook-timestamp")?);
                signature::verify_standard(secret.expose(), id, timestamp, signed("webhook-signature")?, now)
            }
            Scheme::Github(secret) => {
                signature::verify_github(secret.expose(), signed("x-hub-signature-256")?)
            }
            Scheme::Slack(secret) => {
                let timestamp = header(request, "x-slack-request-timestamp")?;
                signature::verify_slack(secret.expose(), timestamp, signed("x-slack-signature")?, now)
            }
            Scheme::Stripe(secret) => {
                signature::verify_stripe(secret.expose(), signed("stripe-signature")?, now)
            }
        };
        verified.map_err(|error| match error {
            SignatureError::Secret => not_configured(),
            error => unauthorized(error.to_string()),
        })
    }

    /// Where this kind of sender names its messages.
    pub(super) fn naming(&self) -> Naming {
        match self.scheme {
            Scheme::Anybody | Scheme::Bearer(_) | Scheme::Hmac { .. } => {
                Naming::Headers(&["webhook-id", "idempotency-key", "x-github-delivery"])
            }
            Scheme::Standard(_) => Naming::Headers(&["webhook-id"]),
            Scheme::Github(_) => Naming::Headers(&["x-github-delivery"]),
            Scheme::Slack(_) => Naming::Body("event_id"),
            Scheme::Stripe(_) => Naming::Body("id"),
        }
    }

    /// Whether a message is signed together with its time, so that only its identity stops a replay
    /// within the tolerance.
    pub(super) fn is_timed(&self) -> bool {
        matches!(self.scheme, Scheme::Standard(_) | Scheme::Slack(_) | Scheme::Stripe(_))
    }

    /// Whether a header carries a credential, and so must not become part of an event.
    pub(super) fn hides(&self, name: &str) -> bool {
        CREDENTIALS.contains(&name) || matches!(&self.scheme, Scheme::Hmac { header, .. } if header == name)
    }
}

/// Headers in which credentials and signatures commonly come.
const CREDENTIALS: [&str; 17] = [
    "api-key",
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "stripe-signature",
    "svix-signature",
    "webhook-signature",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-gitlab-token",
    "x-hub-signature",
    "x-hub-signature-256",
    "x-signature",
    "x-slack-signature",
    "x-telegram-bot-api-secret-token",
];

fn bearer(request: &Incoming, token: &Secret) -> Result<(), Rejection> {
    let value = header(request, "authorization")?;
    let given = value.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, given) = given.ok_or_else(|| unauthorized("`authorization` is not `Bearer TOKEN`".to_owned()))?;
    match signature::same_secret(token.expose(), given.trim()) {
        true => Ok(()),
        false => Err(unauthorized("the bearer token is not the right one".to_owned())),
    }
}

fn header<'r>(request: &'r Incoming, name: &str) -> Result<&'r str, Rejection> {
    request.header(name).ok_or_else(|| unauthorized(format!("the header `{name}` is missing")))
}

fn unauthorized(message: String) -> Rejection {
    Rejection { status: 401, code: "unauthorized", message }
}

/// The fault is on this side, so the sender is asked to come again: 503. Which secret it is stays in
/// the log.
fn not_configured() -> Rejection {
    Rejection {
        status: 503,
        code: "auth_not_configured",
        message: "the secret of this webhook is not set, so nobody can be let in: see the log of the server"
            .to_owned(),
    }
}
