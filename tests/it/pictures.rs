//! Photographs through the ingest job, and their pictures in small.

use vitrail_domain::{Code, Raster};
use vitrail_ingest::{encode_png, read_picture};

use crate::bench::Bench;

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
