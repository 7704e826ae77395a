//! Every bound on input, each with its reason. A number that guards a loop, a queue or an
//! allocation made from input stands here and nowhere else.

/// Bytes of a collection's or vector's name: it becomes part of addresses and log lines.
pub const NAME_BYTES_MAX: usize = 128;

/// Components of a vector: the widest model known gives 6,144; twice that and room to spare.
pub const DIM_MAX: usize = 16_384;

/// Rows of one multi-vector: those of CXR Foundation have 32, and each row of a candidate is
/// compared with each row of the query.
pub const MULTI_ROWS_MAX: usize = 256;

/// Components of one multi-vector, all rows together: 1 MB as floats, 256 rows of 1,024.
pub const MULTI_COMPONENTS_MAX: usize = 262_144;

/// Hits of one answer: beyond it, paging by filter is faster for both sides.
pub const TOP_K_MAX: usize = 10_000;

/// Candidates of a graph walk: above it an exact scan is cheaper.
pub const EF_MAX: usize = 20_000;

/// Named vectors of one collection: each is a whole index.
pub const VECTOR_NAMES_MAX: usize = 32;

/// Decoded pixels of one raster: 100 megapixels are 300 MB; slides are read by region instead.
pub const PIXELS_MAX: u64 = 100_000_000;

/// Bytes of one image file that is decoded whole: above it the file is a slide and is mapped.
pub const IMAGE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Decoded bytes for each encoded byte: real pictures stay under 200, bombs reach thousands;
/// flat X-ray margins and synthetic masks need the head-room. Small files are exempt (see below).
pub const INFLATION_MAX: u64 = 1_500;

/// Decoded bytes below which the inflation guard does not look: 16 MB hurt nobody.
pub const INFLATION_FREE_BYTES: u64 = 16 * 1024 * 1024;

/// Seconds that one image may take to decode before it is refused.
pub const DECODE_SECONDS_MAX: u64 = 30;

/// Bytes that one decoder may take for its own buffers and its output: 100 megapixels of a
/// progressive colour JPEG (coefficients and pixels) fit, deeper pictures of that size don't.
pub const DECODE_MEMORY_MAX: u64 = 800 * 1024 * 1024;

/// Scans of one JPEG: encoders write about ten, and each may walk the whole picture again.
pub const JPEG_SCANS_MAX: usize = 200;

/// Elements on one level of a DICOM data set: real ones have a few hundred.
pub const DICOM_ELEMENTS_MAX: usize = 65_536;

/// Items of one DICOM sequence: a large slide has one for each of its stored tiles.
pub const DICOM_ITEMS_MAX: usize = SLIDE_TILES_MAX;

/// DICOM sequences within each other: reports, which hold no pictures, go deepest with about ten.
pub const DICOM_NESTING_MAX: usize = 32;

/// Frames of one DICOM file: a slide's largest level has one for each of its stored tiles.
pub const DICOM_FRAMES_MAX: u32 = SLIDE_TILES_MAX as u32;

/// Fragments of one DICOM file's pixel data: few writers cut a frame into several.
pub const DICOM_FRAGMENTS_MAX: usize = 2 * SLIDE_TILES_MAX;

/// Bytes before the pixels of a DICOM slide: 300 bytes for each of a million tiles.
pub const DICOM_HEAD_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// DICOM files of one slide: ten levels, each cut into a few parts.
pub const DICOM_SIBLINGS_MAX: usize = 1_024;

/// Bytes that a deflated DICOM data set may inflate to: as many as a file may have.
pub const DICOM_INFLATED_BYTES_MAX: u64 = IMAGE_BYTES_MAX;

/// Tags that one report of a de-identification names: the profile has 652.
pub const DICOM_REMOVED_MAX: usize = 1_024;

/// Days that a patient's dates are moved back by at most: ten years keep a treatment's eras apart.
pub const DATE_SHIFT_DAYS_MAX: u32 = 3_650;

