# The five rules of the benchmark. Each adds the sentence that the user reads.
package rules

import rego.v1

import data.subject

resource := object.get(input.spec, "resourceAttributes", {})

subresource := object.get(resource, "subresource", "")

# A node reads no Node but its own.
refuse contains "a node may read only its own Node" if {
	subject.node
	resource.resource == "nodes"
	resource.verb in {"get", "list", "watch"}
	object.get(resource, "name", "") != subject.node
}

# A node reads the Secrets and ConfigMaps of its pods, and writes none.
refuse contains "a node may not write Secrets or ConfigMaps" if {
	subject.node
	resource.resource in {"secrets", "configmaps"}
	not resource.verb in {"get", "list", "watch"}
}

# nodes/proxy runs commands in every pod of the node.
refuse contains "nodes/proxy is for kube-apiserver alone" if {
	resource.resource == "nodes"
	subresource == "proxy"
	not subject.kubelet_client
}

# A WebSocket opens an exec session by GET, which RBAC takes for reading.
refuse contains "opening a stream into a pod needs the verb create" if {
	resource.resource == "pods"
	subresource in {"attach", "exec", "portforward"}
	resource.verb == "get"
}

# Who is not authenticated may ask for health and version.
refuse contains "anonymous requests may only read health and version" if {
	subject.anonymous
	not object.get(input.spec, ["nonResourceAttributes", "path"], "") in {"/healthz", "/livez", "/readyz", "/version"}
}
