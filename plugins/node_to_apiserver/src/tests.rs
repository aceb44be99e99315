//! What cases cannot say: configs that are refused, and a table that must match another.

use super::{Config, RULES, beyond, own};
use sdk::Config as _;

#[test]
fn an_unknown_rule_is_a_fault_that_says_where() {
    let config = Config {
        off: vec!["node-own-lease".into(), "node-owns-lease".into()],
        allow: [("a/b~c".to_owned(), Vec::new())].into(),
    };
    let pointers: Vec<_> = config.check().into_iter().map(|fault| fault.pointer).collect();
    assert_eq!(pointers, ["/off/1", "/allow/a~1b~0c"]);
}

#[test]
fn every_rule_that_is_told_is_checked_in_the_order_told() {
    let told: Vec<_> = RULES.iter().map(|rule| rule.id).collect();
    let own = own::GUARDS.iter().map(|guard| guard.rule.id);
    let checked: Vec<_> = own.chain(beyond::GUARDS.iter().map(|guard| guard.rule.id)).collect();
    assert_eq!(told, checked);
}
