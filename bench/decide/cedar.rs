//! The peer: five rules in Cedar, parsed once; entities are made of each request, as a gateway would.

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet, Request,
    RestrictedExpression as Value,
};
use std::{
    collections::{HashMap, HashSet},
    error::Error,
};
use wire::{Requirement, Resource, Target};

/// What of a request becomes an attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fields {
    /// What the five rules read: only who knows the rules can do that.
    Read,
    /// All that a plugin is given, too.
    All,
}

/// Cedar with its policies.
pub struct Cedar {
    fields: Fields,
    authorizer: Authorizer,
    policies: PolicySet,
    /// The names of the rules. Looked up in the policies, each name would be parsed again.
    rules: HashMap<PolicyId, String>,
    user: EntityTypeName,
    group: EntityTypeName,
    action: EntityTypeName,
    resource: EntityTypeName,
}

impl Cedar {
    pub fn new(fields: Fields) -> Result<Cedar, Box<dyn Error>> {
        let policies: PolicySet = include_str!("policy.cedar").parse()?;
        let rules = policies.policies().filter_map(|it| Some((it.id().clone(), it.annotation("rule")?.to_owned())));
        Ok(Cedar {
            fields,
            authorizer: Authorizer::new(),
            rules: rules.collect(),
            policies,
            user: "User".parse()?,
            group: "Group".parse()?,
            action: "Action".parse()?,
            resource: "Resource".parse()?,
        })
    }

    /// The rule that refuses, or nothing.
    pub fn decide(&self, request: &wire::Request) -> Result<String, Box<dyn Error>> {
        let Target::Resource(at) = &request.target else { return Err("only resources are measured".into()) };
        let (user, resource) = (self.user(request)?, self.resource(at)?);
        let action = uid(&self.action, &at.verb);
        let ask = Request::new(user.uid(), action, resource.uid(), Context::empty(), None)?;
        let entities = Entities::from_entities([user, resource], None)?;
        let response = self.authorizer.is_authorized(&ask, &self.policies, &entities);
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(error.to_string().into());
        }
        match response.decision() {
            Decision::Allow => Ok(String::new()),
            Decision::Deny => {
                let rule = response.diagnostics().reason().find_map(|id| self.rules.get(id));
                Ok(rule.ok_or("Cedar denied without a rule")?.clone())
            }
        }
    }

    fn user(&self, request: &wire::Request) -> Result<Entity, Box<dyn Error>> {
        let mut attributes = HashMap::from([("name".to_owned(), text(&request.user))]);
        if let Some(node) = request.user.strip_prefix("system:node:") {
            attributes.insert("node".into(), text(node));
        }
        if self.fields == Fields::All {
            let extra = request.extra.iter().map(|(key, values)| (key.clone(), texts(values)));
            attributes.insert("uid".into(), text(&request.uid));
            attributes.insert("extra".into(), Value::new_record(extra)?);
        }
        let groups = request.groups.iter().map(|group| uid(&self.group, group)).collect();
        Ok(Entity::new(uid(&self.user, &request.user), attributes, groups)?)
    }

    fn resource(&self, at: &Resource) -> Result<Entity, Box<dyn Error>> {
        let read =
            [("group", &at.group), ("resource", &at.resource), ("subresource", &at.subresource), ("name", &at.name)];
        let mut attributes: HashMap<_, _> = read.map(|(key, value)| (key.to_owned(), text(value))).into();
        if self.fields == Fields::All {
            attributes.insert("namespace".into(), text(&at.namespace));
            attributes.insert("version".into(), text(&at.version));
            attributes.insert("fieldSelector".into(), requirements(&at.field_selector)?);
            attributes.insert("labelSelector".into(), requirements(&at.label_selector)?);
        }
        Ok(Entity::new(uid(&self.resource, &at.resource), attributes, HashSet::new())?)
    }
}

fn requirements(requirements: &[Requirement]) -> Result<Value, Box<dyn Error>> {
    let records = requirements.iter().map(|it| {
        let operator = format!("{:?}", it.operator);
        let fields = [("key", text(&it.key)), ("operator", text(&operator)), ("values", texts(&it.values))];
        Value::new_record(fields.map(|(name, value)| (name.to_owned(), value)))
    });
    Ok(Value::new_set(records.collect::<Result<Vec<_>, _>>()?))
}

fn uid(kind: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn text(value: &str) -> Value {
    Value::new_string(value.to_owned())
}

fn texts(values: &[String]) -> Value {
    Value::new_set(values.iter().map(|value| text(value)))
}
