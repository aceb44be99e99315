//! What cases cannot say: configs that are refused.

use super::Config;
use sdk::Config as _;

#[test]
fn an_unknown_rule_is_a_fault_that_says_where() {
    let mut config = Config::default();
    config.rules.insert("node-owns-lease".into(), sdk::Mode::Off);
    config.allow.insert("a/b~c".into(), Vec::new());
    let pointers: Vec<_> = config.check().into_iter().map(|fault| fault.pointer).collect();
    assert_eq!(pointers, ["/rules/node-owns-lease", "/allow/a~1b~0c"]);
}
