//! Blocks into sheets: where each line and rule stands, and which part of the document's structure it belongs to.

use super::text::{Fonts, Ink, Line, Run, Style};

/// A4, in points.
pub(super) const SHEET_WIDTH: f32 = 595.28;
/// A4, in points.
pub(super) const SHEET_HEIGHT: f32 = 841.89;
const MARGIN_LEFT: f32 = 45.0;
const MARGIN_TOP: f32 = 48.0;
const MARGIN_BOTTOM: f32 = 56.0;
/// The width between the margins.
pub(super) const WIDTH: f32 = SHEET_WIDTH - 2.0 * MARGIN_LEFT;
const LEADING: f32 = 1.42;
/// A heading is not left alone at the foot of a sheet: so much must fit below it.
const KEEP_WITH_HEADING: f32 = 140.0;
/// The same for a heading within a section.
const SUBHEADING_KEEP: f32 = 60.0;
/// A paragraph taller than this may be broken over sheets.
const PARAGRAPH_UNBROKEN_MAX: f32 = 90.0;
/// A row taller than this is broken over sheets instead of being moved as a whole.
const ROW_UNBROKEN_MAX: f32 = 220.0;

/// A node of the document's structure (PDF 1.7, section 14.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(usize);

/// What a node is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Section,
    Heading(u16, String),
    Paragraph,
    Table(String),
    Head,
    Body,
    Row,
    HeaderCell,
    RowHeaderCell(u32),
    Cell(u32),
}

/// One node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) children: Vec<NodeId>,
}

/// Something on a sheet.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    /// A line of text, from its left end and baseline.
    Text {
        x: f32,
        y: f32,
        line: Line,
        /// Absent for what only repeats.
        node: Option<NodeId>,
    },
    /// A line to look at.
    Rule { x: f32, y: f32, width: f32, weight: f32, strong: bool },
    /// A band behind text.
    Band { x: f32, y: f32, width: f32, height: f32 },
    /// A short vertical bar beside text.
    Bar { x: f32, y: f32, height: f32 },
}

/// A place that the outline names.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) title: String,
    pub(super) sheet: usize,
    pub(super) y: f32,
}

/// All sheets with their structure.
#[derive(Debug, Default)]
pub(super) struct Sheets {
    pub(super) sheets: Vec<Vec<Mark>>,
    pub(super) nodes: Vec<Node>,
    pub(super) roots: Vec<NodeId>,
    pub(super) outline: Vec<Place>,
}

/// A cell: paragraphs of runs, one below the other.
#[derive(Clone, Debug, Default)]
pub(super) struct CellText(pub(super) Vec<Vec<Run>>);

impl CellText {
    pub(super) fn one(runs: Vec<Run>) -> Self {
        Self(vec![runs])
    }
}

/// A row of a table.
#[derive(Clone, Debug)]
pub(super) struct RowText {
    pub(super) cells: Vec<CellText>,
    pub(super) look: RowLook,
}

/// How a row is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowLook {
    /// One cell per column.
    Plain,
    /// One cell per column, without a rule below: the next row belongs to it.
    Joined,
    /// One cell over all columns, on a band: the head of a group.
    Group,
    /// One cell over all columns but the first.
    Wide,
}

/// Fills sheets from top to bottom.
pub(super) struct Flow<'a> {
    fonts: &'a Fonts,
    out: Sheets,
    y: f32,
    section: Option<NodeId>,
}

impl<'a> Flow<'a> {
    pub(super) fn new(fonts: &'a Fonts) -> Self {
        let out = Sheets { sheets: vec![Vec::new()], ..Sheets::default() };
        Self { fonts, out, y: MARGIN_TOP, section: None }
    }

    pub(super) fn finish(self) -> Sheets {
        self.out
    }

    pub(super) fn space(&mut self, points: f32) {
        self.y += points;
    }

    fn bottom() -> f32 {
        SHEET_HEIGHT - MARGIN_BOTTOM
    }

    fn break_sheet(&mut self) {
        self.out.sheets.push(Vec::new());
        self.y = MARGIN_TOP;
    }

    /// Makes room for `points`, on a new sheet if need be.
    pub(super) fn room(&mut self, points: f32) {
        if self.y + points > Self::bottom() {
            self.break_sheet();
        }
    }

