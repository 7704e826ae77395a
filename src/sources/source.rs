//! The room's face: an address and credentials -> pages of items -> bytes in the spool.

use std::sync::Arc;
use std::time::Duration;

use vitrail_domain::Cancel;
use vitrail_domain::limits::{SOURCE_ITEM_BYTES_MAX, SOURCE_ITEM_SECONDS_MAX};

use crate::address::Address;
use crate::allow::AllowList;
use crate::dicomweb::{self, Place, Walk};
use crate::error::SourceError;
use crate::http::{Ask, Waits, Web, next};
use crate::item::Item;
use crate::object::{Bucket, StoreSettings};
use crate::retry::patiently;
use crate::runtime::Runtime;
use crate::secrets::Credentials;
use crate::spool::{Spool, SpoolFile, too_large};

/// What the operator says about sources.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What may be fetched.
    pub allow: AllowList,
    /// Whether naming an address allows it, also in a private network: whoever runs an ingest on
    /// the command line may anyway connect to what this machine can reach. Redirects to other
    /// machines stay held against the list.
    pub named: bool,
    /// Where the object stores are.
    pub stores: StoreSettings,
    /// How long a source may say nothing.
    pub silence: Duration,
    /// The pause before a second attempt; the next ones are twice as long each.
    pub pause: Duration,
}

impl Default for Settings {
    /// Nothing is allowed; 30 seconds of silence, a quarter of a second before another attempt.
    fn default() -> Self {
        Self {
            allow: AllowList::new(),
            named: false,
            stores: StoreSettings::default(),
            silence: Duration::from_secs(30),
            pause: Duration::from_millis(250),
        }
    }
}

/// Everything that can be fetched. Threads are started by the first source that is opened.
#[derive(Debug)]
pub struct Sources {
    settings: Settings,
    runtime: std::sync::OnceLock<Arc<Runtime>>,
}

impl Sources {
    /// Sources under these settings; nothing is started yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings, runtime: std::sync::OnceLock::new() }
    }

    /// Whether an address may be fetched.
    ///
    /// # Errors
    /// No prefix allows it.
    pub fn check(&self, address: &Address) -> Result<(), SourceError> {
        if !self.settings.named {
            self.settings.allow.check(address)?;
        }
        match address {
            Address::DicomWeb(url) => Place::of(url).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Opens a source. Nothing is asked yet.
    ///
    /// # Errors
    /// An address that may not be fetched, or credentials of another kind.
    pub fn open(&self, address: &Address, credentials: Credentials) -> Result<Source, SourceError> {
        self.check(address)?;
        let kind = match address {
            Address::File(_) => {
                let why = "files are read where they lie".to_owned();
                return Err(SourceError::Address { uri: address.to_string(), why });
            }
            Address::Web(url) => {
                // Of a machine that was named, also where it redirects to on itself.
                let mut origin = url.clone();
                origin.set_path("/");
                Kind::Web(self.web(&origin)?, address.to_string())
            }
            Address::DicomWeb(url) => {
                let place = Place::of(url)?;
                Kind::DicomWeb(self.web(&place.base)?, place)
            }
            Address::Object { service, bucket, key } => {
                let (endpoint, private) = self.settings.stores.endpoint(*service);
                let mut allow = AllowList::new();
                allow.add(&endpoint, private)?;
                let web = Web::new(Arc::new(allow), self.waits())?;
                let stores = &self.settings.stores;
                let bucket = Bucket::connect(*service, bucket, web, stores, &credentials)?;
                Kind::Object(bucket, key.clone())
            }
        };
        Ok(Source { runtime: self.runtime()?, credentials, kind })
    }

    fn web(&self, base: &url::Url) -> Result<Web, SourceError> {
        let mut allow = self.settings.allow.clone();
        if self.settings.named {
            allow.add(base.as_str(), true)?;
        }
        Web::new(Arc::new(allow), self.waits())
    }

    fn waits(&self) -> Waits {
        Waits { silence: self.settings.silence, pause: self.settings.pause }
    }

    fn runtime(&self) -> Result<Arc<Runtime>, SourceError> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime.clone());
        }
        let started = Arc::new(Runtime::start()?);
        Ok(self.runtime.get_or_init(|| started).clone())
    }
}

/// One opened source. Shared by the threads that fetch from it.
#[derive(Debug)]
pub struct Source {
    runtime: Arc<Runtime>,
    credentials: Credentials,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Web(Web, String),
    Object(Bucket, String),
    DicomWeb(Web, Place),
}

impl Source {
    /// A bucket of any store, for tests.
    #[cfg(test)]
    pub(crate) fn of_bucket(bucket: Bucket, key: &str) -> Self {
        Self {
            runtime: Arc::new(Runtime::start().expect("threads")),
            credentials: Credentials::Anonymous,
            kind: Kind::Object(bucket, key.to_owned()),
        }
    }