/// Pixels on the shorter side of a photograph: one block of a JPEG; less shows nothing.
pub const IMAGE_SIDE_MIN: u32 = 8;

/// Pixels on the longest side of a stored thumbnail.
pub const THUMBNAIL_SIDE: u32 = 256;

/// Files of one ingest: their paths are held in memory, about 100 bytes each.
pub const FILES_MAX: usize = 10_000_000;

/// Folders within folders of one ingest: deeper is a loop of links.
pub const FOLDER_DEPTH_MAX: usize = 64;

/// Glob patterns of one ingest, and bytes of each: every file is held against all of them.
pub const GLOBS_MAX: usize = 256;

/// Bytes of one glob pattern.
pub const GLOB_BYTES_MAX: usize = 1_024;

/// Rows of a metadata table: they are held in memory while its pictures are read.
pub const TABLE_ROWS_MAX: usize = 10_000_000;

/// Bytes of a metadata table.
pub const TABLE_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// Bytes of one cell of a metadata table: the whole payload has no more.
pub const TABLE_CELL_BYTES_MAX: usize = PAYLOAD_BYTES_MAX;

/// Columns of a metadata table: each becomes a payload field.
pub const TABLE_COLUMNS_MAX: usize = 1_000;

/// Pyramid levels of a slide: a 2^32-pixel side halves 32 times.
pub const SLIDE_LEVELS_MAX: usize = 64;

/// Tiles of one slide: 100,000 x 100,000 px at 224 px and three scales are 265,000.
pub const SLIDE_TILES_MAX: usize = 4_000_000;

/// Encoded bytes of one stored tile of a slide file.
pub const SLIDE_TILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Pixels of one stored tile: 4,096 x 4,096 decode to 50 MB; scanners write 240 to 2,048 a side.
pub const SLIDE_TILE_PIXELS_MAX: u64 = 4_096 * 4_096;

/// TIFF directories of one slide file: levels, label, macro, and stacks that are then refused.
pub const SLIDE_PAGES_MAX: usize = 1_024;

/// Entries of one TIFF directory: vendors write under a hundred.
pub const SLIDE_IFD_ENTRIES_MAX: u64 = 4_096;

/// Bytes of one plain tag of a slide file (JPEG tables are about 600).
pub const SLIDE_TAG_BYTES_MAX: u64 = 1024 * 1024;

/// Bytes of a slide's description that are read: OME-XML of a plate runs to megabytes, and its
/// first image stands at the start.
pub const SLIDE_TEXT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Decoded tiles kept by one open slide: about 340 tiles of 256 px, two rows of a large slide.
pub const SLIDE_CACHE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Decoded tiles kept by a slide that is held open to be looked at: a screen of 256-pixel tiles.
pub const SLIDE_VIEW_CACHE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Slides held open to be looked at: each keeps a file open, its tables (16 bytes a stored tile)
/// and the cache above.
pub const SLIDES_OPEN_MAX: usize = 16;

/// Bytes of cut pictures that are kept: about 6,000 thumbnails, a long scroll through answers.
pub const CUTS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Cut pictures that are kept: the oldest is looked for one by one.
pub const CUTS_KEPT_MAX: usize = 8_192;

/// Pixels on the longest side of a point's picture: a large screen's panel; beyond it is a region.
pub const PICTURE_SIDE_MAX: u32 = 1_024;

/// Pixels on a side of a region cut from a slide: a screen of 4K; 50 MB decoded.
pub const REGION_SIDE_MAX: u32 = 4_096;

/// Pixels on the longest side of a tissue mask: 16 mm at 8 um; larger slides get coarser pixels
/// (100,000 pixels at 0.25 um: 12 um), so that their masks stay small beside the cache of tiles.
pub const SLIDE_MASK_SIDE_MAX: u32 = 2_048;

