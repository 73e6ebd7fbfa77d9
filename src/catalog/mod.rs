//! The built-in procedures: data only, embedded in the binary.
//!
//! One folder a product, one TOML file a procedure; the path without its ending is the id: `securetransport/standard-cluster`.
//! What several procedures share stands in `parts/` and is included by name. No product has Rust of its own.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use include_dir::{Dir, include_dir};

use crate::parse::include;

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/src/catalog");

/// The folder of what procedures share.
const PARTS: &str = "parts/";

/// The ids of all built-in procedures, in alphabetical order.
pub fn ids() -> Vec<&'static str> {
    let mut ids = Vec::new();
    collect(&FILES, &mut ids);
    ids.retain(|id| !id.starts_with(PARTS));
    ids.sort_unstable();
    ids
}

/// The text of a built-in procedure, with the parts that it includes.
pub fn text(id: &str) -> Option<&'static str> {
    static WHOLE: OnceLock<BTreeMap<&'static str, String>> = OnceLock::new();
    let whole = || {
        let whole = |id: &'static str| {
            let text = raw(id).expect("every id of the catalogue has a text");
            let name = format!("{id}.toml");
            let whole = include::with_parts(text, &name, |part| {
                self::part(part)
                    .map(str::to_string)
                    .ok_or_else(|| unknown(part))
            });
            (
                id,
                whole.expect("the parts of the catalogue are embedded with it"),
            )
        };
        ids().into_iter().map(whole).collect()
    };
    WHOLE.get_or_init(whole).get(id).map(String::as_str)
}

/// The text of a part that procedures may include by its name: `planning`.
pub fn part(name: &str) -> Option<&'static str> {
    raw(&format!("{PARTS}{name}"))
}

/// What to say of a part that the catalogue does not have.
pub fn unknown(part: &str) -> String {
    let mut known = Vec::new();
    collect(&FILES, &mut known);
    let known = known.iter().filter_map(|id| id.strip_prefix(PARTS));
    let known = known.collect::<Vec<_>>().join(", ");
    format!("the catalogue has no part `{part}`; it has {known}")
}

fn raw(id: &str) -> Option<&'static str> {
    FILES.get_file(format!("{id}.toml"))?.contents_utf8()
}

fn collect(folder: &Dir<'static>, ids: &mut Vec<&'static str>) {
    let files = folder.files().filter_map(|file| file.path().to_str());
    ids.extend(files.filter_map(|path| path.strip_suffix(".toml")));
    for folder in folder.dirs() {
        collect(folder, ids);
    }
}
