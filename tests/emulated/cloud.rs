//! The deployed template: functions built, packed and uploaded as `sam deploy` would, the stack's outputs read back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clyra_aws::Aws;
use clyra_ports::table::Table;
use clyra_service::vars::MapVars;
use serde_json::{Value, json};

use crate::emulator::{Emulator, root};
use crate::guard::Guard;
use crate::http::{self, query, s3};
use crate::outside::Outside;

pub(crate) const STACK: &str = "clyra";

/// The stack, as its outputs tell it.
pub(crate) struct Cloud {
    pub(crate) emulator: Emulator,
    pub(crate) guard: Arc<Guard>,
    outputs: BTreeMap<String, String>,
}

impl Cloud {
    /// The one of this process.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Cloud> = OnceLock::new();
        SHARED.get_or_init(Self::deploy)
    }

    pub(crate) fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("the stack has no output {name}: {:?}", self.outputs))
    }

    /// A connection with the credentials that functions have.
    pub(crate) fn aws(&self) -> Aws {
        Self::aws_at(&self.emulator.url())
    }

    /// The same, by way of another address.
    pub(crate) fn aws_at(url: &str) -> Aws {
        let vars = MapVars::default()
            .with("AWS_REGION", "us-east-1")
            .with("AWS_ACCESS_KEY_ID", "test")
            .with("AWS_SECRET_ACCESS_KEY", "test")
            .with("AWS_ENDPOINT_URL", url);
        Aws::from_vars(&vars).unwrap()
    }

    /// A bucket beside the stack's: what the suites store there drives no function. Made anew by every name.
    pub(crate) fn bucket(&self, name: &str) -> String {
        let locked = [("x-amz-bucket-object-lock-enabled", "true")];
        assert_eq!(s3(self.emulator.port, "PUT", &format!("/{name}"), &locked, b"").status, 200);
        name.to_owned()
    }

    /// A queue beside the stack's, whose messages are hidden for two seconds.
    pub(crate) fn queue(&self, name: &str) -> String {
        let attribute = [("Attribute.1.Name", "VisibilityTimeout"), ("Attribute.1.Value", "2")];
        let parameters = [&[("Action", "CreateQueue"), ("Version", "2012-11-05"), ("QueueName", name)], &attribute[..]];
        let xml = query(self.emulator.port, "sqs", &parameters.concat());
        xml.split("<QueueUrl>").nth(1).unwrap().split('<').next().unwrap().to_owned()
    }

    /// A table of the template's shape beside the stack's.
    pub(crate) fn table(&self, name: &str) -> Arc<dyn Table> {
        let template = template();
        let table = &template["Resources"]["IndexTable"]["Properties"];
        http::json(
            self.emulator.port,
            "dynamodb",
            "DynamoDB_20120810.CreateTable",
            &json!({
                "TableName": name,
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": table["AttributeDefinitions"],
                "KeySchema": table["KeySchema"],
            }),
        );
        Arc::new(self.aws().table(name))
    }

    /// Calls a function as its schedule does, and waits until it is done.
    pub(crate) fn run_task(&self, function: &str, task: &str) -> Result<(), String> {
        let path = format!("/2015-03-31/functions/{}/invocations", self.output(function));
        let authorization =
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host, Signature=0";
        let body = json!({ "task": task }).to_string();
        let reply = http::send(self.emulator.port, "POST", &path, &[("Authorization", authorization)], body.as_bytes());
        let failed = reply.head.to_ascii_lowercase().contains("x-amz-function-error");
        if reply.status == 200 && !failed { Ok(()) } else { Err(format!("{task}: {} {}", reply.status, reply.text())) }
    }

    /// The path of the HTTP API on the emulator.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("/_aws/execute-api/{}/$default{path}", self.output("ApiId"))
    }

    fn deploy() -> Self {
        let emulator = Emulator::shared();
        let port = emulator.port;
        assert_eq!(s3(port, "PUT", "/code", &[], b"").status, 200);
        let outside = Outside::shared();
        for (name, value) in outside.secrets() {
            put_secret(port, &format!("clyra/{STACK}/{name}"), &value);
        }
        let mut template = template();
        let guard = Guard::new(emulator, template.clone());
        let resources = template["Resources"].as_object_mut().unwrap().iter_mut();
        let functions = resources.filter(|(_, resource)| resource["Type"] == "AWS::Serverless::Function");
        let mut functions: Vec<(&String, &mut Value)> =
            functions.map(|(name, function)| (name, &mut function["Properties"])).collect();
        let built = build(&functions.iter().map(|(_, function)| bin_of(function)).collect());
        for (name, function) in &mut functions {
            package(emulator, &guard.address(name), &built, function);
        }
        let body = template.to_string();
        assert_eq!(s3(port, "PUT", "/code/template.json", &[], body.as_bytes()).status, 200);
        create_stack(emulator);
        let cloud = Self { emulator, guard, outputs: outputs(port) };
        cloud.guard.learn(names(&cloud.outputs));
        cloud.lock_objects(&template);
        cloud
    }

    /// The emulator's CloudFormation leaves the bucket's Object Lock out, so what the template says is set here.
    fn lock_objects(&self, template: &Value) {
        let lock = &template["Resources"]["EvidenceBucket"]["Properties"]["ObjectLockConfiguration"];
        assert_eq!(lock["Rule"]["DefaultRetention"]["Days"]["Ref"], "RetentionDays");
        let rule = "<Rule><DefaultRetention><Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule>";
        let body = format!(
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>{rule}</ObjectLockConfiguration>"
        );
        let path = format!("/{}?object-lock", self.output("EvidenceBucketName"));
        let reply = s3(self.emulator.port, "PUT", &path, &[], body.as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

/// The outputs that name a resource, by the resource: `BundleQueueUrl` is the address of `BundleQueue`.
fn names(outputs: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let resource =
        |output: &str| ["Url", "Name", "Arn"].iter().find_map(|end| output.strip_suffix(end).map(str::to_owned));
    outputs.iter().filter_map(|(output, value)| Some((resource(output)?, value.clone()))).collect()
}

fn template() -> Value {
    let text = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
    serde_saphyr::from_str(&text).unwrap()
}

/// The last part of `CodeUri`.
fn bin_of(properties: &Value) -> String {
    let folder = properties["CodeUri"].as_str().unwrap().trim_end_matches('/');
    folder.rsplit('/').next().unwrap().to_owned()
}

/// Packs and uploads a function; gives it the guard's address, as Lambda there sets no endpoint.
fn package(emulator: Emulator, address: &str, built: &BTreeMap<String, PathBuf>, properties: &mut Value) {
    let bin = bin_of(properties);
    let key = format!("{bin}.zip");
    let zip = zip(&built[&bin]);
    assert_eq!(s3(emulator.port, "PUT", &format!("/code/{key}"), &[], &zip).status, 200);
    properties["CodeUri"] = json!({ "Bucket": "code", "Key": key });
    let variables = properties["Environment"]["Variables"].as_object_mut().unwrap();
    for (name, value) in
        [("AWS_ENDPOINT_URL", address), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]
    {
        variables.insert(name.to_owned(), value.into());
    }
}

/// The real functions, in the dev profile: what is tested is behaviour, and the profile for Lambda takes minutes. They are
/// built by one command, because cargo unifies features over what it is asked for: one by one, every function would
/// build the AWS SDK anew.
fn build(bins: &BTreeSet<String>) -> BTreeMap<String, PathBuf> {
    let mut command = Command::new(std::env!("CARGO"));
    command.args(["build", "--locked", "--quiet", "--message-format", "json-render-diagnostics"]);
    for bin in bins {
        let package = if bin == "badge-issue" { "badge" } else { bin };
        let package = format!("clyra-fn-{package}");
        command.args(["--bin", bin, "-p", &package, "--features", &format!("{package}/lambda")]);
    }
    let output = command.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "a function does not build:\n{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let executables = messages.filter_map(|message| {
        let path = PathBuf::from(message["executable"].as_str()?);
        Some((message["target"]["name"].as_str()?.to_owned(), path))
    });
    executables.collect()
}

