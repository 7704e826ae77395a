//! What an answer that is no success says.

use serde::Serialize;
use utoipa::ToSchema;

/// The body of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
    /// The request's id, the same as in the header `x-request-id` and in the server's log.
    pub request_id: String,
}

/// What went wrong and what to do about it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// A stable name, the same on the command line and in reports.
    pub code: &'static str,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do about it, in a sentence.
    pub todo: &'static str,
    /// The field of the request that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
