//! Object stores: names in sorted pages, and their bytes.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpService,
};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt as _, RetryConfig};
use thiserror::Error;
use url::Url;
use vitrail_domain::limits::{
    SOURCE_ATTEMPTS_MAX, SOURCE_ITEM_BYTES_MAX, SOURCE_PAGE_ITEMS, SOURCE_RETRY_SECONDS_MAX,
};

use crate::address::{Address, Service};
use crate::error::{Failed, SourceError};
use crate::http::Web;
use crate::item::Item;
use crate::retry::{Patience, patiently};
use crate::secrets::Credentials;
use crate::spool::{SpoolFile, too_large};

/// Where the object stores are, as the operator says. Callers can't choose: keys are sent there.
#[derive(Debug, Clone, Default)]
pub struct StoreSettings {
    /// Of a store that speaks S3's protocol; absent: Amazon's own.
    pub s3_endpoint: Option<Url>,
    /// The region of S3; `us-east-1` when absent.
    pub s3_region: Option<String>,
    /// Of a store that speaks Google's protocol; absent: Google's own.
    pub gs_endpoint: Option<Url>,
}

impl StoreSettings {
    /// Reads what an operator says.
    ///
    /// # Errors
    /// An endpoint that is no plain address.
    pub fn read(
        s3_endpoint: Option<&str>,
        s3_region: Option<String>,
        gs_endpoint: Option<&str>,
    ) -> Result<Self, SourceError> {
        let url = |text: &str| match Address::parse(text)? {
            Address::Web(url) => Ok(url),
            other => Err(unfit(&other.to_string(), "an endpoint is https://HOST or http://HOST")),
        };
        Ok(Self {
            s3_endpoint: s3_endpoint.map(url).transpose()?,
            s3_region,
            gs_endpoint: gs_endpoint.map(url).transpose()?,
        })
    }

    fn region(&self) -> &str {
        self.s3_region.as_deref().unwrap_or("us-east-1")
    }

    /// The address that requests go to, and whether the operator chose it: it may then lie in a
    /// private network.
    pub(crate) fn endpoint(&self, service: Service) -> (String, bool) {
        let (given, usual) = match service {
            Service::S3 => {
                (&self.s3_endpoint, format!("https://s3.{}.amazonaws.com/", self.region()))
            }
            Service::Gs => (&self.gs_endpoint, "https://storage.googleapis.com/".to_owned()),
        };
        given.as_ref().map_or((usual, false), |url| (url.to_string(), true))
    }
}

/// One bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    store: Arc<dyn ObjectStore>,
    /// `s3://BUCKET/`: what stands before each key.
    base: String,
    pause: Duration,
}

impl Bucket {
    /// A bucket of any store; `base` is what stands before each key in addresses.
    pub fn new(store: Arc<dyn ObjectStore>, base: String, pause: Duration) -> Self {
        Self { store, base, pause }
    }

    /// A bucket of a service, asked through a guarded client.
    pub fn connect(
        service: Service,
        name: &str,
        web: Web,
        settings: &StoreSettings,
        credentials: &Credentials,
    ) -> Result<Self, SourceError> {
        let base = format!("{}://{name}/", service.scheme());
        let pause = web.patience("").first;
        let (endpoint, _) = settings.endpoint(service);
        let is_plain = endpoint.starts_with("http://");
        let connector = Connector(Arc::new(web));
        let store: Result<Arc<dyn ObjectStore>, _> = match service {
            Service::S3 => {
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(name)
                    .with_region(settings.region())
                    .with_endpoint(endpoint.trim_end_matches('/'))
                    .with_allow_http(is_plain)
                    .with_retry(retries(pause))
                    .with_http_connector(connector);
                builder = sign(builder, credentials, &base)?;
                builder.build().map(|built| Arc::new(built) as _)
            }
            Service::Gs => {
                let mut builder = GoogleCloudStorageBuilder::new()
                    .with_bucket_name(name)
                    .with_base_url(endpoint.trim_end_matches('/'))
                    .with_retry(retries(pause))
                    .with_client_options(ClientOptions::new().with_allow_http(is_plain))
                    .with_http_connector(connector);
                builder = match credentials {
                    Credentials::Anonymous => builder.with_skip_signature(true),
                    Credentials::Bearer(token) => builder.with_bearer_token(token.reveal()),
                    _ => return Err(unfit(&base, "gs:// takes a bearer token")),
                };
                builder.build().map(|built| Arc::new(built) as _)
            }
        };
        let store = store.map_err(|why| SourceError::Start(why.to_string()))?;
        Ok(Self::new(store, base, pause))
    }

    /// The next names below a prefix, in the order of their bytes: those after `after`. Empty at
    /// the end. A name that is the prefix itself is the only one.
    pub async fn page(&self, key: &str, after: Option<&str>) -> Result<Vec<Item>, SourceError> {
        if !key.is_empty() && !key.ends_with('/') && after.is_none() {
            match self.store.head(&self.path(key)?).await {
                Ok(found) => return Ok(vec![self.item(found.location.as_ref(), found.size)]),
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(self.told(key, error)),
            }
        }
        let key = key.trim_end_matches('/');
        let prefix = if key.is_empty() { None } else { Some(self.path(key)?) };
        let offset = self.path(after.unwrap_or_default())?;
        let mut names = self.store.list_with_offset(prefix.as_ref(), &offset);
        let mut items = Vec::new();
        let mut last = after.map(str::to_owned).unwrap_or_default();
        while let Some(found) = names.next().await {
            let found = found.map_err(|error| self.told(key, error))?;
            let name = found.location.as_ref();
            if name.as_bytes() <= last.as_bytes() && !last.is_empty() {
                let why = format!("it lists {name} after {last}, so a listing can't be resumed");
                return Err(SourceError::Answer { uri: format!("{}{key}", self.base), why });
            }
            name.clone_into(&mut last);
            items.push(self.item(name, found.size));
            if items.len() == SOURCE_PAGE_ITEMS {
                break;
            }
        }
        Ok(items)
    }

