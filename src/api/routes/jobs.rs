//! Jobs, and a stream of what becomes of one.

use std::time::Duration;

use actix_web::web::Bytes;
use actix_web::{HttpResponse, get, post, web};
use futures::stream::{self, Stream};
use uuid::Uuid;
use vitrail_domain::Code;

use crate::contract::credentials::ResumeRequest;
use crate::contract::error::ErrorBody;
use crate::contract::job::{Job, JobList, job as wire, list as wire_list};
use crate::error::ApiError;
use crate::routes::{blocking, body};
use crate::state::ApiState;

/// How often a stream looks at its job.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Looks without news after which a stream says that it lives: 15 seconds.
const QUIET_LOOKS: u32 = 50;

/// Every job, newest first.
#[utoipa::path(tag = "jobs", responses((status = 200, body = JobList)))]
#[get("/v1/jobs")]
pub async fn list(state: web::Data<ApiState>) -> web::Json<JobList> {
    web::Json(wire_list(&state.jobs.list()))
}

/// One job.
#[utoipa::path(tag = "jobs", responses(
    (status = 200, body = Job),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/jobs/{id}")]
pub async fn show(
    path: web::Path<String>,
    state: web::Data<ApiState>,
) -> Result<web::Json<Job>, ApiError> {
    Ok(web::Json(wire(&state.jobs.get(id_of(&path)?)?)))
}

/// Asks a job to stop at its next safe point.
#[utoipa::path(tag = "jobs", responses(
    (status = 200, body = Job),
    (status = 409, description = "It is not active", body = ErrorBody),
))]
#[post("/v1/jobs/{id}/cancel")]
pub async fn cancel(
    path: web::Path<String>,
    state: web::Data<ApiState>,
) -> Result<web::Json<Job>, ApiError> {
    let id = id_of(&path)?;
    Ok(web::Json(wire(&blocking(move || state.jobs.cancel(id)).await?)))
}

/// Queues a stopped job again; what is stored already is skipped.
#[utoipa::path(tag = "jobs", request_body(content = ResumeRequest), responses(
    (status = 200, body = Job),
    (status = 409, description = "It is active or done", body = ErrorBody),
))]
#[post("/v1/jobs/{id}/resume")]
pub async fn resume(
    path: web::Path<String>,
    payload: web::Payload,
    state: web::Data<ApiState>,
) -> Result<web::Json<Job>, ApiError> {
    let id = id_of(&path)?;
    let asked: ResumeRequest = body::json_or_nothing(payload).await?;
    let credentials = asked.credentials.map(|given| given.read()).transpose();
    let credentials = credentials.map_err(|why| ApiError::invalid("credentials", why))?;
    let work = move || {
        if let Some(credentials) = credentials {
            state.jobs.credit(id, credentials)?;
        }
        state.jobs.resume(id)
    };
    Ok(web::Json(wire(&blocking(work).await?)))
}

/// The job as server-sent events: one `job` event a change, until it is no longer active.
#[utoipa::path(tag = "jobs", responses(
    (status = 200, content_type = "text/event-stream", body = Job),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/jobs/{id}/events")]
pub async fn events(
    path: web::Path<String>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let id = id_of(&path)?;
    state.jobs.get(id)?;
    Ok(HttpResponse::Ok().content_type("text/event-stream").streaming(follow(state, id)))
}

/// Where a stream stands: what it said last, and whether it is at its end.
struct Follow {
    state: web::Data<ApiState>,
    id: Uuid,
    said: Option<String>,
    ended: bool,
}

fn follow(state: web::Data<ApiState>, id: Uuid) -> impl Stream<Item = Result<Bytes, ApiError>> {
    let start = Follow { state, id, said: None, ended: false };
    stream::unfold(start, |mut follow| async move {
        if follow.ended {
            return None;
        }
        let mut quiet = 0;
        loop {
            // A job that is gone ends its stream.
            let job = follow.state.jobs.get(follow.id).ok()?;
            let text = serde_json::to_string(&wire(&job)).ok()?;
            if follow.said.as_ref() != Some(&text) {
                follow.ended = !job.state.is_active();
                let event = Bytes::from(format!("event: job\ndata: {text}\n\n"));
                follow.said = Some(text);
                return Some((Ok(event), follow));
            }
            quiet += 1;
            if quiet == QUIET_LOOKS {
                return Some((Ok(Bytes::from_static(b": still here\n\n")), follow));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
}

fn id_of(text: &str) -> Result<Uuid, ApiError> {
    let unknown = |_| ApiError::new(Code::UnknownJob, "a job's id is a UUID").at("id");
    Uuid::parse_str(text).map_err(unknown)
}
