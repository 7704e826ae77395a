//! Slides through the ingest job: tiles over tissue, resumed tile by tile, cut again on demand.
#![expect(clippy::expect_used, reason = "a test's helpers may panic")]

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::Cursor;
use std::path::Path;

use serde_json::json;
use vitrail_domain::{Cancel, Code, Mpp, PointRecord, Raster, Region};
use vitrail_ingest::slide::{PyramidOptions, Slide, TissueMask, write_pyramid};
use vitrail_ingest::{encode_jpeg, read_picture, sha256};
use vitrail_jobs::Regions;

use crate::bench::{Bench, test_data, within};

const GLASS: [u8; 3] = [243, 241, 245];
const EOSIN: [u8; 3] = [225, 160, 190];
const NUCLEI: [u8; 3] = [110, 80, 150];

fn mpp(micrometres: f64) -> Mpp {
    Mpp::new(micrometres).expect("a scale")
}

/// Cells of 7 pixels within `tissue`, glass around them; different everywhere by `x` and `y`.
fn slide(size: (u32, u32), scale: Option<f64>, tissue: Region) -> Vec<u8> {
    let inside = |x: u64, y: u64| {
        (tissue.x..tissue.x + tissue.width).contains(&x)
            && (tissue.y..tissue.y + tissue.height).contains(&y)
    };
    let colour = |x: u64, y: u64| match (inside(x, y), (x / 7 * 31 + y / 7 * 17) % 5) {
        (false, _) => GLASS,
        (true, 0) => NUCLEI,
        (true, _) => EOSIN,
    };
    let mut bytes = Cursor::new(Vec::new());
    let options = PyramidOptions::new(size.0, size.1, scale.map(mpp));
    let mut paint = |area: Region| {
        let rows = area.y..area.y + area.height;
        let pixels = rows.flat_map(|y| (area.x..area.x + area.width).map(move |x| (x, y)));
        let pixels = pixels.flat_map(|(x, y)| colour(x, y)).collect();
        Ok(Raster::new(area.width as u32, area.height as u32, pixels).expect("a raster"))
    };
    write_pyramid(&mut bytes, &options, &mut paint).expect("a pyramid");
    bytes.into_inner()
}

fn area(x: u64, y: u64, width: u64, height: u64) -> Region {
    Region { x, y, width, height }
}

fn box_of(record: &PointRecord) -> Region {
    let number = |key| within(record, &["vitrail", "tile", key]).as_u64().expect("a number");
    area(number("x"), number("y"), number("width"), number("height"))
}

#[test]
fn a_slide_becomes_the_tiles_over_its_tissue() {
    let bench = Bench::new();
    // At 0.5 um a tile of 224 pixels at 1 um is 448 of level 0: columns 2 to 5, rows 1 to 3.
    let bytes = slide((4_000, 2_500), Some(0.5), area(896, 448, 4 * 448, 3 * 448));
    bench.put("a/one.tif", &bytes);
    let table = bench.put("t.csv", b"file,slide_id,age\na/one.tif,S1,50\n");
    let mut spec = bench.spec();
    spec.metadata = Some(table);
    let summary = bench.run(&spec);
    assert_eq!((summary.ingested, summary.total, summary.complete), (12, 12, true), "{summary:?}");
    assert!(summary.refused.is_empty(), "{:?}", summary.refused);
    let records = bench.records();
    let boxes: BTreeSet<Region> = records.iter().map(box_of).collect();
    let expected = (0..3).flat_map(|row| (0..4).map(move |column| (column, row)));
    let expected = expected.map(|(c, r)| area(896 + c * 448, 448 + r * 448, 448, 448)).collect();
    assert_eq!(boxes, expected);
    for record in &records {
        assert_eq!(within(record, &["slide_id"]), "S1");
        assert_eq!(within(record, &["age"]), 50);
        let tile = within(record, &["vitrail", "tile"]);
        assert_eq!((tile["mpp"].as_f64(), tile["level"].as_u64()), (Some(1.0), Some(1)));
        assert_eq!(tile["mpp_origin"], "resolution");
        assert_eq!(tile["column"].as_u64().map(|c| c * 448), tile["x"].as_u64());
        assert_eq!(tile["row"].as_u64().map(|r| r * 448), tile["y"].as_u64());
        assert_eq!(within(record, &["vitrail", "source", "uri"]), "a/one.tif");
    }
    let store = bench.collection();
    let image = records[0].image.expect("an image");
    let stored = store.store().image(image).expect("read").expect("a record");
    assert_eq!((stored.width, stored.height, stored.format.as_str()), (4_000, 2_500, "tiled_tiff"));
    assert_eq!((stored.bytes, stored.sha256), (bytes.len() as u64, sha256(&bytes)));
    assert!(stored.mpp.is_some_and(|level0| (level0.get() - 0.5).abs() < 1e-6), "{stored:?}");
    let small = bench.cases.image_thumbnail(&store, image).expect("a thumbnail");
    let small = read_picture(&small).expect("a picture").raster;
    assert_eq!((small.width(), small.height()), (256, 160));
    assert!(small.pixel(5, 5)[1] > 230 && small.pixel(110, 70)[1] < 190, "glass and tissue");
}

