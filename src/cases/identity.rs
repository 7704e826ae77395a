//! Whose picture the query is. A similar case from the same patient is no evidence, so searches
//! can leave the query's own patient, case, lesion, slide or site out (decision: missing never
//! equals missing).

use std::collections::BTreeMap;

use vitrail_domain::{Identity, Payload, Role, Roles};

use crate::error::CaseError;

/// What is known of the query before it is asked.
pub struct Known<'a> {
    /// Payloads of the stored points that *are* the query: itself, or equal pixels.
    pub payloads: &'a [Payload],
    /// What the caller says.
    pub same: &'a BTreeMap<Role, String>,
}

impl Known<'_> {
    /// The identities to leave out for the roles asked for. What the caller says wins over what
    /// is stored.
    ///
    /// # Errors
    /// A role that the collection does not map; a role asked of a query that is not stored and of
    /// which the caller says nothing.
    pub fn leave_out(&self, asked: &[Role], roles: &Roles) -> Result<Vec<Identity>, CaseError> {
        let mut identities = Vec::new();
        for &role in asked {
            if roles.path(role).is_none() {
                return Err(CaseError::Role(role));
            }
            let found = self.of_role(role, roles);
            if found.is_empty() && self.payloads.is_empty() {
                return Err(CaseError::Identity(role));
            }
            identities.extend(found);
        }
        Ok(identities)
    }

    /// Who the query is, as far as anybody knows.
    pub fn own(&self, roles: &Roles) -> Vec<Identity> {
        let personal = [Role::Patient, Role::Case, Role::Lesion, Role::Slide];
        personal.into_iter().flat_map(|role| self.of_role(role, roles)).collect()
    }

    fn of_role(&self, role: Role, roles: &Roles) -> Vec<Identity> {
        if let Some(value) = self.same.get(&role) {
            return vec![Identity { role, value: value.clone() }];
        }
        let mut values: Vec<String> =
            self.payloads.iter().filter_map(|payload| roles.value(role, payload)).collect();
        values.sort();
        values.dedup();
        values.into_iter().map(|value| Identity { role, value }).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vitrail_domain::Path;

    use super::*;

    fn payload(value: &serde_json::Value) -> Payload {
        Payload::trusted(value.as_object().cloned().unwrap_or_default())
    }

    fn roles() -> Roles {
        let paths = [(Role::Patient, Path::key("patient_id")), (Role::Lesion, Path::key("lesion"))];
        Roles(paths.into_iter().collect())
    }

    #[test]
    fn a_stranger_of_whom_nothing_is_said_is_refused() {
        let known = Known { payloads: &[], same: &BTreeMap::new() };
        let refused = known.leave_out(&[Role::Patient], &roles());
        assert!(matches!(refused, Err(CaseError::Identity(Role::Patient))));
        let unmapped = known.leave_out(&[Role::Site], &roles());
        assert!(matches!(unmapped, Err(CaseError::Role(Role::Site))));
    }

    #[test]
    fn a_stored_point_without_the_field_leaves_nobody_out() {
        let stored = [payload(&json!({"lesion": "L1"}))];
        let known = Known { payloads: &stored, same: &BTreeMap::new() };
        let out = known.leave_out(&[Role::Patient, Role::Lesion], &roles());
        let expected = vec![Identity { role: Role::Lesion, value: "L1".to_owned() }];
        assert_eq!(out.ok(), Some(expected));
    }

    #[test]
    fn the_caller_wins() {
        let stored = [payload(&json!({"patient_id": "a"}))];
        let same = BTreeMap::from([(Role::Patient, "b".to_owned())]);
        let known = Known { payloads: &stored, same: &same };
        let out = known.leave_out(&[Role::Patient], &roles()).unwrap_or_default();
        assert_eq!(out.first().map(|identity| identity.value.as_str()), Some("b"));
    }
}
