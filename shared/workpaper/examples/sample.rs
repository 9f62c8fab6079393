//! Writes `sample.html` and `sample.pdf` into the folder that is named, or the current one.
#![expect(clippy::unwrap_used, reason = "the sample is made of constants")]

#[path = "../src/sample.rs"]
mod sample;

use std::path::PathBuf;

use clyra_workpaper::html::{self, Downloads};
use clyra_workpaper::{Names, WorkPaper, pdf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| ".".to_owned()));
    let paper = WorkPaper::from_parts(&sample::parts(), &sample::names());
    let downloads = Downloads {
        pdf: Some("sample.pdf".to_owned()),
        json: Some("sample.json".to_owned()),
        bundle: Some(paper.appendix.file_name.clone()),
        trust: None,
        documents: Some("/documents".to_owned()),
    };
    std::fs::write(folder.join("sample.html"), html::page(&paper, &downloads).html)?;
    std::fs::write(folder.join("sample.json"), paper.to_json()?)?;
    std::fs::write(folder.join("sample.pdf"), pdf::file(&paper)?)?;
    let mut sealed = sample::parts();
    sealed.sealed = None;
    sealed.around = clyra_workpaper::parts::Around::default();
    sealed.integrity = clyra_workpaper::parts::IntegrityOutcome::NotChecked;
    std::fs::write(folder.join("sealed.pdf"), pdf::file(&WorkPaper::from_parts(&sealed, &Names::none()))?)?;
    let hostile =
        WorkPaper::from_parts(&sample::hostile(), &sample::names_of("<b>Eve</b>\u{202e}", "=cmd|' /C calc'!A0"));
    std::fs::write(folder.join("hostile.pdf"), pdf::file(&hostile)?)?;
    std::fs::write(folder.join("hostile.html"), html::page(&hostile, &Downloads::default()).html)?;
    Ok(())
}
