//! What a slide viewer asks for: Deep Zoom tiles, overlays, GeoJSON; and quality in search. Also
//! OpenSlide beside the own reader.
#![expect(clippy::expect_used, reason = "a test's helpers may panic")]

use std::io::{Cursor, Read};

use serde_json::{Value, json};
use vitrail_domain::{Mpp, Raster, Region};
use vitrail_exchange::Areas;
use vitrail_ingest::slide::{PyramidOptions, Slide, openslide, write_pyramid};
use vitrail_ingest::{encode_png, read_picture};

use crate::bench::{Bench, test_data, within};
use crate::server::Server;

/// Tissue of cells on the left two thirds, smooth and out of focus in its lower half.
fn slide(side: u32) -> Vec<u8> {
    let cells = |x: u64, y: u64| {
        let grain = ((x * 7_919 + y * 104_729) % 13) as u8;
        let base = if (x / 7 * 31 + y / 7 * 17).is_multiple_of(5) {
            [100, 70, 140]
        } else {
            [212, 150, 182]
        };
        base.map(|channel: u8| channel + grain)
    };
    let soft = |x: u64, y: u64| {
        let wave = ((x as f64 / 90.0).sin() + (y as f64 / 70.0).cos()) * 25.0;
        [190.0 + wave, 130.0 + wave, 170.0 + wave].map(|channel| channel as u8)
    };
    let colour = |x: u64, y: u64| match (x * 3 < u64::from(side) * 2, y * 2 < u64::from(side)) {
        (false, _) => [243, 241, 245],
        (true, true) => cells(x, y),
        (true, false) => soft(x, y),
    };
    let mut bytes = Cursor::new(Vec::new());
    let options = PyramidOptions::new(side, side, Mpp::new(0.5).ok());
    let mut paint = |area: Region| {
        let rows = area.y..area.y + area.height;
        let places = rows.flat_map(|y| (area.x..area.x + area.width).map(move |x| (x, y)));
        let pixels = places.flat_map(|(x, y)| colour(x, y)).collect();
        Ok(Raster::new(area.width as u32, area.height as u32, pixels).expect("a raster"))
    };
    write_pyramid(&mut bytes, &options, &mut paint).expect("a pyramid");
    bytes.into_inner()
}

/// Status, type and bytes.
fn fetched(server: &Server, path: &str) -> (u16, String, Vec<u8>) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let agent = ureq::Agent::new_with_config(config);
    let answer = agent.get(format!("{}{path}", server.base)).call().expect("an answer");
    let kind = answer.headers().get("content-type").map(|kind| kind.to_str().expect("text"));
    let (status, kind) = (answer.status().as_u16(), kind.unwrap_or_default().to_owned());
    let mut bytes = Vec::new();
    answer.into_body().into_reader().read_to_end(&mut bytes).expect("a body");
    (status, kind, bytes)
}

#[test]
fn a_viewer_gets_tiles_overlays_and_features() {
    let bench = Bench::new();
    let file = bench.put("s.tif", &slide(2_688));
    let mut spec = bench.spec();
    spec.tile_mpp = [0.5, 1.0].into_iter().filter_map(|mpp| Mpp::new(mpp).ok()).collect();
    let summary = bench.run(&spec);
    // Columns of 224: 8 of 12 with tissue; of 448: 4 of 6.
    assert_eq!(summary.ingested, 96 + 24, "{summary:?}");
    let server = Server::start(&bench, None);
    let image = bench.records()[0].image.expect("an image");
    let base = format!("/v1/collections/c/images/{image}");

    let (status, kind, dzi) = fetched(&server, &format!("{base}/slide.dzi"));
    let dzi = String::from_utf8(dzi).expect("text");
    assert_eq!((status, kind.as_str()), (200, "application/xml"));
    assert!(dzi.contains("Width=\"2688\" Height=\"2688\"") && dzi.contains("TileSize=\"256\""));
    let opened = Slide::open(&file).expect("a slide");
    for (level, place, area, size) in [
        (12, "1_2", [256, 512, 256, 256], (256, 256)),
        (12, "10_10", [2_560, 2_560, 128, 128], (128, 128)),
        (11, "5_0", [2_560, 0, 128, 512], (64, 256)),
        (8, "0_0", [0, 0, 2_688, 2_688], (168, 168)),
    ] {
        let tile = fetched(&server, &format!("{base}/slide_files/{level}/{place}.jpg"));
        assert_eq!((tile.0, tile.1.as_str()), (200, "image/jpeg"), "{level}/{place}");
        let got = read_picture(&tile.2).expect("a picture").raster;
        let [x, y, width, height] = area;
        let region = Region { x, y, width, height };
        let expected = opened.region_at(region, size.0, size.1).expect("a region");
        let off = mean_difference(&got, &expected);
        assert!(off < 4.0, "level {level} tile {place}: {off} grey levels");
    }
    for path in ["slide_files/12/11_0.jpg", "slide_files/13/0_0.jpg", "slide_files/1/x.jpg"] {
        assert_eq!(fetched(&server, &format!("{base}/{path}")).0, 404, "{path}");
    }

    let (status, kind, tissue) = fetched(&server, &format!("{base}/overlays/tissue.png"));
    assert_eq!((status, kind.as_str()), (200, "image/png"));
    let tissue = read_picture(&tissue).expect("a picture").raster;
    assert_eq!((tissue.width(), tissue.height()), (168, 168));
    assert!(tissue.pixel(20, 20)[0] < 200, "tissue is inked");
    assert_eq!(tissue.pixel(150, 20), [255; 3], "glass is transparent, over white");
    let (_, _, grid) = fetched(&server, &format!("{base}/overlays/grid.png?mpp=1&side=600"));
    let grid = read_picture(&grid).expect("a picture").raster;
    assert_eq!((grid.width(), grid.height()), (600, 600));
    assert!(grid.pixel(100, 50) != [255; 3] && grid.pixel(50, 50) == [255; 3]);

    let (status, kind, features) = fetched(&server, &format!("{base}/tiles.geojson?mpp=1"));
    assert_eq!((status, kind.as_str()), (200, "application/geo+json"));
    let features: Value = serde_json::from_slice(&features).expect("JSON");
    let list = features["features"].as_array().expect("features");
    assert_eq!(list.len(), 24);
    assert!(list[0]["properties"]["measurements"]["qc.focus_ratio"].is_number(), "{}", list[0]);
    let areas = Areas::of_value(&features).expect("areas");
    assert!(areas.contains(100.0, 100.0) && !areas.contains(2_500.0, 100.0));
}