#[test]
fn a_cancelled_slide_resumes_tile_by_tile() {
    let bench = Bench::new();
    bench.put("s.tif", &slide((4_480, 4_480), Some(0.5), area(0, 0, 4_480, 4_480)));
    let mut spec = bench.spec();
    spec.tile_mpp = vec![mpp(0.5)];
    let first = bench.run_until(&spec, 1);
    assert!(first.cancelled);
    let stored = first.summary.ingested;
    assert!((1..400).contains(&stored), "{stored} of 400 when it was cancelled");
    assert_eq!((bench.collection().len() as u64, first.summary.total), (stored, 400));
    let second = bench.run(&spec);
    assert_eq!((second.skipped, second.ingested), (stored, 400 - stored));
    assert_eq!((second.exact_duplicates, second.refused_count), (0, 0));
    let boxes: HashSet<Region> = bench.records().iter().map(box_of).collect();
    assert_eq!((bench.collection().len(), boxes.len()), (400, 400), "no tile twice");
    assert_eq!(bench.collection().store().images_len().expect("counted"), 1);
    let third = bench.run(&spec);
    assert_eq!((third.skipped, third.ingested), (400, 0));
    spec.tile_mpp = vec![mpp(2.0)];
    assert_eq!(bench.run(&spec).ingested, 25, "other tiles are other points");
}

#[test]
fn several_scales_are_linked_and_resumed() {
    let bench = Bench::new();
    // At 0.5 um the whole slide is tissue: 16 x 16, 8 x 8 and 4 x 4 tiles at 0.5, 1 and 2 um.
    bench.put("s.tif", &slide((3_584, 3_584), Some(0.5), area(0, 0, 3_584, 3_584)));
    let mut spec = bench.spec();
    spec.tile_mpp = vec![mpp(2.0), mpp(0.5), mpp(1.0), mpp(0.5)];
    let first = bench.run_until(&spec, 1);
    let stored = first.summary.ingested;
    assert!(first.cancelled && (1..336).contains(&stored), "{:?}", first.summary);
    assert_eq!(first.summary.total, 336);
    let second = bench.run(&spec);
    assert_eq!((second.skipped, second.ingested), (stored, 336 - stored));
    let records: HashMap<String, PointRecord> =
        bench.records().into_iter().map(|record| (record.id.to_string(), record)).collect();
    assert_eq!(records.len(), 336);
    let mut children: HashMap<&str, usize> = HashMap::new();
    let scale = |record: &PointRecord| within(record, &["vitrail", "tile", "mpp"]).as_f64();
    for record in records.values() {
        let (own, parent) = (box_of(record), within(record, &["vitrail", "tile", "parent"]));
        if scale(record) == Some(2.0) {
            assert!(parent.is_null(), "{record:?}");
            continue;
        }
        let parent = parent.as_str().expect("a parent");
        let around = &records[parent];
        assert_eq!(scale(around), scale(record).map(|mpp| mpp * 2.0));
        let outer = box_of(around);
        assert!(outer.x <= own.x && own.x + own.width <= outer.x + outer.width, "{own:?}");
        assert!(outer.y <= own.y && own.y + own.height <= outer.y + outer.height, "{own:?}");
        *children.entry(parent).or_default() += 1;
    }
    assert_eq!(children.len(), 80, "each coarser tile");
    assert!(children.values().all(|count| *count == 4));
}

#[test]
fn tiles_keep_to_regions() {
    let bench = Bench::new();
    let bytes = slide((2_240, 2_240), Some(0.5), area(0, 0, 2_240, 2_240));
    bench.put("s.tif", &bytes);
    let ring = [[448, 0], [1_344, 0], [1_344, 448], [448, 448], [448, 0]];
    let areas = json!({"type": "FeatureCollection", "features": [
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}},
    ]});
    let mut spec = bench.spec();
    spec.regions = Some(Regions::Inline(areas.clone()));
    let summary = bench.run(&spec);
    assert_eq!((summary.ingested, summary.total), (2, 2), "{summary:?}");
    let boxes: BTreeSet<Region> = bench.records().iter().map(box_of).collect();
    assert_eq!(boxes, [area(448, 0, 448, 448), area(896, 0, 448, 448)].into());
    // A folder: the slide with a file is cut there, the one without is refused by name.
    bench.put("other.tif", &bytes);
    let folder = bench.put("regions/s.geojson", areas.to_string().as_bytes());
    spec.regions = Some(Regions::Path(folder.parent().expect("a folder").to_owned()));
    spec.include = vec!["*.tif".to_owned()];
    let summary = bench.run(&spec);
    assert_eq!((summary.skipped, summary.refused_count), (2, 1), "{summary:?}");
    assert_eq!(summary.refused[0].code, Code::RegionsInvalid);
    assert!(summary.refused[0].message.contains("other.geojson"), "{summary:?}");
}

