//! Writes `spec/vectors`, `spec/def/examples` and `spec/verify/examples`. Published vectors never change: this adds new
//! ones, and a test says when an old one would come out differently.

#![expect(clippy::unwrap_used, reason = "what is made here is made for tests: a failure must stop at once")]

use std::fs;
use std::path::Path;

mod cases;
mod documents;
mod raw_zip;
mod sample;

fn main() -> std::io::Result<()> {
    let spec = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec");
    let vectors = cases::files().into_iter().map(|(path, bytes)| (format!("vectors/{path}"), bytes));
    for (path, bytes) in vectors.chain(documents::files()) {
        let path = spec.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)?;
    }
    Ok(())
}
