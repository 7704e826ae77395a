//! Errors as answers: the one table of codes gives the status.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use vitrail_cases::CaseError;
use vitrail_collection::CollectionError;
use vitrail_domain::{Code, Kind, NameError, UnitError};
use vitrail_jobs::JobError;
use vitrail_sources::SourceError;

use crate::contract::error::{ErrorBody, ErrorDetail};
use crate::contract::filter::FilterParseError;

/// Seconds after which a caller that was refused by a full queue may ask again.
const RETRY_SECONDS: HeaderValue = HeaderValue::from_static("2");

/// An answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The stable code.
    pub code: Code,
    /// What happened, in a sentence.
    pub message: String,
    /// The field of the request that is wrong.
    pub field: Option<String>,
}

impl ApiError {
    /// An error that concerns no one field.
    #[must_use]
    pub fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string(), field: None }
    }

    /// A field of the request that is not what the route takes.
    #[must_use]
    pub fn invalid<E: fmt::Display>(field: &str, message: E) -> Self {
        Self::new(Code::InvalidRequest, message).at(field)
    }

    /// Names the field.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The body for one request. What failed inside is for the log alone.
    #[must_use]
    pub fn body(&self, request_id: &str) -> ErrorBody {
        let private = matches!(self.code, Code::Internal | Code::StoreFailed);
        let message = if private { self.code.what().to_owned() } else { self.message.clone() };
        let detail = ErrorDetail {
            code: self.code.name(),
            message,
            todo: self.code.todo(),
            field: self.field.clone(),
        };
        ErrorBody { error: detail, request_id: request_id.to_owned() }
    }

    /// The answer for one request.
    #[must_use]
    pub fn response(&self, request_id: &str) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code()).json(self.body(request_id));
        if self.code.kind() == Kind::Busy {
            response.headers_mut().insert(RETRY_AFTER, RETRY_SECONDS);
        }
        response
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        match self.code.kind() {
            Kind::Invalid => StatusCode::BAD_REQUEST,
            Kind::Missing => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::Forbidden => StatusCode::FORBIDDEN,
            Kind::Unauthorized => StatusCode::UNAUTHORIZED,
            Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Kind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Kind::Busy => StatusCode::TOO_MANY_REQUESTS,
            Kind::Timeout => StatusCode::REQUEST_TIMEOUT,
            Kind::Upstream => StatusCode::BAD_GATEWAY,
            Kind::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
            Kind::Damaged | Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Without a request's id; the guard puts it in.
    fn error_response(&self) -> HttpResponse {
        self.response("")
    }
}

impl From<CollectionError> for ApiError {
    fn from(error: CollectionError) -> Self {
        Self::new(error.code(), &error)
    }
}

impl From<CaseError> for ApiError {
    fn from(error: CaseError) -> Self {
        Self::new(error.code(), &error)
    }
}

impl From<JobError> for ApiError {
    fn from(error: JobError) -> Self {
        Self::new(error.code(), &error)
    }
}

impl From<SourceError> for ApiError {
    fn from(error: SourceError) -> Self {
        Self::new(error.code(), &error)
    }
}

impl From<FilterParseError> for ApiError {
    fn from(error: FilterParseError) -> Self {
        Self::new(Code::InvalidFilter, &error).at(error.at.clone())
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        Self::new(Code::InvalidName, &error)
    }
}

impl From<UnitError> for ApiError {
    fn from(error: UnitError) -> Self {
        Self::new(Code::InvalidRequest, &error)
    }
}

impl From<actix_web::error::BlockingError> for ApiError {
    fn from(error: actix_web::error::BlockingError) -> Self {
        Self::new(Code::Internal, &error)
    }
}

/// What actix itself refused: a body that is no JSON, a query that can't be read.
pub fn of_actix(error: &actix_web::Error) -> ApiError {
    if let Some(own) = error.as_error::<ApiError>() {
        return own.clone();
    }
    let code = match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::NOT_FOUND => Code::UnknownRoute,
        StatusCode::REQUEST_TIMEOUT => Code::TimedOut,
        status if status.is_client_error() => Code::InvalidRequest,
        _ => Code::Internal,
    };
    ApiError::new(code, error)
}
