# Who asks.
package subject

import rego.v1

# The name of the node: it needs the user name and the group, as for Kubernetes' Node authorizer.
node := trim_prefix(input.spec.user, "system:node:") if {
	startswith(input.spec.user, "system:node:")
	"system:nodes" in input.spec.groups
}

kubelet_client if input.spec.user == "kube-apiserver-kubelet-client"

anonymous if input.spec.user == "system:anonymous"