    pub(super) fn mark(&mut self, mark: Mark) {
        // There is always a last sheet.
        if let Some(sheet) = self.out.sheets.last_mut() {
            sheet.push(mark);
        }
    }

    fn node(&mut self, kind: Kind, parent: Option<NodeId>) -> NodeId {
        let id = NodeId(self.out.nodes.len());
        self.out.nodes.push(Node { kind, children: Vec::new() });
        match parent {
            Some(NodeId(parent)) => self.out.nodes[parent].children.push(id),
            None => self.out.roots.push(id),
        }
        id
    }

    pub(super) fn rule(&mut self, weight: f32, strong: bool) {
        let y = self.y;
        self.mark(Mark::Rule { x: MARGIN_LEFT, y, width: WIDTH, weight, strong });
    }

    /// Begins a section: a rule, a number and a title, in the outline.
    pub(super) fn section(&mut self, number: &str, title: &str, number_style: Style, title_style: Style) {
        self.space(17.0);
        self.room(KEEP_WITH_HEADING);
        self.rule(0.9, true);
        self.space(6.0);
        let section = self.node(Kind::Section, None);
        self.section = Some(section);
        let (sheet, y) = (self.out.sheets.len() - 1, self.y);
        self.out.outline.push(Place { title: format!("{number}  {title}"), sheet, y });
        let node = self.node(Kind::Heading(2, title.to_owned()), self.section);
        let run = |text: &str, style| Run { text: text.to_owned(), style, link: None };
        self.line_at(MARGIN_LEFT, &[run(&format!("{number} "), number_style)], 22.0, Some(node));
        let height = self.line_at(MARGIN_LEFT + 22.0, &[run(title, title_style)], WIDTH - 22.0, Some(node));
        self.space(height + 3.0);
    }

    /// The title of the document.
    pub(super) fn title(&mut self, runs: &[Run], text: &str) {
        let node = self.node(Kind::Heading(1, text.to_owned()), None);
        self.set_lines(runs, MARGIN_LEFT, WIDTH, node);
    }

    /// A heading within a section, with a bar beside it.
    pub(super) fn subheading(&mut self, runs: &[Run], text: &str) {
        self.room(SUBHEADING_KEEP);
        let top = self.y;
        let node = self.node(Kind::Heading(3, text.to_owned()), self.section);
        self.set_lines(runs, MARGIN_LEFT + 9.0, WIDTH - 9.0, node);
        let height = self.y - top;
        if height > 0.0 {
            self.mark(Mark::Bar { x: MARGIN_LEFT, y: top, height });
        }
    }

    pub(super) fn paragraph(&mut self, runs: &[Run], indent: f32) {
        let node = self.node(Kind::Paragraph, self.section);
        self.set_lines(runs, MARGIN_LEFT + indent, WIDTH - indent, node);
        self.space(2.5);
    }

    /// A paragraph on a band: a command to copy.
    pub(super) fn banded(&mut self, runs: &[Run]) {
        let node = self.node(Kind::Paragraph, self.section);
        let lines = self.fonts.lines(runs, WIDTH - 16.0, LEADING);
        let height: f32 = lines.iter().map(|line| line.height).sum::<f32>() + 9.0;
        self.room(height);
        let y = self.y;
        self.mark(Mark::Band { x: MARGIN_LEFT, y, width: WIDTH, height });
        self.space(4.5);
        for line in lines {
            self.put_line(MARGIN_LEFT + 8.0, line, Some(node));
        }
        self.space(4.5 + 4.0);
    }

    fn set_lines(&mut self, runs: &[Run], x: f32, width: f32, node: NodeId) {
        let lines = self.fonts.lines(runs, width, LEADING);
        let height: f32 = lines.iter().map(|line| line.height).sum();
        if height < PARAGRAPH_UNBROKEN_MAX {
            self.room(height);
        }
        for line in lines {
            self.room(line.height);
            self.put_line(x, line, Some(node));
        }
    }

    fn put_line(&mut self, x: f32, line: Line, node: Option<NodeId>) {
        let height = line.height;
        let y = self.y + baseline(height);
        self.mark(Mark::Text { x, y, line, node });
        self.y += height;
    }

