//! Signatures of webhooks: ours for others, and theirs for us.
//!
//! Standard Webhooks, GitHub, Slack, Stripe, and plain HMAC, all over the bytes of a body as they
//! travel. It knows neither headers nor a clock: callers hand in the values and the instant.
//!
//! What must stay true: signatures are compared in constant time; a timestamp outside the tolerance
//! is refused in both directions, however well it is signed; an empty secret signs nothing and
//! verifies nobody; no error holds a secret or the signature that was expected.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq as _;

use crate::clock::Timestamp;

/// How far a signed timestamp may lie from now, before and after.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// Why a body is not signed, or not taken for signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Nothing can be signed or verified with it: the fault is on this side.
    #[error("the secret is empty, or begins with `whsec_` and is no base64 after it")]
    Secret,
    /// The signature is not in the form of its scheme.
    #[error("the signature is not written as expected")]
    Malformed,
    /// The timestamp is no whole number of seconds.
    #[error("the timestamp is no number of seconds since 1970")]
    Timestamp,
    /// The timestamp lies outside [`TOLERANCE`].
    #[error("the timestamp is more than 5 minutes from now: check the clocks")]
    Stale,
    /// Somebody else signed it, or it was changed on its way.
    #[error("the signature does not belong to this body and this secret")]
    Mismatch,
}

/// A body and the signature that came with it.
#[derive(Clone, Copy, Debug)]
pub struct Signed<'a> {
    /// The value of the signature's header.
    pub signature: &'a str,
    /// The body, to the byte.
    pub body: &'a [u8],
}

/// The hash below an HMAC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// SHA-256.
    #[default]
    Sha256,
    /// SHA-1, for old senders. As an HMAC it still holds.
    Sha1,
    /// SHA-512.
    Sha512,
}

/// How the bytes of a signature are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Hexadecimal digits in either case.
    #[default]
    Hex,
    /// The standard alphabet, padded or not.
    Base64,
}

/// How a sender of plain HMAC signatures writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// The hash.
    pub algorithm: Algorithm,
    /// The spelling.
    pub encoding: Encoding,
    /// What stands before the signature: `sha256=`, or nothing.
    pub prefix: String,
}

