//! The badge as shields.io draws it.

use shields::{BadgeParams, BadgeStyle, render_badge_svg};

use crate::state::{State, label};

/// The SVG. `style` as in shields.io's query; what it does not know is drawn flat, as there. Everything in it is ours: no
/// text of a request or of a project reaches the drawing.
pub(crate) fn svg(framework: &str, state: State, style: Option<&str>) -> String {
    let style = match style {
        Some("flat-square") => BadgeStyle::FlatSquare,
        Some("for-the-badge") => BadgeStyle::ForTheBadge,
        _ => BadgeStyle::Flat,
    };
    let (label, message) = (label(framework), state.message());
    let params =
        BadgeParams { style, message_color: Some(state.color().as_str()), ..BadgeParams::new(&label, &message) };
    render_badge_svg(&params)
}
