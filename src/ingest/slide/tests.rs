//! Round trips through the own writer, real files, hostile files.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;

use proptest::prelude::*;
use vitrail_domain::{Cancel, Code, Mpp, Raster, Region};

use super::write::write_as;
use super::write_ifd::Layout;
use super::*;

/// A smooth picture, so that JPEG changes little: each pixel is a function of its place.
fn colour_at(x: u64, y: u64) -> [u8; 3] {
    let wave = |v: u64, period: f64| 128.0 + 90.0 * (v as f64 / period).sin();
    [wave(x, 40.0) as u8, wave(y, 55.0) as u8, wave(x + y, 70.0) as u8]
}

fn painted(region: Region) -> Raster {
    let mut pixels = Vec::new();
    for y in region.y..region.y + region.height {
        for x in region.x..region.x + region.width {
            pixels.extend(colour_at(x, y));
        }
    }
    Raster::new(region.width as u32, region.height as u32, pixels).unwrap()
}

fn pyramid(width: u32, height: u32, mpp: Option<f64>, layout: Layout) -> Vec<u8> {
    let mpp = mpp.map(|mpp| Mpp::new(mpp).unwrap());
    let mut options = PyramidOptions::new(width, height, mpp);
    options.tile_px = 64;
    let mut sink = Cursor::new(Vec::new());
    write_as(&mut sink, &options, layout, &mut |region| Ok(painted(region))).unwrap();
    sink.into_inner()
}

fn open(bytes: Vec<u8>) -> Result<Slide, SlideError> {
    Slide::from_bytes(Arc::from(bytes))
}

fn mean_difference(a: &Raster, b: &Raster) -> f64 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    let sum: u64 = a.pixels().iter().zip(b.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.pixels().len() as f64
}

#[test]
fn what_is_written_reads_back_in_both_layouts() {
    for layout in [Layout::Classic, Layout::Big] {
        let bytes = pyramid(301, 203, Some(0.5), layout);
        assert!(is_slide_bytes(Arc::from(bytes.clone())).unwrap());
        let slide = open(bytes).unwrap();
        let sizes: Vec<_> = slide.levels().iter().map(|l| (l.width, l.height)).collect();
        assert_eq!(sizes, [(301, 203), (151, 102), (76, 51), (38, 26)]);
        let downs: Vec<_> = slide.levels().iter().map(|l| l.downsample.0).collect();
        assert_eq!(downs, [1.0, 2.0, 4.0, 8.0]);
        let scale = slide.scale().unwrap();
        assert!((scale.x.get() - 0.5).abs() < 1e-6 && scale.origin == MppOrigin::Resolution);
        let region = Region { x: 37, y: 50, width: 200, height: 120 };
        let read = slide.read_region(0, (37, 50), (200, 120)).unwrap();
        assert!(mean_difference(&read, &painted(region)) < 1.5);
        let half = slide.read_region(1, (10, 10), (100, 60)).unwrap();
        let [r, g, b] = half.pixel(50, 30);
        let expected = colour_at(120, 80);
        assert!(r.abs_diff(expected[0]) < 8 && g.abs_diff(expected[1]) < 8);
        assert!(b.abs_diff(expected[2]) < 8);
    }
}

#[test]
fn outside_is_white_and_bad_asks_are_refused() {
    let slide = open(pyramid(100, 80, None, Layout::Classic)).unwrap();
    let corner = slide.read_region(0, (90, 70), (20, 20)).unwrap();
    assert_eq!(corner.pixel(15, 15), [255; 3]);
    assert_ne!(corner.pixel(5, 5), [255; 3]);
    let far = slide.read_region(0, (u64::MAX - 3, 5), (4, 4)).unwrap();
    assert!(far.pixels().iter().all(|&value| value == 255));
    assert_eq!(slide.read_region(9, (0, 0), (4, 4)).unwrap_err().code(), Code::InvalidRequest);
    assert_eq!(
        slide.read_region(0, (0, 0), (u32::MAX, u32::MAX)).unwrap_err().code(),
        Code::ImageTooLarge
    );
    let none = Region { x: 0, y: 0, width: 0, height: 5 };
    assert_eq!(slide.region_at(none, 4, 4).unwrap_err().code(), Code::InvalidRequest);
}