/// Pixels on the longest side of an overlay: 64 MB with alpha, a screen of 4K.
pub const OVERLAY_SIDE_MAX: u32 = 4_096;

/// Bytes of a GeoJSON file of regions: QuPath writes about 40 bytes a vertex.
pub const GEOJSON_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Vertices of the regions of one slide: each tile is held against those whose bounds it meets.
pub const GEOJSON_VERTICES_MAX: usize = 500_000;

/// Features of one GeoJSON answer: about 400 bytes each, the tiles of a whole slide at 20x.
pub const GEOJSON_FEATURES_MAX: usize = 300_000;

/// Scales that one job cuts tiles at: each is a grid of its own over every slide.
pub const TILE_SCALES_MAX: usize = 8;

/// Bytes of one point's payload as JSON: a page of text and a hundred fields fit.
pub const PAYLOAD_BYTES_MAX: usize = 1024 * 1024;

/// Objects and lists within each other, in payloads and filters: recursion is bounded by it.
pub const NESTING_MAX: usize = 32;

/// Conditions of one filter, all levels together.
pub const FILTER_CONDITIONS_MAX: usize = 1_024;

/// Values of one `any` or `except` condition.
pub const FILTER_VALUES_MAX: usize = 65_536;

/// Bytes of a payload path in a filter.
pub const PATH_BYTES_MAX: usize = 1_024;

/// Bytes of one word of a full-text condition; the field index refuses longer terms.
pub const WORD_BYTES_MAX: usize = 256;

/// Bytes of a text value that is matched as a whole; the field index can't hold longer terms.
pub const KEYWORD_BYTES_MAX: usize = 8_192;

/// Points of one write call: one durable batch, held in memory twice.
pub const WRITE_POINTS_MAX: usize = 10_000;

/// Points of one acknowledged batch of an ingest: small enough to come every second or so.
pub const INGEST_BATCH_POINTS: usize = 64;

/// Groups of one grouped answer.
pub const GROUPS_MAX: usize = 1_000;

/// Hits of one group.
pub const GROUP_SIZE_MAX: usize = 100;

/// Points sampled for a hit's percentile (design: 1,000 seeded points).
pub const PERCENTILE_SAMPLE: usize = 1_000;

/// The same of multi-vectors, whose rows are read from the truth for each of them: 250 resolve 0.4
/// of a percent.
pub const PERCENTILE_MULTI_SAMPLE: usize = 250;

/// Points below which a percentile says nothing and is left out.
pub const PERCENTILE_POINTS_MIN: usize = 50;

/// Bytes of one REST request body that carries JSON.
pub const JSON_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of one multipart upload, all files together.
pub const UPLOAD_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Files of one multipart upload.
pub const UPLOAD_FILES_MAX: usize = 1_000;

/// Jobs that wait for a worker; one more is refused with `429`.
pub const JOBS_QUEUED_MAX: usize = 256;

/// Refused items that a job keeps word for word; beyond it they are only counted.
pub const JOB_REFUSALS_KEPT: usize = 10_000;

/// Images that wait for one model; beyond it single queries are refused with `429`.
pub const EMBED_QUEUE_MAX: usize = 1_024;

/// Bytes of vectors that are held until their file is written: three million of 1,280 components.
pub const EXPORT_BYTES_MAX: u64 = 16 * 1024 * 1024 * 1024;

/// Queries of a retrieval measure: each is compared with every point, and the interval of a mean
/// over 10,000 is a hundredth wide.
pub const RETRIEVAL_QUERIES_MAX: usize = 10_000;

/// Bytes of a model manifest.
pub const MANIFEST_BYTES_MAX: u64 = 1024 * 1024;

/// Distinct values of a facet answer.
pub const FACET_VALUES_MAX: usize = 1_000;

/// Points above which a server builds a graph over a vector: below it an exact scan of 384-d rows
/// answers within a few milliseconds.
pub const GRAPH_POINTS_MIN: usize = 50_000;

