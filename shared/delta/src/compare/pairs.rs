//! dbt puts a digest of a generic test's arguments into its id: a test whose accepted values changed looks like one that
//! was removed and another that was added. Where it is clear which replaced which, they are one changed test.

use std::collections::BTreeMap;

use crate::artifact::resource::Resource;
use crate::compare::Resources;

/// What a generic test guards: node, column, name of the check.
type Identity<'m> = (Option<&'m str>, Option<&'m str>, Option<&'m str>);

/// New id → the test it replaced. Only where exactly one test of that identity went and exactly one came.
pub(crate) fn replaced_tests<'m>(
    old: &Resources<'m>,
    new: &Resources<'m>,
) -> BTreeMap<&'m str, (&'m str, &'m Resource)> {
    let gone = singles(old, new);
    let mut replaced = BTreeMap::new();
    for (identity, came) in singles(new, old) {
        if let (Some((id, _)), Some(Some(earlier))) = (came, gone.get(&identity)) {
            replaced.insert(id, *earlier);
        }
    }
    replaced
}

/// Generic tests that only `here` has, by identity; `None` where several share one.
fn singles<'m>(here: &Resources<'m>, there: &Resources<'m>) -> BTreeMap<Identity<'m>, Option<(&'m str, &'m Resource)>> {
    let mut singles = BTreeMap::new();
    for (id, resource) in here.iter().filter(|(id, _)| !there.contains_key(*id)) {
        let Some(test) =
            resource.test.as_deref().filter(|test| test.test_name.is_some() && test.attached_node.is_some())
        else {
            continue;
        };
        singles.entry(test.identity()).and_modify(|single| *single = None).or_insert(Some((*id, *resource)));
    }
    singles
}