/// Signs a body as Standard Webhooks has it; gives the value of `webhook-signature`, `v1,BASE64`.
///
/// The secret is base64, with or without `whsec_` before it; a text that is no base64 stands for its
/// own bytes. `timestamp` is in seconds since 1970.
///
/// # Errors
/// [`SignatureError::Secret`].
pub fn standard(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Result<String, SignatureError> {
    let tag = standard_tag(secret, id, &timestamp.to_string(), body)?;
    Ok(format!("v1,{}", BASE64.encode(tag)))
}

/// Verifies what [`standard`] signs. Of several signatures, as a sender gives while it changes its
/// secret, one is enough. `id` and `timestamp` are `webhook-id` and `webhook-timestamp`.
///
/// # Errors
/// Any of [`SignatureError`].
pub fn verify_standard(
    secret: &str,
    id: &str,
    timestamp: &str,
    signed: Signed<'_>,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let tag = standard_tag(secret, id, timestamp, signed.body)?;
    in_time(timestamp, now)?;
    // Other versions are other schemes.
    let mut signatures =
        signed.signature.split_whitespace().filter_map(|one| one.strip_prefix("v1,")).peekable();
    signatures.peek().ok_or(SignatureError::Malformed)?;
    one_is(&tag, signatures.filter_map(|text| Encoding::Base64.decode(text)))
}

/// Verifies a plain HMAC over the body.
///
/// # Errors
/// [`SignatureError::Secret`], [`SignatureError::Malformed`] and [`SignatureError::Mismatch`].
pub fn verify_hmac(secret: &str, form: &Form, signed: Signed<'_>) -> Result<(), SignatureError> {
    let tag = form.algorithm.tag(secret.as_bytes(), &[signed.body])?;
    let text = signed.signature.strip_prefix(&form.prefix).ok_or(SignatureError::Malformed)?;
    one_is(&tag, [form.encoding.decode(text).ok_or(SignatureError::Malformed)?])
}

/// Verifies GitHub's `x-hub-signature-256`.
///
/// # Errors
/// As [`verify_hmac`].
pub fn verify_github(secret: &str, signed: Signed<'_>) -> Result<(), SignatureError> {
    verify_hmac(secret, &Form { prefix: "sha256=".to_owned(), ..Form::default() }, signed)
}

/// Verifies Slack's `x-slack-signature`; `timestamp` is `x-slack-request-timestamp`.
///
/// # Errors
/// Any of [`SignatureError`].
pub fn verify_slack(
    secret: &str,
    timestamp: &str,
    signed: Signed<'_>,
    now: Timestamp,
) -> Result<(), SignatureError> {
    let parts = [b"v0:", timestamp.as_bytes(), b":", signed.body];
    let tag = Algorithm::Sha256.tag(secret.as_bytes(), &parts)?;
    in_time(timestamp, now)?;
    let text = signed.signature.strip_prefix("v0=").ok_or(SignatureError::Malformed)?;
    one_is(&tag, [Encoding::Hex.decode(text).ok_or(SignatureError::Malformed)?])
}

/// Verifies Stripe's `stripe-signature`, `t=SECONDS,v1=HEX`, with any number of `v1`.
///
/// # Errors
/// Any of [`SignatureError`].
pub fn verify_stripe(secret: &str, signed: Signed<'_>, now: Timestamp) -> Result<(), SignatureError> {
    let fields = || signed.signature.split(',').filter_map(|field| field.trim().split_once('='));
    let named =
        |wanted: &'static str| fields().filter(move |(name, _)| *name == wanted).map(|(_, value)| value);
    let timestamp = named("t").next().ok_or(SignatureError::Malformed)?;
    let tag = Algorithm::Sha256.tag(secret.as_bytes(), &[timestamp.as_bytes(), b".", signed.body])?;
    in_time(timestamp, now)?;
    named("v1").next().ok_or(SignatureError::Malformed)?;
    one_is(&tag, named("v1").filter_map(|text| Encoding::Hex.decode(text)))
}

/// Whether two credentials are the same text, in a time that does not depend on where they differ.
pub fn same_secret(expected: &str, given: &str) -> bool {
    // Digests have one length, so that not even the length of the secret shows.
    let digest = |text: &str| *crate::ids::Digest::of(text.as_bytes()).as_bytes();
    !expected.is_empty() && digest(expected).ct_eq(&digest(given)).into()
}

/// Padding is written, and not asked for.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

impl Algorithm {
    /// The HMAC of these parts, one after the other.
    fn tag(self, key: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, SignatureError> {
        match self {
            Self::Sha256 => tag::<Hmac<Sha256>>(key, parts),
            Self::Sha1 => tag::<Hmac<Sha1>>(key, parts),
            Self::Sha512 => tag::<Hmac<Sha512>>(key, parts),
        }
    }
}

impl Encoding {
    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Base64 => BASE64.decode(text).ok(),
            Self::Hex => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let pair = |pair: &[u8]| u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok();
                text.len().is_multiple_of(2).then(|| text.as_bytes().chunks_exact(2).map(pair).collect())?
            }
        }
    }
}

fn tag<M: Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Result<Vec<u8>, SignatureError> {
    if key.is_empty() {
        return Err(SignatureError::Secret);
    }
    let mut mac = <M as KeyInit>::new_from_slice(key).map_err(|_| SignatureError::Secret)?;
    parts.iter().for_each(|part| mac.update(part));
    Ok(mac.finalize().into_bytes().to_vec())
}

fn standard_tag(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Result<Vec<u8>, SignatureError> {
    let key = match secret.strip_prefix("whsec_") {
        Some(text) => BASE64.decode(text).map_err(|_| SignatureError::Secret)?,
        None => BASE64.decode(secret).unwrap_or_else(|_| secret.as_bytes().to_vec()),
    };
    Algorithm::Sha256.tag(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body])
}

/// Whether one of the signatures is this one.
fn one_is(tag: &[u8], signatures: impl IntoIterator<Item = Vec<u8>>) -> Result<(), SignatureError> {
    let found = signatures.into_iter().any(|signature| tag.ct_eq(&signature).into());
    found.then_some(()).ok_or(SignatureError::Mismatch)
}

