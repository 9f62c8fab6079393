//! Write once, in AWS's words.

use serde_json::Value;

use crate::template::{Template, texts};

/// The statement of the bucket's policy with this id.
fn denied<'t>(template: &'t Template, sid: &str) -> &'t Value {
    let statements = template.resource("EvidenceBucketPolicy")["Properties"]["PolicyDocument"]["Statement"].as_array();
    let statement = statements.unwrap().iter().find(|statement| statement["Sid"] == sid).unwrap();
    assert_eq!(statement["Effect"], "Deny", "{sid}");
    assert_eq!(statement["Principal"], "*", "{sid} must hold for everybody");
    statement
}

#[test]
fn nobody_deletes_overwrites_or_shortens() {
    let template = Template::read();
    let delete = denied(&template, "NobodyDeletes");
    assert_eq!(texts(&delete["Action"]), ["s3:DeleteObject", "s3:DeleteObjectVersion"]);
    assert!(delete.get("Condition").is_none());

    let overwrite = denied(&template, "NobodyOverwrites");
    assert_eq!(texts(&overwrite["Action"]), ["s3:PutObject"]);
    assert_eq!(overwrite["Condition"], serde_json::json!({ "Null": { "s3:if-none-match": "true" } }));

    let retention = denied(&template, "NobodyChangesRetention");
    let expected = ["s3:PutObjectRetention", "s3:PutObjectLegalHold", "s3:BypassGovernanceRetention"];
    assert_eq!(texts(&retention["Action"]), expected);
    assert!(retention.get("Condition").is_none());
    for statement in [delete, overwrite, retention] {
        assert_eq!(statement["Resource"]["Fn::Sub"], "${EvidenceBucket.Arn}/*", "all objects");
    }

    let plain = denied(&template, "OnlyOverTls");
    assert_eq!(plain["Condition"]["Bool"]["aws:SecureTransport"], "false");
    assert_eq!(texts(&plain["Action"]), ["s3:*"]);
}

#[test]
fn the_bucket_keeps_versions_locks_them_and_is_not_public() {
    let template = Template::read();
    let bucket = &template.resource("EvidenceBucket")["Properties"];
    assert_eq!(bucket["ObjectLockEnabled"], true);
    assert_eq!(bucket["VersioningConfiguration"]["Status"], "Enabled");
    let retention = &bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"];
    assert_eq!(retention["Days"]["Ref"], "RetentionDays");
    assert_eq!(retention["Mode"]["Fn::If"], serde_json::json!(["IsTrial", "GOVERNANCE", "COMPLIANCE"]));
    let public = bucket["PublicAccessBlockConfiguration"].as_object().unwrap();
    assert_eq!((public.len(), public.values().all(|value| value == true)), (4, true));
    for rule in bucket["LifecycleConfiguration"]["Rules"].as_array().unwrap() {
        let members: Vec<&String> = rule.as_object().unwrap().keys().collect();
        assert!(!members.iter().any(|member| member.contains("Expir")), "evidence never expires: {rule}");
    }
}

#[test]
fn retention_is_decided_and_accepted_never_assumed() {
    let template = Template::read();
    let parameters = template.section("Parameters");
    for name in ["PublicBaseUrl", "Mode", "RetentionDays"] {
        assert!(parameters[name].get("Default").is_none(), "{name} must be given");
    }
    let rule = &template.section("Rules")["RetentionIsAccepted"]["Assertions"][0]["Assert"]["Fn::Equals"];
    assert_eq!(rule, &serde_json::json!([{ "Ref": "AcceptRetentionDays" }, { "Ref": "RetentionDays" }]));
    assert_eq!(parameters["AcceptRetentionDays"]["Default"], "", "acceptance is never the default");
}

