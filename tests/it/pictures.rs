//! Photographs through the ingest job, and their pictures in small.
#![expect(clippy::expect_used, reason = "a test's helpers may panic")]

use serde_json::Value;
use vitrail_domain::{Code, Raster, Role};
use vitrail_ingest::{encode_png, read_picture};

use crate::bench::{Bench, within};

#[test]
fn a_photograph_has_its_stored_thumbnail_or_is_read_again() {
    let bench = Bench::new();
    let mut raster = Raster::filled(1_600, 800, [30, 90, 150]).expect("a raster");
    for (at, value) in raster.pixels_mut().iter_mut().enumerate() {
        *value = value.wrapping_add((at / 3 % 1_600 / 16) as u8);
    }
    bench.put("one.png", &encode_png(&raster).expect("png"));
    let summary = bench.run(&bench.spec());
    assert_eq!((summary.ingested, summary.total, summary.complete), (1, 1, true));
    let (collection, record) = (bench.collection(), bench.records().remove(0));
    let size = |side| {
        let jpeg = bench.cases.point_thumbnail(&collection, record.id, side).expect("a picture");
        let small = read_picture(&jpeg).expect("a picture").raster;
        (small.width(), small.height())
    };
    assert_eq!((size(256), size(1_000)), ((256, 128), (1_000, 500)));
    bench.put("one.png", &encode_png(&raster).expect("png")[1..]);
    assert_eq!(size(1_000), (1_000, 500), "from what was cut before");
    let gone = bench.cases.point_thumbnail(&collection, record.id, 900).expect_err("changed");
    assert_eq!(gone.code(), Code::FileUnreadable);
}

fn png(red: u8) -> Vec<u8> {
    encode_png(&Raster::filled(40, 30, [red, 90, 60]).expect("a raster")).expect("png")
}

#[test]
fn the_table_is_no_picture_and_its_rows_are_joined() {
    let bench = Bench::new();
    let one = bench.put("a/one.png", &png(10));
    bench.put("a/b/two.png", &png(20));
    let table = bench.put("a/t.dat", b"file,site,age\none.png,7,50\nb/two.png,12,41\n");
    let mut spec = bench.spec();
    // By itself, by its folder, and by a name that no table has.
    spec.paths = vec![table.clone(), one, bench.sources.clone()];
    spec.metadata = Some(table);
    spec.roles.0.insert(Role::Site, "site".parse().expect("a path"));
    let summary = bench.run(&spec);
    assert_eq!((summary.ingested, summary.refused_count, summary.total), (2, 0, 2), "{summary:?}");
    let mut joined: Vec<_> = bench
        .records()
        .iter()
        .map(|record| (within(record, &["site"]).clone(), within(record, &["age"]).clone()))
        .collect();
    joined.sort_by_key(|(_, age)| age.as_i64());
    let text = |site: &str, age: i64| (Value::from(site), Value::from(age));
    assert_eq!(joined, [text("12", 41), text("7", 50)]);
}

#[test]
fn a_bare_name_of_two_files_is_refused_and_not_guessed() {
    let bench = Bench::new();
    for (name, red) in [("x/1.png", 1), ("y/1.png", 2), ("y/2.png", 3)] {
        bench.put(name, &png(red));
    }
    let table = bench.put("elsewhere/t.csv", b"file,label\n1.png,nv\n2.png,mel\n");
    let mut spec = bench.spec();
    spec.metadata = Some(table);
    let summary = bench.run(&spec);
    assert_eq!((summary.ingested, summary.total), (1, 3), "{summary:?}");
    for refused in &summary.refused {
        assert_eq!(refused.code, Code::TableInvalid);
        assert!(refused.message.contains("could mean 2 files"), "{}", refused.message);
    }
    assert_eq!(within(&bench.records()[0], &["label"]), "mel");
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_folder_is_a_refused_item() {
    let (bench, other) = (Bench::new(), tempfile::tempdir().expect("a folder"));
    bench.put("one.png", &png(10));
    let out = bench.sources.join("out");
    std::os::unix::fs::symlink(other.path(), out).expect("a link");
    let summary = bench.run(&bench.spec());
    assert_eq!((summary.ingested, summary.total), (1, 2), "{summary:?}");
    assert_eq!(summary.refused[0].code, Code::ForbiddenPath);
}
