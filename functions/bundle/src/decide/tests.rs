use super::*;

/// A run in few words: `sha` and one digit per component.
#[derive(Clone)]
struct R {
    sha: Option<&'static str>,
    vector: Option<StateVector>,
}

fn digest(n: u8) -> Sha256Digest {
    Sha256Digest::of(&[n])
}

/// manifest, seeds, packages, dbt version, job, environment.
fn r(sha: &'static str, [m, s, p, v, j, e]: [u8; 6]) -> R {
    let vector = StateVector {
        manifest: digest(m),
        seeds: digest(s),
        packages: digest(p),
        dbt_version: format!("1.{v}"),
        job: digest(j),
        environment: digest(e),
    };
    R { sha: (!sha.is_empty()).then_some(sha), vector: Some(vector) }
}

struct Case {
    why: &'static str,
    before: Option<R>,
    of_job: Option<R>,
    now: R,
    executed: bool,
    overridden: bool,
    expected: &'static [&'static str],
}

fn case(why: &'static str, before: R, now: R, expected: &'static [&'static str]) -> Case {
    Case { why, of_job: Some(before.clone()), before: Some(before), now, executed: true, overridden: false, expected }
}

fn earlier(r: &R) -> Option<Earlier<'_>> {
    Some(Earlier { git_sha: r.sha, vector: r.vector.as_ref()? })
}

fn check(case: &Case) {
    let (run, environment, job): (SourceId, SourceId, SourceId) = (9.into(), 5.into(), 7.into());
    let decision = decide(&Question {
        run: &run,
        environment: &environment,
        job: &job,
        git_sha: case.now.sha,
        vector: case.now.vector.as_ref(),
        executed: case.executed,
        overridden: case.overridden,
        of_environment: case.before.as_ref().and_then(earlier),
        of_job: case.of_job.as_ref().and_then(earlier),
        unread_since: None,
        version_seen: false,
    });
    let short = |decided: &Decided| {
        let components: Vec<&str> = decided.components.iter().map(|component| component.as_str()).collect();
        let anchor: Vec<&str> = decided.anchor.iter().map(|part| part.get(..14).unwrap_or(part)).collect();
        format!("{} {} [{}]", decided.kind, anchor.join("/"), components.join(","))
    };
    let found = match &decision {
        Decision::Baseline => vec!["baseline".to_owned()],
        Decision::Execution => vec![],
        Decision::Changes(changes) => changes.iter().map(short).collect(),
    };
    let short_digest = |n: u8| digest(n).to_string()[..14].to_owned();
    let expected: Vec<String> = case.expected.iter().map(|text| text.replace("#2", &short_digest(2))).collect();
    assert_eq!(found, expected, "{}", case.why);
}

#[test]
fn every_row_that_dbt_alone_can_see() {
    let base = || r("a", [1; 6]);
    for case in [
        case("scheduled run, no change", base(), base(), &[]),
        case("a commit that touches a README or descriptions: same vector", base(), r("b", [1; 6]), &[]),
        case("new commit, models differ", base(), r("b", [2, 1, 1, 1, 1, 1]), &["code 5/9 [manifest]"]),
        case(
            "new commit, models, seeds and a package differ: one code change",
            base(),
            r("b", [2, 2, 2, 1, 1, 1]),
            &["code 5/9 [manifest,seeds,packages]"],
        ),
        case(
            "a retry on a new state is that code change",
            base(),
            r("c", [2, 1, 1, 1, 1, 1]),
            &["code 5/9 [manifest]"],
        ),
        case("package drift", base(), r("a", [1, 1, 2, 1, 1, 1]), &["drift 5/packages/9 [packages]"]),
        case(
            "drift of two components: one each",
            base(),
            r("a", [2, 2, 1, 1, 1, 1]),
            &["drift 5/manifest/9 [manifest]", "drift 5/seeds/9 [seeds]"],
        ),
        case("dbt version drift", base(), r("a", [1, 1, 1, 2, 1, 1]), &["drift 5/dbtVersion/9 [dbtVersion]"]),
        case(
            "a commit explains code and not the version",
            base(),
            r("b", [2, 1, 1, 2, 1, 1]),
            &["code 5/9 [manifest]", "drift 5/dbtVersion/9 [dbtVersion]"],
        ),
        case("job edited", base(), r("a", [1, 1, 1, 1, 2, 1]), &["config job/7/#2 [job]"]),
        case("environment edited", base(), r("a", [1, 1, 1, 1, 1, 2]), &["config environment/5/#2 [environment]"]),
        case(
            "commit unknown: nothing explains the difference",
            base(),
            r("", [2, 1, 1, 1, 1, 1]),
            &["drift 5/manifest/9 [manifest]"],
        ),
        case("rollback to an older commit", r("b", [2, 1, 1, 1, 1, 1]), base(), &["code 5/9 [manifest]"]),
    ] {
        check(&case);
    }
}

