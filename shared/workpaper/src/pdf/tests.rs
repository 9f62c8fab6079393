use serde_json::Value;

use super::flow::{Mark, Sheets};
use super::{file, paper, text};
use crate::names::Names;
use crate::{WorkPaper, sample, words};

fn lay_out(of: &WorkPaper) -> Sheets {
    paper::lay_out(of, &text::Fonts::embedded())
}

/// The text of all sheets, line by line, in the order in which it is written.
fn text_of(sheets: &Sheets) -> String {
    let mut out = String::new();
    for (number, sheet) in sheets.sheets.iter().enumerate() {
        out.push_str(&format!("--- sheet {}\n", number + 1));
        for mark in sheet {
            if let Mark::Text { line, .. } = mark {
                let line: String = line.spans.iter().map(|span| span.text.as_str()).collect();
                out.push_str(line.trim_end());
                out.push('\n');
            }
        }
    }
    out
}

fn sample_paper() -> WorkPaper {
    WorkPaper::from_parts(&sample::parts(), &sample::names())
}

#[test]
fn the_sample_reads_as_it_should() {
    insta::assert_snapshot!(text_of(&lay_out(&sample_paper())));
}

#[test]
fn the_same_paper_gives_the_same_bytes() {
    let first = file(&sample_paper()).unwrap();
    assert!(first.starts_with(b"%PDF-1.7"));
    assert!(first == file(&sample_paper()).unwrap(), "a clock or chance got in");
    let mut other = sample::parts();
    other.manifest.revision = 9;
    assert!(first != file(&WorkPaper::from_parts(&other, &sample::names())).unwrap());
}

/// Every word of the model stands in the PDF and on the page: the two cannot disagree.
#[test]
fn page_and_pdf_say_all_that_the_model_says() {
    let paper = sample_paper();
    let squeeze = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let pdf = squeeze(&text_of(&lay_out(&paper)));
    let page = crate::html::page(&paper, &crate::html::Downloads::default()).html;
    let page = page.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let page = squeeze(&page);
    let mut strings = Vec::new();
    strings_of(&serde_json::from_slice(&paper.to_json().unwrap()).unwrap(), "", &mut strings);
    assert!(strings.len() > 300, "{}", strings.len());
    for (path, text) in strings {
        // Cells are set line by line, so a text that is broken between cells' lines is looked up by its words.
        let found = |whole: &str| text.split_whitespace().all(|word| whole.contains(&squeeze(word)));
        assert!(
            page.contains(&squeeze(&text)) || path.ends_with("At") || path.ends_with("Time"),
            "page lacks {path}: {text}"
        );
        assert!(found(&pdf) || path.ends_with("At") || path.ends_with("Time"), "PDF lacks {path}: {text}");
    }
}

/// Texts for readers; ids for programs stand elsewhere in words.
fn strings_of(value: &Value, path: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => out.push((path.to_owned(), text.clone())),
        Value::Array(list) => list.iter().for_each(|value| strings_of(value, path, out)),
        Value::Object(map) => {
            for (key, value) in map {
                let for_programs = ["documentType", "code", "result", "state", "link", "time", "footer"];
                if !for_programs.contains(&key.as_str()) {
                    strings_of(value, &format!("{path}.{key}"), out);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn what_the_fonts_lack_stands_as_its_code() {
    let paper = WorkPaper::from_parts(&sample::hostile(), &sample::names_of("Zoë Łukasiewicz", "Ёлка Σίσυφος"));
    let text = text_of(&lay_out(&paper));
    let squeezed: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    assert!(squeezed.contains("⟨U+05E9⟩⟨U+05DC⟩"), "Hebrew is shown as codes");
    assert!(
        squeezed.contains("ZoëŁukasiewicz") && squeezed.contains("ЁлкаΣίσυφος"),
        "the scripts of the fonts are drawn"
    );
    assert_eq!(text.chars().find(|c| c.is_control() && *c != '\n'), None);
    assert!(file(&paper).is_ok());
}

#[test]
fn no_line_leaves_the_sheet() {
    let mut parts = sample::hostile();
    let long = "x".repeat(200);
    parts.manifest.entity = clyra_evidence::text::UntrustedText::new(&long);
    let sheets = lay_out(&WorkPaper::from_parts(&parts, &sample::names_of(&long, "W W W")));
    for sheet in &sheets.sheets {
        for mark in sheet {
            if let Mark::Text { x, y, line, .. } = mark {
                let end = line.spans.last().map_or(0.0, |span| x + span.x + span.width);
                // A space at the end of a line may stand beyond the margin.
                assert!(
                    end < super::flow::SHEET_WIDTH - 30.0 && *y < super::flow::SHEET_HEIGHT - 40.0,
                    "{end} {y} {line:?}"
                );
            }
        }
    }
}

#[test]
fn no_banned_word_stands_in_the_pdf() {
    for names in [Names::none(), sample::names()] {
        let paper = WorkPaper::from_parts(&sample::parts(), &names);
        assert_eq!(words::banned_in(&text_of(&lay_out(&paper))), [] as [&str; 0]);
    }
}

#[test]
fn a_paper_without_anything_is_drawn_too() {
    let mut parts = sample::parts();
    parts.receipts.clear();
    parts.facts = clyra_evidence::fact::Facts::new();
    parts.delta = None;
    parts.tested = None;
    parts.attestation.controls.clear();
    assert!(file(&WorkPaper::from_parts(&parts, &Names::none())).is_ok());
}

#[test]
fn thousands_of_changed_resources_stay_a_paper() {
    let mut parts = sample::parts();
    let delta = parts.delta.as_mut().unwrap();
    let node = delta.nodes[0].clone();
    delta.nodes = (0..5_000)
        .map(|i| {
            let mut node = node.clone();
            node.unique_id = clyra_evidence::text::UntrustedText::new(&format!("model.finance_core.m{i}"));
            node
        })
        .collect();
    let paper = WorkPaper::from_parts(&parts, &sample::names());
    assert_eq!(paper.changed.rows.len(), crate::compose::ROWS_MAX);
    assert_eq!(paper.changed.omitted, 5_001 - crate::compose::ROWS_MAX as u64);
    assert!(file(&paper).unwrap().len() < 2_000_000);
}

#[test]
fn thousands_of_changed_models_and_tests_stay_a_paper() {
    let mut parts = sample::parts();
    let tested = parts.tested.as_mut().unwrap();
    let mut node = tested.changed_nodes.as_ref().unwrap()[0].clone();
    let test = node.tests[1].clone();
    node.tests = vec![test; 1_000];
    tested.changed_nodes = Some(vec![node; 5_000]);
    tested.code.as_mut().unwrap().differing =
        vec![clyra_evidence::text::UntrustedText::new("model.finance_core.m"); 5_000];
    let paper = WorkPaper::from_parts(&parts, &sample::names());
    let shown = paper.tested.as_ref().unwrap();
    assert_eq!((shown.rows.len(), shown.omitted), (crate::compose::ROWS_MAX, 5_000 - crate::compose::ROWS_MAX as u64));
    assert!(shown.rows[0].tests.as_str().ends_with(" and 995 more"), "{}", shown.rows[0].tests);
    assert!(shown.notes[0].as_str().contains("is not that of the manifest") && shown.notes[0].as_str().len() < 300);
    assert!(file(&paper).unwrap().len() < 2_000_000);
}
