//! The tantivy index: its folder, its writer, and what was committed. Only this file names tantivy.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use roaring::RoaringBitmap;
use tantivy::directory::MmapDirectory;
use tantivy::directory::error::OpenReadError;
use tantivy::index::SegmentId;
use tantivy::indexer::IndexWriterOptions;
use tantivy::merge_policy::LogMergePolicy;
use tantivy::postings::BlockSegmentPostings;
use tantivy::query::AllQuery;
use tantivy::schema::{
    BytesOptions, FAST, Field, IndexRecordOption, JsonObjectOptions, OwnedValue, Schema,
};
use tantivy::{
    Directory, Index, IndexWriter, InvertedIndexReader, SegmentReader, TantivyDocument,
    TantivyError, Term,
};
use vitrail_disk::{DiskError, create_dir_synced, list, remove_tree};
use vitrail_domain::{PointId, Seq, Slot};

use crate::error::FieldError;
use crate::leaves::Leaves;
use crate::seal::Seal;
use crate::term::{id_term, slot_term, whole_term};

/// Bytes that the writer buffers before it flushes a segment.
const WRITER_BYTES: usize = 64 * 1024 * 1024;
/// Documents a block of postings holds.
const BLOCK: usize = 128;

/// The folder, and the writer once there was something to write.
pub(crate) struct Shelf {
    folder: PathBuf,
    index: Index,
    columns: Columns,
    writer: Option<IndexWriter>,
}

#[derive(Clone, Copy)]
struct Columns {
    slot: Field,
    term: Field,
    number: Field,
}

/// What one commit holds: immutable, shared by every view until the next.
pub(crate) struct Committed {
    segments: Vec<Segment>,
    term: Field,
    /// Every change up to here is in.
    pub(crate) seq: Seq,
    /// Slots that have a document.
    pub(crate) docs: RoaringBitmap,
    /// Slots whose document has no field terms.
    pub(crate) whole: RoaringBitmap,
}

struct Segment {
    reader: SegmentReader,
    terms: Arc<InvertedIndexReader>,
    /// Slots by document.
    slots: Arc<[u32]>,
}

/// One payload on its way into the index.
pub(crate) struct Entry {
    pub(crate) slot: Slot,
    pub(crate) id: PointId,
    pub(crate) leaves: Leaves,
}

impl Shelf {
    /// Opens the index in `folder`. One that is missing, damaged or of another format is emptied
    /// and has `seq` 0.
    pub(crate) fn open(folder: &FilePath) -> Result<(Self, Committed), FieldError> {
        // The library checks its files, but not so that no flipped byte could make it panic.
        match catch_unwind(AssertUnwindSafe(|| Self::open_sound(folder))) {
            Ok(Ok(opened)) => return Ok(opened),
            Ok(Err(error)) if folder.join("meta.json").exists() => {
                tracing::warn!(folder = %folder.display(), %error, "field index is made anew");
            }
            Ok(Err(_)) => {}
            Err(_) => {
                tracing::warn!(folder = %folder.display(), "damaged field index is made anew");
            }
        }
        Self::create(folder)
    }

    fn open_sound(folder: &FilePath) -> Result<(Self, Committed), FieldError> {
        let directory = MmapDirectory::open(folder).map_err(|error| read_error(error.into()))?;
        let index = Index::open(directory).map_err(read_error)?;
        let (schema, columns) = schema();
        if index.schema() != schema {
            return Err(FieldError::Damaged { what: "its schema is another one" });
        }
        let shelf = Self { folder: folder.to_path_buf(), index, columns, writer: None };
        shelf.verify_files()?;
        let committed = shelf.committed(None)?;
        Ok((shelf, committed))
    }

    fn create(folder: &FilePath) -> Result<(Self, Committed), FieldError> {
        let fail = |why: String| FieldError::Open { folder: PathBuf::from(folder), why };
        remove_tree(folder).map_err(|error| fail(error.to_string()))?;
        create_dir_synced(folder).map_err(|error| fail(error.to_string()))?;
        let (schema, columns) = schema();
        let index =
            Index::create_in_dir(folder, schema).map_err(|error| fail(error.to_string()))?;
        let committed = Committed {
            segments: Vec::new(),
            term: columns.term,
            seq: Seq(0),
            docs: RoaringBitmap::new(),
            whole: RoaringBitmap::new(),
        };
        Ok((Self { folder: folder.to_path_buf(), index, columns, writer: None }, committed))
    }