#[test]
fn overrides_baselines_and_runs_that_touched_nothing() {
    let base = || r("a", [1; 6]);
    let changed = || r("b", [2, 1, 1, 2, 2, 2]);
    for case in [
        Case { overridden: true, ..case("override or full refresh", base(), base(), &["override 9 []"]) },
        Case {
            overridden: true,
            ..case(
                "override on a new state: both",
                base(),
                r("b", [2, 1, 1, 1, 1, 1]),
                &["code 5/9 [manifest]", "override 9 []"],
            )
        },
        Case { before: None, of_job: None, ..case("first run ever", base(), changed(), &["baseline"]) },
        Case {
            before: None,
            of_job: None,
            overridden: true,
            ..case("first run, override", base(), base(), &["baseline"])
        },
        Case { executed: false, ..case("compile error or docs only: no node ran", base(), changed(), &[]) },
        Case {
            executed: false,
            overridden: true,
            ..case("override that ran nothing", base(), changed(), &["override 9 []"])
        },
        Case { of_job: None, ..case("a job seen for the first time", base(), r("a", [1, 1, 1, 2, 2, 1]), &[]) },
        Case {
            now: R { sha: Some("b"), vector: None },
            ..case("new commit, no manifest", base(), base(), &["code 5/9 []"])
        },
        Case { now: R { sha: Some("a"), vector: None }, ..case("same commit, no manifest", base(), base(), &[]) },
    ] {
        check(&case);
    }
}

#[test]
fn a_version_that_another_job_brought_is_no_second_drift() {
    let (run, environment, job): (SourceId, SourceId, SourceId) = (9.into(), 5.into(), 7.into());
    let (old, new) = (r("a", [1; 6]).vector.unwrap(), r("a", [1, 1, 1, 2, 1, 1]).vector.unwrap());
    let decision = |version_seen| {
        decide(&Question {
            run: &run,
            environment: &environment,
            job: &job,
            git_sha: Some("a"),
            vector: Some(&new),
            executed: true,
            overridden: false,
            of_environment: Some(Earlier { git_sha: Some("a"), vector: &new }),
            of_job: Some(Earlier { git_sha: Some("a"), vector: &old }),
            unread_since: None,
            version_seen,
        })
    };
    assert_eq!(decision(true), Decision::Execution);
    assert!(matches!(decision(false), Decision::Changes(changes) if changes.len() == 1));
}

#[test]
fn a_code_change_keeps_the_run_that_brought_it_when_its_manifest_could_not_be_read() {
    let (first, run, environment, job): (SourceId, SourceId, SourceId, SourceId) =
        (8.into(), 9.into(), 5.into(), 7.into());
    let (old, new) = (r("a", [1; 6]).vector.unwrap(), r("b", [2, 1, 1, 1, 1, 1]).vector.unwrap());
    let question = |run, vector, unread_since| Question {
        run,
        environment: &environment,
        job: &job,
        git_sha: Some("b"),
        vector,
        executed: true,
        overridden: false,
        of_environment: Some(Earlier { git_sha: Some("a"), vector: &old }),
        of_job: Some(Earlier { git_sha: Some("a"), vector: &old }),
        unread_since,
        version_seen: false,
    };
    let anchors = |question| match decide(&question) {
        Decision::Changes(changes) => changes.into_iter().map(|change| change.anchor).collect::<Vec<_>>(),
        Decision::Baseline | Decision::Execution => Vec::new(),
    };
    assert_eq!(anchors(question(&first, None, None)), [["5", "8"]]);
    assert_eq!(anchors(question(&run, Some(&new), Some(&first))), [["5", "8"]]);
}
