//! Where the inference library and the models may lie.

use std::env;
use std::path::PathBuf;

/// The library's file name on this system.
const LIBRARY: &str = if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else if cfg!(windows) {
    "onnxruntime.dll"
} else {
    "libonnxruntime.so"
};

/// Places to look in, in order. `Default` is empty: tests say what they mean.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places {
    /// `VITRAIL_ONNXRUNTIME`: a library that must open, or `none` for the built-in engine.
    pub named_library: Option<PathBuf>,
    /// Library files to try.
    pub libraries: Vec<PathBuf>,
    /// `VITRAIL_MODELS`: folders that must exist.
    pub named_models: Vec<PathBuf>,
    /// Folders of models to try.
    pub models: Vec<PathBuf>,
    /// Folder that remembers which models were verified; none: they are verified at every start.
    pub verified: Option<PathBuf>,
}

impl Places {
    /// The places of this process: its environment, the folder of its binary, the cache
    /// (`VITRAIL_CACHE`, else `vitrail` in `XDG_CACHE_HOME` or `~/.cache`).
    #[must_use]
    pub fn of_process() -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
        let binary = env::current_exe().ok();
        let beside = binary.as_deref().and_then(|path| path.parent()).map(PathBuf::from);
        let users = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")));
        let own = set("VITRAIL_CACHE").map(PathBuf::from);
        let cache = own.or_else(|| users.map(|cache| cache.join("vitrail")));
        Self {
            named_library: set("VITRAIL_ONNXRUNTIME").map(PathBuf::from),
            named_models: set("VITRAIL_MODELS")
                .map(|paths| env::split_paths(&paths).collect())
                .unwrap_or_default(),
            ..Self::beside_and_cache(beside, cache)
        }
    }

    /// Beside the binary first, then the cache that `deploy/setup` fills.
    fn beside_and_cache(beside: Option<PathBuf>, cache: Option<PathBuf>) -> Self {
        let own = beside.iter().flat_map(|dir| [dir.join(LIBRARY), dir.join("lib").join(LIBRARY)]);
        let shared = cache.iter().map(|dir| dir.join("lib").join(LIBRARY));
        let models = beside.iter().chain(&cache).map(|dir| dir.join("models"));
        Self {
            libraries: own.chain(shared).collect(),
            models: models.collect(),
            verified: cache.as_deref().map(|dir| dir.join("verified")),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_comes_before_the_cache() {
        let places = Places::beside_and_cache(Some("/opt/v".into()), Some("/c/vitrail".into()));
        let library = |dir: &str| PathBuf::from(dir).join(LIBRARY);
        assert_eq!(
            places.libraries,
            [library("/opt/v"), library("/opt/v/lib"), library("/c/vitrail/lib")]
        );
        assert_eq!(
            places.models,
            [PathBuf::from("/opt/v/models"), PathBuf::from("/c/vitrail/models")]
        );
        assert_eq!(places.verified, Some("/c/vitrail/verified".into()));
    }
}
