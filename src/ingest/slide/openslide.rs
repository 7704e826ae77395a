//! OpenSlide, the shared library, opened at run time: the only file of this room that speaks C
//! (src/decisions/0011 says why here). Its calls are safe to make from any number of threads.

use std::env;
use std::ffi::{CStr, CString, c_char, c_void};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libloading::Library;
use vitrail_domain::{Code, Raster};

use super::error::SlideError;

type Slide = *mut c_void;

/// The functions that are used, by OpenSlide's own names (openslide.h, versions 3.4 to 4).
struct Functions {
    open: unsafe extern "C" fn(*const c_char) -> Slide,
    close: unsafe extern "C" fn(Slide),
    get_error: unsafe extern "C" fn(Slide) -> *const c_char,
    get_level_count: unsafe extern "C" fn(Slide) -> i32,
    get_level_dimensions: unsafe extern "C" fn(Slide, i32, *mut i64, *mut i64),
    get_level_downsample: unsafe extern "C" fn(Slide, i32) -> f64,
    get_property_value: unsafe extern "C" fn(Slide, *const c_char) -> *const c_char,
    read_region: unsafe extern "C" fn(Slide, *mut u32, i64, i64, i32, i64, i64),
    get_version: unsafe extern "C" fn() -> *const c_char,
    /// Kept open for as long as the program runs.
    _library: Library,
}

/// Where the library was found, and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// A path, or a name that the system's loader knows.
    pub place: PathBuf,
    /// As the library says it: `4.0.0`.
    pub version: String,
}

/// A library that the operator named; set before the first slide is opened.
static NAMED: OnceLock<PathBuf> = OnceLock::new();

/// The library of this process, or why there is none.
static LOADED: OnceLock<Result<(Functions, Found), String>> = OnceLock::new();

/// Names the library to use, or `none`; before any slide is opened, later calls change nothing.
pub fn use_openslide(place: PathBuf) {
    let _ = NAMED.set(place);
}

/// The library in use.
///
/// # Errors
/// Why there is none, in a sentence.
pub fn openslide() -> Result<Found, String> {
    loaded().map(|(_, found)| found.clone()).map_err(str::to_owned)
}

fn loaded() -> Result<&'static (Functions, Found), &'static str> {
    LOADED.get_or_init(load).as_ref().map_err(String::as_str)
}

fn load() -> Result<(Functions, Found), String> {
    let named = NAMED.get().cloned().or_else(|| {
        env::var_os("VITRAIL_OPENSLIDE").filter(|value| !value.is_empty()).map(PathBuf::from)
    });
    if let Some(place) = named {
        if place.as_os_str() == "none" {
            return Err("OpenSlide was turned off".to_owned());
        }
        return open_library(&place).map_err(|why| format!("{}: {why}", place.display()));
    }
    let mut found =
        usual_places().into_iter().filter(|place| !place.is_absolute() || place.is_file());
    found.find_map(|place| open_library(&place).ok()).ok_or_else(|| {
        "OpenSlide was not found: run deploy/setup, install libopenslide, or name the library with \
         VITRAIL_OPENSLIDE"
            .to_owned()
    })
}

/// Beside the binary, in the cache that `deploy/setup` fills, where the system's loader looks.
fn usual_places() -> Vec<PathBuf> {
    let names: &[&str] = if cfg!(target_os = "macos") {
        &["libopenslide.1.dylib", "libopenslide.dylib"]
    } else if cfg!(windows) {
        &["libopenslide-1.dll", "libopenslide-0.dll"]
    } else {
        &["libopenslide.so.1", "libopenslide.so.0", "libopenslide.so"]
    };
    let binary = env::current_exe().ok();
    let beside = binary.as_deref().and_then(Path::parent).map(Path::to_owned);
    let set = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = set("VITRAIL_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("vitrail")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/vitrail")));
    let mut folders: Vec<PathBuf> =
        beside.iter().flat_map(|folder| [folder.clone(), folder.join("lib")]).collect();
    folders.extend(cache.map(|cache| cache.join("lib")));
    folders.extend(["/opt/homebrew/lib", "/usr/local/lib"].map(PathBuf::from));
    let in_folders = folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
    in_folders.chain(names.iter().map(PathBuf::from)).collect()
}

fn open_library(place: &Path) -> Result<(Functions, Found), String> {
    // SAFETY: a library that the operator or the system put there; its initialisers are trusted as
    // the system's own are.
    let library = unsafe { Library::new(place) }.map_err(|error| error.to_string())?;
    macro_rules! function {
        ($name:literal) => {
            // SAFETY: the types above are those of openslide.h, stable since version 3.4.
            *unsafe { library.get($name) }.map_err(|error: libloading::Error| error.to_string())?
        };
    }
    let functions = Functions {
        open: function!(b"openslide_open\0"),
        close: function!(b"openslide_close\0"),
        get_error: function!(b"openslide_get_error\0"),
        get_level_count: function!(b"openslide_get_level_count\0"),
        get_level_dimensions: function!(b"openslide_get_level_dimensions\0"),
        get_level_downsample: function!(b"openslide_get_level_downsample\0"),
        get_property_value: function!(b"openslide_get_property_value\0"),
        read_region: function!(b"openslide_read_region\0"),
        get_version: function!(b"openslide_get_version\0"),
        _library: library,
    };
    // SAFETY: takes nothing, gives a static text.
    let version = text(unsafe { (functions.get_version)() }).unwrap_or_default();
    Ok((functions, Found { place: place.to_owned(), version }))
}

