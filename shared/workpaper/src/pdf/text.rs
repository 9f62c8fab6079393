//! Measuring text: faces, glyphs, and the break of runs into lines.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Face as Shaper, Script, ShapePlan, UnicodeBuffer};

/// A face of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Face {
    /// Text.
    Regular,
    /// What stands out.
    Strong,
    /// Digests, commands, ids.
    Mono,
}

const FACES: [(Face, &[u8]); 3] = [
    (Face::Regular, include_bytes!("../../fonts/Inter-Regular.ttf")),
    (Face::Strong, include_bytes!("../../fonts/Inter-SemiBold.ttf")),
    (Face::Mono, include_bytes!("../../fonts/NotoSansMono-Regular.ttf")),
];

/// How a run looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Style {
    pub(super) face: Face,
    /// In points.
    pub(super) size: f32,
    pub(super) ink: Ink,
}

/// The inks of the paper: few, and never the only carrier of a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Black,
    Soft,
    Exception,
    NotTested,
    Clear,
    Link,
}

/// A run of text in one style, before it is broken into lines.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) text: String,
    pub(super) style: Style,
    pub(super) link: Option<String>,
}

/// A piece of a line in one face: what is drawn in one go.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) x: f32,
    pub(super) width: f32,
    pub(super) text: String,
    pub(super) style: Style,
    pub(super) link: Option<String>,
}

/// A line of spans.
#[derive(Clone, Debug, Default)]
pub(super) struct Line {
    pub(super) spans: Vec<Span>,
    /// Distance to the next baseline.
    pub(super) height: f32,
}

/// The embedded faces.
pub(super) struct Fonts {
    faces: Vec<Loaded>,
    /// Plans are by far the dearest part of shaping.
    plans: RefCell<HashMap<(Face, Script), Rc<ShapePlan>>>,
    /// Widths of words in fractions of the size: the words of a paper repeat.
    widths: RefCell<HashMap<(Face, String), f32>>,
    missing: RefCell<HashMap<(Face, char), bool>>,
}

struct Loaded {
    face: Face,
    font: Font,
    shaper: Shaper<'static>,
    units_per_em: f32,
}

impl Fonts {
    /// The faces that this build carries.
    pub(super) fn embedded() -> Self {
        let load = |(face, bytes): (Face, &'static [u8])| {
            #[expect(
                clippy::expect_used,
                reason = "invariant: the fonts are part of the build and tests draw with them"
            )]
            let (font, shaper) =
                Font::new(bytes.into(), 0).zip(Shaper::from_slice(bytes, 0)).expect("an embedded font can be read");
            let units_per_em = shaper.units_per_em() as f32;
            Loaded { face, font, shaper, units_per_em }
        };
        Self {
            faces: FACES.into_iter().map(load).collect(),
            plans: RefCell::default(),
            widths: RefCell::default(),
            missing: RefCell::default(),
        }
    }

    fn loaded(&self, face: Face) -> &Loaded {
        // All faces are loaded in the order of FACES.
        &self.faces[face as usize]
    }

    /// The font to draw with.
    pub(super) fn font(&self, face: Face) -> Font {
        let loaded = self.loaded(face);
        debug_assert_eq!(loaded.face, face, "faces are loaded in order");
        loaded.font.clone()
    }

    /// The glyphs of `text`, positions in fractions of the size.
    pub(super) fn shape(&self, face: Face, text: &str) -> Vec<KrillaGlyph> {
        let loaded = self.loaded(face);
        let mut buffer = UnicodeBuffer::new();
        buffer.push_str(text);
        // Shown text holds no bidirectional controls, and the faces hold left-to-right scripts only.
        buffer.set_direction(rustybuzz::Direction::LeftToRight);
        buffer.guess_segment_properties();
        let plan = self.plan(face, buffer.script());
        let shaped = rustybuzz::shape_with_plan(&loaded.shaper, &plan, buffer);
        let scale = |units: i32| units as f32 / loaded.units_per_em;
        let (infos, positions) = (shaped.glyph_infos(), shaped.glyph_positions());
        let mut glyphs = Vec::with_capacity(infos.len());
        for (i, (info, position)) in infos.iter().zip(positions).enumerate() {
            let start = info.cluster as usize;
            let next = infos[i + 1..].iter().map(|info| info.cluster as usize).find(|cluster| *cluster > start);
            let range: Range<usize> = start..next.unwrap_or(text.len());
            glyphs.push(KrillaGlyph::new(
                GlyphId::new(info.glyph_id),
                scale(position.x_advance),
                scale(position.x_offset),
                scale(position.y_offset),
                scale(position.y_advance),
                range,
                None,
            ));
        }
        glyphs
    }

    fn plan(&self, face: Face, script: Script) -> Rc<ShapePlan> {
        let mut plans = self.plans.borrow_mut();
        let make = || {
            let shaper = &self.loaded(face).shaper;
            Rc::new(ShapePlan::new(shaper, rustybuzz::Direction::LeftToRight, Some(script), None, &[]))
        };
        Rc::clone(plans.entry((face, script)).or_insert_with(make))
    }

    /// The width of `text`, in points.
    pub(super) fn width(&self, style: Style, text: &str) -> f32 {
        let key = (style.face, text.to_owned());
        if let Some(width) = self.widths.borrow().get(&key) {
            return width * style.size;
        }
        let width: f32 = self.shape(style.face, text).iter().map(|glyph| glyph.x_advance).sum();
        self.widths.borrow_mut().insert(key, width);
        width * style.size
    }

    fn lacks(&self, face: Face, c: char) -> bool {
        if c.is_ascii_graphic() || c == ' ' {
            return false;
        }
        *self.missing.borrow_mut().entry((face, c)).or_insert_with(|| {
            let mut text = [0; 4];
            self.shape(face, c.encode_utf8(&mut text)).iter().any(|glyph| glyph.glyph_id == GlyphId::new(0))
        })
    }

    /// `run` in pieces that their faces can draw: what the run's own face lacks is taken from the monospaced one, and
    /// what both lack stands as its code.
    fn drawable(&self, run: &Run) -> Vec<Run> {
        let mut pieces: Vec<Run> = Vec::new();
        for c in run.text.chars() {
            let (face, text) = match (self.lacks(run.style.face, c), self.lacks(Face::Mono, c)) {
                (false, _) => (run.style.face, c.to_string()),
                (true, false) => (Face::Mono, c.to_string()),
                (true, true) => (Face::Mono, format!("⟨U+{:04X}⟩", u32::from(c))),
            };
            match pieces.last_mut() {
                Some(last) if last.style.face == face => last.text.push_str(&text),
                _ => pieces.push(Run { text, style: Style { face, ..run.style }, link: run.link.clone() }),
            }
        }
        pieces
    }

    /// Breaks runs into lines of at most `width` points: at spaces, after punctuation inside long names, and anywhere
    /// in what is still longer than a line.
    pub(super) fn lines(&self, runs: &[Run], width: f32, leading: f32) -> Vec<Line> {
        let mut breaker = Breaker { fonts: self, width, leading, lines: Vec::new(), line: Line::default(), x: 0.0 };
        for run in runs.iter().flat_map(|run| self.drawable(run)) {
            for word in words(&run.text) {
                breaker.word(&run, word);
            }
        }
        breaker.finish()
    }
}

