//! Whether a run ran the code that its manifest shows.

use clyra_evidence::text::UntrustedText;
use serde::{Deserialize, Serialize};

use crate::results::ran::Ran;

/// The compiled SQL of the results beside that of the manifest of the same invocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeRan {
    /// How many nodes were compared.
    pub compared: u64,
    /// Nodes and tests that ran other SQL than the manifest shows, by unique id.
    pub differing: Vec<UntrustedText>,
}

impl Ran<'_> {
    /// `None` where nothing could be compared: results before v5 tell no SQL, another invocation may compile the same node to
    /// other SQL (an incremental model does, once its table exists), and of a microbatch model each batch has its own.
    pub(crate) fn code(&self) -> Option<CodeRan> {
        let manifest = self.manifest?;
        let invocation = manifest.metadata().invocation_id.as_ref()?;
        let same = self.runs.iter().filter(|run| run.metadata.invocation_id.as_ref() == Some(invocation));
        let mut code = CodeRan { compared: 0, differing: Vec::new() };
        for node in same.flat_map(|run| &run.nodes).filter(|node| node.batches.is_none()) {
            let shown = manifest.resource(&node.unique_id).and_then(|resource| resource.compiled);
            if let (Some(ran), Some(shown)) = (node.compiled, shown) {
                code.compared += 1;
                if ran != shown {
                    code.differing.push(UntrustedText::new(&node.unique_id));
                }
            }
        }
        (code.compared > 0).then_some(code)
    }
}