/// Size of one component of a vector: the squares of the widest vector's components then still sum
/// within single precision, so that no distance is infinite or not a number.
pub const COMPONENT_MAX: f32 = 1e15;

/// Rows that one index of vectors ever takes in between two rewrites, replaced ones included:
/// offsets are 32 bits wide, and links of 32 a row are numbered by 32 bits too.
pub const INDEX_ROWS_MAX: usize = 100_000_000;
/// Distinct terms of one payload in the field index: a long report has 2,000. A payload with more
/// is evaluated directly, at about a millisecond a megabyte.
pub const FIELD_TERMS_MAX: usize = 16_384;

/// Bytes of one payload's terms: deep paths repeat themselves in every term below them.
pub const FIELD_TERM_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Changed points at which the field index should be committed: evaluating as many directly costs
/// a filter about a millisecond.
pub const FIELD_COMMIT_POINTS: usize = 2_048;

/// Bytes of changed payloads at which the field index should be committed.
pub const FIELD_COMMIT_BYTES: usize = 16 * 1024 * 1024;

/// Times the two bounds above that changes may wait for a commit before the writer makes one.
pub const FIELD_WAITING_FACTOR: usize = 8;

/// Bytes of filter results that one collection's field index keeps: 500 sets of a million slots.
pub const FIELD_CACHE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Filter results that one collection's field index keeps: the oldest is looked for one by one.
pub const FIELD_CACHE_SETS_MAX: usize = 4_096;
/// Pictures of one call of a model: larger batches gain nothing on a CPU and hold memory.
pub const EMBED_BATCH_MAX: usize = 256;

/// Threads that run one model: beyond it memory bandwidth is the bound.
pub const EMBED_THREADS_MAX: usize = 256;

/// Pixels on a side of a network's input: the largest known (CXR Foundation) takes 1,280.
pub const MODEL_SIDE_MAX: u32 = 4_096;

/// Files of one model: a graph and its external data.
pub const MODEL_FILES_MAX: usize = 64;

/// Linked graphs of one model: CXR Foundation has two.
pub const MODEL_STAGES_MAX: usize = 8;

/// Named outputs of one model: CXR Foundation has three.
pub const MODEL_OUTPUTS_MAX: usize = 32;

/// Numbers of one tensor of one picture: the largest input known, 3 x 4,096 x 4,096.
pub const TENSOR_FLOATS_MAX: usize = 3 * 4_096 * 4_096;

/// Tokens of one text: the longest tower known (BiomedCLIP) takes 256.
pub const TEXT_TOKENS_MAX: usize = 4_096;

/// Bytes of a text that is embedded: a long report has 20 kB, and towers cut after 256 tokens.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a tokenizer's file: the largest vocabularies known have 250,000 pieces in 20 MB.
pub const TOKENIZER_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Patches of one prediction: Google's containers take as many, about 600 MB of pixels.
pub const PREDICT_PATCHES_MAX: usize = 4_000;

/// Instances of one prediction request; each may be a picture that is decoded whole.
pub const PREDICT_INSTANCES_MAX: usize = 256;

/// Pixels on a side that a picture is resized to before patches are cut from it.
pub const PREDICT_SIDE_MAX: u32 = 10_000;

/// Manifests of one installation: each is listed and may be loaded.
pub const MODELS_MAX: usize = 256;

/// Bytes of a model's files above which one session serves all threads instead of one each.
pub const MODEL_SHARED_SESSION_BYTES: u64 = 256 * 1024 * 1024;

/// Pixels on a side of a picture that is resized for a model: its weights are a table of a few
/// entries a pixel.
pub const RESAMPLE_SIDE_MAX: u32 = 262_144;