#[test]
fn a_slide_without_scale_or_tissue_is_refused_in_a_sentence() {
    let bench = Bench::new();
    let all = area(0, 0, 2_100, 600);
    bench.put("1.tif", &slide((2_100, 600), None, all));
    bench.put("2.tif", &slide((2_100, 600), Some(0.5), area(0, 0, 0, 0)));
    bench.put("3.tif", &slide((2_100, 600), Some(0.5), all));
    let summary = bench.run(&bench.spec());
    // 2,100 x 600 at 448 a tile, padded: 5 x 2, the second row with a third of tissue.
    assert_eq!((summary.ingested, summary.total, summary.complete), (10, 12, true), "{summary:?}");
    let [no_scale, no_tissue] = summary.refused.as_slice() else { panic!("{summary:?}") };
    assert_eq!((no_scale.code, no_tissue.code), (Code::SlideNoScale, Code::SlideNoTissue));
    assert!(no_scale.path.ends_with("1.tif") && no_scale.message.contains("--mpp"));
    assert!(no_tissue.path.ends_with("2.tif") && no_tissue.message.contains("no tile"));
    let mut spec = bench.spec();
    spec.slide_mpp = Some(mpp(0.25));
    spec.include = vec!["1.tif".to_owned()];
    let summary = bench.run(&spec);
    // At 896 a tile 3 x 1, the last one with a third of its width, two of its height.
    assert_eq!(summary.ingested, 2, "{summary:?}");
    let given = |r: &&PointRecord| within(r, &["vitrail", "tile", "mpp_origin"]) == "given";
    assert_eq!(bench.records().iter().filter(given).count(), 2);
}

#[test]
fn a_damaged_tile_costs_the_tiles_that_touch_it() {
    let bench = Bench::new();
    let bytes = slide((2_240, 2_240), Some(0.5), area(0, 0, 2_240, 2_240));
    let whole = bench.put("s.tif", &bytes);
    let (at, length) = stored_tile(&bytes, &whole, (3, 3));
    let mut damaged = bytes;
    damaged[at..at + length].fill(0);
    bench.put("s.tif", &damaged);
    let mut spec = bench.spec();
    spec.tile_mpp = vec![mpp(0.5)];
    let summary = bench.run(&spec);
    // Stored tile (3, 3) is 768 to 1,024; tiles of 224 pixels from column and row 3 to 4 touch it.
    assert_eq!((summary.ingested, summary.refused_count, summary.total), (96, 4, 100));
    let mut places: Vec<&str> =
        summary.refused.iter().filter_map(|r| Some(r.path.split_once("s.tif#xywh=")?.1)).collect();
    places.sort_unstable();
    assert_eq!(
        places,
        ["672,672,224,224", "672,896,224,224", "896,672,224,224", "896,896,224,224"]
    );
    for refused in &summary.refused {
        assert!(refused.message.contains("level 0, tile (3, 3)"), "{}", refused.message);
    }
}

/// Where a stored level-0 tile lies: its bytes start and end the only JPEG whose damage shows in a
/// region of that tile alone.
fn stored_tile(bytes: &[u8], path: &Path, (column, row): (u64, u64)) -> (usize, usize) {
    let starts = |window: &[u8]| window == [0xff, 0xd8, 0xff];
    let mut starts: Vec<usize> =
        bytes.windows(3).enumerate().filter(|(_, w)| starts(w)).map(|(at, _)| at).collect();
    starts.push(bytes.len());
    let read = |bytes: Vec<u8>| {
        let slide = Slide::from_bytes(bytes.into()).expect("a slide");
        slide.read_region(0, (column * 256, row * 256), (256, 256))
    };
    assert!(Slide::open(path).is_ok());
    starts
        .windows(2)
        .map(|pair| (pair[0], (pair[1] - pair[0]).min(400)))
        .find(|&(at, length)| {
            let mut changed = bytes.to_vec();
            changed[at..at + length].fill(0);
            read(changed).is_err()
        })
        .expect("the stored tile")
}