#[test]
fn finest_not_coarser() {
    let slide = open(pyramid(640, 640, Some(0.5), Layout::Classic)).unwrap();
    let down: Vec<_> = [0.5, 1.0, 1.9, 1.985, 2.0, 3.9, 4.1, 100.0]
        .iter()
        .map(|&downsample| slide.level_for(downsample))
        .collect();
    assert_eq!(down, [0, 0, 0, 1, 1, 1, 2, 4]);
    // Where the scale is the level's own, the pixels are too.
    let region = Region { x: 128, y: 64, width: 256, height: 256 };
    let as_is = slide.region_at(region, 128, 128).unwrap();
    assert_eq!(as_is, slide.read_region(1, (64, 32), (128, 128)).unwrap());
    // Else they are resampled, and the picture is the same to the eye.
    let thirds = slide.region_at(region, 85, 85).unwrap();
    let expected = colour_at(128 + 128, 64 + 128);
    let got = thirds.pixel(42, 42);
    for channel in 0..3 {
        assert!(got[channel].abs_diff(expected[channel]) < 8, "{got:?} {expected:?}");
    }
}

#[test]
fn grids_cover_the_slide_row_by_row() {
    let slide = open(pyramid(1000, 600, Some(0.5), Layout::Classic)).unwrap();
    let mask = TissueMask::of(&slide, &Cancel::new()).unwrap();
    let mut options = GridOptions {
        mpp: Mpp::new(1.0).unwrap(),
        tile_px: 112,
        stride_px: 112,
        tissue_min: 0.0,
        border: Border::PadWhite,
    };
    let grid = tile_grid(&slide, &mask, options).unwrap();
    assert_eq!((grid.positions(), grid.level()), ((5, 3), 1));
    let tiles: Vec<_> = grid.iter().collect();
    assert_eq!(tiles.len(), 15);
    assert!(tiles.windows(2).all(|w| (w[0].row, w[0].column) < (w[1].row, w[1].column)));
    assert_eq!(tiles[6].region, Region { x: 224, y: 224, width: 224, height: 224 });
    options.border = Border::Drop;
    assert_eq!(tile_grid(&slide, &mask, options).unwrap().iter().count(), 8);
    options.tissue_min = 1.0;
    options.border = Border::PadWhite;
    assert!(tile_grid(&slide, &mask, options).unwrap().iter().all(|tile| tile.tissue == 1.0));
    options.stride_px = 0;
    assert_eq!(tile_grid(&slide, &mask, options).unwrap_err().code(), Code::InvalidRequest);
    options.stride_px = 1;
    options.mpp = Mpp::new(0.001).unwrap();
    assert_eq!(tile_grid(&slide, &mask, options).unwrap_err().code(), Code::ImageTooLarge);
}

#[test]
fn a_slide_without_scale_asks_for_one() {
    let slide = open(pyramid(200, 200, None, Layout::Classic)).unwrap();
    let mask = TissueMask::of(&slide, &Cancel::new()).unwrap();
    let mpp = Mpp::new(1.0).unwrap();
    let border = Border::PadWhite;
    let options = GridOptions { mpp, tile_px: 64, stride_px: 64, tissue_min: 0.0, border };
    let refused = tile_grid(&slide, &mask, options).unwrap_err();
    assert_eq!(refused.code(), Code::SlideNoScale);
    let slide = slide.with_mpp(Mpp::new(0.5).unwrap());
    assert_eq!(slide.scale().unwrap().origin.name(), "given");
    assert!(tile_grid(&slide, &mask, options).is_ok());
}

