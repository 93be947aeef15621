//! Where ONNX Runtime's shared library lies.

use std::{
    env::{self, consts},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use ort::environment::EnvironmentBuilder;
use parapet_contracts::{ErrorKind, ports::inference::InferenceError};

use crate::errors::{error, panicked};

/// Opens the library that is named, or the first that is found.
pub(crate) fn open(named: Option<&Path>) -> Result<(EnvironmentBuilder, PathBuf), InferenceError> {
    let from_environment = env::var_os("ORT_DYLIB_PATH").filter(|v| !v.is_empty()).map(PathBuf::from);
    if let Some((path, by)) =
        named.map(|p| (p.to_owned(), "the configuration")).or(from_environment.map(|p| (p, "ORT_DYLIB_PATH")))
    {
        // What somebody names is taken or refused: another library in its place would be a surprise.
        return match try_open(&path)? {
            Ok(builder) => Ok((builder, path)),
            Err(why) => Err(missing(&format!("{by} names {}: {why}", path.display()))),
        };
    }
    let mut failures = Vec::new();
    let places = places();
    for path in places.iter().filter_map(|place| newest_in(place)) {
        match try_open(&path)? {
            Ok(builder) => return Ok((builder, path)),
            Err(why) => failures.push(format!("{}: {why}", path.display())),
        }
    }
    if failures.is_empty() {
        let places: Vec<_> = places.iter().map(|p| p.display().to_string()).collect();
        failures.push(format!("it is in none of {}", places.join(", ")));
    }
    Err(missing(&failures.join("; ")))
}

/// The inner result is this one library's failure; the outer one ends the search.
fn try_open(path: &Path) -> Result<Result<EnvironmentBuilder, String>, InferenceError> {
    if !path.is_file() {
        return Ok(Err("there is no such file".into()));
    }
    // Relative paths would be looked for beside the executable.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    catch_unwind(AssertUnwindSafe(|| ort::init_from(&path).map_err(|e| e.to_string())))
        .map_err(|payload| panicked(&format!("opening {}", path.display()), &*payload))
}

fn missing(why: &str) -> InferenceError {
    let minor = ort::MINOR_VERSION;
    let text = format!(
        "ONNX Runtime's shared library can't be opened: {why}. Get version 1.{minor} or newer with `script/bootstrap`, or take libonnxruntime.so.1.* out of the PyPI wheel `onnxruntime`, and name it by its full path in the environment variable ORT_DYLIB_PATH"
    );
    error(ErrorKind::Fatal, "runtime_missing", text)
}

/// Folders to look in, best first.
fn places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Some(folder) = env::current_exe().ok().as_deref().and_then(Path::parent) {
        places.push(folder.to_owned());
        places.push(folder.join("../lib"));
    }
    places.extend(["/usr/local/lib", "/usr/lib"].map(PathBuf::from));
    places.push(PathBuf::from(format!("/usr/lib/{}-linux-gnu", consts::ARCH)));
    let variable = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = variable("PARAPET_CACHE").or_else(|| {
        let base = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
        base.map(|base| base.join("parapet"))
    });
    let runtimes = cache.and_then(|cache| std::fs::read_dir(cache).ok()).into_iter().flatten().flatten();
    let mut runtimes: Vec<_> = runtimes
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("onnxruntime-") && name.ends_with(&format!("-{}", consts::ARCH))
        })
        .collect();
    runtimes.sort_by_key(|path| std::cmp::Reverse(version(path)));
    places.extend(runtimes);
    places
}

/// The newest `libonnxruntime.so*` in a folder.
fn newest_in(folder: &Path) -> Option<PathBuf> {
    let wanted = format!("{}onnxruntime{}", consts::DLL_PREFIX, consts::DLL_SUFFIX);
    let files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    files
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let rest = name.strip_prefix(&wanted);
            path.is_file()
                && rest.is_some_and(|r| {
                    r.is_empty() || r.starts_with('.') && r[1..].starts_with(|c: char| c.is_ascii_digit())
                })
        })
        .max_by_key(|path| version(path))
}

/// The numbers in a file's name, to compare versions: `libonnxruntime.so.1.32.0` is `[1, 32, 0]`.
fn version(path: &Path) -> Vec<u64> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_newest_library_of_a_folder_is_taken_and_no_provider() {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "libonnxruntime.so.1.9.1",
            "libonnxruntime.so.1.32.0",
            "libonnxruntime.so.bak",
            "libonnxruntime_providers_shared.so",
        ] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(newest_in(folder.path()).unwrap().file_name().unwrap(), "libonnxruntime.so.1.32.0");
        assert_eq!(newest_in(&folder.path().join("absent")), None);
    }

    #[test]
    fn a_library_that_is_none_is_told_with_the_way_to_get_one() {
        let folder = tempfile::tempdir().unwrap();
        let fake = folder.path().join("libonnxruntime.so.1.99.0");
        std::fs::write(&fake, "not a library").unwrap();
        for path in [fake, folder.path().join("absent.so")] {
            let error = open(Some(&path)).map(|(_, path)| path).unwrap_err();
            assert_eq!((error.kind, error.code), (ErrorKind::Fatal, "runtime_missing"));
            for part in [&*path.to_string_lossy(), "script/bootstrap", "onnxruntime", "ORT_DYLIB_PATH"] {
                assert!(error.text.contains(part), "{part} is not in: {}", error.text);
            }
        }
    }
}