#[test]
fn a_copy_of_a_slide_is_told() {
    let bench = Bench::new();
    let bytes = slide((2_100, 448), Some(0.5), area(0, 0, 2_100, 448));
    bench.put("a.tif", &bytes);
    bench.put("b.tif", &bytes);
    let summary = bench.run(&bench.spec());
    assert_eq!((summary.ingested, summary.exact_duplicates), (10, 1));
    assert_eq!(bench.run(&bench.spec()).exact_duplicates, 0);
}

#[test]
fn a_tile_is_cut_again_from_its_slide() {
    let bench = Bench::new();
    let path = bench.put("s.tif", &slide((2_240, 900), Some(0.5), area(0, 0, 2_240, 900)));
    bench.run(&bench.spec());
    let (collection, opened) = (bench.collection(), Slide::open(&path).expect("a slide"));
    for record in bench.records() {
        let region = box_of(&record);
        for side in [1_024, 224, 64] {
            let jpeg = bench.cases.point_thumbnail(&collection, record.id, side).expect("cut");
            let side = side.min(448);
            let expected = opened.region_at(region, side, side).expect("a region");
            assert!(jpeg == encode_jpeg(&expected, 90).expect("jpeg"), "{region:?}, {side}");
        }
    }
    let record = &bench.records()[0];
    let image = record.image.expect("an image");
    let cut = bench.cases.slide_region(&collection, image, area(100, 50, 300, 200), 150, 100);
    let expected = opened.region_at(area(100, 50, 300, 200), 150, 100).expect("a region");
    assert_eq!(cut.expect("a region"), expected);
    let wide = bench.cases.slide_region(&collection, image, area(0, 0, 9, 9), 5_000, 9);
    assert_eq!(wide.expect_err("too wide").code(), Code::InvalidRequest);
    let none = bench.cases.point_thumbnail(&collection, record.id, 0);
    assert_eq!(none.expect_err("no side").code(), Code::InvalidRequest);
    bench.put("s.tif", b"something else");
    let changed = bench.cases.slide_region(&collection, image, area(0, 0, 9, 9), 9, 9);
    let changed = changed.expect_err("another file");
    assert!(changed.to_string().contains("has changed"), "{changed}");
}

#[test]
fn real_slides_become_tiles() {
    let Some(data) = test_data() else { return };
    for (name, format, tiles) in [
        ("CMU-1-Small-Region.svs", "svs", 16),
        ("CMU-1-Small-Region_pyramid.tif", "tiled_tiff", 16),
        ("CMU-1-Small-Region_pyramid.ome.tif", "ome_tiff", 16),
        ("TCGA-CR-7395-01A-01-TS1.svs", "svs", 57),
    ] {
        let bench = Bench::new();
        let path = data.join("slides").join(name);
        let mut spec = bench.spec();
        spec.paths = vec![path.clone()];
        if name.starts_with("TCGA") {
            assert_eq!(bench.run(&spec).refused[0].code, Code::SlideNoScale);
            spec.slide_mpp = Some(mpp(0.5));
        }
        let summary = bench.run(&spec);
        println!("{name}: {summary:?}");
        assert_eq!((summary.ingested, summary.refused_count), (tiles, 0), "{name}");
        let (collection, mut opened) = (bench.collection(), Slide::open(&path).expect("a slide"));
        if let Some(given) = spec.slide_mpp {
            opened = opened.with_mpp(given);
        }
        assert_eq!(tissue_boxes(&opened).len() as u64, tiles, "{name}");
        let (width, height) = opened.size();
        for record in bench.records() {
            let region = box_of(&record);
            assert!(region.x < width.into() && region.y < height.into(), "{region:?}");
            let jpeg = bench.cases.point_thumbnail(&collection, record.id, 224).expect("cut");
            let expected = opened.region_at(region, 224, 224).expect("a region");
            assert!(jpeg == encode_jpeg(&expected, 90).expect("jpeg"), "{name} {region:?}");
            let image = collection.store().image(record.image.expect("one")).expect("read");
            assert_eq!(image.expect("a record").format, format);
        }
    }
}

/// The boxes of 224 x 224 um that are a quarter tissue or more, laid out by plain arithmetic.
fn tissue_boxes(slide: &Slide) -> Vec<Region> {
    let level0 = slide.scale().expect("a scale").x.get();
    let side = 224.0 / level0;
    let (width, height) = slide.size();
    let steps = |pixels: u32| (f64::from(pixels) / side - 0.001).ceil() as u64;
    let at = |step: u64| (step as f64 * side).round() as u64;
    let mask = TissueMask::of(slide, &Cancel::new()).expect("a mask");
    let all = (0..steps(height)).flat_map(|row| (0..steps(width)).map(move |c| (c, row)));
    let all = all.map(|(c, row)| area(at(c), at(row), side.round() as u64, side.round() as u64));
    all.filter(|region| mask.share(*region) >= 0.25).collect()
}
