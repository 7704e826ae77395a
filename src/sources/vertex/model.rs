//! The client of one model: batches, attempts, one outcome a picture.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use serde_json::json;
use url::Url;
use vitrail_domain::limits::{
    VERTEX_ANSWER_BYTES_MAX, VERTEX_INSTANCES_MAX, VERTEX_REQUEST_BYTES_MAX,
};
use vitrail_domain::{Cancel, MultiVector};

use super::answer::{Outcome, outcomes};
use super::container::{Container, Piece};
use crate::address::{Address, shown};
use crate::allow::AllowList;
use crate::error::SourceError;
use crate::http::{Ask, Waits, Web};
use crate::runtime::Runtime;
use crate::secrets::Credentials;

/// Requests at once, as Google's own client makes.
const PARALLEL: usize = 5;

/// Bytes of `{"instances":[]}`.
const FRAME_BYTES: usize = 16;

/// Where a model is, and how it is asked.
#[derive(Debug, Clone)]
pub struct VertexOptions {
    /// The address that takes `{"instances": [...]}`: `https://.../endpoints/ID:predict`, or a
    /// container's own `http://HOST:PORT/predict`. The operator names it, so it may be private.
    pub url: String,
    /// What answers there.
    pub container: Container,
    /// Bytes of one request at most: Vertex takes 1.5 MB, a container by itself more.
    pub request_bytes_max: usize,
    /// Pictures of one request at most.
    pub instances_max: usize,
    /// How long an answer may take to begin: a cold model loads first.
    pub silence: Duration,
    /// The pause before a second attempt.
    pub pause: Duration,
}

impl VertexOptions {
    /// The usual bounds for a model at this address.
    #[must_use]
    pub fn new(url: impl Into<String>, container: Container) -> Self {
        Self {
            url: url.into(),
            container,
            request_bytes_max: VERTEX_REQUEST_BYTES_MAX,
            instances_max: VERTEX_INSTANCES_MAX,
            silence: Duration::from_secs(180),
            pause: Duration::from_millis(500),
        }
    }
}

/// The shape of a model's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Rows of one picture; 1 for a single vector.
    pub rows: usize,
    /// Numbers of a row.
    pub dim: usize,
}

/// One model behind HTTP. Its calls block; any thread may make them.
#[derive(Debug)]
pub struct VertexModel {
    runtime: Runtime,
    web: Web,
    url: Url,
    options: VertexOptions,
}

impl VertexModel {
    /// A client; nothing is asked yet.
    ///
    /// # Errors
    /// An address that is none; bounds that nothing fits into.
    pub fn connect(options: VertexOptions) -> Result<Self, SourceError> {
        let refuse = |why: &str| SourceError::Address {
            uri: "the model's address".to_owned(),
            why: why.to_owned(),
        };
        let Address::Web(url) = Address::parse(&options.url)? else {
            return Err(refuse("it is neither http:// nor https://"));
        };
        let least = FRAME_BYTES + options.container.instance_overhead();
        if options.instances_max == 0 || options.request_bytes_max <= least {
            return Err(refuse("no picture fits into its bounds"));
        }
        let mut allow = AllowList::new();
        allow.add(&options.url, true)?;
        let waits = Waits { silence: options.silence, pause: options.pause };
        let web = Web::new(Arc::new(allow), waits)?;
        Ok(Self { runtime: Runtime::start()?, web, url, options })
    }

    /// The vectors of encoded pictures (PNG or JPEG; for Path Foundation 224 x 224 pixels), one
    /// outcome a picture, in their order. A picture that fits into no request is refused by
    /// itself. Requests are made in parallel, and again where that may help.
    ///
    /// # Errors
    /// What concerns all: the model can't be reached, refuses the credentials, or refuses a whole
    /// request; `cancelled`.
    pub fn embed(
        &self,
        pictures: &[&[u8]],
        credentials: &Credentials,
        cancel: &Cancel,
    ) -> Result<Vec<Outcome>, SourceError> {
        let pieces: Vec<Piece<'_>> = pictures.iter().map(|bytes| Piece::Picture(bytes)).collect();
        self.embed_pieces(&pieces, credentials, cancel)
    }

