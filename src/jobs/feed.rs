//! Files -> units of work -> points that wait for their vectors. One thread opens files, one hands
//! units out, and all readers work on the tiles of one slide as on photographs.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender};
use vitrail_domain::{Cancel, Code};
use vitrail_ingest::{Found, ReadOptions, Refusal};

use crate::bind::Target;
use crate::dicom;
use crate::ingest::{Event, Ingest};
use crate::prepare::{self, Hashed, Place, Prepared, Source};
use crate::progress::Refused;
use crate::pull::Remote;
use crate::slides::{self, CutOptions, CutSlide, CutTile, OpenSlide};
use crate::sources::{Photo, Sources};
use crate::spec::IngestSpec;
use crate::trail::Ticket;

/// One unit of work for a reader.
pub enum Work {
    /// A file that is decoded whole.
    Photo(Photo),
    /// One tile of an open slide.
    Tile(Arc<OpenSlide>, CutTile),
}

/// A file as the opener hands it on.
pub enum Opened {
    /// To be decoded whole.
    Photo(Photo),
    /// To be cut.
    Slide(Box<CutSlide>),
}

/// One run's shared, read-only parts.
#[derive(Clone, Copy)]
pub struct Run<'a> {
    /// What an ingest works with.
    pub ingest: &'a Ingest,
    /// What is asked.
    pub spec: &'a IngestSpec,
    /// Where points go.
    pub target: &'a Target,
    /// What is read.
    pub sources: &'a Sources,
    /// How pictures are read.
    pub read: &'a ReadOptions,
    /// What is read from far away.
    pub remote: &'a Remote,
    /// Set when somebody asks, and when the writer has stopped: nobody works for a dead end.
    pub stop: &'a Cancel,
}

