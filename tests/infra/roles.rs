//! A function's role says in AWS's words what its `Deps` say in ours: neither more nor less.

use std::collections::BTreeSet;

use crate::template::{Function, Template, texts};

/// A port, as a type in `Deps`, and what the role needs for it.
const PORTS: [(&str, &str, &str); 6] = [
    ("dyn EvidenceWriter", "s3:PutObject", ""),
    ("dyn EvidenceReader", "s3:GetObjectVersion", ""),
    ("Index", "dynamodb:GetItem", "IndexTable"),
    ("Ledger", "dynamodb:GetItem", "LedgerTable"),
    ("IdentityStore", "dynamodb:GetItem", "IdentityTable"),
    ("dyn Queue", "sqs:SendMessage", "Queue"),
];

/// The ports that a function's source names in its dependencies.
fn deps(function: &Function) -> Option<String> {
    let sources = match function.bin.as_str() {
        "badge-issue" => vec!["src/step.rs"],
        _ => vec!["src/lib.rs", "src/handler.rs"],
    };
    let marker = if function.bin == "badge-issue" { "pub struct BadgeStep {" } else { "pub struct Deps {" };
    let text = sources.iter().find_map(|source| {
        let text = std::fs::read_to_string(function.folder().join(source)).ok()?;
        let from = text.find(marker)?;
        let length = text[from..].find("\n}")?;
        Some(text[from..from + length].to_owned())
    })?;
    // A recorder is the writing side of receipts: store both ways, and the receipt key.
    Some(text.replace("Recorder,", "Arc<dyn EvidenceWriter>, Arc<dyn EvidenceReader>, Arc<dyn Signer>,"))
}

#[test]
fn roles_are_what_deps_say() {
    let template = Template::read();
    let mut complaints = Vec::new();
    for function in template.functions() {
        let Some(deps) = deps(&function) else {
            complaints.push(format!("{}: its Deps are not found", function.bin));
            continue;
        };
        for (port, action, resource) in PORTS {
            let wanted = deps.lines().any(|line| {
                let kind = line.trim().trim_end_matches(',');
                kind.contains(port) && (port.starts_with("dyn") || kind.ends_with(&format!(": {port}")))
            });
            let granted = template.statements(&function.logical).into_iter().any(|statement| {
                let named = statement["Resource"].to_string();
                let own_parked = statement["Sid"] == "SetAside";
                texts(&statement["Action"]).contains(&action) && named.contains(resource) && !own_parked
            });
            if wanted != granted {
                complaints.push(format!(
                    "{}: {port} in Deps is {wanted}, {action} {resource} is granted: {granted}",
                    function.bin
                ));
            }
        }
        let signs = deps.contains("dyn Signer");
        if signs == signing_keys(&template, &function.logical).is_empty() {
            complaints.push(format!("{}: Signer in Deps is {signs}, the key policies say otherwise", function.bin));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// The keys whose policies let the function sign.
fn signing_keys<'t>(template: &'t Template, function: &str) -> BTreeSet<&'t str> {
    let role = serde_json::json!({ "Fn::GetAtt": [format!("{function}Role"), "Arn"] });
    let keys = template.of_type("AWS::KMS::Key").into_iter();
    let signs = |key: &serde_json::Value| {
        key["Properties"]["KeyPolicy"]["Statement"].as_array().unwrap().iter().any(|statement| {
            let principals = statement["Principal"]["AWS"].as_array();
            texts(&statement["Action"]).contains(&"kms:Sign") && principals.is_some_and(|all| all.contains(&role))
        })
    };
    keys.filter(|(_, key)| signs(key)).map(|(name, _)| name).collect()
}

#[test]
fn one_key_has_one_role_and_its_users() {
    let template = Template::read();
    for (function, keys) in [
        ("DbtCloud", vec!["ReceiptKey"]),
        ("Bundle", vec!["VerdictKey"]),
        ("Census", vec!["ReceiptKey", "VerdictKey"]),
        ("BadgeIssue", vec!["TokenKey"]),
        ("Ticket", vec![]),
        ("Badge", vec![]),
        ("Verify", vec![]),
    ] {
        assert_eq!(signing_keys(&template, function).into_iter().collect::<Vec<_>>(), keys, "{function}");
    }
}

#[test]
fn no_role_has_a_wildcard_or_a_right_to_remove() {
    let template = Template::read();
    for function in template.functions() {
        for statement in template.statements(&function.logical) {
            let at = format!("{}: {statement}", function.bin);
            assert_eq!(statement["Effect"], "Allow", "{at}");
            for action in texts(&statement["Action"]) {
                assert!(!action.contains('*'), "{at}");
                let removes = action.contains("Delete") && action != "sqs:DeleteMessage";
                assert!(!removes && !action.contains("Retention") && !action.contains("iam:"), "{at}");
            }
            assert_ne!(statement["Resource"], "*", "{at}");
            // A secret's ARN ends in random characters; folders of evidence end where the ids begin.
            let named = statement["Resource"].to_string();
            let folder = ["/*\"}", "/*\"]", ":*\"}"].iter().any(|end| named.contains(end));
            assert!(!named.contains('*') || folder, "{at}");
        }
        let policies = &template.resource(&format!("{}Role", function.logical))["Properties"];
        assert!(policies.get("ManagedPolicyArns").is_none(), "{}: managed policies grant more", function.bin);
    }
}

#[test]
fn every_function_reads_secrets_of_its_own_folders_only() {
    let template = Template::read();
    for (function, folders) in [
        ("DbtCloud", vec!["webhook"]),
        ("Bundle", vec!["token"]),
        ("Census", vec!["scope", "token"]),
        ("Ticket", vec!["link", "target"]),
        ("Verify", vec!["link"]),
        ("Badge", vec![]),
        ("BadgeIssue", vec![]),
    ] {
        let mut found: Vec<String> = Vec::new();
        for statement in template.statements(function) {
            if texts(&statement["Action"]).contains(&"secretsmanager:GetSecretValue") {
                for resource in statement["Resource"].as_array().unwrap() {
                    let arn = resource["Fn::Sub"].as_str().unwrap();
                    let folder = arn.split(":secret:clyra/${AWS::StackName}/").nth(1).unwrap();
                    found.push(folder.strip_suffix("/*").unwrap().to_owned());
                }
            }
        }
        found.sort();
        assert_eq!(found, folders, "{function}");
    }
}
