//! The built-in procedures: data only, embedded in the binary.
//!
//! One folder a product, one TOML file a procedure; the path without its ending is the id: `securetransport/standard-cluster`.
//! No product has Rust of its own.

use include_dir::{Dir, include_dir};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/catalog");

/// The ids of all built-in procedures, in alphabetical order.
pub fn ids() -> Vec<&'static str> {
    let mut ids = Vec::new();
    collect(&FILES, &mut ids);
    ids.sort_unstable();
    ids
}

/// The text of a built-in procedure.
pub fn text(id: &str) -> Option<&'static str> {
    FILES.get_file(format!("{id}.toml"))?.contents_utf8()
}

fn collect(folder: &Dir<'static>, ids: &mut Vec<&'static str>) {
    let files = folder.files().filter_map(|file| file.path().to_str());
    ids.extend(files.filter_map(|path| path.strip_suffix(".toml")));
    for folder in folder.dirs() {
        collect(folder, ids);
    }
}