impl Run<'_> {
    /// Goes through the files. The next slide is opened while the tiles of the one before are
    /// read: `opened` has no room, so that there are never more than two open.
    pub fn open(&self, opened: &Sender<Opened>, events: &Sender<Event>) {
        let files = &self.sources.files;
        let refused = &self.sources.refused;
        let _ = events.send(Event::Found((files.len() + refused.len()) as u64));
        for refused in refused {
            let _ = events.send(Event::Refused(refused.clone()));
        }
        let last = self.sources.last_slide();
        let is_all = self.remote.is_empty();
        if last.is_none() && is_all {
            let _ = events.send(Event::Listed);
        }
        for (at, file) in files.iter().enumerate() {
            if self.stop.is_cancelled() {
                return;
            }
            if !self.open_one(Some(at), file.clone(), None, (opened, events)) {
                return;
            }
            if last == Some(at) && is_all {
                let _ = events.send(Event::Listed);
            }
        }
        if !is_all {
            self.pull(opened, events);
        }
    }

    /// Opens one file and hands it on; false when the run is at its end. `at` is its place among
    /// the files here; a fetched one has a ticket instead.
    pub fn open_one(
        &self,
        at: Option<usize>,
        file: Found,
        ticket: Option<Ticket>,
        (opened, events): (&Sender<Opened>, &Sender<Event>),
    ) -> bool {
        match self.open_file(at, &file, ticket.as_ref()) {
            Ok(Opened::Slide(cut)) => {
                if let Some(ticket) = &ticket {
                    ticket.cut_into(cut.tiles);
                }
                let (more, image) = (cut.tiles - 1, (cut.record.clone(), cut.thumbnail.clone()));
                let found = events.send(Event::Found(more));
                let image = found.and_then(|()| events.send(Event::Image(Box::new(image))));
                image.is_ok() && opened.send(Opened::Slide(cut)).is_ok()
            }
            Ok(photo) => opened.send(photo).is_ok(),
            Err(refusal) if refusal.code == Code::Cancelled => false,
            Err(refusal) => {
                let path = dicom::shown_path(self.read, &file);
                let told = events.send(self::refused(path, refusal));
                told.is_ok() && settled(ticket, events)
            }
        }
    }

    fn open_file(
        &self,
        at: Option<usize>,
        file: &Found,
        ticket: Option<&Ticket>,
    ) -> Result<Opened, Refusal> {
        let fields = match at {
            Some(at) => self.sources.fields(at)?,
            None => self.sources.fields_of(&file.relative),
        };
        let ticket = ticket.cloned();
        if !slides::is_cut(file)? {
            return Ok(Opened::Photo(Photo { file: file.clone(), fields, ticket }));
        }
        let model = self.target.serving.model();
        let options = CutOptions {
            collection: self.spec.collection.clone(),
            slide_mpp: self.spec.slide_mpp,
            tile_mpp: match self.spec.tile_mpp.as_slice() {
                [] => vec![model.default_mpp()],
                scales => scales.to_vec(),
            },
            areas: self.sources.areas(file)?,
            tile_px: model.tile_px(),
            now: self.ingest.clock.now(),
            read: self.read.clone(),
            ticket,
        };
        let cut = slides::cut(file, fields, &options, self.stop)?;
        Ok(Opened::Slide(Box::new(cut)))
    }

    /// Hands out photographs and, one by one, the tiles of slides.
    pub fn feed(&self, opened: &Receiver<Opened>, work: &Sender<Work>, events: &Sender<Event>) {
        for file in opened {
            let sent = match file {
                Opened::Photo(photo) => work.send(Work::Photo(photo)).is_ok(),
                Opened::Slide(cut) => self.feed_tiles(&cut, work, events),
            };
            if !sent || self.stop.is_cancelled() {
                return;
            }
        }
    }

    fn feed_tiles(&self, cut: &CutSlide, work: &Sender<Work>, events: &Sender<Event>) -> bool {
        match cut.grids() {
            Ok(grids) => cut
                .tiles(&grids)
                .take_while(|_| !self.stop.is_cancelled())
                .all(|tile| work.send(Work::Tile(cut.open.clone(), tile)).is_ok()),
            Err(refusal) => {
                let path = open_path(&cut.open);
                events.send(self::refused(path, refusal)).is_ok()
            }
        }
    }

    /// One reader: hashes, skips or decodes, and hands pixels to the model.
    pub fn read(&self, units: &Receiver<Work>, events: &Sender<Event>) {
        for unit in units {
            if self.stop.is_cancelled() {
                return;
            }
            let (event, ticket) = match unit {
                Work::Photo(photo) => {
                    let ticket = photo.ticket.clone();
                    (self.read_photo(photo), ticket)
                }
                Work::Tile(open, tile) => (self.read_tile(&open, &tile), open.ticket.clone()),
            };
            if events.send(event).is_err() || !settled(ticket, events) {
                return;
            }
        }
    }

    fn read_photo(&self, Photo { file, fields, ticket: _held }: Photo) -> Event {
        let path = dicom::shown_path(self.read, &file);
        let bytes = match vitrail_ingest::read_image_bytes(&file.path) {
            Ok(bytes) => Hashed::from(bytes),
            Err(refusal) => return refused(path, refusal),
        };
        let source = Source {
            collection: &self.spec.collection,
            uri: &file.relative,
            root: Some(file.root.to_string_lossy().into_owned()),
            fields,
            read: self.read,
            now: self.ingest.clock.now(),
        };
        if self.target.has(prepare::photo_id(&source, &bytes.sha256)) {
            return Event::Skipped;
        }
        self.embed(prepare::photo(bytes, source), path)
    }

    fn read_tile(&self, open: &OpenSlide, cut: &CutTile) -> Event {
        let id = |tile| prepare::tile_id(&self.spec.collection, open, tile);
        let place = Place { id: id(&cut.tile), parent: cut.parent.as_ref().map(id) };
        if self.target.has(place.id) {
            return Event::Skipped;
        }
        // The box as a media fragment (W3C, `#xywh=`), so that each refused tile has its own place.
        let area = cut.tile.region;
        let path = open_path(open);
        let path = format!("{path}#xywh={},{},{},{}", area.x, area.y, area.width, area.height);
        self.embed(prepare::tile(place, open, &cut.tile), path)
    }

    fn embed(&self, prepared: Result<Prepared, Refusal>, path: String) -> Event {
        match prepared {
            Ok(prepared) => Event::Ready(Box::new(self.target.submit(prepared, path))),
            Err(refusal) => refused(path, refusal),
        }
    }
}

/// Says that a unit of a fetched file is settled, after what became of it was said.
fn settled(ticket: Option<Ticket>, events: &Sender<Event>) -> bool {
    ticket.is_none_or(|ticket| events.send(Event::Settled(ticket)).is_ok())
}

fn refused(path: String, Refusal { code, message }: Refusal) -> Event {
    Event::Refused(Refused { path, code, message })
}

/// An open slide's path as reports show it: its pseudonym where it has one.
fn open_path(open: &OpenSlide) -> String {
    open.file.root.join(&open.uri).to_string_lossy().into_owned()
}