#[test]
fn search_respects_quality_when_asked() {
    let bench = Bench::new();
    bench.put("s.tif", &slide(2_688));
    bench.run(&bench.spec());
    let verdict = |record: &_| within(record, &["vitrail", "qc", "verdict"]).clone();
    let records = bench.records();
    let sharp = records.iter().find(|record| verdict(record) == "pass").expect("a good tile");
    let soft = records.iter().filter(|record| verdict(record) == "fail").count();
    assert!((8..=12).contains(&soft), "{soft} of {} fail", records.len());
    let server = Server::start(&bench, None);
    let asked = |quality: Value| {
        let body = json!({"id": sharp.id.to_string(), "k": 100, "quality": quality});
        server.ask("POST", "/v1/collections/c/similar", Some(&body))
    };
    let verdicts = |answer: &Value| -> Vec<String> {
        let hits = answer["hits"].as_array().expect("hits").iter();
        hits.map(|hit| hit["payload"]["vitrail"]["qc"]["verdict"].to_string()).collect()
    };
    let (all, good) = (asked(Value::Null).1, asked(json!("pass")).1);
    assert_eq!(verdicts(&all).len(), records.len());
    assert_eq!(verdicts(&good).len(), records.iter().filter(|r| verdict(r) == "pass").count());
    assert!(verdicts(&good).iter().all(|verdict| verdict == "\"pass\""));
    let not_failed = verdicts(&asked(json!("warn")).1);
    assert_eq!(not_failed.len(), records.len() - soft);
    assert_eq!(asked(json!("best")).0, 400);

    let body = json!({"id": sharp.id.to_string(), "k": 5, "quality": "pass"});
    let (status, features) = server.ask("POST", "/v1/collections/c/similar.geojson", Some(&body));
    let first = &features["features"][0];
    assert_eq!((status, features["features"].as_array().map(Vec::len)), (200, Some(5)));
    assert_eq!(first["id"], sharp.id.to_string());
    assert_eq!(first["properties"]["classification"]["name"], "pass");
    assert!(first["properties"]["measurements"]["score"].as_f64() > Some(0.99));
}

#[test]
fn a_photograph_is_judged_as_it_comes_in() {
    let bench = Bench::new();
    let flat = Raster::filled(300, 200, [128; 3]).expect("a raster");
    bench.put("flat.png", &encode_png(&flat).expect("png"));
    assert_eq!(bench.run(&bench.spec()).ingested, 1);
    let record = &bench.records()[0];
    assert_eq!(within(record, &["vitrail", "qc", "verdict"]), "fail");
    assert_eq!(within(record, &["vitrail", "qc", "entropy"]).as_f64(), Some(0.0));
}

fn mean_difference(a: &Raster, b: &Raster) -> f64 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    let sum: u64 = a.pixels().iter().zip(b.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.pixels().len() as f64
}

/// The same file through both readers.
#[test]
fn openslide_and_the_own_reader_see_the_same_pixels() {
    let Some(data) = test_data() else { return };
    match openslide() {
        Ok(found) => println!("OpenSlide {} at {}", found.version, found.place.display()),
        Err(why) => return println!("skipped: {why}"),
    }
    for (name, mean, largest) in [
        ("CMU-1-Small-Region.svs", 0.05, 4),
        ("TCGA-CR-7395-01A-01-TS1.svs", 0.05, 8),
        ("CMU-1-Small-Region_pyramid.tif", 0.4, 16),
    ] {
        let path = data.join("slides").join(name);
        let own = Slide::open(&path).expect("the own reader");
        let library = Slide::open_by_openslide(&path).expect("OpenSlide");
        assert_eq!(own.size(), library.size(), "{name}");
        assert_eq!(own.levels().len(), library.levels().len(), "{name}");
        for level in 0..own.levels().len() {
            let (width, height) = (own.levels()[level].width, own.levels()[level].height);
            let size = (width.min(1_500), height.min(1_500));
            let read = |slide: &Slide| slide.read_region(level, (0, 0), size).expect("a region");
            let (a, b) = (read(&own), read(&library));
            let off = mean_difference(&a, &b);
            let most = a.pixels().iter().zip(b.pixels()).map(|(a, b)| a.abs_diff(*b)).max();
            println!("{name} level {level}: mean {off:.4}, largest {most:?}");
            assert!(off <= mean && most <= Some(largest), "{name} level {level}: {off} {most:?}");
        }
    }
}
