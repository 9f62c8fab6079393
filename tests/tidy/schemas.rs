//! Schemas: their `$id` follows from their file's name.

use serde_json::Value;

use crate::house;

#[test]
fn schema_ids_match_their_files() {
    let mut complaints = Vec::new();
    let mut seen = 0;
    for path in house::files().into_iter().filter(|path| path.starts_with("spec/") && path.ends_with(".schema.json")) {
        seen += 1;
        let text = house::text(&path).unwrap_or_default();
        let schema: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        let parts: Vec<&str> = path.trim_end_matches(".schema.json").rsplit('/').collect();
        let (stem, folder) = (parts[0], parts[1]);
        // A folder of one document may give its name to it: spec/verify/report.schema.json is `verify_report`.
        let fitting =
            [stem.to_owned(), format!("{folder}_{stem}")].map(|name| format!("https://clyra.io/spec/{name}/v0"));
        let id = schema["$id"].as_str().unwrap_or_default();
        if !fitting.iter().any(|fits| fits == id) {
            complaints.push(format!("{path}: its $id is {id:?}; write {:?}.", fitting[0]));
        }
        if schema["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
            complaints.push(format!("{path}: its $schema must be draft 2020-12."));
        }
    }
    assert!(seen > 0, "spec/ holds no schema");
    house::settle(&complaints);
}
