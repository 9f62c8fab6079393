//! The work paper as a PDF: A4, tagged, with its fonts embedded; the same paper gives the same bytes.
//!
//! `paper` says what stands where, `flow` breaks it into lines and sheets, `text` measures, `draw` writes the file.

mod draw;
mod flow;
mod paper;
mod tested;
mod text;

use crate::model::WorkPaper;

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// The writer refused: a fault in this crate, never of the paper's content.
    #[error("the PDF could not be written: {0}")]
    Refused(String),
}

/// Draws the paper.
///
/// # Errors
/// When the PDF writer refuses its own archival profile.
pub fn file(paper: &WorkPaper) -> Result<Vec<u8>, PdfError> {
    let fonts = text::Fonts::embedded();
    let sheets = paper::lay_out(paper, &fonts);
    draw::write(paper, &sheets, &fonts)
}

#[cfg(test)]
mod tests;
