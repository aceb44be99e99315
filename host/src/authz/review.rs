//! The SubjectAccessReview JSON of Kubernetes, known nowhere else.
