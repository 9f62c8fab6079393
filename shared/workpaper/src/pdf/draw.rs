//! Sheets to bytes: glyphs, rules, tags, outline and metadata. No clock and no chance: dates are the paper's own.

use std::collections::BTreeMap;
use std::num::{NonZeroU16, NonZeroU32};

use krilla::Document;
use krilla::SerializeSettings;
use krilla::action::{Action, LinkAction};
use krilla::annotation::{Annotation, LinkAnnotation, Target};
use krilla::color::rgb;
use krilla::configure::ConfigurationBuilder;
use krilla::configure::validate::{Accessibility, Archival};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, SpanTag, TableHeaderScope, Tag, TagGroup, TagKind, TagTree,
};

use super::PdfError;
use super::flow::{self, Kind, Mark, NodeId, SHEET_HEIGHT, SHEET_WIDTH, Sheets, WIDTH};
use super::text::{Face, Fonts, Ink, Line, Span, Style};
use crate::model::WorkPaper;
use crate::words;

/// Writes the file, as PDF/A-2a (ISO 19005-2) with the tagging of PDF/UA-1 (ISO 14289-1).
pub(super) fn write(paper: &WorkPaper, sheets: &Sheets, fonts: &Fonts) -> Result<Vec<u8>, PdfError> {
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|e| PdfError::Refused(format!("{e:?}")))?;
    let mut document = Document::new_with(SerializeSettings { configuration, ..SerializeSettings::default() });
    let mut tagged = Tagged::default();
    for (index, marks) in sheets.sheets.iter().enumerate() {
        let settings = PageSettings::from_wh(SHEET_WIDTH, SHEET_HEIGHT)
            .ok_or_else(|| PdfError::Refused("a sheet has no size".to_owned()))?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        let mut links = Vec::new();
        for mark in marks {
            draw(&mut surface, mark, fonts, &mut tagged, &mut links);
        }
        footer(&mut surface, paper, index + 1, sheets.sheets.len(), fonts);
        surface.finish();
        for link in links {
            let action = Target::Action(Action::Link(LinkAction::new(link.uri.clone())));
            let annotation = Annotation::new_link(LinkAnnotation::new(link.rect, action), Some(link.uri));
            let annotation = page.add_tagged_annotation(annotation);
            let mut group = TagGroup::new(Tag::Link);
            group.push(link.content);
            group.push(annotation);
            tagged.push(link.node, Leaf::Group(group));
        }
        page.finish();
    }
    document.set_tag_tree(tagged.tree(sheets));
    document.set_outline(outline(sheets));
    document.set_metadata(metadata(paper));
    document.finish().map_err(|e| PdfError::Refused(format!("{e:?}")))
}

enum Leaf {
    Content(Identifier),
    Group(TagGroup),
}

/// What was drawn for each node.
#[derive(Default)]
struct Tagged(BTreeMap<NodeId, Vec<Leaf>>);

struct Link {
    rect: Rect,
    uri: String,
    content: Identifier,
    node: NodeId,
}

impl Tagged {
    fn push(&mut self, node: NodeId, leaf: Leaf) {
        self.0.entry(node).or_default().push(leaf);
    }

    fn tree(mut self, sheets: &Sheets) -> TagTree {
        let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
        for root in &sheets.roots {
            tree.push(self.group(*root, sheets));
        }
        tree
    }

    fn group(&mut self, id: NodeId, sheets: &Sheets) -> TagGroup {
        let node = &sheets.nodes[id.index()];
        let mut group = TagGroup::new(tag(&node.kind));
        let leaves = self.0.remove(&id).unwrap_or_default();
        // Cells hold paragraphs; a heading and a paragraph hold their text.
        for leaf in leaves {
            match leaf {
                Leaf::Content(identifier) => group.push(identifier),
                Leaf::Group(inner) => group.push(inner),
            }
        }
        for child in &node.children {
            group.push(self.group(*child, sheets));
        }
        group
    }
}

fn tag(kind: &Kind) -> TagKind {
    match kind {
        Kind::Section => Tag::Section.into(),
        Kind::Heading(level, title) => {
            Tag::Hn(NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN), Some(title.clone())).into()
        }
        Kind::Paragraph => Tag::P.into(),
        Kind::Table(summary) => Tag::Table.with_summary(Some(summary.clone())).into(),
        Kind::Head => Tag::THead.into(),
        Kind::Body => Tag::TBody.into(),
        Kind::Row => Tag::TR.into(),
        Kind::HeaderCell => Tag::TH(TableHeaderScope::Column).into(),
        Kind::RowHeaderCell(span) => Tag::TH(TableHeaderScope::Row).with_col_span(NonZeroU32::new(*span)).into(),
        Kind::Cell(span) => Tag::TD.with_col_span(NonZeroU32::new(*span).filter(|span| span.get() > 1)).into(),
    }
}

