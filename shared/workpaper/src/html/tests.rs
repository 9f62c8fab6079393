use crate::html::{self, Downloads};
use crate::names::Names;
use crate::parts::retention::Lock;
use crate::parts::{Around, IntegrityOutcome, Parts, Retention};
use crate::{WorkPaper, sample, words};

fn paper(parts: &Parts) -> WorkPaper {
    WorkPaper::from_parts(parts, &sample::names())
}

fn downloads() -> Downloads {
    Downloads {
        pdf: Some("/verify/x?format=pdf".to_owned()),
        json: Some("/verify/x?format=json".to_owned()),
        bundle: Some("/bundles/x/2.zip".to_owned()),
        trust: None,
        documents: Some("/documents".to_owned()),
    }
}

/// What a reader sees: without style and markup, characters unescaped, one line per block.
fn text_of(page: &str) -> String {
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    let mut text = String::new();
    let mut inside = false;
    let markup = format!("{before}{after}");
    for (i, c) in markup.char_indices() {
        match c {
            '<' => {
                inside = true;
                let tag = markup[i + 1..].trim_start_matches('/');
                if ["p", "h1", "h2", "h3", "tr", "li", "div", "summary", "section", "ul", "dl"]
                    .iter()
                    .any(|t| tag.starts_with(t))
                {
                    text.push('\n');
                } else if ["td", "th ", "dd"].iter().any(|t| markup[i + 1..].starts_with(t)) {
                    text.push_str(" | ");
                }
            }
            '>' if inside => inside = false,
            c if !inside => text.push(c),
            _ => {}
        }
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    text.lines().map(str::trim).filter(|line| !line.is_empty() && *line != "|").collect::<Vec<_>>().join("\n")
}

#[test]
fn the_sample_reads_as_it_should() {
    let page = html::page(&paper(&sample::parts()), &downloads());
    insta::assert_snapshot!(text_of(&page.html));
}

#[test]
fn the_sections_stand_in_the_order_of_a_work_paper() {
    let page = html::page(&paper(&sample::parts()), &downloads());
    let order = [
        "identification",
        "scope",
        "timeline",
        "attributes",
        "people",
        "changed",
        "population",
        "exceptions",
        "integrity",
        "sign-off",
        "appendix-a",
        "appendix-b",
    ];
    let places: Vec<_> = order.iter().map(|id| page.html.find(&format!("<section id=\"{id}\"")).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn the_policy_allows_this_style_and_nothing_else() {
    use base64::Engine as _;
    let page = html::page(&paper(&sample::parts()), &downloads());
    let style = page.html.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    let digest = clyra_evidence::digest::Sha256Digest::of(style.as_bytes());
    let hash = base64::engine::general_purpose::STANDARD.encode(digest.as_bytes());
    assert!(page.content_security_policy.contains(&format!("style-src 'sha256-{hash}';")));
    for forbidden in
        ["<script", "<img", "<link", "<iframe", "<form", " style=", " onclick", "src=", "http://", "unsafe"]
    {
        assert!(!page.html.contains(forbidden), "{forbidden}");
    }
    for (at, _) in page.html.match_indices("https://") {
        assert!(page.html[..at].ends_with("<a href=\""), "only a reader's click leaves the page");
    }
}

#[test]
fn hostile_names_are_text_and_seen() {
    let paper =
        WorkPaper::from_parts(&sample::hostile(), &sample::names_of("<b>Eve</b>\u{202e}", "=cmd|' /C calc'!A0"));
    let page = html::page(&paper, &downloads()).html;
    assert!(!page.contains("<script") && !page.contains("<b>Eve"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;⟨U+202E⟩⟨U+001B⟩[2J=1+1"), "the name is shown");
    assert!(page.contains("⟨U+200B⟩⟨U+2066⟩שלום数据⟨U+0000⟩"));
    let json = String::from_utf8(paper.to_json().unwrap()).unwrap();
    for text in [&page, &json] {
        let lines = text.replace('\n', "");
        assert_eq!(clyra_evidence::text::visible(&lines), lines, "nothing unseen is left");
    }
}

#[test]
fn no_banned_word_stands_on_any_paper() {
    let mut sealed = sample::parts();
    sealed.sealed = None;
    sealed.integrity = IntegrityOutcome::NotChecked;
    sealed.around = Around::default();
    let mut broken = sample::parts();
    broken.integrity = sample::checked(false);
    for parts in [sample::parts(), sealed, broken] {
        for names in [Names::none(), sample::names()] {
            let paper = WorkPaper::from_parts(&parts, &names);
            let html = html::page(&paper, &downloads()).html;
            let page = text_of(&html);
            assert_eq!(words::banned_in(&page), [] as [&str; 0]);
            assert_eq!(words::banned_in(std::str::from_utf8(&paper.to_json().unwrap()).unwrap()), [] as [&str; 0]);
            for word in [">pass<", ">fail<", ">unknown<", ">na<"] {
                assert!(!html.contains(word), "readers see no results of machines: {word}");
            }
        }
    }
    let notice = html::notice("There is nothing here", &["A sentence."]);
    assert_eq!(words::banned_in(&text_of(&notice.html)), [] as [&str; 0]);
}

#[test]
fn a_sealed_paper_names_nobody() {
    let mut parts = sample::parts();
    parts.sealed = None;
    parts.integrity = IntegrityOutcome::NotChecked;
    let text = text_of(&html::page(&WorkPaper::from_parts(&parts, &Names::none()), &Downloads::default()).html);
    for name in ["Ana Lima", "Jüri", "dbt Cloud user"] {
        assert!(!text.contains(name), "{name}");
    }
    assert!(text.contains("name not known here"));
    assert!(text.contains("Not checked here"));
}

#[test]
fn what_is_not_intact_says_so() {
    let mut parts = sample::parts();
    parts.integrity = sample::checked(false);
    let text = text_of(&html::page(&paper(&parts), &Downloads::default()).html);
    assert!(text.contains("Not intact: see appendix B"), "{text}");
    assert!(text.contains("signature of the manifest | did not hold"));
}

#[test]
fn controls_outside_the_scope_are_noted_apart() {
    let mut parts = sample::parts();
    let before = paper(&parts).headline;
    for control in &mut parts.attestation.controls {
        control.in_scope &= control.id != "CM-02";
    }
    let paper = paper(&parts);
    assert_eq!(paper.headline.exceptions + 1, before.exceptions);
    let outside = paper.headline.outside.as_ref().unwrap().as_str();
    assert!(outside.starts_with("Noted outside your scope: 1 exception (CM-02 B1);"), "{outside}");
    assert!(paper.exceptions.iter().all(|exception| exception.reference.as_str() != "CM-02 B1"));
    for control in &mut parts.attestation.controls {
        control.in_scope = false;
    }
    let paper = self::paper(&parts);
    assert!(paper.headline.sentence.as_str().starts_with("The scope names no control, so all are counted: "));
    assert_eq!((paper.headline.exceptions, paper.headline.outside), (before.exceptions, None));
}

#[test]
fn a_change_of_unknown_time_is_told_by_when_it_was_seen() {
    let mut parts = sample::parts();
    let at = |text: &str| text.parse::<clyra_evidence::time::Timestamp>().unwrap();
    let set = |parts: &mut Parts, name: &str, value: clyra_evidence::fact::FactValue| {
        parts.facts.set(name, value, clyra_evidence::fact::FactClass::Observed, &[]);
    };
    set(&mut parts, "config.firstSeenAt", at("2026-11-19T06:00:00Z").into());
    set(&mut parts, "config.lastSeenUnchangedAt", at("2026-11-18T06:00:00Z").into());
    let seen = "Configuration first seen changed; last seen unchanged 2026-11-18 06:00:00Z";
    assert!(text_of(&html::page(&paper(&parts), &downloads()).html).contains(seen));
    set(&mut parts, "config.changedAt", at("2026-11-18T09:00:00Z").into());
    assert!(!text_of(&html::page(&paper(&parts), &downloads()).html).contains(seen), "the source says when");
}

#[test]
fn only_a_trial_has_a_banner() {
    let mut parts = sample::parts();
    assert!(text_of(&html::page(&paper(&parts), &downloads()).html).contains("Trial: not retention evidence."));
    parts.around.retention = Some(Retention { lock: Lock::Compliance, days: 2_555 });
    let text = text_of(&html::page(&paper(&parts), &downloads()).html);
    assert!(!text.contains("Trial") && text.contains("retention lock (COMPLIANCE) to 2033-11-17"), "{text}");
}
