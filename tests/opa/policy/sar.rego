# The answer to a SubjectAccessReview: any rule that refuses, refuses; otherwise the authorizers that follow decide.
# `system.main` is the document that the server evaluates for a POST to `/`.
package system

import rego.v1

main := {
	"apiVersion": input.apiVersion,
	"kind": input.kind,
	"status": {
		"allowed": false,
		"denied": count(data.rules.refuse) > 0,
		"reason": concat("; ", data.rules.refuse),
	},
}