/// A text of the library, copied; `None` for a null pointer.
fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: not null, and OpenSlide's texts end with a zero and live as long as their slide.
    Some(unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

/// A slide that the library holds open.
pub(super) struct Handle {
    slide: Slide,
    functions: &'static Functions,
}

// SAFETY: openslide.h: "all functions except openslide_close() are thread-safe"; close is called
// once, by the last owner.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an OpenSlide handle")
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: opened by `open`, closed once.
        unsafe { (self.functions.close)(self.slide) }
    }
}

impl Handle {
    /// Opens a file.
    ///
    /// # Errors
    /// No library, a file that it does not know, or one that it finds damaged.
    pub(super) fn open(path: &Path) -> Result<Self, SlideError> {
        let (functions, _) = loaded().map_err(SlideError::unsupported)?;
        let name = CString::new(path.to_string_lossy().as_bytes()).map_err(|_| {
            SlideError::new(Code::FileUnreadable, "the slide's path holds a zero byte")
        })?;
        // SAFETY: a text that ends with a zero and outlives the call.
        let slide = unsafe { (functions.open)(name.as_ptr()) };
        if slide.is_null() {
            return Err(SlideError::unsupported("OpenSlide does not know this kind of file"));
        }
        let handle = Self { slide, functions };
        handle.check("opening it")?;
        Ok(handle)
    }

    /// The library's error, which stays with a slide once it has one.
    fn check(&self, doing: &str) -> Result<(), SlideError> {
        // SAFETY: an open slide.
        match text(unsafe { (self.functions.get_error)(self.slide) }) {
            None => Ok(()),
            Some(why) => Err(SlideError::damaged(format!("OpenSlide, {doing}: {why}"))),
        }
    }

    /// Size and downsample of each level, largest first.
    pub(super) fn levels(&self) -> Result<Vec<(u32, u32, f64)>, SlideError> {
        // SAFETY: an open slide.
        let count = unsafe { (self.functions.get_level_count)(self.slide) };
        let level = |index: i32| {
            let (mut width, mut height) = (0i64, 0i64);
            // SAFETY: an open slide, a level that it has, and two places to write to.
            let down = unsafe {
                (self.functions.get_level_dimensions)(self.slide, index, &mut width, &mut height);
                (self.functions.get_level_downsample)(self.slide, index)
            };
            match (u32::try_from(width), u32::try_from(height)) {
                (Ok(width @ 1..), Ok(height @ 1..)) if down.is_finite() && down > 0.0 => {
                    Ok((width, height, down))
                }
                _ => Err(SlideError::damaged(format!(
                    "OpenSlide names a level of {width} x {height} pixels"
                ))),
            }
        };
        (0..count).map(level).collect()
    }

    /// A property by its name.
    pub(super) fn property(&self, name: &CStr) -> Option<String> {
        // SAFETY: an open slide, and a text that ends with a zero.
        text(unsafe { (self.functions.get_property_value)(self.slide, name.as_ptr()) })
    }

    /// Pixels of a level, (`x`, `y`) in level-0 pixels; what the slide has none of is white.
    pub(super) fn read(
        &self,
        level: usize,
        (x, y): (i64, i64),
        (width, height): (u32, u32),
    ) -> Result<Raster, SlideError> {
        let bytes = Raster::byte_len(width, height)
            .map_err(|error| SlideError::too_large(format!("a region of a slide: {error}")))?;
        let mut argb = vec![0u32; bytes / 3];
        let level = i32::try_from(level).unwrap_or(i32::MAX);
        // SAFETY: an open slide, and room for width x height pixels.
        unsafe {
            let (w, h) = (i64::from(width), i64::from(height));
            (self.functions.read_region)(self.slide, argb.as_mut_ptr(), x, y, level, w, h);
        }
        self.check("reading a region")?;
        let mut pixels = Vec::with_capacity(bytes);
        for pixel in argb {
            // Premultiplied by alpha, in the processor's own order: over white by one addition.
            let [alpha, red, green, blue] = pixel.to_be_bytes();
            pixels.extend([red, green, blue].map(|channel| channel.saturating_add(255 - alpha)));
        }
        Raster::new(width, height, pixels)
            .map_err(|error| SlideError::too_large(format!("a region of a slide: {error}")))
    }
}