/// Encoded bytes of one write call: its batch is held in memory twice while it is synced.
pub const WRITE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Encoded bytes of write calls that wait for one collection's sync; later callers wait before they
/// prepare theirs.
pub const WRITES_WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of a stored thumbnail: a JPEG of 256 x 256 has about 10 kB.
pub const THUMBNAIL_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of a job's own parameters as JSON: a list of a few thousand paths fits.
pub const JOB_SPEC_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Jobs that a store remembers; the oldest ended ones go first.
pub const JOBS_KEPT_MAX: usize = 10_000;

/// Problems that a check of the store tells word for word; beyond it they are only counted.
pub const FINDINGS_MAX: usize = 1_000;

/// Collections of one store: each is a database with threads and open files of its own.
pub const COLLECTIONS_MAX: usize = 1_000;

/// Bytes of a segment's slots, tombstones or manifest, which are read whole: four for each of the
/// rows that an index may hold, and a header.
pub const SEGMENT_FILE_BYTES_MAX: u64 = 4 * INDEX_ROWS_MAX as u64 + 4_096;

/// Bytes of a source's address: the longest keys of object stores have 1,024, DICOMweb's under 400.
pub const SOURCE_URI_BYTES_MAX: usize = 4_096;

/// Prefixes of addresses that may be fetched from: each address is held against all of them.
pub const SOURCE_PREFIXES_MAX: usize = 1_024;

/// Bytes of one fetched object: the largest slides known have about 20 GB.
pub const SOURCE_ITEM_BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;

/// Bytes of fetched objects that wait to be read; one more object may grow beyond it.
pub const SPOOL_BYTES_MAX: u64 = 8 * 1024 * 1024 * 1024;

/// Objects that are fetched at once: a server far away is slow to begin, not to go on.
pub const SOURCE_FETCHES_MAX: usize = 4;

/// Names of one page of a listing, held in memory.
pub const SOURCE_PAGE_ITEMS: usize = 1_000;

/// Attempts at one request before its failure is told.
pub const SOURCE_ATTEMPTS_MAX: u32 = 5;

/// Seconds that a source may make us wait by `Retry-After`; a longer wait is its failure.
pub const SOURCE_RETRY_SECONDS_MAX: u64 = 60;

/// Seconds that one object may take, however steadily it comes: 64 GB at 10 MB a second.
pub const SOURCE_ITEM_SECONDS_MAX: u64 = 2 * 3_600;

/// Redirects that are followed for one request, each held against the allowed prefixes.
pub const SOURCE_REDIRECTS_MAX: usize = 5;

/// Objects in a row that can't be fetched before the job stops: the source is down, and the job
/// can be resumed.
pub const SOURCE_FAILURES_MAX: usize = 10;

/// Bytes of a source's error message that are told.
pub const SOURCE_MESSAGE_BYTES_MAX: usize = 512;

/// Results of one page of a QIDO query: servers cap it lower as they like.
pub const QIDO_PAGE_ITEMS: usize = 500;

/// Bytes of one page of a QIDO answer: a result has about 2 kB.
pub const QIDO_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Studies, series of a study or instances of a series: their UIDs are held to be sorted, 64 bytes
/// each. A query for more is narrowed by a filter.
pub const QIDO_RESULTS_MAX: usize = 1_000_000;

/// Filters of one QIDO query.
pub const QIDO_FILTERS_MAX: usize = 32;

/// Bytes of a multipart answer's preamble, and of one part's headers.
pub const MULTIPART_HEAD_BYTES_MAX: usize = 16 * 1024;

/// Bytes of one request to a model behind HTTP: Vertex takes 1.5 MB, Google's own client sends 1.3.
pub const VERTEX_REQUEST_BYTES_MAX: usize = 1_300_000;

/// Pictures of one request to a model behind HTTP, as Google's own client sends.
pub const VERTEX_INSTANCES_MAX: usize = 100;

/// Bytes of one answer of a model behind HTTP: 100 times 32 rows of 768 numbers in 25 letters.
pub const VERTEX_ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