    /// Sets runs at the current height without moving on; gives the height.
    fn line_at(&mut self, x: f32, runs: &[Run], width: f32, node: Option<NodeId>) -> f32 {
        let top = self.y;
        for line in self.fonts.lines(runs, width, LEADING) {
            self.put_line(x, line, node);
        }
        let height = self.y - top;
        self.y = top;
        height
    }

    /// Terms with their definitions in `columns` columns, read row by row.
    pub(super) fn grid(&mut self, columns: usize, items: &[(Run, Vec<Run>)]) {
        const GAP: f32 = 14.0;
        let width = (WIDTH - GAP * (columns as f32 - 1.0)) / columns as f32;
        for row in items.chunks(columns) {
            let set: Vec<_> = row
                .iter()
                .map(|(term, definition)| {
                    let mut lines = self.fonts.lines(std::slice::from_ref(term), width, LEADING);
                    lines.extend(self.fonts.lines(definition, width, LEADING));
                    lines
                })
                .collect();
            let height = set.iter().map(|lines| lines.iter().map(|l| l.height).sum::<f32>()).fold(0.0, f32::max);
            self.room(height);
            let top = self.y;
            for (i, lines) in set.into_iter().enumerate() {
                let node = self.node(Kind::Paragraph, self.section);
                self.y = top;
                for line in lines {
                    self.put_line(MARGIN_LEFT + i as f32 * (width + GAP), line, Some(node));
                }
            }
            self.y = top + height + 5.0;
        }
    }

    /// Big figures in a row between two rules.
    pub(super) fn figures(&mut self, figures: &[(Run, Run)]) {
        self.rule(0.4, false);
        self.space(7.0);
        let width = WIDTH / figures.len() as f32;
        let mut height: f32 = 0.0;
        for (i, (number, label)) in figures.iter().enumerate() {
            let x = MARGIN_LEFT + i as f32 * width;
            let node = self.node(Kind::Paragraph, self.section);
            let of_number = self.line_at(x, std::slice::from_ref(number), width, Some(node));
            self.y += of_number;
            let of_label = self.line_at(x, std::slice::from_ref(label), width, Some(node));
            self.y -= of_number;
            height = height.max(of_number + of_label);
        }
        self.space(height + 7.0);
        self.rule(0.4, false);
        self.space(8.0);
    }

    /// Boxes to be filled in by hand.
    pub(super) fn blanks(&mut self, labels: &[(&str, f32)], height: f32, style: Style) {
        self.room(height + 18.0);
        let mut x = MARGIN_LEFT;
        let y = self.y;
        for (label, share) in labels {
            let node = self.node(Kind::Paragraph, self.section);
            let run = Run { text: (*label).to_owned(), style, link: None };
            self.line_at(x, &[run], WIDTH * share, Some(node));
            self.mark(Mark::Rule { x, y: y + height, width: WIDTH * share - 10.0, weight: 0.5, strong: true });
            x += WIDTH * share;
        }
        self.space(height + 9.0);
    }

    /// A table. `shares` are the widths of the columns; the header is repeated on every sheet.
    pub(super) fn table(&mut self, summary: &str, shares: &[f32], header: &[Run], rows: Vec<RowText>) {
        let total: f32 = shares.iter().sum();
        let columns: Vec<f32> = shares.iter().map(|share| WIDTH * share / total).collect();
        let table = self.node(Kind::Table(summary.to_owned()), self.section);
        let head = self.node(Kind::Head, Some(table));
        let head_row = self.node(Kind::Row, Some(head));
        let cells: Vec<_> = header.iter().map(|_| self.node(Kind::HeaderCell, Some(head_row))).collect();
        self.room(80.0);
        self.table_head(&columns, header, Some(&cells));
        let body = self.node(Kind::Body, Some(table));
        for row in rows {
            self.table_row(&columns, header, body, row);
        }
        self.space(4.0);
    }

