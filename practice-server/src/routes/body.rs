//! Reading requests: a JSON body that is exactly what the route takes, and the idempotency key that goes with it.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, OriginalUri, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::error::ApiError;
use crate::service::{IdempotencyKey, IdempotentRequest};

const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A JSON body with its idempotency key, if the request has one.
pub(super) struct JsonBody<T> {
    pub(super) value: T,
    pub(super) idempotent: Option<IdempotentRequest>,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (bytes, headers, idempotent) = read(request, state).await?;
        if !is_json(&headers) {
            return Err(ApiError::UnsupportedMediaType);
        }
        Ok(Self {
            value: parse(&bytes)?,
            idempotent,
        })
    }
}

/// No body, or an empty JSON object, with the idempotency key, if the request has one.
pub(super) struct NoBody {
    pub(super) idempotent: Option<IdempotentRequest>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl<S: Send + Sync> FromRequest<S> for NoBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let (bytes, headers, idempotent) = read(request, state).await?;
        if !bytes.is_empty() {
            if !is_json(&headers) {
                return Err(ApiError::UnsupportedMediaType);
            }
            let Nothing {} = parse(&bytes)?;
        }
        Ok(Self { idempotent })
    }
}

/// Whether the content type is `application/json`, with or without parameters.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(Ok(value)) = headers.get(header::CONTENT_TYPE).map(|value| value.to_str()) else {
        return false;
    };
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// What is wrong with a body that could not be read.
pub(super) fn body_error(rejection: &BytesRejection) -> ApiError {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::TooLarge
    } else {
        ApiError::Malformed("the request's body could not be read to its end".to_owned())
    }
}

async fn read<S: Send + Sync>(
    request: Request,
    state: &S,
) -> Result<(Bytes, HeaderMap, Option<IdempotentRequest>), ApiError> {
    let key = idempotency_key(request.headers())?;
    let headers = request.headers().clone();
    let method = request.method().clone();
    let path = match request.extensions().get::<OriginalUri>() {
        Some(OriginalUri(uri)) => uri.path().to_owned(),
        None => request.uri().path().to_owned(),
    };
    let bytes = Bytes::from_request(request, state)
        .await
        .map_err(|rejection| body_error(&rejection))?;
    let idempotent = key.map(|key| IdempotentRequest::new(key, method.as_str(), &path, &bytes));
    Ok((bytes, headers, idempotent))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ApiError::Malformed(
            "the Idempotency-Key header occurs more than once".to_owned(),
        ));
    }
    let text = value.to_str().unwrap_or_default();
    IdempotencyKey::parse(text)
        .map(Some)
        .map_err(|refusal| ApiError::Malformed(refusal.to_string()))
}

/// JSON that cannot be read is malformed; JSON that is not what the route takes is unprocessable.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Data => ApiError::Unprocessable(format!("the body is not what this route takes: {error}")),
        Category::Syntax | Category::Eof | Category::Io => {
            ApiError::Malformed(format!("the body is not JSON: {error}"))
        }
    })
}