fn in_time(timestamp: &str, now: Timestamp) -> Result<(), SignatureError> {
    if timestamp.is_empty() || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SignatureError::Timestamp);
    }
    let signed: i64 = timestamp.parse().map_err(|_| SignatureError::Timestamp)?;
    let apart = signed.abs_diff(now.as_second());
    if apart <= TOLERANCE.as_secs() { Ok(()) } else { Err(SignatureError::Stale) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn signed<'a>(signature: &'a str, body: &'a str) -> Signed<'a> {
        Signed { signature, body: body.as_bytes() }
    }

    /// The example of the Standard Webhooks libraries.
    const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const STANDARD_ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const STANDARD_BODY: &str = r#"{"test": 2432232314}"#;
    const STANDARD_SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    #[test]
    fn standard_webhooks_are_signed_and_verified() {
        let made = standard(STANDARD_SECRET, STANDARD_ID, 1_614_265_330, STANDARD_BODY.as_bytes());
        assert_eq!(made.as_deref(), Ok(STANDARD_SIGNATURE));
        let verify = |secret: &str, id: &str, signature: &str, body: &str| {
            verify_standard(secret, id, "1614265330", signed(signature, body), at(1_614_265_330))
        };
        let bare = STANDARD_SECRET.trim_start_matches("whsec_");
        let rotated = format!("v1a,AAAA v1,AAAA {STANDARD_SIGNATURE}");
        assert_eq!(verify(STANDARD_SECRET, STANDARD_ID, STANDARD_SIGNATURE, STANDARD_BODY), Ok(()));
        assert_eq!(verify(bare, STANDARD_ID, &rotated, STANDARD_BODY), Ok(()));
        let mismatch = Err(SignatureError::Mismatch);
        assert_eq!(verify(STANDARD_SECRET, "msg_x", STANDARD_SIGNATURE, STANDARD_BODY), mismatch);
        assert_eq!(verify(STANDARD_SECRET, STANDARD_ID, STANDARD_SIGNATURE, "{}"), mismatch);
        assert_eq!(verify("whsec_c2VjcmV0", STANDARD_ID, STANDARD_SIGNATURE, STANDARD_BODY), mismatch);
        assert_eq!(verify(STANDARD_SECRET, STANDARD_ID, "v1,!", STANDARD_BODY), mismatch);
        assert_eq!(verify(STANDARD_SECRET, STANDARD_ID, "v1", STANDARD_BODY), Err(SignatureError::Malformed));
    }

    #[test]
    fn a_secret_is_base64_or_its_own_bytes() {
        let sign = |secret| standard(secret, "a", 1, b"");
        assert_eq!(sign("whsec_c2VjcmV0IQ=="), sign("secret!"));
        assert_eq!(sign("whsec_c2VjcmV0IQ"), sign("c2VjcmV0IQ=="));
        for none in ["", "whsec_", "whsec_!"] {
            assert_eq!(sign(none), Err(SignatureError::Secret), "{none}");
        }
    }

    #[test]
    fn a_timestamp_holds_for_five_minutes_both_ways() {
        let verify = |timestamp: &str, now: i64| {
            let signature = standard("key!", "a", 1_000, b"").unwrap();
            verify_standard("key!", "a", timestamp, signed(&signature, ""), at(now))
        };
        assert_eq!([700, 1_300].map(|now| verify("1000", now)), [Ok(()); 2]);
        assert_eq!([699, 1_301].map(|now| verify("1000", now)), [Err(SignatureError::Stale); 2]);
        assert_eq!(verify("1001", 1_000), Err(SignatureError::Mismatch));
        for odd in ["", "+1000", "1e3", "-1", " 1000", "99999999999999999999"] {
            assert_eq!(verify(odd, 1_000), Err(SignatureError::Timestamp), "{odd}");
        }
    }

    #[test]
    fn githubs_own_example_is_verified() {
        let digest = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let verify = |signature: &str, body: &str| {
            verify_github("It's a Secret to Everybody", signed(signature, body))
        };
        assert_eq!(verify(&format!("sha256={digest}"), "Hello, World!"), Ok(()));
        assert_eq!(verify(&format!("sha256={}", digest.to_uppercase()), "Hello, World!"), Ok(()));
        assert_eq!(verify(&format!("sha256={digest}"), "Hello, World?"), Err(SignatureError::Mismatch));
        assert_eq!(
            verify(&format!("sha256={}", &digest[..62]), "Hello, World!"),
            Err(SignatureError::Mismatch)
        );
        for odd in [digest, "sha256=", "sha256=0", "sha256=zz", "sha256=é"] {
            assert!(verify(odd, "Hello, World!").is_err(), "{odd}");
        }
        let empty = verify_github("", signed(&format!("sha256={digest}"), "Hello, World!"));
        assert_eq!(empty, Err(SignatureError::Secret));
    }

    #[test]
    fn slacks_own_example_is_verified() {
        let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
                    &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
                    &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
                    &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
        let signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
        let verify = |timestamp: &str, body: &str, now: i64| {
            verify_slack("8f742231b10e8888abcd99yyyzzz85a5", timestamp, signed(signature, body), at(now))
        };
        assert_eq!(verify("1531420618", body, 1_531_420_700), Ok(()));
        assert_eq!(verify("1531420619", body, 1_531_420_700), Err(SignatureError::Mismatch));
        assert_eq!(verify("1531420618", "token=x", 1_531_420_700), Err(SignatureError::Mismatch));
        assert_eq!(verify("1531420618", body, 1_531_421_000), Err(SignatureError::Stale));
    }

    #[test]
    fn stripes_form_is_verified() {
        // Computed with another implementation.
        let v1 = "10b0a2815816a45e6b874658b928cae03296be10637343405aaf1e8306ddffdc";
        let verify = |header: &str, body: &str, now: i64| {
            verify_stripe("whsec_test_secret", signed(header, body), at(now))
        };
        let body = r#"{"id": "evt_1"}"#;
        let good = format!("t=1492774577, v1={},v1={v1},v0=6ffbb5", "0".repeat(64));
        assert_eq!(verify(&good, body, 1_492_774_600), Ok(()));
        assert_eq!(verify(&good, "{}", 1_492_774_600), Err(SignatureError::Mismatch));
        assert_eq!(verify(&good, body, 1_492_775_000), Err(SignatureError::Stale));
        let later = good.replace("t=1492774577", "t=1492774999");
        assert_eq!(verify(&later, body, 1_492_775_000), Err(SignatureError::Mismatch));
        assert_eq!(
            verify(&format!("t=1492774577,v0={v1}"), body, 1_492_774_600),
            Err(SignatureError::Malformed)
        );
        assert_eq!(verify(&format!("v1={v1}"), body, 1_492_774_600), Err(SignatureError::Malformed));
    }

    #[test]
    fn every_hash_and_spelling_is_known() {
        // RFC 2202 and RFC 4231, test case 2.
        let cases = [
            (Algorithm::Sha1, Encoding::Hex, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (Algorithm::Sha1, Encoding::Base64, "7/zfauXrL6LSdBbV8YTfnCWafHk="),
            (
                Algorithm::Sha256,
                Encoding::Hex,
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                Algorithm::Sha512,
                Encoding::Hex,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd\
                 caeab1a34d4a6b4b636e070a38bce737",
            ),
        ];
        for (algorithm, encoding, signature) in cases {
            let form = Form { algorithm, encoding, prefix: String::new() };
            assert_eq!(verify_hmac("Jefe", &form, signed(signature, "what do ya want for nothing?")), Ok(()));
            assert!(verify_hmac("Jefe", &form, signed(signature, "what do you want for nothing?")).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn what_a_stranger_sends_never_passes(text in "\\PC{0,80}", known in "(sha256=|v0=|v1,|t=1000,v1=)?[0-9a-f=,]{0,70}") {
            for signature in [text.as_str(), known.as_str()] {
                let signed = signed(signature, "body");
                proptest::prop_assert!(verify_github("key", signed).is_err());
                proptest::prop_assert!(verify_slack("key", "1000", signed, at(1_000)).is_err());
                proptest::prop_assert!(verify_stripe("key", signed, at(1_000)).is_err());
                proptest::prop_assert!(verify_standard("key", "id", "1000", signed, at(1_000)).is_err());
            }
        }
    }

    #[test]
    fn an_empty_secret_is_nobodys() {
        assert!(same_secret("token", "token") && !same_secret("token", "tokem") && !same_secret("", ""));
    }
}