    /// Reads every file once against its checksum.
    fn verify_files(&self) -> Result<(), FieldError> {
        let directory = self.index.directory();
        for file in self.index.load_metas().map_err(read_error)?.list_segment_files() {
            // Candidates are listed too: files of parts that a segment need not have.
            let there = directory.exists(&file).map_err(open_error)?;
            if there && !directory.validate_checksum(&file).map_err(open_error)? {
                return Err(FieldError::Damaged { what: "a file fails its checksum" });
            }
        }
        Ok(())
    }

    /// Opens what was last committed; segments that `before` has are not read again.
    fn committed(&self, before: Option<&Committed>) -> Result<Committed, FieldError> {
        let meta = self.index.load_metas().map_err(read_error)?;
        let seal = match (&meta.payload, meta.segments.is_empty()) {
            (None, true) => Seal::of(Seq(0), meta.opstamp, &RoaringBitmap::new()),
            (None, false) => return Err(FieldError::Damaged { what: "a commit has no seal" }),
            (Some(line), _) => {
                Seal::read(line).ok_or(FieldError::Damaged { what: "the seal of a commit" })?
            }
        };
        let known: HashMap<SegmentId, &Arc<[u32]>> = before
            .map_or(&[][..], |before| &before.segments)
            .iter()
            .map(|segment| (segment.reader.segment_id(), &segment.slots))
            .collect();
        let segments = self.index.searchable_segments().map_err(read_error)?;
        let segments: Vec<Segment> = segments
            .iter()
            .map(|segment| Segment::open(segment, self.columns, &known))
            .collect::<Result<_, _>>()?;
        let mut committed = Committed {
            segments,
            term: self.columns.term,
            seq: seal.seq,
            docs: RoaringBitmap::new(),
            whole: RoaringBitmap::new(),
        };
        committed.docs = committed.documents()?;
        committed.whole = committed.having(&whole_term())?;
        if Seal::of(seal.seq, meta.opstamp, &committed.docs) != seal {
            return Err(FieldError::Damaged { what: "its documents are not those committed" });
        }
        Ok(committed)
    }

    /// Takes the documents of `changed` out, puts `entries` in and commits up to `seq`. After an
    /// error nothing is committed, or all of it: doing it again is right either way.
    pub(crate) fn write(
        &mut self,
        before: &Committed,
        seq: Seq,
        changed: &RoaringBitmap,
        entries: impl Iterator<Item = Entry>,
    ) -> Result<Committed, FieldError> {
        let columns = self.columns;
        let writer = self.writer()?;
        for slot in changed {
            let term = Term::from_field_bytes(columns.term, &slot_term(Slot(slot)));
            writer.delete_term(term);
        }
        let mut docs = &before.docs - changed;
        let added = (|| {
            for entry in entries {
                docs.insert(entry.slot.0);
                writer.add_document(document(columns, &entry))?;
            }
            Ok(())
        })();
        self.finish(seq, &docs, added)?;
        self.committed(Some(before))
    }

    /// Starts over: every document goes, and those that `feed` pushes come.
    pub(crate) fn rewrite<E: From<FieldError>>(
        &mut self,
        seq: Seq,
        feed: impl FnOnce(&mut dyn FnMut(Entry) -> Result<(), FieldError>) -> Result<(), E>,
    ) -> Result<Committed, E> {
        let columns = self.columns;
        let writer = self.writer()?;
        let mut docs = RoaringBitmap::new();
        // Not delete_all_documents: it takes the stamps back to those of the writer's opening, and
        // later deletes then miss documents (tantivy 0.27).
        let cleared = writer.delete_query(Box::new(AllQuery)).map_err(write_error);
        let mut push = |entry: Entry| {
            docs.insert(entry.slot.0);
            writer.add_document(document(columns, &entry)).map(drop).map_err(write_error)
        };
        let fed = cleared.map_err(E::from).and_then(|_| feed(&mut push));
        if let Err(error) = fed {
            self.close_writer();
            return Err(error);
        }
        self.finish(seq, &docs, Ok(()))?;
        Ok(self.committed(None)?)
    }

