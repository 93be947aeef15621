//! Puts the page that `script/web` has built (`web/dist`) into the program. Without it the program is whole as well, and says in the page's
//! place how to build it.

use std::{
    collections::hash_map::DefaultHasher,
    env,
    error::Error,
    fmt::Write as _,
    fs,
    hash::{Hash as _, Hasher as _},
    io::Write as _,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let dist = root.join("web/dist");
    println!("cargo::rerun-if-changed=build.rs");
    // A folder that is not there can't be watched: then the one above, in which it will appear.
    println!("cargo::rerun-if-changed={}", if dist.is_dir() { "web/dist" } else { "web" });
    let mut files = Vec::new();
    if dist.is_dir() {
        gather(&dist, &mut files)?;
    }
    files.sort();
    let mut code = String::from("const FILES: &[File] = &[\n");
    for (number, path) in files.iter().enumerate() {
        let bytes = fs::read(path)?;
        let name = path.strip_prefix(&dist)?.to_str().ok_or("a file's name is no text")?;
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let packed = pack(&bytes)?;
        let is_packed = packed.len() < bytes.len() * 9 / 10;
        let place = out.join(format!("page-{number}"));
        fs::write(&place, if is_packed { &packed } else { &bytes })?;
        writeln!(
            code,
            "    File {{ path: {name:?}, tag: \"\\\"{:016x}\\\"\", packed: {is_packed}, bytes: include_bytes!({:?}) }},",
            hasher.finish(),
            place.display().to_string()
        )?;
    }
    code.push_str("];\n");
    fs::write(out.join("page.rs"), code)?;
    Ok(())
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // What begins with a dot is the build's own.
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        if path.is_dir() {
            gather(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn pack(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(bytes)?;
    packer.finish()
}