    /// The vectors of texts, as [`Self::embed`].
    ///
    /// # Errors
    /// As [`Self::embed`]; a container that takes no texts.
    pub fn embed_texts(
        &self,
        texts: &[&str],
        credentials: &Credentials,
        cancel: &Cancel,
    ) -> Result<Vec<Outcome>, SourceError> {
        if !self.options.container.takes_texts() {
            let why = "this container takes no texts".to_owned();
            return Err(SourceError::Address { uri: shown(&self.url), why });
        }
        let pieces: Vec<Piece<'_>> = texts.iter().map(|text| Piece::Text(text)).collect();
        self.embed_pieces(&pieces, credentials, cancel)
    }

    fn embed_pieces(
        &self,
        pieces: &[Piece<'_>],
        credentials: &Credentials,
        cancel: &Cancel,
    ) -> Result<Vec<Outcome>, SourceError> {
        let batches = self.batches(pieces);
        let answers = self.runtime.wait(cancel, async {
            let asked = batches.iter().map(|batch| self.ask(pieces, batch, credentials));
            let mut asked = stream::iter(asked).buffered(PARALLEL);
            let mut answers = Vec::with_capacity(batches.len());
            while let Some(answer) = asked.next().await {
                answers.push(answer?);
            }
            Ok(answers)
        })?;
        let mut all: Vec<Option<Outcome>> = pieces.iter().map(|_| None).collect();
        for (batch, answer) in batches.iter().zip(answers) {
            for (at, outcome) in batch.iter().zip(answer) {
                if let Some(place) = all.get_mut(*at) {
                    *place = Some(outcome);
                }
            }
        }
        let limit = self.options.request_bytes_max as u64;
        let uri = "the encoded picture or text";
        let large = || Err(SourceError::TooLarge { uri: uri.to_owned(), limit });
        Ok(all.into_iter().map(|outcome| outcome.unwrap_or_else(large)).collect())
    }

    /// What the model really answers: declared dimensions are often wrong.
    ///
    /// # Errors
    /// As [`Self::embed`], and the refusal of this picture.
    pub fn probe(
        &self,
        picture: &[u8],
        credentials: &Credentials,
        cancel: &Cancel,
    ) -> Result<Shape, SourceError> {
        let mut outcomes = self.embed(&[picture], credentials, cancel)?;
        let vectors: MultiVector = outcomes.pop().unwrap_or_else(|| {
            let why = "it answered nothing".to_owned();
            Err(SourceError::Answer { uri: shown(&self.url), why })
        })?;
        Ok(Shape { rows: vectors.len(), dim: vectors.dim().get() })
    }

    /// Places of the pieces of each request; those that fit into none are in none.
    fn batches(&self, pieces: &[Piece<'_>]) -> Vec<Vec<usize>> {
        let overhead = self.options.container.instance_overhead();
        let room = self.options.request_bytes_max - FRAME_BYTES;
        let mut batches: Vec<Vec<usize>> = Vec::new();
        let mut used = room;
        for (at, piece) in pieces.iter().enumerate() {
            let bytes = piece.bytes() + overhead;
            if bytes > room {
                continue;
            }
            let is_full =
                batches.last().is_none_or(|last| last.len() >= self.options.instances_max);
            if is_full || used + bytes > room {
                batches.push(Vec::new());
                used = 0;
            }
            used += bytes;
            if let Some(last) = batches.last_mut() {
                last.push(at);
            }
        }
        batches
    }

    async fn ask(
        &self,
        pieces: &[Piece<'_>],
        batch: &[usize],
        credentials: &Credentials,
    ) -> Result<Vec<Outcome>, SourceError> {
        let container = self.options.container;
        let pieces: Vec<Piece<'_>> =
            batch.iter().filter_map(|at| pieces.get(*at).copied()).collect();
        let instances: Vec<_> = pieces.iter().map(|piece| container.instance(*piece)).collect();
        let body = json!({ "instances": instances }).to_string().into_bytes();
        let (url, accept) = (self.url.clone(), "application/json");
        let ask = Ask { url, accept, credentials, json: Some(&body) };
        let answer = self.web.whole(&ask, VERTEX_ANSWER_BYTES_MAX).await?;
        outcomes(&shown(&self.url), container, &pieces, &answer.bytes)
    }
}
