//! Whom a change needs, and who is missing.

use std::collections::BTreeMap;

use clyra_delta::artifact::manifest::ManifestProjection;
use clyra_delta::lineage::{Consumer, Graph};
use clyra_delta::owners::{
    Approval, Approvals, BECAUSE_MAX, Because, CODE_OWNERS_BYTES_MAX, CodeOwners, OwnerRules, Required, Standing,
    missing, required,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::documents::{check, validator};
use crate::project::{metadata, project};

/// The owners of a path, `-` for a line without owners, nothing where no line matches.
fn owners_of(file: &str, path: &str) -> String {
    let file = CodeOwners::parse(file.as_bytes()).unwrap();
    let Some(rule) = file.rule_of(path) else { return String::new() };
    let mut owners = rule.handles.clone();
    if rule.names_address {
        owners.push("(address)".to_owned());
    }
    if owners.is_empty() { "-".to_owned() } else { owners.join(" ") }
}

/// A file with one line of each kind that GitHub's page on code owners describes.
const FILE: &str = "\
# Whoever is named first owns what no later line matches.
*             @org/everyone @second

*.sql         @org/sql  # a remark behind the owners
*.py          ann@example.com
*.csv         @org/seeds ann@example.com
/build/logs/  @logs
docs/*        @writer
apps/         @apps
/models/      @org/models @ann
/models/open
**/raw        @org/raw
";

#[test]
fn the_last_matching_line_holds() {
    let cases = [
        ("README", "@org/everyone @second"),
        ("deep/down/README", "@org/everyone @second"),
        ("a.sql", "@org/sql"),
        ("deep/down/a.sql", "@org/sql"),
        ("a.py", "(address)"),
        ("a.csv", "@org/seeds (address)"),
        // Anchored, with all that lies below.
        ("build/logs/a.sql", "@logs"),
        ("build/logs/deep/a", "@logs"),
        ("x/build/logs/a", "@org/everyone @second"),
        // Only what lies in the folder itself; a slash in the middle anchors.
        ("docs/a.sql", "@writer"),
        ("docs/deep/a.sql", "@org/sql"),
        ("x/docs/a", "@org/everyone @second"),
        // A folder anywhere, but no file of that name.
        ("apps/a", "@apps"),
        ("x/apps/deep/a", "@apps"),
        ("x/apps", "@org/everyone @second"),
        ("models/a.sql", "@org/models @ann"),
        // A line without owners takes ownership away, of all below.
        ("models/open", "-"),
        ("models/open/a.sql", "-"),
        ("models/opened", "@org/models @ann"),
        // A folder at any depth.
        ("raw/a", "@org/raw"),
        ("models/erp/raw/deep/a.sql", "@org/raw"),
        ("models/raws/a", "@org/models @ann"),
        // Upper and lower case are different files.
        ("Models/a.SQL", "@org/everyone @second"),
    ];
    for (path, expected) in cases {
        assert_eq!(owners_of(FILE, path), expected, "{path}");
    }
}

#[test]
fn patterns() {
    // (pattern, paths that it matches, paths that it does not match)
    let cases = [
        ("*", "a a/b a/b/c", ""),
        ("**", "a a/b", ""),
        ("/**", "a a/b", ""),
        ("**/", "a/b a/b/c", "a"),
        ("/*", "a", "a/b"),
        ("/*/", "a/b a/b/c", "a"),
        ("a", "a b/a a/b b/a/c", "ab b/ab"),
        ("/a", "a a/b", "b/a"),
        ("a/b", "a/b a/b/c", "x/a/b a/x/b"),
        ("a/", "a/b x/a/b", "a x/a"),
        ("a/b/", "a/b/c", "a/b x/a/b/c"),
        ("a/*", "a/b", "a a/b/c x/a/b"),
        ("a/*/c", "a/b/c a/b/c/d", "a/c a/b/b/c"),
        ("a/**", "a/b a/b/c", "a x/a/b"),
        ("a/**/", "a/b/c", "a/b"),
        ("**/a", "a x/a x/y/a a/b", "xa"),
        ("**/a/b", "a/b x/a/b", "a/x/b"),
        ("a/**/b", "a/b a/x/b a/x/y/b a/b/c", "a b x/a/b"),
        ("a/**/**/b", "a/b a/x/b a/x/y/b", "a"),
        ("**/*", "a a/b", ""),
        ("a**b", "ab axb x/axxb", "a/b"),
        ("*.sql", "a.sql x/a.sql .sql a.sql/b", "a.sqlx asql"),
        ("/models/*.sql", "models/a.sql", "models/x/a.sql a.sql"),
        ("/models/**/*.sql", "models/a.sql models/x/y/a.sql", "a.sql models/a.py"),
        ("stg_*_v?.sql", "stg_a_v1.sql x/stg__v2.sql stg_a_v1_v3.sql", "stg_a_v.sql stg_a_v10.sql"),
        ("a?c", "abc aéc", "ac abbc"),
        ("a\\*c", "a*c", "abc"),
        ("\\*", "*", "a"),
        ("a.c", "a.c", "abc"),
        ("(a|b)+$", "(a|b)+$", "a b"),
        ("a//b", "", "a/b a//b"),
        ("é", "é x/é", "e"),
    ];
    for (pattern, matched, unmatched) in cases {
        for (paths, expected) in [(matched, "@o"), (unmatched, "")] {
            for path in paths.split_whitespace() {
                assert_eq!(owners_of(&format!("{pattern} @o"), path), expected, "{pattern} {path}");
            }
        }
    }
    assert_eq!(owners_of("a\\ b/c\\ d @o", "a b/c d"), "@o");
    assert_eq!(owners_of("\u{feff}a @o\r\nb\t@p\r\n", "a"), "@o");
    assert_eq!(owners_of("\u{feff}a @o\r\nb\t@p\r\n", "x/b"), "@p");
}

#[test]
fn lines_that_are_not_understood_are_told_and_skipped() {
    let lines = [
        ("!a @o", "begins with !"),
        ("a[bc] @o", "brackets"),
        ("[Section] @o", "brackets"),
        ("^[Section][2] @o", "brackets"),
        ("\\#a @o", "begins with \\#"),
        ("***/a @o", "more than two *"),
        ("a\\", "escapes nothing"),
        ("/ @o", "empty"),
        ("// @o", "empty"),
        ("a#b @o", "has a # in it"),
        ("a @o nobody", "an owner is no"),
        ("a @", "an owner is no"),
        ("a @o/", "an owner is no"),
        ("a @o/p/q", "an owner is no"),
        ("a @o p@", "an owner is no"),
        ("a @o p@example", "an owner is no"),
        ("a @o#remark", "an owner is no"),
    ];
    for (line, problem) in lines {
        let text = format!("# one\n* @default\n{line}\n");
        let file = CodeOwners::parse(text.as_bytes()).unwrap();
        let skipped: Vec<_> = file.skipped().iter().map(|line| (line.line, line.problem.as_str())).collect();
        assert!(matches!(skipped[..], [(3, said)] if said.contains(problem)), "{line}: {skipped:?}");
        assert_eq!(owners_of(&text, "a"), "@default", "{line}");
    }
    let file = CodeOwners::parse(b"a @o\n\xff\xfe @o\nb @p").unwrap();
    assert_eq!(file.skipped().len(), 1);
    assert!(file.rule_of("b").is_some());
    let handle = format!("a @{}", "o".repeat(300));
    assert_eq!(CodeOwners::parse(handle.as_bytes()).unwrap().skipped().len(), 1);
    assert!(CodeOwners::parse(&vec![b'#'; CODE_OWNERS_BYTES_MAX]).is_err());
    assert!(CodeOwners::parse(&vec![b'#'; CODE_OWNERS_BYTES_MAX - 1]).is_ok());
}

/// A project of three layers: `stg` (no group), `fct` (finance), `rpt` (collections), a test on `fct`, an exposure of medium
/// maturity on `rpt`, one that does not say on `fct`, and a model of a package.
fn shop() -> Value {
    let model = |name: &str, group: Value, read: Value| {
        json!({"resource_type": "model", "package_name": "shop", "name": name, "group": group,
            "original_file_path": format!("models/{name}.sql"), "depends_on": {"nodes": read}})
    };
    json!({
        "metadata": metadata(),
        "nodes": {
            "model.shop.stg": model("stg", json!(null), json!([])),
            "model.shop.fct": model("fct", json!("finance"), json!(["model.shop.stg"])),
            "model.shop.rpt": model("rpt", json!("collections"), json!(["model.shop.fct"])),
            "model.pack.lib": {"resource_type": "model", "package_name": "pack", "name": "lib",
                "original_file_path": "models/stg.sql", "depends_on": {"nodes": []}},
            "test.shop.t": {"resource_type": "test", "package_name": "shop", "name": "t", "attached_node": "model.shop.fct",
                "original_file_path": "models\\schema.yml", "depends_on": {"nodes": ["model.shop.fct"]}, "config": {}}
        },
        "exposures": {
            "exposure.shop.close": {"resource_type": "exposure", "package_name": "shop", "name": "close", "type": "dashboard",
                "maturity": "medium", "owner": {"name": "A. Person", "email": "a.person@example.com"},
                "original_file_path": "models/exposures.yml", "depends_on": {"nodes": ["model.shop.rpt"]}},
            "exposure.shop.board": {"resource_type": "exposure", "package_name": "shop", "name": "board", "type": "notebook",
                "depends_on": {"nodes": ["model.shop.fct"]}}
        },
        "groups": {"group.shop.finance": {"resource_type": "group", "package_name": "shop", "name": "finance",
            "original_file_path": "models/groups.yml", "owner": {"email": "f@example.com"}}}
    })
}

fn rules(rules: Value) -> OwnerRules {
    serde_json::from_value(rules).unwrap()
}

fn asked(before: Option<&ManifestProjection>, changed: &str, rules: &OwnerRules, file: &str) -> Required {
    let after = project(&shop());
    let graph = Graph::between(before, &after);
    let sync =
        |name: &str, reads: &str| Consumer { id: format!("{name}-1"), name: name.to_owned(), reads: reads.to_owned() };
    let consumers = [sync("Accounts", "model.shop.fct"), sync("Dunning", "model.shop.rpt")];
    let reach = graph.downstream(changed.split_whitespace(), &consumers);
    let file = (!file.is_empty()).then(|| CodeOwners::parse(file.as_bytes()).unwrap());
    required(&reach, rules, file.as_ref())
}

fn nodes(because: &Because) -> String {
    let last = |id: &str| id.rsplit('.').next().unwrap_or_default().to_owned();
    let node =
        |node: &clyra_delta::owners::BecauseNode| format!("{}@{}", last(node.unique_id.as_untrusted()), node.depth);
    because.nodes.iter().map(node).collect::<Vec<_>>().join(",")
}

/// `approver: nodes`, a line each, then the nodes that nobody owns.
fn told(required: &Required) -> String {
    let line = |one: &clyra_delta::owners::RequiredApproval| {
        format!("{}: {}", one.approver.as_untrusted(), nodes(&one.because))
    };
    let mut lines: Vec<String> = required.approvals.iter().map(line).collect();
    if required.unowned.count > 0 {
        lines.push(format!("nobody: {}", nodes(&required.unowned)));
    }
    lines.join("; ")
}

/// The lines by which files are owned below.
const LINES: &str = "*.sql @org/sql\nschema.yml @ann p@example.com\nmodels/exposures.yml p@example.com\n/dbt/ @org/dbt";

/// (rules, changed, whom it needs)
const OWNED: [(&str, &str, &str); 18] = [
    (r#"{"kinds": ["group", "exposure", "consumer", "path"]}"#, "", ""),
    (
        r#"{"kinds": ["group", "exposure", "consumer", "path"]}"#,
        "model.shop.stg",
        "consumer:Accounts: Accounts-1@2; consumer:Dunning: Dunning-1@3; exposure:board: board@2; exposure:close: close@3; \
         nobody: stg@0",
    ),
    (
        "{}",
        "model.shop.rpt",
        "@org/sql: rpt@0; consumer:Dunning: Dunning-1@1; exposure:close: close@1; group:collections: rpt@0",
    ),
    (r#"{"kinds": ["group"]}"#, "model.shop.fct model.shop.rpt", "group:collections: rpt@0; group:finance: fct@0"),
    // A test belongs to whom the guarded model belongs; a group to itself.
    (r#"{"kinds": ["group"]}"#, "test.shop.t group.shop.finance", "group:finance: finance@0,t@0"),
    (r#"{"kinds": ["exposure"]}"#, "model.shop.stg", "exposure:board: board@2; exposure:close: close@3; nobody: stg@0"),
    (r#"{"kinds": ["exposure"], "depthMax": 2}"#, "model.shop.stg", "exposure:board: board@2; nobody: stg@0"),
    // One that says nothing of its maturity counts as mature.
    (r#"{"kinds": ["exposure"], "maturityMin": "high"}"#, "model.shop.stg", "exposure:board: board@2; nobody: stg@0"),
    (r#"{"kinds": ["exposure"], "maturityMin": "medium"}"#, "model.shop.rpt", "exposure:close: close@1; nobody: rpt@0"),
    // A changed exposure asks its own owner, however deep exposures count.
    (r#"{"kinds": ["exposure"], "depthMax": 0}"#, "exposure.shop.close", "exposure:close: close@0"),
    (r#"{"kinds": ["codeOwner"]}"#, "model.shop.stg", "@org/sql: stg@0"),
    (r#"{"kinds": ["codeOwner"], "projectDirectory": "/dbt/"}"#, "model.shop.stg", "@org/dbt: stg@0"),
    // A path written on Windows; addresses are not repeated.
    (r#"{"kinds": ["codeOwner"]}"#, "test.shop.t", "@ann or an e-mail address in line 2 of CODEOWNERS: t@0"),
    (r#"{"kinds": ["codeOwner"]}"#, "exposure.shop.close", "an e-mail address in line 3 of CODEOWNERS: close@0"),
    // The files of a package lie in another repository.
    (r#"{"kinds": ["codeOwner"]}"#, "model.pack.lib", "nobody: lib@0"),
    (
        r#"{"kinds": ["path"], "paths": [{"pattern": "models/", "approvers": ["@bob", "group:finance"]},
            {"pattern": "stg.*", "approvers": ["@cy"]}]}"#,
        "model.shop.stg model.shop.rpt",
        "@bob or group:finance: rpt@0,stg@0; @cy: stg@0",
    ),
    (
        r#"{"kinds": ["path"], "paths": [{"pattern": "[a]", "approvers": ["@bob"]}]}"#,
        "model.shop.stg",
        "the owners by patterns that are not understood: stg@0",
    ),
    (r#"{"kinds": []}"#, "model.shop.fct", "nobody: fct@0"),
];

#[test]
fn owners_of_what_changed_and_of_what_is_reached() {
    for (written, changed, expected) in OWNED {
        let rules = serde_json::from_str(written).unwrap();
        assert_eq!(told(&asked(None, changed, &rules, LINES)), expected, "{written} {changed}");
    }
}

#[test]
fn what_was_removed_or_moved_asks_its_owners_of_before() {
    let mut before = shop();
    before["nodes"]["model.shop.stg"]["group"] = json!("sales");
    before["nodes"]["model.shop.stg"]["original_file_path"] = json!("models/old/stg.sql");
    before["nodes"]["model.shop.gone"] =
        json!({"resource_type": "model", "package_name": "shop", "name": "gone", "group": "sales"});
    before["exposures"]["exposure.shop.board"]["depends_on"]["nodes"] = json!(["model.shop.gone"]);
    let before = project(&before);
    let found = asked(Some(&before), "model.shop.gone", &OwnerRules::default(), "");
    assert_eq!(told(&found), "exposure:board: board@1; group:sales: gone@0");
    let found = asked(
        Some(&before),
        "model.shop.stg",
        &rules(json!({"kinds": ["group", "codeOwner"]})),
        "old/ @old\n/models/*.sql @new",
    );
    assert_eq!(told(&found), "@new: stg@0; @old: stg@0; group:sales: stg@0");
}

#[test]
fn a_path_that_was_cut_asks_somebody_unknown() {
    let mut long = shop();
    long["nodes"]["model.shop.stg"]["original_file_path"] = json!(format!("models/{}/stg.sql", "x".repeat(300)));
    let after = project(&long);
    let graph = Graph::of(&after);
    let reach = graph.downstream(["model.shop.stg"], &[]);
    let file = CodeOwners::parse(b"stg.sql @o").unwrap();
    let found = required(&reach, &rules(json!({"kinds": ["codeOwner"]})), Some(&file));
    assert_eq!(told(&found), "the owners of files with long paths: stg@0");
    assert_eq!(missing(&found.approvals, &given("github:o"))[0].standing, Standing::Unknown);
}

/// `source:account` each; `source:` for one that was asked and told nothing.
fn given(text: &str) -> Approvals {
    let mut approvals = Approvals::default();
    for word in text.split_whitespace() {
        let (source, approver) = word.split_once(':').unwrap();
        approvals.sources.insert(source.to_owned());
        if !approver.is_empty() {
            approvals.given.push(Approval { source: source.to_owned(), approver: approver.to_owned() });
        }
    }
    approvals
}

#[test]
fn the_difference_to_those_who_approved() {
    let file = "*.sql @Ann @org/SQL\n";
    // (who stands behind which role, what changed, approvals, what is open)
    let cases = [
        // Nobody is written down for the role.
        (json!({}), "model.shop.fct", "github:ann", "group:finance unknown"),
        (
            json!({"group:finance": ["@bob"]}),
            "model.shop.fct",
            "github:",
            "@Ann or @org/SQL unknown; group:finance missing",
        ),
        (json!({"group:finance": ["@bob"]}), "model.shop.fct", "github:bob", "@Ann or @org/SQL unknown"),
        (
            json!({"group:finance": ["@bob"], "@org/sql": ["@cy"]}),
            "model.shop.fct",
            "github:",
            "@Ann or @org/SQL missing; group:finance missing",
        ),
        (json!({"group:finance": ["@bob"], "@org/sql": ["@cy"]}), "model.shop.fct", "github:CY github:@bob", ""),
        // On behalf of the team.
        (json!({"group:finance": ["@org/sql"]}), "model.shop.fct", "github:Org/SQL", ""),
        (json!({"group:finance": ["@org/fin"]}), "model.shop.fct", "github:ann", "group:finance unknown"),
        // The same name at another source is somebody else, and a source that was not asked leaves it open.
        (json!({"group:finance": ["slack:U1"]}), "model.shop.fct", "github:ann github:U1", "group:finance unknown"),
        (json!({"group:finance": ["slack:U1"]}), "model.shop.fct", "github:ann slack:u1", "group:finance missing"),
        (json!({"group:finance": ["slack:U1", "@bob"]}), "model.shop.fct", "github:ann slack:U1", ""),
        (json!({"group:finance": ["slack:U1", "@bob"]}), "model.shop.fct", "github:ann", "group:finance unknown"),
        // Roles that stand for each other, and for themselves.
        (
            json!({"group:finance": ["exposure:board"], "exposure:board": ["@bob"]}),
            "model.shop.fct",
            "github:ann github:bob",
            "",
        ),
        (
            json!({"group:finance": ["exposure:board"], "exposure:board": ["group:finance"]}),
            "model.shop.fct",
            "github:ann",
            "group:finance unknown",
        ),
        (json!({"@ann": ["@bob"]}), "model.shop.stg", "github:bob", ""),
        // No source was asked.
        (json!({"group:finance": ["@bob"]}), "model.shop.fct", "", "@Ann or @org/SQL unknown; group:finance unknown"),
    ];
    for (approvers, changed, approvals, expected) in cases {
        let rules = rules(json!({"kinds": ["group", "codeOwner"], "approvers": approvers}));
        let required = asked(None, changed, &rules, file);
        let open = missing(&required.approvals, &given(approvals));
        let word = |standing| if standing == Standing::Missing { "missing" } else { "unknown" };
        let open: Vec<String> =
            open.iter().map(|one| format!("{} {}", one.approver.as_untrusted(), word(one.standing))).collect();
        assert_eq!(open.join("; "), expected, "{approvers} {approvals}");
    }
    let hearsay = Approvals { given: given("github:ann").given, ..Approvals::default() };
    assert_eq!(
        missing(&asked(None, "model.shop.stg", &rules(json!({"kinds": ["codeOwner"]})), file).approvals, &hearsay)
            .len(),
        1
    );
}

/// An exposure may be called anything: no name makes its owner another.
#[test]
fn hostile_names_stay_roles_of_their_own() {
    let mut hostile = shop();
    hostile["exposures"]["exposure.shop.x"] = json!({"resource_type": "exposure", "package_name": "shop", "name": "a or @bob",
        "depends_on": {"nodes": ["model.shop.stg"]}});
    let after = project(&hostile);
    let graph = Graph::of(&after);
    let consumers = [Consumer {
        id: "1".to_owned(),
        name: format!("{}\u{202e}", "n".repeat(300)),
        reads: "model.shop.stg".to_owned(),
    }];
    let reach = graph.downstream(["model.shop.stg"], &consumers);
    let rules = rules(json!({"depthMax": 1, "paths": [{"pattern": "*", "approvers": ["exposure:a", "@bob"]}]}));
    let found = required(&reach, &rules, None);
    let open = missing(&found.approvals, &given("github:bob"));
    let open: Vec<&str> = open.iter().map(|one| one.approver.as_untrusted()).collect();
    assert_eq!(open.len(), 2);
    assert!(open[0].starts_with("consumer:nnn") && open[0].chars().count() <= 200);
    assert_eq!(open[1], "exposure:a or @bob");
}

#[test]
fn no_person_gets_out() {
    let file = "* ann.person@example.com @ann";
    let found = asked(None, "model.shop.stg exposure.shop.close group.shop.finance", &OwnerRules::default(), file);
    let text = serde_json::to_string(&found).unwrap();
    assert!(!text.contains("Person") && !text.contains("example.com"), "{text}");
    assert_eq!(serde_json::from_str::<Required>(&text).unwrap(), found);
}

#[test]
fn reasons_are_counted_whole() {
    let models = (0..150)
        .map(|at| (format!("model.p.m{at:03}"), json!({"resource_type": "model", "package_name": "p", "group": "g"})));
    let after = project(&json!({"metadata": metadata(), "nodes": models.collect::<BTreeMap<_, _>>()}));
    let graph = Graph::of(&after);
    let reach = graph.downstream(after.resources().keys().map(String::as_str), &[]);
    let found = required(&reach, &OwnerRules::default(), None);
    let because = &found.approvals[0].because;
    assert_eq!((because.count, because.nodes.len(), because.omitted), (150, BECAUSE_MAX, 50));
}

#[test]
fn documents_and_rules_fit_their_schemas() {
    let found = asked(None, "model.shop.stg", &OwnerRules::default(), LINES);
    check(&validator("required_approvals"), &found);
    let scope = |owners: &Value| json!({"version": 1, "entity": "Juniper", "projects": [], "owners": owners});
    let (schema, all) = (
        validator("scope"),
        json!({
            "kinds": ["group", "codeOwner"], "fromClass": "behavioural", "depthMax": 3, "maturityMin": "medium",
            "projectDirectory": "dbt", "paths": [{"pattern": "models/finance/", "approvers": ["@juniper/controllers"]}],
            "approvers": {"group:finance": ["@juniper/finance", "slack:U02"], "consumer:Sales force": ["exposure:close"]}
        }),
    );
    for rules in [json!({}), all.clone(), serde_json::to_value(OwnerRules::default()).unwrap()] {
        assert!(
            schema.is_valid(&scope(&rules)) && serde_json::from_value::<OwnerRules>(rules.clone()).is_ok(),
            "{rules}"
        );
    }
    let slips = [
        ("/kinds/0", json!("groups")),
        ("/fromClass", json!("none")),
        ("/depthMax", json!(-1)),
        ("/depthMax", json!(4_294_967_296_u64)),
        ("/maturityMin", json!("ripe")),
        ("/paths/0/approvers", json!([])),
        ("/paths/0/approvers/0", json!("ann")),
        ("/paths/0/pattern", json!("a".repeat(201))),
        ("/paths/0/approvers/0", json!("ann@example.com")),
        ("/paths/0/approvers/0", json!("@ann@example.com")),
        ("/paths/0/approvers/0", json!("mail:ann@example.com")),
        ("/approvers", json!({"finance": ["@ann"]})),
        ("/approvers", json!({"group:": ["@ann"]})),
        ("/approvers", json!({"group:finance": []})),
        ("", json!({"kind": []})),
    ];
    for (pointer, value) in slips {
        let mut rules = all.clone();
        *rules.pointer_mut(pointer).unwrap() = value;
        assert!(
            !schema.is_valid(&scope(&rules)) && serde_json::from_value::<OwnerRules>(rules.clone()).is_err(),
            "{rules}"
        );
    }
}

/// The same question answered in the plainest way: every way to lay a pattern over a path is tried.
fn plain(pattern: &[&str], path: &[&str], descends: bool) -> bool {
    match pattern {
        [] => path.is_empty() || descends,
        ["**"] => !path.is_empty(),
        ["**", rest @ ..] => (0..=path.len()).any(|taken| plain(rest, &path[taken..], descends)),
        [part, rest @ ..] => {
            path.split_first().is_some_and(|(name, below)| plain_name(part, name) && plain(rest, below, descends))
        }
    }
}

fn plain_name(part: &str, name: &str) -> bool {
    match (part.split_at_checked(1), name.split_at_checked(1)) {
        (None, None) => true,
        (Some(("*", rest)), _) => (0..=name.len()).any(|taken| plain_name(rest, &name[taken..])),
        (Some((token, rest)), Some((c, below))) => (token == "?" || token == c) && plain_name(rest, below),
        _ => false,
    }
}

proptest! {
    #[test]
    fn patterns_match_what_trying_matches(
        parts in prop::collection::vec("[ab*?]{1,4}|\\*\\*|\\*", 2..5),
        path in prop::collection::vec("[ab]{1,4}", 1..6),
    ) {
        let pattern = parts.join("/");
        prop_assume!(!pattern.contains("***"));
        let words: Vec<&str> = parts.iter().map(String::as_str).collect();
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let descends = words.last() != Some(&"*");
        let found = owners_of(&format!("{pattern} @o"), &path.join("/")) == "@o";
        prop_assert_eq!(found, plain(&words, &names, descends), "{} {}", pattern, path.join("/"));
    }

    #[test]
    fn no_file_and_no_path_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[ -~\\n]{0,80}", path in "\\PC{0,20}") {
        for file in [bytes.as_slice(), text.as_bytes()] {
            let file = CodeOwners::parse(file).unwrap();
            let _ = file.rule_of(&path);
        }
    }
}
