//! Links between our own pages lead somewhere.

use std::collections::BTreeSet;

use crate::house;

#[test]
fn links_between_pages_resolve() {
    let mut complaints = Vec::new();
    for path in pages() {
        let text = house::text(&path).unwrap_or_default();
        for (line, target) in links(&text) {
            if let Some(problem) = problem(&path, &target) {
                complaints.push(format!("{path}:{line}: [{target}] {problem}"));
            }
        }
    }
    house::settle(&complaints);
}

/// Our pages: what is written for readers, not what other tools recorded or read as data.
fn pages() -> Vec<String> {
    let ours = |path: &String| path.ends_with(".md") && !path.starts_with("fixtures/dbt/project/");
    house::files().into_iter().filter(ours).collect()
}

/// The targets of inline links outside of code, by line.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        if fenced || line.starts_with("    ") {
            continue;
        }
        for (_, rest) in prose.match_indices("](").map(|(at, mark)| ((), &prose[at + mark.len()..])) {
            if let Some(end) = rest.find(')') {
                found.push((index + 1, rest[..end].split(' ').next().unwrap_or_default().to_owned()));
            }
        }
    }
    found
}

fn problem(page: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() { page.to_owned() } else { beside(page, file) };
    if !house::root().join(&path).exists() {
        return Some(format!("leads to {path}, which does not exist: correct or remove it."));
    }
    let anchor = anchor.filter(|_| path.ends_with(".md"))?;
    let text = house::text(&path).unwrap_or_default();
    (!anchors(&text).contains(anchor)).then(|| format!("leads to a heading that {path} has not: correct it."))
}

fn beside(page: &str, file: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in file.trim_end_matches('/').split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The anchors of a page's headings, as the field's renderers make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.collect::<String>().to_lowercase().replace(' ', "-")
        })
        .collect()
}