    /// Its items in an order that does not change, from the first one after `after` (an
    /// [`Item::uri`] of an earlier listing).
    ///
    /// # Errors
    /// An `after` that this source can't have named.
    pub fn pages(&self, after: Option<&str>) -> Result<Pages<'_>, SourceError> {
        let stand = match &self.kind {
            Kind::Web(..) => Stand::One(after.is_none()),
            Kind::Object(..) => Stand::After(after.map(str::to_owned)),
            Kind::DicomWeb(_, place) => Stand::Walk(Box::new(Walk::new(place.clone(), after)?)),
        };
        Ok(Pages { source: self, stand, ended: false })
    }

    /// Fetches an item into the spool, with attempts, within the bounds of size and time.
    ///
    /// # Errors
    /// Nothing there, refused, too large, broken off; `cancelled`.
    pub fn fetch(
        &self,
        item: &Item,
        spool: &Arc<Spool>,
        cancel: &Cancel,
    ) -> Result<SpoolFile, SourceError> {
        let mut file = spool.file(cancel)?;
        let longest = Duration::from_secs(SOURCE_ITEM_SECONDS_MAX);
        self.runtime.wait(cancel, async {
            let fetched = tokio::time::timeout(longest, self.fetch_into(item, &mut file)).await;
            fetched.unwrap_or_else(|_| {
                let seconds = SOURCE_ITEM_SECONDS_MAX;
                Err(SourceError::TimedOut { uri: item.uri.clone(), seconds })
            })
        })?;
        file.finish();
        Ok(file)
    }

    async fn fetch_into(&self, item: &Item, file: &mut SpoolFile) -> Result<(), SourceError> {
        match &self.kind {
            Kind::Object(bucket, _) => bucket.fetch(item, file).await,
            Kind::DicomWeb(web, _) => dicomweb::fetch(web, &self.credentials, item, file).await,
            Kind::Web(web, _) => fetch_web(web, &self.credentials, item, file).await,
        }
    }
}

/// One object by itself.
async fn fetch_web(
    web: &Web,
    credentials: &Credentials,
    item: &Item,
    file: &mut SpoolFile,
) -> Result<(), SourceError> {
    let unfit = |why: String| SourceError::Address { uri: item.uri.clone(), why };
    let url = url::Url::parse(&item.uri).map_err(|error| unfit(error.to_string()))?;
    let ask = Ask { url, accept: "*/*", credentials, json: None };
    patiently(web.patience(&item.uri), async || {
        file.restart()?;
        let mut response = web.send(&ask).await?;
        if response.content_length().is_some_and(|bytes| bytes > SOURCE_ITEM_BYTES_MAX) {
            return Err(too_large(&item.uri).into());
        }
        while let Some(chunk) = next(&mut response, &item.uri).await? {
            file.append(&chunk, &item.uri)?;
        }
        Ok(())
    })
    .await
}

/// A listing on its way: memory for one page (for DICOMweb also for the UIDs above it).
#[derive(Debug)]
pub struct Pages<'a> {
    source: &'a Source,
    stand: Stand,
    ended: bool,
}

#[derive(Debug)]
enum Stand {
    /// Whether the one item is still to come.
    One(bool),
    /// The address after which the listing goes on.
    After(Option<String>),
    Walk(Box<Walk>),
}

impl Pages<'_> {
    /// The next page; none at the end.
    ///
    /// # Errors
    /// The source fails or answers what can't be read; `cancelled`. The listing is then at its end:
    /// begin another one after the last item.
    pub fn next(&mut self, cancel: &Cancel) -> Result<Option<Vec<Item>>, SourceError> {
        if self.ended {
            return Ok(None);
        }
        let source = self.source;
        let stand = &mut self.stand;
        let page = source.runtime.wait(cancel, async {
            match (&source.kind, stand) {
                (Kind::Web(_, uri), Stand::One(true)) => {
                    Ok(vec![Item { uri: uri.clone(), bytes: None }])
                }
                (Kind::Object(bucket, key), Stand::After(after)) => {
                    bucket.page(key, after.as_deref().map(|uri| bucket.key_of(uri))).await
                }
                (Kind::DicomWeb(web, _), Stand::Walk(walk)) => {
                    walk.page(web, &source.credentials).await
                }
                _ => Ok(Vec::new()),
            }
        })?;
        match &mut self.stand {
            Stand::One(more) => *more = false,
            Stand::After(after) => {
                let key = match &source.kind {
                    Kind::Object(_, key) => key.as_str(),
                    _ => "",
                };
                // The prefix itself is an object, and the only one.
                let is_whole =
                    |item: &Item| !key.is_empty() && item.uri.ends_with(&format!("/{key}"));
                self.ended = page.len() == 1 && page.iter().all(is_whole);
                *after = page.last().map(|item| item.uri.clone());
            }
            Stand::Walk(_) => {}
        }
        self.ended |= page.is_empty();
        Ok((!page.is_empty()).then_some(page))
    }
}
