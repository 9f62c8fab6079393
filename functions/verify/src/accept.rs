//! Which form of the work paper: by `?format=` for people, by Accept for programs (RFC 9110, section 12.5.1).

/// A form of the work paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Html,
    Pdf,
    Json,
}

/// In the order in which they are preferred where the caller does not care.
const FORMS: [(Form, &str, &str, &str); 3] = [
    (Form::Html, "html", "text", "html"),
    (Form::Pdf, "pdf", "application", "pdf"),
    (Form::Json, "json", "application", "json"),
];

/// Longest Accept header that is read, in bytes; browsers send about 150.
const ACCEPT_BYTES_MAX: usize = 2_000;

/// The form that was asked for; `None` when none of ours will do.
pub(crate) fn form(format: Option<&str>, accept: Option<&str>) -> Option<Form> {
    if let Some(format) = format {
        return FORMS.into_iter().find(|(_, name, ..)| *name == format).map(|(form, ..)| form);
    }
    let Some(accept) = accept.filter(|accept| !accept.trim().is_empty() && accept.len() <= ACCEPT_BYTES_MAX) else {
        return Some(Form::Html);
    };
    let mut best: Option<(u16, Form)> = None;
    for (form, _, kind, subtype) in FORMS {
        let quality = quality(accept, kind, subtype);
        if quality > best.map_or(0, |(best, _)| best) {
            best = Some((quality, form));
        }
    }
    best.map(|(_, form)| form)
}

/// The quality, in thousandths, of the most specific range that matches.
fn quality(accept: &str, kind: &str, subtype: &str) -> u16 {
    let mut found: Option<(u8, u16)> = None;
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let specificity = match parts.next().and_then(|range| range.split_once('/')) {
            Some((k, s)) if k.eq_ignore_ascii_case(kind) && s.eq_ignore_ascii_case(subtype) => 2,
            Some((k, "*")) if k.eq_ignore_ascii_case(kind) => 1,
            Some(("*", "*")) => 0,
            _ => continue,
        };
        let q = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let quality = q.map_or(1_000, thousandths);
        if found.is_none_or(|(known, _)| specificity > known) {
            found = Some((specificity, quality));
        }
    }
    found.map_or(0, |(_, quality)| quality)
}

/// `0.8` as 800; what is no quality counts as 0.
fn thousandths(text: &str) -> u16 {
    match text.parse::<f32>() {
        // The cast holds: the number lies between 0 and 1000.
        Ok(quality) if (0.0..=1.0).contains(&quality) => (quality * 1_000.0).round() as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_form_that_is_acceptable_is_chosen() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (accept, expected) in [
            (None, Some(Form::Html)),
            (Some(""), Some(Form::Html)),
            (Some(browser), Some(Form::Html)),
            (Some("*/*"), Some(Form::Html)),
            (Some("application/json"), Some(Form::Json)),
            (Some("application/*"), Some(Form::Pdf)),
            (Some("application/pdf;q=0.5, application/json"), Some(Form::Json)),
            (Some("text/html;q=0, */*"), Some(Form::Pdf)),
            (Some("TEXT/HTML;level=1;q=0.2, application/pdf;q=0.3"), Some(Form::Pdf)),
            (Some("application/json;q=2"), None),
            (Some("image/png"), None),
            (Some("nonsense"), None),
        ] {
            assert_eq!(form(None, accept), expected, "{accept:?}");
        }
        assert_eq!(form(Some("pdf"), Some("text/html")), Some(Form::Pdf));
        assert_eq!(form(Some("xml"), Some("text/html")), None);
    }
}