    /// Fetches an object into a file, from its start with each attempt.
    pub async fn fetch(&self, item: &Item, file: &mut SpoolFile) -> Result<(), SourceError> {
        let key = self.key_of(&item.uri);
        let path = self.path(key)?;
        if item.bytes.is_some_and(|bytes| bytes > SOURCE_ITEM_BYTES_MAX) {
            return Err(too_large(&item.uri));
        }
        patiently(Patience::usual(self.pause, &item.uri), async || {
            file.restart()?;
            let got = self.store.get(&path).await.map_err(|error| self.told(key, error))?;
            let promised = got.meta.size;
            let mut pieces = got.into_stream();
            while let Some(piece) = pieces.next().await {
                let piece = piece.map_err(|error| Failed::again(self.told(key, error)))?;
                file.append(&piece, &item.uri)?;
            }
            if file.bytes() == promised {
                return Ok(());
            }
            let why = format!("{} of {promised} bytes came", file.bytes());
            Err(Failed::again(SourceError::Unreachable { uri: item.uri.clone(), why }))
        })
        .await
    }

    /// The key of an address of this bucket.
    pub fn key_of<'a>(&self, uri: &'a str) -> &'a str {
        uri.strip_prefix(&self.base).unwrap_or_default()
    }

    fn item(&self, key: &str, bytes: u64) -> Item {
        Item { uri: format!("{}{key}", self.base), bytes: Some(bytes) }
    }

    fn path(&self, key: &str) -> Result<Path, SourceError> {
        Path::parse(key).map_err(|error| unfit(&format!("{}{key}", self.base), &error.to_string()))
    }

    /// The crate's error in our words. It has tried again where that may help.
    fn told(&self, key: &str, error: object_store::Error) -> SourceError {
        let uri = format!("{}{key}", self.base);
        match &error {
            object_store::Error::NotFound { .. } => SourceError::Missing { uri },
            _ => {
                let mut why = error.to_string();
                let mut source = std::error::Error::source(&error);
                while let Some(inner) = source {
                    match inner.downcast_ref::<Shut>() {
                        Some(Shut::Forbidden(why)) => {
                            return SourceError::Forbidden { uri, why: why.clone() };
                        }
                        Some(Shut::Unauthorized(status)) => {
                            return SourceError::Unauthorized { uri, status: *status };
                        }
                        None => {}
                    }
                    why = inner.to_string();
                    source = inner.source();
                }
                SourceError::Unreachable { uri, why }
            }
        }
    }
}

fn unfit(uri: &str, why: &str) -> SourceError {
    SourceError::Address { uri: uri.to_owned(), why: why.to_owned() }
}

/// Keys where there are some; else unsigned requests, so that the machine's own role is never used
/// for a caller.
fn sign(
    builder: AmazonS3Builder,
    credentials: &Credentials,
    base: &str,
) -> Result<AmazonS3Builder, SourceError> {
    Ok(match credentials {
        Credentials::Anonymous => builder.with_skip_signature(true),
        Credentials::S3 { access_key_id, secret_access_key, session_token } => {
            let signed = builder
                .with_access_key_id(access_key_id)
                .with_secret_access_key(secret_access_key.reveal());
            match session_token {
                Some(token) => signed.with_token(token.reveal()),
                None => signed,
            }
        }
        _ => return Err(unfit(base, "s3:// takes an access key")),
    })
}

fn retries(pause: Duration) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: pause,
            max_backoff: Duration::from_secs(SOURCE_RETRY_SECONDS_MAX / 4),
            base: 2.0,
        },
        max_retries: SOURCE_ATTEMPTS_MAX as usize - 1,
        retry_timeout: Duration::from_secs(SOURCE_RETRY_SECONDS_MAX),
    }
}

/// Why a request was not made, or its answer not handed on: the crate keeps statuses to itself.
#[derive(Debug, Error)]
enum Shut {
    #[error("{0}")]
    Forbidden(String),
    #[error("it answered {0}")]
    Unauthorized(u16),
}

/// Hands the guarded client to the crate.
#[derive(Debug)]
struct Connector(Arc<Web>);

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Guarded(self.0.clone())))
    }
}

/// Looks at each URL before it is asked.
#[derive(Debug)]
struct Guarded(Arc<Web>);

impl HttpService for Guarded {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let shut = |shut: Shut| HttpError::new(HttpErrorKind::Unknown, shut);
            let forbidden = |why: String| shut(Shut::Forbidden(why));
            let url = Url::parse(&request.uri().to_string());
            let url = url.map_err(|error| forbidden(error.to_string()))?;
            self.0.allow().check_url(&url).map_err(|error| forbidden(error.to_string()))?;
            let response = HttpService::call(self.0.client(), request).await?;
            match response.status().as_u16() {
                status @ (401 | 403) => Err(shut(Shut::Unauthorized(status))),
                _ => Ok(response),
            }
        })
    }
}
