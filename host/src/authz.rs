//! The authorization webhook: SubjectAccessReviews in, verdicts out.

pub mod review;