#[test]
fn what_holds_evidence_or_secrets_survives_the_stack() {
    let template = Template::read();
    let kinds = ["AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::KMS::Key", "AWS::DynamoDB::Table"];
    let kept: Vec<_> = kinds.iter().flat_map(|kind| template.of_type(kind)).collect();
    assert_eq!(kept.len(), 1 + 1 + 3 + 3);
    for (name, resource) in kept {
        assert_eq!(resource["DeletionPolicy"], "Retain", "{name}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
    }
    for (name, table) in template.of_type("AWS::DynamoDB::Table") {
        let properties = &table["Properties"];
        assert_eq!(properties["DeletionProtectionEnabled"], true, "{name}");
        assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true, "{name}");
    }
}

#[test]
fn keys_sign_digests_for_functions_only_and_are_deleted_by_nobody() {
    let template = Template::read();
    for (name, key) in template.of_type("AWS::KMS::Key") {
        let properties = &key["Properties"];
        assert_eq!((&properties["KeySpec"], &properties["KeyUsage"]), (&"ECC_NIST_P256".into(), &"SIGN_VERIFY".into()));
        for statement in properties["KeyPolicy"]["Statement"].as_array().unwrap() {
            let actions = texts(&statement["Action"]);
            assert!(actions.iter().all(|action| !action.contains('*')), "{name}: {statement}");
            for never in ["kms:ScheduleKeyDeletion", "kms:DisableKey", "kms:CreateGrant"] {
                assert!(!actions.contains(&never), "{name}: {never} is granted");
            }
            if actions.contains(&"kms:Sign") {
                let condition = &statement["Condition"]["StringEquals"];
                assert_eq!(condition["kms:MessageType"], "DIGEST", "{name}");
                assert_eq!(condition["kms:SigningAlgorithm"], "ECDSA_SHA_256", "{name}");
                let signers = statement["Principal"]["AWS"].as_array().unwrap();
                assert!(signers.iter().all(|signer| signer.get("Fn::GetAtt").is_some()), "{name}: only roles sign");
            }
        }
    }
}

#[test]
fn every_queue_has_a_second_one_patience_and_alarms() {
    let template = Template::read();
    let alarms = template.of_type("AWS::CloudWatch::Alarm");
    let watched = |metric: &str, queue: &str| {
        alarms.iter().any(|(_, alarm)| {
            let properties = &alarm["Properties"];
            properties["MetricName"] == metric && properties["Dimensions"][0]["Value"]["Fn::GetAtt"][0] == queue
        })
    };
    let queues = template.of_type("AWS::SQS::Queue");
    for (name, queue) in &queues {
        if let Some(step) = name.strip_suffix("Queue") {
            let redrive = &queue["Properties"]["RedrivePolicy"];
            assert_eq!(redrive["deadLetterTargetArn"]["Fn::GetAtt"][0], format!("{step}Parked"));
            // Backing off to 15 minutes, a day takes 96 receipts and some first ones.
            assert!(redrive["maxReceiveCount"].as_u64().unwrap() >= 100, "{name} gives up within a day");
            assert!(watched("ApproximateAgeOfOldestMessage", name), "nobody watches the age of {name}");
        } else {
            assert!(watched("ApproximateNumberOfMessagesVisible", name), "nobody watches the depth of {name}");
        }
    }
    assert!(queues.len() >= 6);
    for outcome in ["conflict", "pending", "not_durable"] {
        let metric = format!("deliveries_{outcome}");
        assert!(alarms.iter().any(|(_, alarm)| alarm["Properties"]["MetricName"] == metric.as_str()), "{metric}");
    }
}

#[test]
fn requests_are_throttled_and_no_path_is_logged() {
    let template = Template::read();
    let stage = &template.resource("ApiStage")["Properties"];
    assert!(stage["DefaultRouteSettings"]["ThrottlingRateLimit"].as_u64().is_some());
    let format = stage["AccessLogSettings"]["Format"].as_str().unwrap();
    for secret in ["$context.path", "queryString", "$context.domainName", "authorization"] {
        assert!(!format.contains(secret), "{secret} is logged");
    }
}