/// A zip with an executable `bootstrap`, as Lambda expects it. Python has a zip writer and is here for the emulator.
fn zip(executable: &std::path::Path) -> Vec<u8> {
    let script = "import sys,zipfile,io\n\
        b=io.BytesIO(); z=zipfile.ZipFile(b,'w',zipfile.ZIP_DEFLATED,compresslevel=1)\n\
        i=zipfile.ZipInfo('bootstrap'); i.external_attr=0o755<<16; i.compress_type=zipfile.ZIP_DEFLATED\n\
        z.writestr(i,open(sys.argv[1],'rb').read()); z.close(); sys.stdout.buffer.write(b.getvalue())";
    let python = root().join(".tools/emulated/bin/python");
    let output = Command::new(python).args(["-c", script]).arg(executable).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn create_stack(emulator: Emulator) {
    let url = format!("{}/code/template.json", emulator.url());
    let outside = Outside::shared();
    let connections = format!("default:{}=clyra/{STACK}/webhook/default", outside.week.account_id);
    let config = outside.config(STACK).to_string();
    let mut parameters: Vec<(String, String)> = vec![
        ("Action".to_owned(), "CreateStack".to_owned()),
        ("Version".to_owned(), "2010-05-15".to_owned()),
        ("StackName".to_owned(), STACK.to_owned()),
        ("TemplateURL".to_owned(), url),
        ("Capabilities.member.1".to_owned(), "CAPABILITY_IAM".to_owned()),
        ("Capabilities.member.2".to_owned(), "CAPABILITY_AUTO_EXPAND".to_owned()),
    ];
    let given = [
        ("PublicBaseUrl", "https://evidence.example.com"),
        ("Mode", "retention"),
        ("RetentionDays", "1"),
        ("AcceptRetentionDays", "1"),
        ("DbtCloudConnections", connections.as_str()),
        ("Config", config.as_str()),
    ];
    for (n, (name, value)) in (1..).zip(given) {
        parameters.push((format!("Parameters.member.{n}.ParameterKey"), name.to_owned()));
        parameters.push((format!("Parameters.member.{n}.ParameterValue"), value.to_owned()));
    }
    let parameters: Vec<(&str, &str)> =
        parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    query(emulator.port, "cloudformation", &parameters);
    let describe = [("Action", "DescribeStacks"), ("Version", "2010-05-15"), ("StackName", STACK)];
    for _ in 0..240 {
        let status = query(emulator.port, "cloudformation", &describe);
        if status.contains("<StackStatus>CREATE_COMPLETE<") {
            return;
        }
        assert!(status.contains("<StackStatus>CREATE_IN_PROGRESS<"), "the stack was not created: {status}");
        std::thread::sleep(Duration::from_millis(250));
    }
    panic!("the stack is still being created");
}

fn outputs(port: u16) -> BTreeMap<String, String> {
    let describe = [("Action", "DescribeStacks"), ("Version", "2010-05-15"), ("StackName", STACK)];
    let xml = query(port, "cloudformation", &describe);
    let value = |part: &str, tag: &str| {
        let from = part.find(&format!("<{tag}>"))? + tag.len() + 2;
        let length = part[from..].find('<')?;
        Some(part[from..from + length].replace("&amp;", "&"))
    };
    let parts = xml.split("<OutputKey>").skip(1).map(|part| format!("<OutputKey>{part}"));
    parts.filter_map(|part| Some((value(&part, "OutputKey")?, value(&part, "OutputValue")?))).collect()
}

pub(crate) fn put_secret(port: u16, name: &str, value: &str) {
    let body =
        json!({ "Name": name, "SecretString": value, "ClientRequestToken": format!("{name:0>64}").replace('/', "-") });
    http::json(port, "secretsmanager", "secretsmanager.CreateSecret", &body);
}