    /// Without `cells` the head only repeats what is on an earlier sheet.
    fn table_head(&mut self, columns: &[f32], header: &[Run], cells: Option<&[NodeId]>) {
        let mut x = MARGIN_LEFT;
        let mut height: f32 = 0.0;
        for (i, (width, run)) in columns.iter().zip(header).enumerate() {
            let cell = cells.and_then(|cells| cells.get(i)).copied();
            height = height.max(self.line_at(x, std::slice::from_ref(run), width - GUTTER, cell));
            x += width;
        }
        self.space(height + 2.0);
        self.rule(0.5, true);
        self.space(2.0);
    }

    fn table_row(&mut self, columns: &[f32], header: &[Run], body: NodeId, row: RowText) {
        let node = self.node(Kind::Row, Some(body));
        let span = u32::try_from(columns.len()).unwrap_or(u32::MAX);
        let places: Vec<(f32, f32, Kind)> = match row.look {
            RowLook::Group => vec![(MARGIN_LEFT + 5.0, WIDTH - 10.0, Kind::RowHeaderCell(span))],
            RowLook::Wide => {
                let first = columns.first().copied().unwrap_or_default();
                vec![(MARGIN_LEFT + first, WIDTH - first, Kind::Cell(span))]
            }
            RowLook::Plain | RowLook::Joined => {
                let mut x = MARGIN_LEFT;
                let mut places = Vec::new();
                for width in columns {
                    places.push((x, width - GUTTER, Kind::Cell(1)));
                    x += width;
                }
                places
            }
        };
        let mut cells: Vec<SetCell> = Vec::new();
        for ((x, width, kind), text) in places.into_iter().zip(&row.cells) {
            let node = self.node(kind, Some(node));
            let lines = text.0.iter().flat_map(|runs| self.fonts.lines(runs, width, LEADING)).collect();
            cells.push(SetCell { x, lines, node });
        }
        let height = cells.iter().map(SetCell::height).fold(0.0, f32::max);
        let extra = if row.look == RowLook::Group { 46.0 } else { 0.0 };
        let padded = height + 2.0 * ROW_PADDING;
        if self.y + padded + extra > Self::bottom() && padded < ROW_UNBROKEN_MAX {
            self.break_sheet();
            self.table_head(columns, header, None);
        }
        if row.look == RowLook::Group {
            let y = self.y;
            self.mark(Mark::Band { x: MARGIN_LEFT, y, width: WIDTH, height: padded });
        }
        self.space(ROW_PADDING);
        self.row_lines(columns, header, cells);
        self.space(ROW_PADDING);
        if !matches!(row.look, RowLook::Joined) {
            self.rule(0.35, false);
        }
    }

    /// Sets the lines of a row, over several sheets if it is that long.
    fn row_lines(&mut self, columns: &[f32], header: &[Run], mut cells: Vec<SetCell>) {
        loop {
            let top = self.y;
            let mut lowest = top;
            let mut left_over = false;
            for cell in &mut cells {
                self.y = top;
                while let Some(line) = cell.lines.first() {
                    // A line that fits on no sheet is set anyway: there is none, as sizes are small.
                    if self.y + line.height > Self::bottom() && self.y > MARGIN_TOP + 40.0 {
                        left_over = true;
                        break;
                    }
                    let line = cell.lines.remove(0);
                    self.put_line(cell.x, line, Some(cell.node));
                }
                lowest = lowest.max(self.y);
            }
            self.y = lowest;
            if !left_over {
                return;
            }
            self.break_sheet();
            self.table_head(columns, header, None);
        }
    }
}

/// Space between columns, in points.
const GUTTER: f32 = 9.0;
/// Space above and below the text of a row, in points.
const ROW_PADDING: f32 = 3.4;

struct SetCell {
    x: f32,
    lines: Vec<Line>,
    node: NodeId,
}

impl SetCell {
    fn height(&self) -> f32 {
        self.lines.iter().map(|line| line.height).sum()
    }
}

/// Where the baseline stands in a line of `height`.
fn baseline(height: f32) -> f32 {
    height / LEADING * 1.09
}

impl NodeId {
    /// The place in [`Sheets::nodes`].
    pub(super) const fn index(self) -> usize {
        self.0
    }
}

/// The margins, for what stands outside the flow.
pub(super) const fn left() -> f32 {
    MARGIN_LEFT
}

/// A style of the sheet's foot.
pub(super) const fn foot(face: super::text::Face) -> Style {
    Style { face, size: 6.3, ink: Ink::Soft }
}