fn draw(surface: &mut Surface<'_>, mark: &Mark, fonts: &Fonts, tagged: &mut Tagged, links: &mut Vec<Link>) {
    match mark {
        Mark::Text { x, y, line, node } => text(surface, *x, *y, line, *node, fonts, tagged, links),
        Mark::Rule { x, y, width, weight, strong } => {
            let ink = if *strong { rgb::Color::new(70, 72, 74) } else { rgb::Color::new(206, 203, 195) };
            rectangle(surface, (*x, *y, *width, *weight), ink);
        }
        Mark::Band { x, y, width, height } => {
            rectangle(surface, (*x, *y, *width, *height), rgb::Color::new(243, 241, 234));
        }
        Mark::Bar { x, y, height } => rectangle(surface, (*x, *y, 2.2, *height), color(Ink::Exception)),
    }
}

#[expect(clippy::too_many_arguments, reason = "where, what, and the three collections that drawing fills")]
fn text(
    surface: &mut Surface<'_>,
    x: f32,
    y: f32,
    line: &Line,
    node: Option<NodeId>,
    fonts: &Fonts,
    tagged: &mut Tagged,
    links: &mut Vec<Link>,
) {
    for span in &line.spans {
        let Some(node) = node else {
            surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::PaginationOther)));
            glyphs(surface, x + span.x, y, span, fonts);
            surface.end_tagged();
            continue;
        };
        let content = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
        glyphs(surface, x + span.x, y, span, fonts);
        surface.end_tagged();
        let size = span.style.size;
        let rect = Rect::from_xywh(x + span.x, y - size, span.width, size * 1.3);
        match span.link.clone().zip(rect) {
            Some((uri, rect)) => links.push(Link { rect, uri, content, node }),
            None => tagged.push(node, Leaf::Content(content)),
        }
    }
}

fn glyphs(surface: &mut Surface<'_>, x: f32, y: f32, span: &Span, fonts: &Fonts) {
    let Style { face, size, ink } = span.style;
    surface.set_fill(Some(Fill { paint: color(ink).into(), ..Fill::default() }));
    let glyphs = fonts.shape(face, &span.text);
    surface.draw_glyphs(Point::from_xy(x, y), &glyphs, fonts.font(face), &span.text, size, false);
}

fn rectangle(surface: &mut Surface<'_>, (x, y, width, height): (f32, f32, f32, f32), ink: rgb::Color) {
    let mut path = PathBuilder::new();
    let Some(rect) = Rect::from_xywh(x, y, width, height) else { return };
    path.push_rect(rect);
    let Some(path) = path.finish() else { return };
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout)));
    surface.set_fill(Some(Fill { paint: ink.into(), ..Fill::default() }));
    surface.draw_path(&path);
    surface.end_tagged();
}

/// Page x of y, digest and UTC time, on each sheet.
fn footer(surface: &mut Surface<'_>, paper: &WorkPaper, number: usize, of: usize, fonts: &Fonts) {
    let y = SHEET_HEIGHT - 30.0;
    rectangle(surface, (flow::left(), y - 13.0, WIDTH, 0.35), rgb::Color::new(206, 203, 195));
    let footer = &paper.footer;
    let label = format!("{} {}", footer.label, footer.sha256);
    let page = format!("{} · page {number} of {of}", words::time(footer.time));
    let right = flow::left() + WIDTH - fonts.width(flow::foot(Face::Regular), &page);
    surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Footer)));
    for (x, text, face) in [(flow::left(), label, Face::Mono), (right, page, Face::Regular)] {
        let span = Span { x: 0.0, width: 0.0, text, style: flow::foot(face), link: None };
        glyphs(surface, x, y, &span, fonts);
    }
    surface.end_tagged();
}

fn color(ink: Ink) -> rgb::Color {
    match ink {
        Ink::Black => rgb::Color::new(22, 26, 30),
        Ink::Soft => rgb::Color::new(84, 92, 100),
        Ink::Exception => rgb::Color::new(148, 30, 22),
        Ink::NotTested => rgb::Color::new(116, 76, 0),
        Ink::Clear => rgb::Color::new(40, 86, 62),
        Ink::Link => rgb::Color::new(29, 68, 116),
    }
}

fn outline(sheets: &Sheets) -> Outline {
    let mut outline = Outline::new();
    for place in &sheets.outline {
        let destination = XyzDestination::new(place.sheet, Point::from_xy(flow::left(), place.y - 8.0));
        outline.push_child(OutlineNode::new(place.title.clone(), destination));
    }
    outline
}

fn metadata(paper: &WorkPaper) -> Metadata {
    let header = &paper.header;
    let text = paper.footer.time.to_string();
    let number = |range: std::ops::Range<usize>| {
        text.get(range).and_then(|digits| digits.parse::<u16>().ok()).unwrap_or_default()
    };
    // A part of a date is at most two digits.
    let part = |range: std::ops::Range<usize>| u8::try_from(number(range)).unwrap_or_default();
    let date = DateTime::new(number(0..4))
        .month(part(5..7))
        .day(part(8..10))
        .hour(part(11..13))
        .minute(part(14..16))
        .second(part(17..19))
        .utc_offset_hour(0)
        .utc_offset_minute(0);
    Metadata::new()
        .title(format!("Work paper: {}", header.title))
        .description(format!("Change {}, revision {}", header.change_id, header.revision))
        .language("en".to_owned())
        .creator(header.tool.to_string())
        .creation_date(date)
        .document_id(format!("{}-{}", header.change_id, header.revision))
}
