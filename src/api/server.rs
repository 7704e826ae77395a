//! The application, its OpenAPI document, and serving it.

use std::future::Future;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, HttpServer, web};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, License, OpenApi};
use utoipa_actix_web::AppExt;
use vitrail_domain::Code;
use vitrail_domain::limits::JSON_BYTES_MAX;

use crate::error::{ApiError, of_actix};
use crate::guard::guard;
use crate::routes::configure;
use crate::state::ApiState;

/// Seconds that running requests have after the server was asked to stop.
const SHUTDOWN_SECONDS: u64 = 10;

/// The whole application over this state; tests serve it without a socket.
pub fn app(
    state: web::Data<ApiState>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let json = web::JsonConfig::default()
        .limit(JSON_BYTES_MAX)
        .error_handler(|error, _| of_actix(&error.into()).into());
    let query =
        web::QueryConfig::default().error_handler(|error, _| of_actix(&error.into()).into());
    let (app, _) = App::new().into_utoipa_app().configure(configure).split_for_parts();
    app.app_data(state)
        .app_data(json)
        .app_data(query)
        .default_service(web::to(no_route))
        .wrap(from_fn(guard))
}

async fn no_route(request: actix_web::HttpRequest) -> Result<actix_web::HttpResponse, ApiError> {
    let path: String = request.path().chars().take(128).flat_map(char::escape_debug).collect();
    Err(ApiError::new(Code::UnknownRoute, format!("no route is {} {path}", request.method())))
}

/// The OpenAPI document of the routes as they are.
#[must_use]
pub fn openapi() -> OpenApi {
    let (_, mut document) = App::new().into_utoipa_app().configure(configure).split_for_parts();
    document.info = InfoBuilder::new()
        .title("Vitrail")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("The embedding search database for medical images"))
        .license(Some(License::new("Apache-2.0")))
        .build();
    let key = ApiKey::Header(ApiKeyValue::new("api-key"));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    let components = document.components.get_or_insert_with(Default::default);
    components.add_security_scheme("api_key", SecurityScheme::ApiKey(key));
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    document
}

/// Serves on this thread until `shutdown` ends; running requests are then given a few seconds. The
/// state is dropped before this returns, unless a request outlives even that: RocksDB, closed by
/// another thread while the process ends, finds its locks destroyed and aborts it.
///
/// # Errors
/// The listener can't be used.
pub fn run(
    listener: TcpListener,
    state: ApiState,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let state = web::Data::new(state);
    let served = actix_web::rt::System::new().block_on(serve(listener, state.clone(), shutdown));
    // Actix does not join its workers' threads, and each of them holds the state.
    let last = Instant::now() + Duration::from_secs(SHUTDOWN_SECONDS);
    let state = state.into_inner();
    while Arc::strong_count(&state) > 1 && Instant::now() < last {
        std::thread::sleep(Duration::from_millis(1));
    }
    served
}

async fn serve(
    listener: TcpListener,
    state: web::Data<ApiState>,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let server = HttpServer::new(move || app(state.clone()))
        .disable_signals()
        .shutdown_timeout(SHUTDOWN_SECONDS)
        .listen(listener)?
        .run();
    let handle = server.handle();
    let stopping = async move {
        shutdown.await;
        handle.stop(true).await;
    };
    let (served, ()) = futures::future::join(server, stopping).await;
    served
}
