//! What the emulator lacks: a guard in front of it who knows the template's roles, key policies and bucket policy. Every
//! function reaches AWS's calls through a port of its own, and a call that its role does not grant is answered 403.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;

use crate::emulator::Emulator;
use crate::http::forward;
use crate::server::{Seen, Told, serve};

/// Physical names, such as a queue's address, by their logical ones.
type Names = BTreeMap<String, String>;

pub(crate) struct Guard {
    emulator: Emulator,
    template: Value,
    names: OnceLock<Names>,
    refused: Mutex<Vec<String>>,
}

/// A call in the words of a policy.
struct Call {
    action: String,
    resource: String,
    prefix: Option<String>,
}

impl Guard {
    pub(crate) fn new(emulator: Emulator, template: Value) -> Arc<Self> {
        Arc::new(Self { emulator, template, names: OnceLock::new(), refused: Mutex::default() })
    }

    /// The address of AWS's calls for the function with this logical name.
    pub(crate) fn address(self: &Arc<Self>, function: &str) -> String {
        let (guard, role) = (Arc::clone(self), function.replace("Function", "Role"));
        let port = serve(move |seen| guard.pass(&role, &seen));
        format!("http://127.0.0.1:{port}")
    }

    /// The stack is there: its resources have names now.
    pub(crate) fn learn(&self, names: Names) {
        assert!(self.names.set(names).is_ok(), "a stack is made once");
    }

    /// Every call that was not granted, with the role that made it.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.refused.lock().unwrap().clone()
    }

    fn pass(&self, role: &str, seen: &Seen) -> Told {
        let call = self.call(seen);
        if self.grants(role, &call) && !self.denies(&call, seen) {
            return forward(self.emulator, seen);
        }
        let Call { action, resource, prefix } = call;
        self.refused.lock().unwrap().push(format!("{role}: {action} {resource} {}", prefix.unwrap_or_default()));
        match seen.header("x-amz-target") {
            Some(_) => Told::new(400, r#"{"__type":"AccessDeniedException","message":"not granted"}"#),
            None => Told::new(403, "<Error><Code>AccessDenied</Code><Message>not granted</Message></Error>"),
        }
    }

    fn call(&self, seen: &Seen) -> Call {
        let Some(target) = seen.header("x-amz-target") else { return self.s3_call(seen) };
        let (service, name) = target.split_once('.').unwrap();
        let body: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let of = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
        let (service, resource) = match service {
            "AmazonSQS" => ("sqs", self.logical(&of("QueueUrl"))),
            "TrentService" => ("kms", self.logical(&of("KeyId"))),
            "secretsmanager" => ("secretsmanager", of("SecretId")),
            _ => ("dynamodb", self.logical(&of("TableName"))),
        };
        Call { action: format!("{service}:{name}"), resource, prefix: None }
    }

    fn s3_call(&self, seen: &Seen) -> Call {
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        let (bucket, key) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        let resource = if key.is_empty() { self.logical(bucket) } else { format!("{}/{key}", self.logical(bucket)) };
        let parameter = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let action = match seen.method.as_str() {
            "GET" if query.split('&').any(|pair| pair.trim_end_matches('=') == "versions") => "ListBucketVersions",
            "GET" if parameter("versionId").is_some() => "GetObjectVersion",
            "GET" => "GetObject",
            "PUT" => "PutObject",
            "DELETE" => "DeleteObject",
            other => other,
        };
        let prefix = parameter("prefix").map(|prefix| prefix.replace("%2F", "/"));
        Call { action: format!("s3:{action}"), resource, prefix }
    }

    fn logical(&self, physical: &str) -> String {
        let names = self.names.get().expect("functions run when the stack is there");
        let found = names.iter().find(|(_, name)| name.as_str() == physical);
        found.map_or_else(|| physical.to_owned(), |(logical, _)| logical.clone())
    }

    /// Whether the role, or the policy of the key, grants the call.
    fn grants(&self, role: &str, call: &Call) -> bool {
        if call.action.starts_with("kms:") {
            let policy = &self.template["Resources"][&call.resource]["Properties"]["KeyPolicy"]["Statement"];
            let us = serde_json::json!({ "Fn::GetAtt": [role, "Arn"] });
            let ours =
                |statement: &&Value| statement["Principal"]["AWS"].as_array().is_some_and(|all| all.contains(&us));
            return list(policy).iter().filter(ours).any(|statement| acts(statement, &call.action));
        }
        let policies = list(&self.template["Resources"][role]["Properties"]["Policies"]);
        let statements = policies.iter().flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
        statements.into_iter().any(|statement| {
            let is_about = list(&statement["Resource"]).iter().any(|named| covers(&pattern(named), &call.resource));
            let prefixes = list(&statement["Condition"]["StringLike"]["s3:prefix"]);
            let prefix = call.prefix.as_deref().unwrap_or_default();
            let listed = prefixes.iter().any(|allowed| covers(allowed.as_str().unwrap(), prefix));
            acts(&statement, &call.action) && is_about && (prefixes.is_empty() || listed)
        })
    }

    /// Whether the bucket's policy denies what the role grants.
    fn denies(&self, call: &Call, seen: &Seen) -> bool {
        let statements =
            &self.template["Resources"]["EvidenceBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"];
        list(statements).iter().any(|statement| match statement["Sid"].as_str() {
            // The emulator has no TLS.
            Some("OnlyOverTls") => false,
            Some("NobodyOverwrites") => acts(statement, &call.action) && seen.header("if-none-match").is_none(),
            _ => acts(statement, &call.action),
        })
    }
}

/// A list, or one value for a list of one; nothing for none.
fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(all) => all.clone(),
        one @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => vec![one.clone()],
    }
}

fn acts(statement: &Value, action: &str) -> bool {
    list(&statement["Action"]).iter().any(|named| named == action)
}

/// A resource of the template in the words of [`Call::resource`].
fn pattern(resource: &Value) -> String {
    if let Some(logical) = resource["Fn::GetAtt"][0].as_str() {
        return logical.to_owned();
    }
    let text = resource["Fn::Sub"].as_str().unwrap_or_default();
    let text = text.split_once(":secret:").map_or(text, |(_, name)| name);
    text.replace("${EvidenceBucket.Arn}", "EvidenceBucket").replace("${AWS::StackName}", crate::cloud::STACK)
}

/// `*` at the end of a pattern stands for anything.
fn covers(pattern: &str, text: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == text, |begin| text.starts_with(begin))
}