struct Breaker<'a> {
    fonts: &'a Fonts,
    width: f32,
    leading: f32,
    lines: Vec<Line>,
    line: Line,
    x: f32,
}

impl Breaker<'_> {
    fn word(&mut self, run: &Run, word: &str) {
        let visible = self.fonts.width(run.style, word.trim_end());
        if self.x + visible > self.width && self.x > 0.0 {
            self.end_line();
        }
        if visible <= self.width {
            self.push(run, word);
            return;
        }
        let mut rest = word;
        while !rest.is_empty() {
            let (mut end, mut x) = (0, self.x);
            for (i, c) in rest.char_indices() {
                let next = i + c.len_utf8();
                // Letter by letter: without kerning, which only ever makes a line shorter by a hair.
                x += self.fonts.width(run.style, &rest[i..next]);
                if end > 0 && x > self.width {
                    break;
                }
                end = next;
            }
            let (now, later) = rest.split_at(end);
            self.push(run, now);
            if !later.is_empty() {
                self.end_line();
            }
            rest = later;
        }
    }

    fn push(&mut self, run: &Run, text: &str) {
        let text = if self.x == 0.0 { text.trim_start_matches(' ') } else { text };
        if text.is_empty() {
            return;
        }
        self.line.height = self.line.height.max(run.style.size * self.leading);
        match self.line.spans.last_mut() {
            Some(last) if last.style == run.style && last.link == run.link => {
                last.text.push_str(text);
                last.width += self.fonts.width(run.style, text);
                self.x = last.x + last.width;
            }
            _ => {
                let width = self.fonts.width(run.style, text);
                let span = Span { x: self.x, width, text: text.to_owned(), style: run.style, link: run.link.clone() };
                self.line.spans.push(span);
                self.x += width;
            }
        }
    }

    fn end_line(&mut self) {
        // The space at the end stays: it keeps words apart for whoever copies or hears the text.
        self.lines.push(std::mem::take(&mut self.line));
        self.x = 0.0;
    }

    fn finish(mut self) -> Vec<Line> {
        if !self.line.spans.is_empty() {
            self.end_line();
        }
        self.lines
    }
}

/// Words with the spaces that follow them; long names also break after `_`, `.`, `/`, `-`, `:` and `,`.
fn words(text: &str) -> Vec<&str> {
    const NAME_BYTES_UNBROKEN: usize = 14;
    let mut words = Vec::new();
    for word in text.split_inclusive(' ') {
        if word.len() <= NAME_BYTES_UNBROKEN {
            words.push(word);
            continue;
        }
        let mut start = 0;
        for (i, c) in word.char_indices() {
            let end = i + c.len_utf8();
            if matches!(c, '_' | '.' | '/' | '-' | ':' | ',') && end - start > 3 && word.len() - end > 2 {
                words.push(&word[start..end]);
                start = end;
            }
        }
        words.push(&word[start..]);
    }
    words
}