    fn finish(
        &mut self,
        seq: Seq,
        docs: &RoaringBitmap,
        added: Result<(), TantivyError>,
    ) -> Result<(), FieldError> {
        let writer = self.writer()?;
        let done = added.and_then(|()| {
            let mut prepared = writer.prepare_commit()?;
            let seal = Seal::of(seq, prepared.opstamp(), docs);
            prepared.set_payload(&seal.line());
            prepared.commit()
        });
        if let Err(error) = done {
            // A writer that failed once is of no more use; closing it forgets what it buffered.
            self.close_writer();
            return Err(write_error(error));
        }
        Ok(())
    }

    fn writer(&mut self) -> Result<&mut IndexWriter, FieldError> {
        let writer = match self.writer.take() {
            Some(writer) => writer,
            None => {
                self.sweep()?;
                self.open_writer().map_err(write_error)?
            }
        };
        Ok(self.writer.insert(writer))
    }

    /// Waits for a merge that is running: it would go on writing into a folder that may be opened
    /// again or deleted.
    fn close_writer(&mut self) {
        if let Some(Err(error)) = self.writer.take().map(IndexWriter::wait_merging_threads) {
            tracing::warn!(%error, "field index writer closed");
        }
    }

    /// Removes what a commit that failed, or that a crash cut short, left behind: the next one
    /// counts its operations from the same number, so it would meet its own file names. Only while
    /// there is no writer.
    fn sweep(&self) -> Result<(), FieldError> {
        let failed = |error: DiskError| FieldError::Write {
            full: error.is_no_space(),
            why: error.to_string(),
        };
        let kept = self.index.load_metas().map_err(read_error)?.list_segment_files();
        for entry in list(&self.folder).map_err(failed)? {
            let own = entry.name == "meta.json"
                || (entry.name.starts_with('.') && !entry.name.starts_with(".tmp"));
            if !own && !entry.is_folder && !kept.contains(FilePath::new(&entry.name)) {
                remove_tree(&self.folder.join(entry.name)).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn open_writer(&self) -> Result<IndexWriter, TantivyError> {
        let options = IndexWriterOptions::builder()
            .memory_budget_per_thread(WRITER_BYTES)
            .num_worker_threads(1)
            .num_merge_threads(1)
            .build();
        let writer = self.index.writer_with_options(options)?;
        let mut policy = LogMergePolicy::default();
        policy.set_min_num_segments(4);
        policy.set_del_docs_ratio_before_merge(0.3);
        writer.set_merge_policy(Box::new(policy));
        Ok(writer)
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        self.close_writer();
    }
}

impl Committed {
    /// Slots whose payload has `term`.
    pub(crate) fn having(&self, term: &[u8]) -> Result<RoaringBitmap, FieldError> {
        self.having_any(std::iter::once(term))
    }

    /// Slots whose payload has one of `terms`.
    pub(crate) fn having_any<'a>(
        &self,
        terms: impl Iterator<Item = &'a [u8]> + Clone,
    ) -> Result<RoaringBitmap, FieldError> {
        let mut found = RoaringBitmap::new();
        for segment in &self.segments {
            let mut slots = Vec::new();
            for term in terms.clone() {
                let term = Term::from_field_bytes(self.term, term);
                let postings = segment.terms.read_block_postings(&term, IndexRecordOption::Basic);
                if let Some(postings) = postings.map_err(io_error)? {
                    segment.each_alive(postings, |doc| slots.push(segment.slots[doc]));
                }
            }
            found |= bitmap(slots);
        }
        Ok(found)
    }

    /// Slots that have a number within `bounds` in a column.
    pub(crate) fn within(
        &self,
        column: &str,
        bounds: RangeInclusive<f64>,
    ) -> Result<RoaringBitmap, FieldError> {
        let mut found = RoaringBitmap::new();
        let name = format!("number.{column}");
        for segment in &self.segments {
            let fields = segment.reader.fast_fields();
            let Some(column) = fields.column_opt::<f64>(&name).map_err(read_error)? else {
                continue;
            };
            // A range below all numbers would find the least of them (tantivy-columnar 0.27).
            if *bounds.end() < column.min_value() || *bounds.start() > column.max_value() {
                continue;
            }
            let mut docs = Vec::new();
            let all = 0..segment.reader.max_doc();
            column.get_docids_for_value_range(bounds.clone(), all, &mut docs);
            docs.retain(|&doc| segment.alive(doc));
            let slots = docs.iter().map(|&doc| segment.slots[doc as usize]).collect();
            found |= bitmap(slots);
        }
        Ok(found)
    }

    /// Calls `count` with the rest of each term that starts with `prefix` and the number of slots
    /// of `among` that have it; a term may come more than once, and its counts add up.
    pub(crate) fn count_terms(
        &self,
        prefix: &[u8],
        among: &RoaringBitmap,
        mut count: impl FnMut(&[u8], usize),
    ) -> Result<(), FieldError> {
        let among = Dense::of(among);
        let end = after(prefix);
        for segment in &self.segments {
            let wanted = segment.docs_among(&among);
            let terms = segment.terms.terms().range().ge(prefix).lt(&end);
            let mut terms = terms.into_stream().map_err(io_error)?;
            let mut postings = BlockSegmentPostings::empty();
            while let Some((term, info)) = terms.next() {
                // A block that was empty keeps its layout, so the first one is opened afresh.
                if postings.doc_freq() == 0 {
                    let basic = IndexRecordOption::Basic;
                    let opened = segment.terms.read_block_postings_from_terminfo(info, basic);
                    postings = opened.map_err(io_error)?;
                } else {
                    let reset =
                        segment.terms.reset_block_postings_from_terminfo(info, &mut postings);
                    reset.map_err(io_error)?;
                }
                let found = wanted.count(&mut postings);
                if found > 0 {
                    count(&term[prefix.len()..], found);
                }
            }
        }
        Ok(())
    }

    /// Every term that starts with `prefix`, each once.
    pub(crate) fn terms(&self, prefix: &[u8]) -> Result<Vec<Vec<u8>>, FieldError> {
        let mut found = Vec::new();
        let end = after(prefix);
        for segment in &self.segments {
            let terms = segment.terms.terms().range().ge(prefix).lt(&end);
            let mut terms = terms.into_stream().map_err(io_error)?;
            while let Some((term, _)) = terms.next() {
                found.push(term.to_vec());
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// How many segments there are, for tests and reports.
    #[cfg(test)]
    pub(crate) fn segments(&self) -> usize {
        self.segments.len()
    }

    fn documents(&self) -> Result<RoaringBitmap, FieldError> {
        let mut found = RoaringBitmap::new();
        let mut documents = 0;
        for segment in &self.segments {
            let alive = segment.reader.doc_ids_alive();
            found |= bitmap(alive.map(|doc| segment.slots[doc as usize]).collect());
            documents += u64::from(segment.reader.num_docs());
        }
        if found.len() == documents {
            Ok(found)
        } else {
            Err(FieldError::Damaged { what: "a slot has two documents" })
        }
    }
}

impl Segment {
    fn open(
        segment: &tantivy::Segment,
        columns: Columns,
        known: &HashMap<SegmentId, &Arc<[u32]>>,
    ) -> Result<Self, FieldError> {
        let reader = SegmentReader::open(segment).map_err(read_error)?;
        let terms = reader.inverted_index(columns.term).map_err(read_error)?;
        let slots = match known.get(&reader.segment_id()) {
            Some(slots) => Arc::clone(slots),
            None => read_slots(&reader)?,
        };
        let meta = segment.meta();
        if meta.max_doc() as usize != slots.len() || meta.num_docs() != reader.num_docs() {
            return Err(FieldError::Damaged { what: "a segment's number of documents" });
        }
        Ok(Self { reader, terms, slots })
    }

    fn alive(&self, doc: u32) -> bool {
        self.reader.alive_bitset().is_none_or(|alive| alive.is_alive(doc))
    }

    fn each_alive(&self, mut postings: BlockSegmentPostings, mut each: impl FnMut(usize)) {
        let alive = self.reader.alive_bitset();
        loop {
            let docs = postings.docs();
            for &doc in docs {
                if alive.is_none_or(|alive| alive.is_alive(doc)) {
                    each(doc as usize);
                }
            }
            if docs.len() < BLOCK {
                return;
            }
            postings.advance();
        }
    }

    /// Its documents that are alive and whose slot is in `among`.
    fn docs_among(&self, among: &Dense) -> Dense {
        let mut wanted = Dense(vec![0; self.slots.len().div_ceil(64)]);
        for doc in self.reader.doc_ids_alive() {
            if among.has(self.slots[doc as usize]) {
                wanted.0[doc as usize / 64] |= 1 << (doc % 64);
            }
        }
        wanted
    }
}

/// One bit a document or slot: faster to ask than a compressed bitmap.
struct Dense(Vec<u64>);

impl Dense {
    fn of(bitmap: &RoaringBitmap) -> Self {
        let mut bits = vec![0u64; bitmap.max().map_or(0, |max| max as usize / 64 + 1)];
        for slot in bitmap {
            bits[slot as usize / 64] |= 1 << (slot % 64);
        }
        Self(bits)
    }

    fn has(&self, number: u32) -> bool {
        self.0.get(number as usize / 64).is_some_and(|bits| bits >> (number % 64) & 1 == 1)
    }

    fn count(&self, postings: &mut BlockSegmentPostings) -> usize {
        let mut found = 0;
        loop {
            let docs = postings.docs();
            found += docs.iter().filter(|&&doc| self.has(doc)).count();
            if docs.len() < BLOCK {
                return found;
            }
            postings.advance();
        }
    }
}

fn schema() -> (Schema, Columns) {
    let mut schema = Schema::builder();
    let columns = Columns {
        slot: schema.add_u64_field("slot", FAST),
        term: schema.add_bytes_field("term", BytesOptions::default().set_indexed()),
        number: schema.add_json_field("number", JsonObjectOptions::default().set_fast("raw")),
    };
    (schema.build(), columns)
}

fn document(columns: Columns, entry: &Entry) -> TantivyDocument {
    let mut document = TantivyDocument::default();
    document.add_u64(columns.slot, u64::from(entry.slot.0));
    document.add_bytes(columns.term, &slot_term(entry.slot));
    document.add_bytes(columns.term, &id_term(entry.id));
    for term in &entry.leaves.terms {
        document.add_bytes(columns.term, term);
    }
    if !entry.leaves.numbers.is_empty() {
        let numbers = entry.leaves.numbers.iter().map(|(column, numbers)| {
            let numbers = numbers.iter().map(|&number| OwnedValue::F64(number)).collect();
            (column.clone(), OwnedValue::Array(numbers))
        });
        document.add_object(columns.number, numbers.collect::<BTreeMap<_, _>>());
    }
    document
}

fn read_slots(reader: &SegmentReader) -> Result<Arc<[u32]>, FieldError> {
    let column = reader.fast_fields().u64("slot").map_err(read_error)?;
    let slot = |doc| {
        let slot = column.first(doc).and_then(|slot| u32::try_from(slot).ok());
        slot.ok_or(FieldError::Damaged { what: "a document has no slot" })
    };
    (0..reader.max_doc()).map(slot).collect()
}

/// The first term beyond all that start with `prefix`, whose last byte is never `FF`.
fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

fn bitmap(mut slots: Vec<u32>) -> RoaringBitmap {
    if !slots.is_sorted() {
        slots.sort_unstable();
    }
    slots.dedup();
    // The slots rise strictly now, so no error can come.
    RoaringBitmap::from_sorted_iter(slots).unwrap_or_default()
}

fn read_error(error: TantivyError) -> FieldError {
    FieldError::Read { why: error.to_string() }
}

fn open_error(error: OpenReadError) -> FieldError {
    FieldError::Read { why: error.to_string() }
}

fn io_error(error: std::io::Error) -> FieldError {
    FieldError::Read { why: error.to_string() }
}

fn write_error(error: TantivyError) -> FieldError {
    let full = matches!(&error, TantivyError::IoError(error)
        if error.kind() == std::io::ErrorKind::StorageFull);
    FieldError::Write { why: error.to_string(), full }
}