#[test]
fn threads_share_a_slide() {
    fn shared<T: Send + Sync>() {}
    shared::<Slide>();
    let slide = open(pyramid(300, 300, None, Layout::Classic)).unwrap();
    let whole = slide.read_region(0, (0, 0), (300, 300)).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                assert_eq!(slide.read_region(0, (0, 0), (300, 300)).unwrap(), whole);
            });
        }
    });
}

/// Reads everything that a job would read of a file.
fn walk(bytes: Vec<u8>) -> Result<(), SlideError> {
    let bytes: Arc<[u8]> = Arc::from(bytes);
    is_slide_bytes(Arc::clone(&bytes))?;
    let slide = Slide::from_bytes(bytes)?;
    for (index, level) in slide.levels().iter().enumerate() {
        for y in (0..level.height.min(1_000)).step_by(100) {
            slide.read_region(index, (0, u64::from(y)), (level.width.min(1_000), 100))?;
        }
    }
    Ok(())
}

fn check_refusal(result: Result<(), SlideError>) {
    if let Err(error) = result {
        assert!(error.message.len() > 10, "{error:?}");
    }
}

#[test]
fn loops_and_huge_counts_are_refused() {
    let sound = pyramid(100, 80, None, Layout::Classic);
    let first = u32::from_le_bytes(sound[4..8].try_into().unwrap()) as usize;
    let entries = usize::from(u16::from_le_bytes(sound[first..first + 2].try_into().unwrap()));
    let link = first + 2 + entries * 12;

    let mut looped = sound.clone();
    looped[link..link + 4].copy_from_slice(&(first as u32).to_le_bytes());
    let error = open(looped).unwrap_err();
    assert_eq!(error.code(), Code::SlideDamaged);
    assert!(error.message.contains("loops"), "{error}");

    for entry in 0..entries {
        let mut huge = sound.clone();
        let at = first + 2 + entry * 12 + 4;
        huge[at..at + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        check_refusal(walk(huge));
    }
    let mut many = sound.clone();
    many[first..first + 2].copy_from_slice(&u16::MAX.to_le_bytes());
    assert_eq!(open(many).unwrap_err().code(), Code::SlideDamaged);

    assert_eq!(open(b"plainly no TIFF".to_vec()).unwrap_err().code(), Code::ImageUnknownFormat);
    assert!(open(Vec::new()).is_err() && open(b"II*\0".to_vec()).is_err());
    assert!(open(b"II*\0\0\0\0\0".to_vec()).is_err(), "no directory");
}

#[test]
fn dicom_with_a_tiff_preamble_is_not_ours() {
    let mut bytes = pyramid(100, 80, None, Layout::Classic);
    assert!(is_slide_bytes(Arc::from(bytes.clone())).unwrap());
    bytes[128..132].copy_from_slice(b"DICM");
    assert!(!is_slide_bytes(Arc::from(bytes)).unwrap());
}

/// A tile whose bytes are lost is an error, not a patch of flat grey.
#[test]
fn a_damaged_tile_is_not_painted_over() {
    let sound = pyramid(64, 64, None, Layout::Classic);
    for keep in [100, 700, 1_000] {
        let mut cut = sound.clone();
        let first = u32::from_le_bytes(cut[4..8].try_into().unwrap()) as usize;
        assert!(keep + 8 < first, "the tile is longer");
        cut[8 + keep..first].fill(0);
        let error = walk(cut).expect_err("a cut JPEG");
        assert_eq!(error.code(), Code::SlideDamaged);
        assert!(error.message.contains("tile (0, 0)"), "{error}");
    }
}

#[test]
fn cancelled_masks_stop() {
    let slide = open(pyramid(100, 80, None, Layout::Classic)).unwrap();
    let cancel = Cancel::new();
    cancel.cancel();
    assert_eq!(TissueMask::of(&slide, &cancel).unwrap_err().code(), Code::Cancelled);
}

#[test]
fn every_truncation_is_an_error_in_words() {
    for layout in [Layout::Classic, Layout::Big] {
        let sound = pyramid(150, 90, Some(0.5), layout);
        walk(sound.clone()).unwrap();
        // The last bytes are the smallest level's resolution, which nobody reads.
        for end in (0..sound.len() - 64).step_by(37) {
            let error = walk(sound[..end].to_vec()).expect_err("a cut file");
            assert!(error.message.len() > 10);
            // Found by the range check, before any allocation, and not by a failing read.
            assert_ne!(error.code(), Code::FileUnreadable, "{error}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn flipped_bytes_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        in_tables in any::<bool>(),
        big in any::<bool>(),
    ) {
        let layout = if big { Layout::Big } else { Layout::Classic };
        let mut bytes = pyramid(90, 70, Some(0.5), layout);
        // Half of the cases aim at the directories, where every byte has a meaning.
        let start = if in_tables { bytes.len() - 900 } else { 0 };
        for (place, value) in flips {
            let at = start + place.index(bytes.len() - start);
            bytes[at] = value;
        }
        check_refusal(walk(bytes));
    }
}

/// The folder of real slides, or `None` where the machine has none (said aloud).
fn real_slides() -> Option<PathBuf> {
    let root = std::env::var_os("VITRAIL_TEST_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folder = root.join("slides");
    if folder.is_dir() {
        return Some(folder);
    }
    let required = std::env::var("VITRAIL_TEST_DATA_REQUIRED").is_ok_and(|flag| flag == "1");
    assert!(!required, "the test data are required, and {} is missing", folder.display());
    println!("skipped: {} is missing", folder.display());
    None
}

#[test]
fn real_files_open_with_their_levels_and_scale() {
    let Some(folder) = real_slides() else { return };
    for (name, levels, mpp, origin) in [
        ("CMU-1-Small-Region.svs", 1, Some(0.499), "aperio"),
        ("CMU-1-Small-Region_pyramid.tif", 4, Some(0.499), "resolution"),
        ("CMU-1-Small-Region_pyramid.ome.tif", 4, Some(0.499), "ome"),
        ("OS-1-detail.ome.tif", 1, Some(0.2271), "ome"),
        ("OS-2-ndpi.ome.tif", 1, Some(0.2271), "ome"),
        ("OS-2-vsi.ome.tif", 1, Some(0.3461), "ome"),
        ("TCGA-CR-7395-01A-01-TS1.svs", 2, None, ""),
        // 72 dpi is a page layout's, not a microscope's.
        ("openslide_boxes.tiff", 4, None, ""),
        ("openslide_small.svs", 1, Some(0.499), "aperio"),
    ] {
        let path = folder.join(name);
        assert!(is_slide(&path).unwrap(), "{name}");
        let slide = Slide::open(&path).unwrap();
        assert_eq!(slide.levels().len(), levels, "{name}");
        let scale = slide.scale();
        assert_eq!(scale.map_or("", |scale| scale.origin.name()), origin, "{name}");
        match (scale, mpp) {
            (Some(scale), Some(mpp)) => assert!((scale.x.get() - mpp).abs() < 1e-3, "{name}"),
            (scale, mpp) => assert!(scale.is_none() && mpp.is_none(), "{name}"),
        }
    }
    let dicom = folder.join("camelyon_multiframe.dcm");
    assert!(is_slide(&dicom).unwrap());
    assert_eq!(Slide::open(&dicom).unwrap().format(), "dicom");
}

/// Mean colours of regions as OpenSlide 4.0.1 reads them (tifffile 2026.3.3 for the OME-TIFFs that
/// it refuses): Aperio JPEG and JPEG 2000, YCbCr JPEG, deflate with predictor, and the two files
/// whose photometric tag lies (53 grey levels off before the colour rule).
#[test]
fn colours_are_those_of_the_reference_readers() {
    let Some(folder) = real_slides() else { return };
    let regions = [
        ("CMU-1-Small-Region.svs", 0, (900u64, 1500u64), (300, 300), [145.48, 94.75, 134.72]),
        ("CMU-1-Small-Region_pyramid.tif", 2, (200, 300), (200, 300), [164.19, 121.45, 154.93]),
        ("TCGA-CR-7395-01A-01-TS1.svs", 0, (2000, 1500), (400, 300), [199.48, 106.57, 153.95]),
        ("TCGA-CR-7395-01A-01-TS1.svs", 1, (900, 700), (300, 300), [199.97, 111.2, 156.87]),
        ("openslide_boxes.tiff", 0, (0, 0), (300, 250), [159.09, 163.51, 191.5]),
        ("openslide_boxes.tiff", 2, (10, 5), (60, 50), [108.4, 117.13, 164.11]),
        ("OS-1-detail.ome.tif", 0, (300, 300), (400, 400), [148.22, 124.27, 181.26]),
        ("OS-2-ndpi.ome.tif", 0, (300, 300), (400, 400), [175.19, 181.47, 192.68]),
        ("OS-2-vsi.ome.tif", 0, (300, 300), (400, 400), [194.57, 197.54, 200.38]),
    ];
    for (name, level, at, size, expected) in regions {
        let slide = Slide::open(&folder.join(name)).unwrap();
        let raster = slide.read_region(level, at, size).unwrap();
        for (channel, expected) in <[f64; 3]>::into_iter(expected).enumerate() {
            let values = raster.pixels().iter().skip(channel).step_by(3);
            let sum: u64 = values.map(|&value| u64::from(value)).sum();
            let mean = sum as f64 / (raster.pixels().len() / 3) as f64;
            // Halved chroma is interpolated with another rounding than libjpeg's: up to 0.3.
            assert!((mean - expected).abs() < 0.4, "{name}: {mean} against {expected}");
        }
    }
}

/// One picture in three files: Aperio JPEG tagged RGB, and two YCbCr pyramids made of it. A wrong
/// colour rule is off by tens of grey levels.
#[test]
fn colours_agree_between_containers() {
    let Some(folder) = real_slides() else { return };
    let read = |name: &str| {
        let slide = Slide::open(&folder.join(name)).unwrap();
        slide.read_region(0, (200, 1200), (1500, 1500)).unwrap()
    };
    let svs = read("CMU-1-Small-Region.svs");
    for name in ["CMU-1-Small-Region_pyramid.tif", "CMU-1-Small-Region_pyramid.ome.tif"] {
        // Re-encoding at quality 80 with halved chroma costs 4.6 grey levels, by tifffile too.
        let difference = mean_difference(&svs, &read(name));
        assert!(difference < 5.0, "{name}: {difference}");
    }
    // The two liars of the colour rule: tagged RGB, JFIF inside. Glass of OS-2 is grey, not pink.
    let slide = Slide::open(&folder.join("OS-2-vsi.ome.tif")).unwrap();
    let glass = slide.read_region(0, (200, 1000), (50, 50)).unwrap().pixel(25, 25);
    let spread = glass.iter().max().unwrap() - glass.iter().min().unwrap();
    assert!(spread < 12 && glass[0] > 200, "{glass:?}");
}

#[test]
fn tissue_of_real_slides() {
    let Some(folder) = real_slides() else { return };
    for (name, low, high) in [
        ("CMU-1-Small-Region.svs", 0.30, 0.50),
        ("OS-1-detail.ome.tif", 1.0, 1.0),
        ("OS-2-ndpi.ome.tif", 0.70, 0.95),
        // The same specimen through a low-contrast scanner: its palest stroma is missed.
        ("OS-2-vsi.ome.tif", 0.50, 0.95),
        ("TCGA-CR-7395-01A-01-TS1.svs", 0.55, 0.75),
    ] {
        let slide = Slide::open(&folder.join(name)).unwrap();
        let share = TissueMask::of(&slide, &Cancel::new()).unwrap().tissue_share();
        println!("{name}: {share:.3} tissue");
        assert!((low..=high).contains(&share), "{name}: {share}");
    }
}
