//! The template as a value. It uses the long form of intrinsic functions only, so any YAML reader reads it.

use std::path::PathBuf;

use serde_json::{Map, Value};

/// A function: its package, its logical name, and the bin that is deployed.
pub(crate) struct Function {
    pub(crate) bin: String,
    pub(crate) logical: String,
}

pub(crate) struct Template(Value);

impl Template {
    pub(crate) fn read() -> Self {
        let text = std::fs::read_to_string(root().join("infra/template.yaml")).unwrap();
        Self(serde_saphyr::from_str(&text).unwrap())
    }

    pub(crate) fn section(&self, name: &str) -> &Map<String, Value> {
        self.0[name].as_object().unwrap_or_else(|| panic!("the template has no {name}"))
    }

    /// The resources of a type, by logical name.
    pub(crate) fn of_type(&self, kind: &str) -> Vec<(&str, &Value)> {
        let resources = self.section("Resources").iter();
        resources.filter(|(_, r)| r["Type"] == kind).map(|(name, r)| (name.as_str(), r)).collect()
    }

    pub(crate) fn resource(&self, name: &str) -> &Value {
        self.section("Resources").get(name).unwrap_or_else(|| panic!("the template has no {name}"))
    }

    pub(crate) fn functions(&self) -> Vec<Function> {
        let functions = self.of_type("AWS::Serverless::Function").into_iter();
        functions
            .map(|(name, function)| {
                let folder = function["Properties"]["CodeUri"].as_str().unwrap().trim_end_matches('/');
                Function {
                    bin: folder.rsplit('/').next().unwrap().to_owned(),
                    logical: name.strip_suffix("Function").unwrap().to_owned(),
                }
            })
            .collect()
    }

    /// The statements of a function's role.
    pub(crate) fn statements(&self, function: &str) -> Vec<&Value> {
        let policies = self.resource(&format!("{function}Role"))["Properties"]["Policies"].as_array().unwrap();
        policies.iter().flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap()).collect()
    }
}

impl Function {
    /// The folder of the package that the bin belongs to.
    pub(crate) fn folder(&self) -> PathBuf {
        let package = match self.bin.as_str() {
            "badge-issue" => "badge",
            bin => bin,
        };
        root().join("functions").join(package)
    }
}

/// One text or a list of texts.
pub(crate) fn texts(value: &Value) -> Vec<&str> {
    if let Value::Array(all) = value {
        all.iter().filter_map(Value::as_str).collect()
    } else {
        value.as_str().into_iter().collect()
    }
}

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}
