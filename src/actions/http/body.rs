//! What a request carries.

use bytes::Bytes;

use crate::files::FileRef;
use crate::net::{Body, Request};
use crate::units::ByteSize;
use crate::value::{Failure, Json};

use super::fields::Values;
use super::{Http, as_text, multipart};

/// The most that a request carries, in bytes.
pub(super) const LIMIT: u64 = 64 << 20;

/// Gives a request its body, and the content type that follows from it.
pub(super) async fn fill(request: &mut Request, values: &mut Values, http: &Http) -> Result<(), Failure> {
    request.body = if let Some(json) = values.json.take() {
        Body::Json(json)
    } else if let Some(form) = values.form.take() {
        Body::Form(form.into_iter().map(|(name, value)| (name, as_text(&value))).collect())
    } else if let Some(parts) = values.multipart.take() {
        let (bytes, content_type) = multipart::encode(parts, http).await?;
        // The boundary belongs to the body, whatever the headers say.
        request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
        request.headers.push(("content-type".to_owned(), content_type));
        Body::Bytes(bytes)
    } else {
        match values.body.take() {
            None | Some(Json::Null) => Body::Empty,
            Some(Json::String(text)) => Body::Text(text),
            Some(other) => match FileRef::of(&other) {
                Some(file) => {
                    let bytes = kept(&file, LIMIT, http).await?;
                    if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                        request.headers.push(("content-type".to_owned(), file.media_type));
                    }
                    Body::Bytes(bytes)
                }
                None => Body::Text(other.to_string()),
            },
        }
    };
    Ok(())
}

/// The bytes of a file reference, as far as there is room for them.
pub(super) async fn kept(file: &FileRef, left: u64, http: &Http) -> Result<Bytes, Failure> {
    http.files.kept(file, left).await.map_err(told)
}

/// A file that does not fit into what a request carries.
pub(super) fn told(failure: Failure) -> Failure {
    match &*failure.code {
        "file_too_large" => too_large(),
        _ => failure,
    }
}

/// A request with too much to carry.
pub(super) fn too_large() -> Failure {
    Failure::new("request_too_large", format!("a request carries at most {}", ByteSize(LIMIT)))
}
